"""Rules and groups of rules, as files and the API give them. Nothing here changes.

Durations are milliseconds. Labels and annotations are kept in the order in which they were written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rule:
    """A recording rule or an alerting one: one of `record` and `alert` is not empty.

    expr: the text, byte for byte. for_ms, keep_firing_ms, annotations: of alerting rules only.
    """

    expr: str
    record: str = ""
    alert: str = ""
    for_ms: int = 0
    keep_firing_ms: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.alert or self.record

    @property
    def is_alerting(self) -> bool:
        return bool(self.alert)


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, in their order.

    file: where it was written; together with the name it is its key. interval_ms: 0 stands for
    the default; query_offset_ms: None does. limit: series or alerts by rule, 0 for no limit.
    labels: what every rule has, unless it says otherwise itself. source_tenants: whose data the
    rules read; none: that of the tenant that owns them. is_aligned: evaluated at whole multiples of
    the interval, at no time of its own. The last two are Mimir's.
    """

    name: str
    file: str = ""
    interval_ms: int = 0
    query_offset_ms: int | None = None
    limit: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[Rule, ...] = field(default=())
    source_tenants: tuple[str, ...] = ()
    is_aligned: bool = False

    @property
    def key(self) -> str:
        return f"{self.file};{self.name}"

    def labels_of(self, rule: Rule) -> Mapping[str, str]:
        """The labels of a rule as all the rest of the system sees them."""
        return {**self.labels, **rule.labels} if self.labels else rule.labels
