"""A catalog on a PostgreSQL server: connections, and transactions that know how they ended.

Several threads read at a time, one writes. A transaction that changes something is marked first, in
the row of this process in the same transaction (storage/catalog/owning/lease.py). Where the
connection is lost while it commits, the mark is read back, for as long as that takes: nothing is
taken for done, or for not done, that is not known.

Invariants:
* A transaction that raises has changed nothing, but for OutcomeUnknown.
* After a connection could not be made, further ones are not tried for REST_SECONDS, so that no
  thread waits for what another one has waited for just now.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoConnection

from storage.catalog.engines.watchdog import Watchdog
from storage.catalog.options import CatalogOptions
from storage.errors import CatalogConfigError, Overloaded, StorageError

REST_SECONDS = 1.0
POOLED_SECONDS = 1_800
# A name that PostgreSQL shows for the connections of this program.
APPLICATION = "cupola"
# Settings of one transaction, so that they hold behind poolers of connections, too. Whoever has
# switched synchronous commits off for a database has not thought of logs that are deleted.
BEGIN = text(
    "SELECT set_config('statement_timeout', :timeout, true), "
    "set_config('lock_timeout', :timeout, true), "
    "set_config('idle_in_transaction_session_timeout', :timeout, true), "
    "CASE WHEN current_setting('synchronous_commit') = 'off' "
    "THEN set_config('synchronous_commit', 'on', true) END"
)


class OutcomeUnknown(Overloaded):
    """The connection was lost while a transaction was committed, and the program stops before it is
    known whether it was."""

    reason = "outcome_unknown"


class Mark(Protocol):
    """Marks transactions as this process' own, and finds them again."""

    def put(self, connection: Connection) -> str:
        """Mark this one; the mark. Raises Fenced."""
        ...

    def is_there(self, connection: Connection, mark: str) -> bool:
        """Whether the transaction with this mark, the latest one, was committed; waits until it is
        over. Raises Fenced."""
        ...


class PostgresqlTransactions:
    """Transactions on a server."""

    def __init__(
        self,
        url: str,
        options: CatalogOptions,
        *,
        watch_s: float = 0.0,
        noted: Callable[[str], None] = lambda outcome: None,
    ) -> None:
        """watch_s: how long a transaction may take, else all that the options allow; noted: takes
        outcomes that had to be read back. Raises CatalogConfigError if the URL cannot be used."""
        self.name = public_name(url)
        seconds = watch_s or options.timeout_ms / 1_000
        self._timeout_s = seconds
        # One more second, so that the server has the first word.
        self._watchdog = Watchdog(seconds + 1)
        self._engine = postgresql_engine(url, seconds, options.connections_max, self._watchdog)
        self._reads = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._noted = noted
        self._turn = threading.Lock()
        self._stopped = threading.Event()
        self._failure = (0.0, "")
        self.mark: Mark | None = None

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """As Transactions. Raises Fenced, too, and OutcomeUnknown."""
        if not self._turn.acquire(timeout=self._timeout_s):
            raise Overloaded(f"the catalog {self.name} failed: another transaction takes long")
        try:
            with translated(self.name), self._begun(self._engine) as connection:
                mark = self.mark.put(connection) if self.mark is not None else ""
                yield connection
                self._commit(connection, mark)
        finally:
            self._turn.release()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """As Transactions."""
        with translated(self.name), self._begun(self._reads) as connection:
            yield connection

    def stop_waiting(self) -> None:
        """Let go of outcomes that are not known yet; what is begun from now on is not waited for,
        either."""
        self._stopped.set()

    def close(self) -> None:
        self._engine.dispose()
        self._watchdog.close()

    @contextmanager
    def _begun(self, engine: Engine) -> Iterator[Connection]:
        """A connection with a transaction, which is rolled back unless it was committed."""
        since_s, text_of_it = self._failure
        if time.monotonic() - since_s < REST_SECONDS and since_s:
            raise Overloaded(f"the catalog {self.name} failed: {text_of_it}")
        connection = self._connected(engine)
        try:
            yield connection
        finally:
            # What is left of a broken one cannot be rolled back.
            with suppress(DBAPIError):
                connection.close()

    def _connected(self, engine: Engine) -> Connection:
        """A connection of the pool, or a new one where that has been lost meanwhile."""
        try:
            try:
                return self._begin(engine)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                return self._begin(engine)
        except OperationalError as error:
            self._failure = (time.monotonic(), one_line(error.orig))
            raise

    def _begin(self, engine: Engine) -> Connection:
        connection = engine.connect()
        try:
            connection.execute(BEGIN, {"timeout": str(round(self._timeout_s * 1_000))})
        except BaseException:
            with suppress(DBAPIError):
                connection.close()
            raise
        return connection

    def _commit(self, connection: Connection, mark: str) -> None:
        try:
            connection.commit()
        except DBAPIError as error:
            # A server that says no has rolled back.
            if not (mark and is_lost(error)):
                raise
            with suppress(DBAPIError):
                connection.invalidate()
            done = self._read_back(mark, error)
            self._noted("committed" if done else "rolled_back")
            if not done:
                raise

    def _read_back(self, mark: str, lost: DBAPIError) -> bool:
        """Whether a transaction was committed, once the server says so."""
        assert self.mark is not None, "BUG: a mark without what marks"
        while True:
            try:
                with self._connected(self._engine) as connection:
                    return self.mark.is_there(connection, mark)
            except (DBAPIError, NoConnection):
                if self._stopped.wait(REST_SECONDS):
                    self._noted("unknown")
                    raise OutcomeUnknown(
                        f"the catalog {self.name} went away while it committed: "
                        f"{one_line(lost.orig)}"
                    ) from lost


