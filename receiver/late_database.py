"""The database as seen by requests: not there yet, open, or closed.

Opening may take minutes, because the log is replayed. It happens in a thread while the program
already listens, so that senders and probes are asked to wait instead of being refused.

Invariants:
* Until the database is open, and after it was closed, every use raises NotReady.
* The database is closed once, by close().
"""

import asyncio
import threading
from collections.abc import Callable
from enum import Enum

from storage.batch import Batch, Outcome
from storage.catalog.configured_rules import ConfiguredRulesTable
from storage.catalog.rule_states import RuleStateTable
from storage.compaction.status import SegmentReport
from storage.database import Database
from storage.dedup.algorithm import Algorithm
from storage.deletion.requests import DeletionRequests
from storage.errors import Overloaded, ReadOnly
from storage.following import FollowedBucket
from storage.read.querier import StorageQuerier
from storage.snapshot import Snapshots

AnyDatabase = Database | FollowedBucket


class NotReady(Overloaded):
    """The database is being opened or closed."""

    reason = "not_ready"


class State(Enum):
    """Where the database is in its life; the value is the text for people."""

    NEW = "not yet being opened"
    OPENING = "being opened"
    OPEN = "open"
    FAILED = "not to be opened"
    CLOSED = "closed"


class LateDatabase:
    """A database that is opened in the background. Belongs to one event loop."""

    def __init__(self, open_database: Callable[[], AnyDatabase]) -> None:
        self._open_database = open_database
        self._database: AnyDatabase | None = None
        self._thread = threading.Thread(target=self._open, name="open-database", daemon=True)
        self._done = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.state = State.NEW
        self.error: Exception | None = None

    def start(self) -> None:
        """Begin to open; from the thread of the event loop."""
        self._loop = asyncio.get_running_loop()
        self.state = State.OPENING
        self._thread.start()

    async def opened(self) -> None:
        """Wait until the database is open. Raises what opening raised."""
        await self._done.wait()
        if self.error is not None:
            raise self.error

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        """Database.append. Raises NotReady too."""
        try:
            database = self._ready()
        except NotReady:
            batch.release()
            raise
        return await database.append(tenant, batch, arrival_ms)

    def querier(
        self,
        tenant: str,
        *,
        replica_labels: tuple[str, ...],
        dedup: bool,
        algorithm: Algorithm = Algorithm.AUTO,
    ) -> StorageQuerier:
        """Database.querier. Raises NotReady too."""
        return self._ready().querier(
            tenant, replica_labels=replica_labels, dedup=dedup, algorithm=algorithm
        )

    @property
    def deletions(self) -> DeletionRequests:
        """Database.deletions. Raises NotReady too."""
        return self._ready().deletions

    @property
    def snapshots(self) -> Snapshots:
        """Database.snapshots. Raises NotReady too."""
        return self._ready().snapshots

    @property
    def rule_states(self) -> RuleStateTable:
        """Database.rule_states. Raises NotReady too, and ReadOnly if the database is none's own."""
        database = self._ready()
        if isinstance(database, FollowedBucket):
            raise ReadOnly("rules are evaluated by the process that writes")
        return database.rule_states

    @property
    def configured_rules(self) -> ConfiguredRulesTable:
        """Database.configured_rules. Raises NotReady too, and ReadOnly if another process writes
        the data."""
        database = self._ready()
        if isinstance(database, FollowedBucket):
            raise ReadOnly("rules are configured in the process that writes")
        return database.configured_rules

    def tenant_names(self) -> list[str]:
        """Database.tenant_names. Raises NotReady too."""
        return self._ready().tenant_names()

    def segment_report(self) -> SegmentReport:
        """Database.segment_report. Raises NotReady too."""
        return self._ready().segment_report()

    async def close(self, timeout_s: float) -> bool:
        """Close the database, waiting for one that is being opened; False if that took too long."""
        if self.state is State.OPENING:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._done.wait()
            except TimeoutError:
                return False
        database, self._database = self._database, None
        self.state = State.CLOSED
        if database is not None:
            await asyncio.to_thread(database.close)
        return True

    def _ready(self) -> AnyDatabase:
        if self._database is None:
            raise NotReady(f"the database is {self.state.value}")
        return self._database

    def _open(self) -> None:
        result: AnyDatabase | Exception
        try:
            result = self._open_database()
        except Exception as error:  # whatever it is, it is raised again by opened()
            result = error
        assert self._loop is not None, "BUG: start() was not called"
        self._loop.call_soon_threadsafe(self._settle, result)

    def _settle(self, result: AnyDatabase | Exception) -> None:
        if isinstance(result, Exception):
            self.error = result
            self.state = State.FAILED
        else:
            self._database = result
            self.state = State.OPEN
        self._done.set()
