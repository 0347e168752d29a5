"""What holds for the rules of a tenant at a time, and what the ruler is put together of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from api.promql.features import DEFAULT_FEATURES, Features
from rules.ruler.keeping import Keeper
from rules.ruler.ports import Asking, Notifier, Results

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


@dataclass(frozen=True, slots=True)
class Terms:
    """Settings and limits of one tenant.

    interval_ms, query_offset_ms: of groups that state none. grace_ms, tolerance_ms: of restoring
    alerts from their series. catch_up_ms: how old an evaluation may be that is made up for.
    settle_ms: how long senders have after a start to deliver what they kept meanwhile. timeout_ms:
    of one query, 0 for that of all queries. results_max: of one rule, 0 for any number. threads: at
    a time. groups_max, rules_max: of the tenant, and of a group; 0 for any number.
    """

    interval_ms: int = MINUTE_MS
    interval_min_ms: int = 0
    query_offset_ms: int = 0
    resend_ms: int = MINUTE_MS
    grace_ms: int = 10 * MINUTE_MS
    tolerance_ms: int = HOUR_MS
    catch_up_ms: int = HOUR_MS
    settle_ms: int = 0
    timeout_ms: int = 0
    results_max: int = 0
    threads: int = 4
    groups_max: int = 0
    rules_max: int = 0
    records: bool = True
    alerts: bool = True
    federates: bool = False
    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""


@dataclass(frozen=True, slots=True)
class Services:
    """What groups are evaluated with. together: does parts side by side where it can; now_ms: the
    clock; observe_rule, observe_group: are called with the seconds that an evaluation took."""

    asking: Asking
    results: Results
    notifier: Notifier
    keeper: Keeper
    terms_of: Callable[[str], Terms]
    together: Callable[[str, Sequence[Callable[[], None]]], None]
    now_ms: Callable[[], int]
    features: Features = DEFAULT_FEATURES
    observe_rule: Callable[[float], None] = lambda _: None
    observe_group: Callable[[float], None] = lambda _: None
