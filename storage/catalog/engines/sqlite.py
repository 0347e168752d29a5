"""A catalog in a file of SQLite: one transaction at a time."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from storage.errors import FormatError, Overloaded, StorageError

BUSY_TIMEOUT_MS = 30_000


class SqliteTransactions:
    """Transactions in a file, which has to be made first where it is only read."""

    def __init__(self, path: Path, engine: Engine | None = None) -> None:
        """engine: in place of the one that writes."""
        self.name = str(path)
        self._engine = engine or sqlite_engine(path)
        self._lock = threading.Lock()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """As Transactions; FormatError too, if the file is damaged."""
        try:
            with self._lock, self._engine.begin() as connection:
                yield connection
        except OperationalError as error:
            # A full disk, or another program that holds the file: nothing was changed.
            raise Overloaded(f"the catalog {self.name} failed: {error.orig}") from error
        except IntegrityError as error:
            raise StorageError(f"the catalog {self.name} failed: {error.orig}") from error
        except DatabaseError as error:
            raise FormatError(f"the catalog {self.name} is damaged: {error.orig}") from error
        except SQLAlchemyError as error:
            raise StorageError(f"the catalog {self.name} failed: {error}") from error

    reading = writing

    def close(self) -> None:
        self._engine.dispose()


def sqlite_engine(path: Path) -> Engine:
    """An engine that writes."""
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
