"""What the ruler knows when it starts again: the catalog's part of rules.

Of a group of rules its latest slot that is done, and the alerts of its rules, which are bytes here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Delete, Table, bindparam, delete, insert, select

from storage.catalog.engines.transactions import Transactions
from storage.catalog.schema import rule_alerts, rule_groups

# Tenant, file, name.
GroupKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class SavedGroup:
    """What is kept of a group. slot_ms: its latest slot that is done. alerts: of its rules that
    have any, by what identifies the rule."""

    slot_ms: int
    alerts: Mapping[str, bytes] = field(default_factory=dict)


class RuleStateTable:
    """The states of groups in a catalog."""

    def __init__(self, transactions: Transactions) -> None:
        """transactions: the catalog's."""
        self._transaction, self._reading = transactions.writing, transactions.reading

    def load(self) -> dict[GroupKey, SavedGroup]:
        """All that is kept."""
        alerts: dict[GroupKey, dict[str, bytes]] = {}
        with self._reading() as connection:
            groups = connection.execute(select(*rule_groups.c)).all()
            for *key, rule, content in connection.execute(select(*rule_alerts.c)):
                alerts.setdefault(as_key(key), {})[rule] = content
        return {
            as_key(key): SavedGroup(slot_ms, alerts.get(as_key(key), {}))
            for *key, slot_ms in groups
        }

    def save(self, saved: Mapping[GroupKey, SavedGroup]) -> None:
        """Replace what is kept of these groups, and the alerts of the rules that are named; empty
        ones go."""
        groups = [{**named(key), "slot_ms": group.slot_ms} for key, group in saved.items()]
        alerts = [
            {**named(key), "rule": rule, "alerts": content}
            for key, group in saved.items()
            for rule, content in group.alerts.items()
        ]
        with self._transaction() as connection:
            if groups:
                connection.execute(forgetting(rule_groups), [of(row) for row in groups])
                connection.execute(insert(rule_groups), groups)
            if alerts:
                one = forgetting(rule_alerts).where(rule_alerts.c.rule == bindparam("of_rule"))
                connection.execute(one, [of(row) | {"of_rule": row["rule"]} for row in alerts])
            held = [row for row in alerts if row["alerts"]]
            if held:
                connection.execute(insert(rule_alerts), held)

    def forget(self, keys: Sequence[GroupKey]) -> None:
        """Forget groups."""
        if not keys:
            return
        gone = [of(named(key)) for key in keys]
        with self._transaction() as connection:
            for table in (rule_groups, rule_alerts):
                connection.execute(forgetting(table), gone)


def as_key(columns: Sequence[str]) -> GroupKey:
    tenant, file, name = columns
    return tenant, file, name


def named(key: GroupKey) -> dict[str, object]:
    return dict(zip(("tenant", "file", "name"), key, strict=True))


def of(row: Mapping[str, object]) -> dict[str, object]:
    """The parameters of forgetting()."""
    return {f"of_{name}": row[name] for name in ("tenant", "file", "name")}


def forgetting(table: Table) -> Delete:
    """What deletes the rows of one group."""
    return delete(table).where(
        *(table.c[name] == bindparam(f"of_{name}") for name in ("tenant", "file", "name"))
    )
