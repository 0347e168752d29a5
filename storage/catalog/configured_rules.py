"""Groups of rules that were configured over HTTP: what they are now, and every change of them.

A group is a text here, known by tenant, namespace and name. A change is a new text or, for one that
was deleted, none; it is never changed itself. Changes that were made together have one batch.

Invariants:
* What a group is, and the change that made it so, are written in one transaction.
* The latest change of a group that there is stays; of others the newest stay.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from sqlalchemy import Connection, Row, and_, delete, func, insert, select, update

from storage.catalog.engines.transactions import Transactions
from storage.catalog.schema import configured_rules, rule_changes

# Namespace and name of a group.
GroupName = tuple[str, str]
# Changes of one tenant that are kept.
CHANGES_KEPT_MAX = 1_000


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One change of one group. content: what the group is after it, None: it is gone. previous: the
    number of the change before it, 0 if the group was new. undoes: the batch that it undid, or
    0."""

    number: int
    tenant: str
    namespace: str
    name: str
    content: str | None
    author: str
    created_ms: int
    batch: int
    previous: int
    undoes: int = 0


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes changes, when, and what they undo."""

    author: str
    created_ms: int
    undoes: int = 0


class ConfiguredRulesTable:
    """The configured groups of a catalog."""

    def __init__(self, transactions: Transactions) -> None:
        """transactions: the catalog's."""
        self._transaction, self._reading = transactions.writing, transactions.reading

    def load(self) -> dict[str, dict[GroupName, str]]:
        """The groups of all tenants, by namespace and name."""
        columns = configured_rules.c
        query = select(columns.tenant, columns.namespace, columns.name, columns.content)
        order = (columns.tenant, columns.namespace, columns.name)
        found: dict[str, dict[GroupName, str]] = {}
        with self._reading() as connection:
            for tenant, namespace, name, content in connection.execute(query.order_by(*order)):
                found.setdefault(tenant, {})[namespace, name] = content
        return found

    def apply(
        self,
        tenant: str,
        wanted: Mapping[GroupName, str | None],
        maker: Maker,
        *,
        kept_max: int = CHANGES_KEPT_MAX,
    ) -> list[RuleChange]:
        """Make groups what they are to be, None: gone; all or none. Returns the changes."""
        made: list[RuleChange] = []
        with self._transaction() as connection:
            for group, content in wanted.items():
                batch = made[0].number if made else 0
                made.append(change_group(connection, tenant, (group, content), maker, batch))
            forget_old(connection, tenant, kept_max)
        return made

    def changes(
        self, tenant: str, *, namespace: str = "", name: str = "", before: int = 0, limit: int
    ) -> list[RuleChange]:
        """The latest changes of a tenant, newest first: of one namespace, one group, or all; those
        with numbers below `before`, if that is given."""
        columns = rule_changes.c
        query = select(rule_changes).where(columns.tenant == tenant)
        if namespace:
            query = query.where(columns.namespace == namespace)
        if name:
            query = query.where(columns.name == name)
        if before:
            query = query.where(columns.number < before)
        with self._reading() as connection:
            rows = connection.execute(query.order_by(columns.number.desc()).limit(limit)).all()
        return [change_of(row) for row in rows]

    def batch(self, tenant: str, number: int) -> list[RuleChange]:
        """The changes that were made together with this one; none if it is not known."""
        columns = rule_changes.c
        own = and_(columns.tenant == tenant, columns.number == number)
        wanted = select(columns.batch).where(own).scalar_subquery()
        query = select(rule_changes).where(columns.tenant == tenant, columns.batch == wanted)
        with self._reading() as connection:
            return [change_of(row) for row in connection.execute(query.order_by(columns.number))]

    def change(self, tenant: str, number: int) -> RuleChange | None:
        """A change that is kept."""
        own = (rule_changes.c.tenant == tenant, rule_changes.c.number == number)
        with self._reading() as connection:
            row = connection.execute(select(rule_changes).where(*own)).one_or_none()
        return None if row is None else change_of(row)

    def latest(self, tenant: str, group: GroupName) -> int:
        """The number of the latest change of a group; 0 without one."""
        with self._reading() as connection:
            return latest_of(connection, tenant, group)


def change_group(
    connection: Connection,
    tenant: str,
    wanted: tuple[GroupName, str | None],
    maker: Maker,
    batch: int,
) -> RuleChange:
    """Note the change of one group and make it. batch: 0 begins one."""
    (namespace, name), content = wanted
    previous = latest_of(connection, tenant, (namespace, name))
    made = RuleChange(
        0, tenant, namespace, name, content,
        maker.author, maker.created_ms, batch, previous, maker.undoes,
    )  # fmt: skip
    row = asdict(made)
    del row["number"]
    added = insert(rule_changes).values(row).returning(rule_changes.c.number)
    number = int(connection.execute(added).scalar_one())
    if not batch:
        first = update(rule_changes).where(rule_changes.c.number == number)
        connection.execute(first.values(batch=number))
    group = {"tenant": tenant, "namespace": namespace, "name": name}
    this = [configured_rules.c[column] == text for column, text in group.items()]
    connection.execute(delete(configured_rules).where(*this))
    if content is not None:
        now = {**group, "content": content, "change": number}
        connection.execute(insert(configured_rules).values(now))
    return replace(made, number=number, batch=batch or number)


def latest_of(connection: Connection, tenant: str, group: GroupName) -> int:
    columns = rule_changes.c
    own = (columns.tenant == tenant, columns.namespace == group[0], columns.name == group[1])
    return int(connection.scalar(select(func.max(columns.number)).where(*own)) or 0)


def forget_old(connection: Connection, tenant: str, kept: int) -> None:
    """Forget a tenant's oldest changes beyond those that are kept."""
    columns = rule_changes.c
    newest = select(columns.number).where(columns.tenant == tenant).order_by(columns.number.desc())
    last = connection.scalar(newest.offset(kept).limit(1))
    if last is not None:
        in_force = select(configured_rules.c.change).where(configured_rules.c.tenant == tenant)
        old = and_(columns.tenant == tenant, columns.number <= last)
        connection.execute(delete(rule_changes).where(old, columns.number.not_in(in_force)))


def change_of(row: Row[tuple[object, ...]]) -> RuleChange:
    return RuleChange(**row._mapping)
