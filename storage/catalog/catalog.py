"""The catalog: what the data directory has, in SQL tables (storage/catalog/schema.py).

It decides which segments exist and from where the logs count. Its migrations run when it is opened.

Invariants:
* A segment and the log position that follows from it are registered in one transaction.
* The number of shards never changes, and no tenant id is given twice.
* A change is durable when the method that makes it returns.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy import bindparam, delete, insert, select, update

from storage.catalog.configured_rules import ConfiguredRulesTable
from storage.catalog.deletions import (
    ULIDS_PER_STATEMENT,
    Applied,
    DeletionTable,
    parts_of,
    replace_pending,
)
from storage.catalog.engines.sqlite import SqliteTransactions, reading_engine
from storage.catalog.engines.transactions import Transactions
from storage.catalog.lateness import has_others, mark_late
from storage.catalog.metadata import Description, FamilyMetadata
from storage.catalog.migrating import migrate, newest_version, version_of
from storage.catalog.registering import exchange, put_aside, register
from storage.catalog.rule_states import RuleStateTable
from storage.catalog.schema import (
    DATA_FORMAT_VERSION,
    log_positions,
    metric_metadata,
    segments,
    settings,
    tenants,
)
from storage.catalog.uploads import UploadTable
from storage.errors import FormatError
from storage.files import SHARDS_DIRECTORY
from storage.segments.segment import SegmentMeta
from storage.tenants.tenant import Tenant

logger = logging.getLogger(__name__)

FIRST_LOG_FILE = 1
INSTALLATION = "installation"
# So that others do not have to wait for the catalog for long.
FAMILIES_PER_TRANSACTION = 2_000
FORGET_FAMILY = delete(metric_metadata).where(
    metric_metadata.c.tenant == bindparam("of_tenant"),
    metric_metadata.c.family == bindparam("of_family"),
)
SEGMENT_FIELDS = SegmentMeta.__struct_fields__
SEGMENT_COLUMNS = [segments.c[name] for name in SEGMENT_FIELDS]
PRECEDENCE = (segments.c.rank, segments.c.number)
NO_SETTINGS: Mapping[str, int] = {}
NOTHING_ASIDE: Mapping[str, str] = {}
NOTHING_APPLIED: Mapping[int, Applied] = {}


class SetAside(NamedTuple):
    """A segment that is kept but not read, why, and since when."""

    segment: SegmentMeta
    reason: str
    since_ms: int


class Catalog:
    """The tables of one installation. Thread-safe."""

    def __init__(
        self, transactions: Transactions, check_owner: Callable[[], None] = lambda: None
    ) -> None:
        """Use open() or look(), or storage.catalog.owning.opening for one on a server. check_owner:
        raises Fenced if another process has taken the catalog over."""
        self._transactions = transactions
        self._transaction, self._reading = transactions.writing, transactions.reading
        self.check_owner = check_owner
        self.shards = 0
        self.deletions = DeletionTable(transactions)
        self.uploads = UploadTable(transactions)
        self.rule_states = RuleStateTable(transactions)
        self.configured_rules = ConfiguredRulesTable(transactions)

    @classmethod
    def open(cls, path: Path, *, shards: int) -> "Catalog":
        """Open or make the catalog in the file `path`; `shards` counts for a new one only.

        Raises FormatError if the file is damaged, of a newer version, or new beside shards that
        have data already: with no segment registered, theirs would be taken for leftovers. Raises
        StorageError if the file cannot be used.
        """
        catalog = cls(SqliteTransactions(path))
        try:
            catalog.migrate()
            catalog.settle(shards, data=path.parent)
        except BaseException:
            catalog.close()
            raise
        return catalog

    @classmethod
    def look(cls, path: Path) -> "Catalog":
        """The catalog of a data directory that another process may have open; nothing is written.

        Raises FormatError if there is none, or if it is of another version.
        """
        if not path.exists():
            raise FormatError(f"{path.parent} is no data directory: it has no catalog")
        return cls(SqliteTransactions(path, reading_engine(path))).looked()

    @property
    def name(self) -> str:
        """Where it is, for errors."""
        return self._transactions.name

    @property
    def takes_changes(self) -> bool:
        """Whether it is worth trying to change something."""
        return True

    def stop_waiting(self) -> None:
        """Let go of all that is waited for, because the program ends."""

    def close(self) -> None:
        self._transactions.close()

    def migrate(self) -> None:
        """Bring the tables up to date. Raises FormatError if they are of a newer version."""
        with self._transaction() as connection:
            migrate(connection, self._transactions.name)

    def settle(
        self, shards: int, *, data: Path, installation: Mapping[str, int] = NO_SETTINGS
    ) -> None:
        """Read the settings that are kept, or write them into a new catalog.

        data: the directory that it belongs to. installation: what is kept beside the rest. Raises
        FormatError if the catalog is new and the directory is not, or of another format.
        """
        wanted = {"format_version": DATA_FORMAT_VERSION, "shards": shards, **installation}
        with self._transaction() as connection:
            rows = connection.execute(select(settings.c.name, settings.c.value)).all()
            stored = {name: int(value) for name, value in rows}
            if not stored and (data / SHARDS_DIRECTORY).exists():
                raise FormatError(
                    f"{data / SHARDS_DIRECTORY} holds data, but the catalog "
                    f"{self._transactions.name} that belongs to it is missing or empty; put it "
                    "back, or start with an empty directory (storage.path)"
                )
            for name in wanted.keys() - stored.keys():
                connection.execute(insert(settings).values(name=name, value=wanted[name]))
        self._adopt(wanted | stored)
        if self.shards != shards:
            logger.info(
                "the data directory keeps its number of shards catalog=%s shards=%d asked=%d",
                self._transactions.name,
                self.shards,
                shards,
            )

    def looked(self) -> "Catalog":
        """Itself, to be read only. Raises FormatError if it is of another version."""
        with self._reading() as connection:
            if version_of(connection) != newest_version():
                raise FormatError(
                    f"the catalog {self._transactions.name} is of another version; start a server "
                    "of this version with it once"
                )
            rows = connection.execute(select(settings.c.name, settings.c.value)).all()
        self._adopt({name: int(value) for name, value in rows})
        return self

    def installation(self) -> int | None:
        """The number by which it is known to the data directory that it belongs to, where it is on
        a server; None: it has none yet."""
        this = settings.c.name == INSTALLATION
        with self._reading() as connection:
            if not sa.inspect(connection).has_table(settings.name):
                return None
            found = connection.scalar(select(settings.c.value).where(this))
        return None if found is None else int(found)

    def add_tenants(self, shards: Mapping[str, int]) -> dict[str, int]:
        """The ids of tenants by name; those that are new are placed in these shards."""
        ids = select(tenants.c.name, tenants.c.id).where(tenants.c.name.in_(shards))
        created_ms = time.time_ns() // 1_000_000
        with self._transaction() as connection:
            known = {name for name, _ in connection.execute(ids)}
            unknown = [name for name in shards if name not in known]
            # Not by a sequence: those of PostgreSQL count what was rolled back, too.
            first = 1 + int(connection.scalar(select(sa.func.max(tenants.c.id))) or 0)
            rows = [
                {"id": number, "name": name, "shard": shards[name], "created_ms": created_ms}
                for number, name in enumerate(unknown, first)
            ]
            if rows:
                connection.execute(insert(tenants), rows)
            return {name: number for name, number in connection.execute(ids)}

    def tenants(self) -> list[Tenant]:
        columns = (tenants.c.name, tenants.c.id, tenants.c.shard)
        with self._reading() as connection:
            rows = connection.execute(select(*columns).order_by(tenants.c.id)).all()
        return [Tenant(*row) for row in rows]

    def tenant_count(self) -> int:
        with self._reading() as connection:
            return int(connection.scalar(select(sa.func.count()).select_from(tenants)) or 0)

    def segments(self, shard: int) -> list[SegmentMeta]:
        """The segments of a shard that are in use, in the order in which their samples count."""
        query = select(*SEGMENT_COLUMNS).where(
            segments.c.shard == shard, segments.c.set_aside == ""
        )
        with self._reading() as connection:
            rows = connection.execute(query.order_by(*PRECEDENCE)).mappings().all()
        return [SegmentMeta(**row) for row in rows]

    def set_aside_segments(self, shard: int) -> list[SetAside]:
        """The segments of a shard that are kept but not read any more."""
        aside = (segments.c.shard == shard, segments.c.set_aside != "")
        query = select(*SEGMENT_COLUMNS, segments.c.set_aside, segments.c.set_aside_ms)
        with self._reading() as connection:
            rows = connection.execute(query.where(*aside).order_by(*PRECEDENCE)).all()
        return [
            SetAside(SegmentMeta(**dict(zip(SEGMENT_FIELDS, row, strict=False))), row[-2], row[-1])
            for row in rows
        ]

    def log_position(self, shard: int) -> int:
        """The first log file of a shard that is to be replayed."""
        query = select(log_positions.c.first_file).where(log_positions.c.shard == shard)
        with self._reading() as connection:
            found = connection.scalar(query)
        return FIRST_LOG_FILE if found is None else int(found)

    def seal(self, shard: int, sealed: Sequence[SegmentMeta], log_position: int) -> None:
        """Register segments, and that their samples are no longer needed from the log.

        Without any only the position moves: the log held nothing that was kept.
        """
        position = {"first_file": log_position}
        this_shard = log_positions.c.shard == shard
        with self._transaction() as connection:
            register(connection, shard, sealed)
            mark_late(connection, shard, sealed, time.time_ns() // 1_000_000)
            moved = connection.execute(update(log_positions).where(this_shard).values(position))
            if not moved.rowcount:
                connection.execute(insert(log_positions).values(shard=shard, **position))

    def replace(
        self,
        shard: int,
        sources: Sequence[str],
        outputs: Sequence[SegmentMeta],
        aside: Mapping[str, str] = NOTHING_ASIDE,
        *,
        applied: Mapping[int, Applied] = NOTHING_APPLIED,
    ) -> None:
        """Register segments in the place of others (by ULID), all or nothing.

        aside: those of the others that are kept, each with the reason why it is not read any more.
        applied: the deletions, by number, that the new ones obey; what else is pending for the
        others moves to them.
        The caller deletes the directories of the rest afterwards. Raises StorageError if one of
        the others is not in use any more.
        """
        with self._transaction() as connection:
            exchange(connection, shard, sources, outputs, (aside, applied))

    def replace_windows(
        self,
        sources: Sequence[str],
        output: SegmentMeta,
        known: Collection[str],
        aside: Mapping[str, str] = NOTHING_ASIDE,
        *,
        applied: Mapping[int, Applied] = NOTHING_APPLIED,
    ) -> SegmentMeta:
        """As replace(), for a downsampled segment in the place of none or more.

        known: the finer segments that it was made of; none of them: it was made of those that it
        replaces. Returns it as it was registered: late, if others have come meanwhile. What is
        coarser and was made of it is late then, too.
        """
        now_ms = time.time_ns() // 1_000_000
        with self._transaction() as connection:
            if known and has_others(connection, output, known):
                output = msgspec.structs.replace(output, late_ms=now_ms)
            exchange(connection, output.shard, sources, (output,), (aside, applied))
            if known:
                mark_late(connection, output.shard, (output,), now_ms)
        return output

    def set_aside(self, ulid: str, reason: str) -> None:
        """Keep a segment, but read it no more."""
        with self._transaction() as connection:
            put_aside(connection, ulid, reason)

    def drop_segments(self, ulids: Sequence[str], *, at_once: int = ULIDS_PER_STATEMENT) -> None:
        """Forget segments, so many with each statement, and what was to be deleted from them; the
        caller deletes their directories afterwards."""
        with self._transaction() as connection:
            for part in parts_of(ulids, at_once):
                connection.execute(delete(segments).where(segments.c.ulid.in_(part)))
            replace_pending(connection, ulids, (), {}, now_ms=time.time_ns() // 1_000_000)

    def fill(self, found: Sequence[Tenant], listed: Sequence[SegmentMeta]) -> None:
        """Register what another catalog had, tenants by the ids that they had there, in one that is
        new."""
        created_ms = time.time_ns() // 1_000_000
        with self._transaction() as connection:
            for tenant in found:
                row = {"name": tenant.name, "id": tenant.number, "shard": tenant.shard}
                connection.execute(insert(tenants).values(**row, created_ms=created_ms))
            for segment in listed:
                register(connection, segment.shard, [segment])

    def metadata(self, shard: int) -> list[FamilyMetadata]:
        """What is known of the metric families of a shard's tenants."""
        columns = [metric_metadata.c[name] for name in ("tenant", "family", "kind", "help", "unit")]
        of_shard = select(tenants.c.id).where(tenants.c.shard == shard)
        query = select(*columns).where(metric_metadata.c.tenant.in_(of_shard))
        found: dict[tuple[int, str], list[Description]] = {}
        with self._reading() as connection:
            for tenant, family, *described in connection.execute(
                query.order_by(metric_metadata.c.number)
            ):
                found.setdefault((tenant, family), []).append(Description(*described))
        return [FamilyMetadata(*key, tuple(found[key])) for key in found]

    def save_metadata(
        self, families: Sequence[FamilyMetadata], *, at_once: int = FAMILIES_PER_TRANSACTION
    ) -> None:
        """Replace what is known of these families, so many in each transaction."""
        for start in range(0, len(families), at_once):
            part = families[start : start + at_once]
            keys = [{"of_tenant": entry.tenant, "of_family": entry.family} for entry in part]
            rows = [
                {"tenant": entry.tenant, "family": entry.family, **described._asdict()}
                for entry in part
                for described in entry.descriptions
            ]
            with self._transaction() as connection:
                connection.execute(FORGET_FAMILY, keys)
                if rows:
                    connection.execute(insert(metric_metadata), rows)

    def _adopt(self, found: Mapping[str, int]) -> None:
        if found["format_version"] != DATA_FORMAT_VERSION:
            raise FormatError(
                f"the data of {self._transactions.name} has format {found['format_version']}, this "
                f"program reads {DATA_FORMAT_VERSION}"
            )
        self.shards = found["shards"]
