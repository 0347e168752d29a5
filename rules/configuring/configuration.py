"""The configured groups of all tenants: read, changed one by one, and given to the ruler.

Groups are read from the catalog once and kept; every change goes to the catalog first.

Invariants:
* A tenant's groups are seen and changed by that tenant only.
* `current()` is another version after each change, and does not touch the catalog.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from api.promql.features import DEFAULT_FEATURES, Features
from rules.configuring.documents import group_of, namespaces_text, read_group
from rules.configuring.errors import Invalid, Missing, Outdated, Protected
from rules.configuring.options import RuleApiOptions
from rules.groups import Group
from rules.ruler.ports import RuleSet
from storage.catalog.configured_rules import (
    ConfiguredRulesTable,
    GroupName,
    Maker,
    RuleChange,
)

logger = logging.getLogger(__name__)

NAME_BYTES_MAX = 500
NO_GROUP, NO_NAMESPACE = "group does not exist", "group namespace does not exist"


@dataclass(frozen=True, slots=True)
class ConfigurationLimits:
    """Of one tenant; 0: none of its own. protected: namespaces that are not to be changed."""

    groups_max: int = 0
    rules_max: int = 0
    interval_ms_min: int = 0
    protected: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a change. overrides: protected namespaces that it may change."""

    author: str = ""
    overrides: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Known:
    """What is kept of the catalog, by tenant. groups: those that can be read; rule_set: the same
    for the ruler."""

    texts: dict[str, dict[GroupName, str]]
    groups: dict[str, dict[GroupName, Group]] = field(default_factory=dict)
    rule_set: RuleSet = field(default_factory=RuleSet)

    def settle(self) -> None:
        """Make the rule set anew."""
        groups = {
            tenant: tuple(found[place] for place in sorted(found))
            for tenant, found in self.groups.items()
        }
        self.rule_set = RuleSet(self.rule_set.version + 1, groups)