def postgresql_engine(url: str, seconds: float, connections_max: int, watchdog: Watchdog) -> Engine:
    """An engine whose connections are watched while they are in use. Raises CatalogConfigError."""
    psycopg = driver()

    def connect() -> Any:
        connection = psycopg.connect(
            url,
            connect_timeout=max(2, round(seconds)),
            application_name=APPLICATION,
            client_encoding="UTF8",
            # Prepared statements would bind a session to a server process, which poolers share.
            prepare_threshold=None,
        )
        watchdog.watch(connection)  # SQLAlchemy asks for a few things first
        return connection

    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=connect,
        pool_size=connections_max,
        max_overflow=0,
        pool_timeout=seconds,
        pool_recycle=POOLED_SECONDS,
        use_native_hstore=False,
        hide_parameters=True,
    )
    event.listen(engine, "checkout", lambda connection, *_: watchdog.watch(connection))
    event.listen(engine, "checkin", lambda connection, *_: watchdog.leave(connection))
    for ending in ("close", "close_detached"):
        event.listen(engine, ending, lambda connection, *_: watchdog.leave(connection))
    return engine


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Errors of the database as those of storage."""
    try:
        yield
    except IntegrityError as error:
        raise StorageError(f"the catalog {name} failed: {one_line(error.orig)}") from error
    except (OperationalError, InterfaceError, InternalError) as error:
        # It is away, too slow, or a standby that takes no changes: nothing was changed.
        raise Overloaded(f"the catalog {name} failed: {one_line(error.orig)}") from error
    except NoConnection as error:
        raise Overloaded(
            f"the catalog {name} failed: all connections are in use (catalog.max-connections)"
        ) from error
    except SQLAlchemyError as error:
        found = getattr(error, "orig", None) or error
        raise StorageError(f"the catalog {name} failed: {one_line(found)}") from error


def is_lost(error: DBAPIError) -> bool:
    """Whether the connection is gone, and with it the answer."""
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def one_line(error: object) -> str:
    return " ".join(str(error).split())


def driver() -> Any:
    """Raises CatalogConfigError if it is not installed."""
    try:
        import psycopg
    except ImportError as error:
        raise CatalogConfigError(
            "catalog.url needs the driver of PostgreSQL: pip install 'cupola[postgresql]'"
        ) from error
    return psycopg


def public_name(url: str) -> str:
    """The database, without its user and password. Raises CatalogConfigError if it is no URL of
    PostgreSQL; the text does not show it."""
    psycopg = driver()
    if not url.startswith(("postgresql://", "postgres://")):
        raise CatalogConfigError(
            "catalog.url: allowed is postgresql://user:password@host:port/database"
        )
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise CatalogConfigError(
            "catalog.url: not understood; allowed is postgresql://user:password@host:port/database"
        ) from None
    host = parts.get("host") or parts.get("hostaddr") or "local socket"
    ports = str(parts.get("port") or "").strip(",")
    port = f":{ports}" if ports else ""
    return f"{parts.get('dbname') or 'default database'} on {host}{port}"
