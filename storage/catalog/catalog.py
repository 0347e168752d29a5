"""The catalog: what the data directory has, in SQL tables (storage/catalog/schema.py).

It decides which segments exist and from where the logs count. Its migrations run when it is opened.

Invariants:
* A segment and the log position that follows from it are registered in one transaction.
* The number of shards never changes, and no tenant id is given twice.
* A change is durable when the method that makes it returns.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, bindparam, delete, event, insert, select, update
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from storage.catalog.configured_rules import ConfiguredRulesTable
from storage.catalog.deletions import (
    ULIDS_PER_STATEMENT,
    Applied,
    DeletionTable,
    parts_of,
    replace_pending,
)
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
from storage.errors import FormatError, Overloaded, StorageError
from storage.files import SHARDS_DIRECTORY
from storage.segments.segment import SegmentMeta
from storage.tenants.tenant import Tenant

logger = logging.getLogger(__name__)

FIRST_LOG_FILE = 1
BUSY_TIMEOUT_MS = 30_000
# So that others do not have to wait for the catalog for long.
FAMILIES_PER_TRANSACTION = 2_000
FORGET_FAMILY = delete(metric_metadata).where(
    metric_metadata.c.tenant == bindparam("of_tenant"),
    metric_metadata.c.family == bindparam("of_family"),
)
SEGMENT_FIELDS = SegmentMeta.__struct_fields__
SEGMENT_COLUMNS = [segments.c[name] for name in SEGMENT_FIELDS]
PRECEDENCE = (segments.c.rank, segments.c.number)
NOTHING_ASIDE: Mapping[str, str] = {}
NOTHING_APPLIED: Mapping[int, Applied] = {}


class SetAside(NamedTuple):
    """A segment that is kept but not read, why, and since when."""

    segment: SegmentMeta
    reason: str
    since_ms: int


class Catalog:
    """The tables of one data directory. Thread-safe: one transaction at a time."""

    def __init__(self, path: Path, engine: Engine | None = None) -> None:
        """Use open() or look()."""
        self._engine = engine or sqlite_engine(path)
        self._name = str(path)
        self._shards_directory = path.parent / SHARDS_DIRECTORY
        self._lock = threading.Lock()
        self.shards = 0
        self.deletions = DeletionTable(self._transaction)
        self.uploads = UploadTable(self._transaction)
        self.rule_states = RuleStateTable(self._transaction)
        self.configured_rules = ConfiguredRulesTable(self._transaction)

    @classmethod
    def open(cls, path: Path, *, shards: int) -> "Catalog":
        """Open or make the catalog in the file `path`; `shards` counts for a new one only.

        Raises FormatError if the file is damaged, of a newer version, or new beside shards that
        have data already: with no segment registered, theirs would be taken for leftovers. Raises
        StorageError if the file cannot be used.
        """
        catalog = cls(path)
        try:
            catalog._migrate()
            catalog._fix_settings(shards)
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
        catalog = cls(path, reading_engine(path))
        with catalog._transaction() as connection:
            if version_of(connection) != newest_version():
                raise FormatError(
                    f"the catalog {path} is of another version; start a server of this version "
                    "with it once"
                )
            rows = connection.execute(select(settings.c.name, settings.c.value)).all()
        catalog._adopt({name: int(value) for name, value in rows})
        return catalog

    def close(self) -> None:
        self._engine.dispose()

    def add_tenants(self, shards: Mapping[str, int]) -> dict[str, int]:
        """The ids of tenants by name; those that are new are placed in these shards."""
        ids = select(tenants.c.name, tenants.c.id).where(tenants.c.name.in_(shards))
        created_ms = time.time_ns() // 1_000_000
        with self._transaction() as connection:
            known = {name for name, _ in connection.execute(ids)}
            rows = [
                {"name": name, "shard": shard, "created_ms": created_ms}
                for name, shard in shards.items()
                if name not in known
            ]
            if rows:
                connection.execute(insert(tenants), rows)
            return {name: number for name, number in connection.execute(ids)}

    def tenants(self) -> list[Tenant]:
        columns = (tenants.c.name, tenants.c.id, tenants.c.shard)
        with self._transaction() as connection:
            rows = connection.execute(select(*columns).order_by(tenants.c.id)).all()
        return [Tenant(*row) for row in rows]

    def tenant_count(self) -> int:
        with self._transaction() as connection:
            return int(connection.scalar(select(sa.func.count()).select_from(tenants)) or 0)

    def segments(self, shard: int) -> list[SegmentMeta]:
        """The segments of a shard that are in use, in the order in which their samples count."""
        query = select(*SEGMENT_COLUMNS).where(
            segments.c.shard == shard, segments.c.set_aside == ""
        )
        with self._transaction() as connection:
            rows = connection.execute(query.order_by(*PRECEDENCE)).mappings().all()
        return [SegmentMeta(**row) for row in rows]

    def set_aside_segments(self, shard: int) -> list[SetAside]:
        """The segments of a shard that are kept but not read any more."""
        aside = (segments.c.shard == shard, segments.c.set_aside != "")
        query = select(*SEGMENT_COLUMNS, segments.c.set_aside, segments.c.set_aside_ms)
        with self._transaction() as connection:
            rows = connection.execute(query.where(*aside).order_by(*PRECEDENCE)).all()
        return [
            SetAside(SegmentMeta(**dict(zip(SEGMENT_FIELDS, row, strict=False))), row[-2], row[-1])
            for row in rows
        ]

    def log_position(self, shard: int) -> int:
        """The first log file of a shard that is to be replayed."""
        query = select(log_positions.c.first_file).where(log_positions.c.shard == shard)
        with self._transaction() as connection:
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
        with self._transaction() as connection:
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

    def _migrate(self) -> None:
        with self._transaction() as connection:
            migrate(connection, self._name)

    def _fix_settings(self, shards: int) -> None:
        """Read the settings of the data directory, or write them into a new catalog."""
        wanted = {"format_version": DATA_FORMAT_VERSION, "shards": shards}
        with self._transaction() as connection:
            rows = connection.execute(select(settings.c.name, settings.c.value)).all()
            stored = {name: int(value) for name, value in rows}
            if not stored and self._shards_directory.exists():
                raise FormatError(
                    f"{self._shards_directory} holds data, but the catalog {self._name} that "
                    "belongs to it is missing or empty; put it back, or start with an empty "
                    "directory (storage.path)"
                )
            for name in wanted.keys() - stored.keys():
                connection.execute(insert(settings).values(name=name, value=wanted[name]))
        self._adopt(wanted | stored)
        if self.shards != shards:
            logger.info(
                "the data directory keeps its number of shards catalog=%s shards=%d asked=%d",
                self._name,
                self.shards,
                shards,
            )

    def _adopt(self, found: Mapping[str, int]) -> None:
        if found["format_version"] != DATA_FORMAT_VERSION:
            raise FormatError(
                f"the data of {self._name} has format {found['format_version']}, this program "
                f"reads {DATA_FORMAT_VERSION}"
            )
        self.shards = found["shards"]

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """One transaction, committed at the end of the block. Raises StorageError, Overloaded where
        the same may succeed later."""
        try:
            with self._lock, self._engine.begin() as connection:
                yield connection
        except OperationalError as error:
            # A full disk, or another program that holds the file: nothing was changed.
            raise Overloaded(f"the catalog {self._name} failed: {error.orig}") from error
        except IntegrityError as error:
            raise StorageError(f"the catalog {self._name} failed: {error.orig}") from error
        except DatabaseError as error:
            raise FormatError(f"the catalog {self._name} is damaged: {error.orig}") from error
        except SQLAlchemyError as error:
            raise StorageError(f"the catalog {self._name} failed: {error}") from error


def sqlite_engine(path: Path) -> Engine:
    """The one place that knows the catalog is SQLite."""
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)))
    event.listen(engine, "connect", prepare_sqlite)
    event.listen(engine, "begin", begin_sqlite)
    return engine


def reading_engine(path: Path) -> Engine:
    """An engine that writes nothing, not even to the files beside the catalog by which processes
    share it. Each transaction has a connection of its own, so it sees what is new."""

    def connect() -> sqlite3.Connection:
        sides = (path.with_name(f"{path.name}-{side}") for side in ("wal", "shm"))
        # Without them no one has it open, and SQLite would make them.
        how = "readonly_shm=1" if any(side.exists() for side in sides) else "immutable=1"
        uri = f"{path.resolve().as_uri()}?mode=ro&{how}"
        timeout = BUSY_TIMEOUT_MS / 1000
        return sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None)

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.pool.NullPool)
    event.listen(engine, "begin", begin_reading)
    return engine


def begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """Make commits durable, and let the driver begin no transactions of its own: it would commit
    before table changes, and a migration could be left halfway."""
    assert isinstance(connection, sqlite3.Connection), f"BUG: {connection} is no SQLite"
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = FULL",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