class ConfiguredRules:
    """A `rules.ruler.ports.RuleSource`, and what the configuration API asks. For any thread."""

    def __init__(
        self,
        table: Callable[[], ConfiguredRulesTable],
        options: RuleApiOptions,
        *,
        limits_of: Callable[[str], ConfigurationLimits] = lambda tenant: ConfigurationLimits(),
        features: Features = DEFAULT_FEATURES,
        federates: bool = False,
        now_ms: Callable[[], int],
    ) -> None:
        """table: raises StorageError while there is none. federates: whether groups may read what
        other tenants have."""
        self._table = table
        self._options = options
        self._limits_of = limits_of
        self._features = features
        self._federates = federates
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._known: _Known | None = None

    def current(self) -> RuleSet:
        """The groups of all tenants. Raises StorageError."""
        with self._lock:
            return self._loaded().rule_set

    def document(self, tenant: str, namespace: str | None = None) -> str:
        """The groups of a tenant, or of one namespace, as YAML. Raises StorageError."""
        namespaces: dict[str, list[str]] = {}
        for (own, _), text in sorted(self._texts(tenant).items()):
            if namespace in (None, own):
                namespaces.setdefault(own, []).append(text)
        return namespaces_text(namespaces)

    def group(self, tenant: str, namespace: str, name: str) -> str:
        """One group as YAML. Raises Missing or StorageError."""
        text = self._texts(tenant).get((namespace, name))
        if text is None:
            raise Missing(NO_GROUP)
        return text

    def protected(self, tenant: str) -> frozenset[str]:
        return self._limits_of(tenant).protected

    def put(self, tenant: str, namespace: str, body: bytes, asker: Asker) -> None:
        """Create or replace a group. Raises Invalid, Protected or StorageError."""
        self._check_protection(tenant, [namespace], asker)
        if not namespace or len(namespace.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
            raise Invalid(f"a namespace has 1 to {NAME_BYTES_MAX} bytes")
        if len(body) > self._options.group_bytes_max:
            raise Invalid(
                f"the group has {len(body)} bytes; rules.api.max-group-bytes allows "
                f"{self._options.group_bytes_max}"
            )
        document = read_group(body, namespace, self._features)
        self._check(tenant, document.group)
        with self._lock:
            known = self._loaded()
            own = known.texts.get(tenant, {})
            place = (namespace, document.group.name)
            if place not in own:
                self._check_count(tenant, len(own) + 1)
            if own.get(place) != document.text:
                self._apply(known, tenant, {place: document.text}, self._maker(asker))

    def delete_group(self, tenant: str, namespace: str, name: str, asker: Asker) -> None:
        """Raises Missing, Protected or StorageError."""
        self._check_protection(tenant, [namespace], asker)
        with self._lock:
            known = self._loaded()
            if (namespace, name) not in known.texts.get(tenant, {}):
                raise Missing(NO_GROUP)
            self._apply(known, tenant, {(namespace, name): None}, self._maker(asker))

    def delete_namespace(self, tenant: str, namespace: str, asker: Asker) -> None:
        """Raises Missing, Protected or StorageError."""
        self._check_protection(tenant, [namespace], asker)
        with self._lock:
            known = self._loaded()
            gone = [place for place in known.texts.get(tenant, {}) if place[0] == namespace]
            if not gone:
                raise Missing(NO_NAMESPACE)
            self._apply(known, tenant, dict.fromkeys(gone), self._maker(asker))

    def delete_all(self, tenant: str, asker: Asker) -> None:
        """Delete all groups of a tenant. Raises Protected or StorageError."""
        with self._lock:
            known = self._loaded()
            gone = list(known.texts.get(tenant, {}))
            self._check_protection(tenant, {place[0] for place in gone}, asker)
            self._apply(known, tenant, dict.fromkeys(gone), self._maker(asker))

    def changes(
        self, tenant: str, *, namespace: str = "", name: str = "", before: int = 0, limit: int
    ) -> list[RuleChange]:
        """The latest changes, newest first. Raises StorageError."""
        return self._table().changes(
            tenant, namespace=namespace, name=name, before=before, limit=limit
        )

    def undo(
        self, tenant: str, number: int, asker: Asker, *, forced: bool = False
    ) -> list[RuleChange]:
        """Make groups what they were before a change and those made together with it; these are
        the changes that do it. forced: whatever became of the groups since.

        Raises Missing, Outdated, Protected, Invalid or StorageError.
        """
        with self._lock:
            known, table = self._loaded(), self._table()
            batch = table.batch(tenant, number)
            if not batch:
                raise Missing(f"change {number} does not exist")
            self._check_protection(tenant, {change.namespace for change in batch}, asker)
            wanted = {
                (change.namespace, change.name): self._before(table, change, forced=forced)
                for change in batch
            }
            own = known.texts.get(tenant, {})
            new = sum(text is not None and place not in own for place, text in wanted.items())
            if new:
                self._check_count(tenant, len(own) + new)
            maker = self._maker(asker, undoes=batch[0].batch)
            return self._apply(known, tenant, wanted, maker)

    def _before(
        self, table: ConfiguredRulesTable, change: RuleChange, *, forced: bool
    ) -> str | None:
        """What a group was before a change. Raises Outdated."""
        latest = table.latest(change.tenant, (change.namespace, change.name))
        if latest != change.number and not forced:
            raise Outdated(
                f"group {change.name!r} of namespace {change.namespace!r} was changed again by "
                f"change {latest}; undo that first, or say force=true"
            )
        if not change.previous:
            return None
        before = table.change(change.tenant, change.previous)
        if before is None:
            raise Outdated(f"what was before change {change.number} is not kept any more")
        return before.content

    def _texts(self, tenant: str) -> Mapping[GroupName, str]:
        with self._lock:
            return dict(self._loaded().texts.get(tenant, {}))

    def _loaded(self) -> _Known:
        """Needs the lock."""
        if self._known is None:
            known = _Known(self._table().load())
            for tenant, texts in known.texts.items():
                known.groups[tenant] = self._groups(tenant, texts)
            known.settle()
            self._known = known
        return self._known

    def _groups(self, tenant: str, texts: Mapping[GroupName, str]) -> dict[GroupName, Group]:
        found = {}
        for (namespace, name), text in texts.items():
            group = group_of(text, namespace, self._features)
            if group is not None:
                found[namespace, name] = group
                continue
            logger.error(
                "configured group of rules cannot be read any more tenant=%s namespace=%r group=%r",
                tenant, namespace, name,
            )  # fmt: skip
        return found

    def _apply(
        self, known: _Known, tenant: str, wanted: Mapping[GroupName, str | None], maker: Maker
    ) -> list[RuleChange]:
        """Needs the lock."""
        made = self._table().apply(tenant, wanted, maker)
        changed = {place: text for place, text in wanted.items() if text is not None}
        for found, new in (
            (known.texts.setdefault(tenant, {}), changed),
            (known.groups.setdefault(tenant, {}), self._groups(tenant, changed)),
        ):
            for place in wanted:
                found.pop(place, None)
            found.update(new)  # type: ignore[arg-type]
        known.settle()
        for change in made:
            logger.info(
                "rules changed tenant=%s author=%r change=%d namespace=%r group=%r deleted=%s",
                tenant, change.author, change.number, change.namespace, change.name,
                change.content is None,
            )  # fmt: skip
        return made

    def _maker(self, asker: Asker, *, undoes: int = 0) -> Maker:
        return Maker(asker.author, self._now_ms(), undoes)

    def _check_protection(self, tenant: str, namespaces: Iterable[str], asker: Asker) -> None:
        closed = self._limits_of(tenant).protected - asker.overrides
        if closed.intersection(namespaces):
            raise Protected("namespace is protected, no modification allowed")

    def _check(self, tenant: str, group: Group) -> None:
        """Raises Invalid for a group that is too much for its tenant."""
        limits = self._limits_of(tenant)
        if len(group.name.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
            raise Invalid(f"the name of a group has 1 to {NAME_BYTES_MAX} bytes")
        if group.source_tenants and not self._federates:
            raise Invalid(
                f"invalid rules configuration: rule group '{group.name}' is a federated rule group,"
                " but rules federation is disabled; please contact your service administrator to "
                "have it enabled"
            )
        allowed = lowest(limits.rules_max, self._options.rules_max)
        if len(group.rules) > allowed:
            raise Invalid(
                f"per-user rules per rule group limit (limit: {allowed} actual: "
                f"{len(group.rules)}) exceeded"
            )
        if 0 < group.interval_ms < limits.interval_ms_min:
            raise Invalid(
                f"the interval of the group is {group.interval_ms} ms; the least is "
                f"{limits.interval_ms_min} ms (ruler_min_rule_evaluation_interval)"
            )

    def _check_count(self, tenant: str, count: int) -> None:
        allowed = lowest(self._limits_of(tenant).groups_max, self._options.groups_max)
        if count > allowed:
            raise Invalid(f"per-user rule groups limit (limit: {allowed} actual: {count}) exceeded")


def lowest(own: int, general: int) -> int:
    """The limit that counts; own: 0 for none."""
    return min(own, general) if own else general
