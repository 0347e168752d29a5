"""The lease of a catalog: a row with an epoch and an end, by the server's clock.

    take     no other owner's row is left, or it has ended: it goes, ours comes with a higher epoch
    renew    every third of the lease, by a thread of its own
    mark     each transaction that changes something changes our row in the same breath, where it
             still has our epoch; if it has gone, the transaction is refused
    release  the row goes when the program ends

Whoever takes over deletes the row of the one before, and waits for a transaction that holds it. So
what the one before has committed is seen, and whatever it tries later is refused.

Invariants:
* Of two processes that own the same shard, one has no row any more.
* `check` lets nothing pass once the row is known to be gone, nor between the end of the lease and
  the next answer of the server: a process that was stopped for long learns first what happened.
* While the server cannot be reached, `check` lets pass: nobody can have asked it, unless it was the
  network that failed. What is acknowledged then is in the log of this data directory.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Connection, delete, func, insert, select, update

from storage.catalog.engines.postgresql import PostgresqlTransactions
from storage.catalog.owning.metrics import OwnerMetrics
from storage.catalog.schema import nodes, owners, settings
from storage.errors import Fenced, Overloaded, StorageError
from storage.segments.ulid import new_ulid

logger = logging.getLogger(__name__)

EPOCH = "epoch"
# Of the lease: how often it is renewed.
RENEWALS = 3
# Held by whoever takes a lease or makes tables, so that this is done by one at a time.
OPENING_LOCK = 0x43555041


@dataclass(frozen=True, slots=True)
class Node:
    """A process, as others see it. directory: what it knows its own former life by."""

    name: str
    version: str
    role: str
    directory: str


class Held(Overloaded):
    """Another process owns the catalog. expires_ms: when its lease ends, by the server's clock."""

    reason = "held"

    def __init__(self, text: str, node: str, expires_ms: int) -> None:
        super().__init__(text)
        self.node, self.expires_ms = node, expires_ms


class Lease:
    """The row of this process, and the thread that renews it."""

    def __init__(
        self,
        node: Node,
        transactions: PostgresqlTransactions,
        metrics: OwnerMetrics,
        *,
        lease_ms: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """transactions: of the lease's own, so that nothing else holds it up."""
        self._node = node
        self._transactions = transactions
        self._metrics = metrics
        self._lease_ms = lease_ms
        self._clock = clock
        self._interval_s = lease_ms / 1_000 / RENEWALS
        self._sure_until = 0.0
        self._fenced = ""
        self._away_since: float | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
        self.id, self.epoch = new_ulid(time.time_ns() // 1_000_000), 0

    def refuse_if_held(self) -> None:
        """Raise Held if some process owns something; before tables are changed."""
        with self._transactions.reading() as connection:
            if sa.inspect(connection).has_table(nodes.name):
                now_ms = int(connection.scalar(select(server_ms())) or 0)
                of_owners = nodes.c.id.in_(select(owners.c.node))
                for row in connection.execute(select(nodes).where(of_owners)).mappings():
                    self._refuse_held(row, now_ms)

    def take(self, shards: Sequence[int]) -> None:
        """Own these shards. Raises Held, Overloaded, StorageError."""
        sent = self._clock()
        with self._transactions.writing() as connection:
            lock_opening(connection)
            self._oust(connection, shards)
            self.epoch = next_epoch(connection)
            row = {**self._described(), "id": self.id, "epoch": self.epoch}
            connection.execute(insert(nodes).values(row))
            connection.execute(delete(owners).where(owners.c.shard.in_(shards)))
            owned = {"node": self.id, "epoch": self.epoch, "since_ms": server_ms()}
            for shard in shards:
                connection.execute(insert(owners).values(shard=shard, **owned))
        self._sure_until = sent + self._lease_ms / 1_000
        self._metrics.owner.set(1)
        self._metrics.epoch.set(self.epoch)
        logger.info(
            "catalog taken catalog=%s epoch=%d shards=%d", self._transactions.name, self.epoch,
            len(shards),
        )  # fmt: skip

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def stop(self) -> None:
        """End the lease, so that the next one need not wait for it."""
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()
        try:
            with self._transactions.writing() as connection:
                connection.execute(delete(owners).where(owners.c.node == self.id))
                connection.execute(delete(nodes).where(self._own))
        except StorageError as error:
            logger.warning("lease not given back error=%r", str(error))

    def check(self) -> None:
        """Whether this process may answer. Raises Fenced, and Overloaded while that is asked."""
        if self._fenced:
            raise Fenced(self._fenced)
        if self._clock() > self._sure_until:
            raise Overloaded(
                f"the lease of {self._transactions.name} has ended, and is being asked for "
                "(catalog.lease)"
            )

    @property
    def is_sure(self) -> bool:
        """Whether the server has said so the last time."""
        return not self._fenced and self._away_since is None

    def renew(self) -> None:
        """Renew the lease, or learn that it is lost, or that the server cannot be reached."""
        sent = self._clock()
        try:
            with self._transactions.writing() as connection:
                renewed = update(nodes).where(self._own).values(expires_ms=self._end())
                is_ours = bool(connection.execute(renewed).rowcount)
        except StorageError as error:
            self._note_away(error)
            return
        if not is_ours:
            self.lose()
            return
        if self._away_since is not None:
            logger.info(
                "catalog can be reached again catalog=%s after_seconds=%.0f",
                self._transactions.name, self._clock() - self._away_since,
            )  # fmt: skip
        self._away_since = None
        self._metrics.reachable.set(1)
        self._sure_until = sent + self._lease_ms / 1_000

    def lose(self) -> Fenced:
        """Note that the row is gone; the error to be raised."""
        if not self._fenced:
            self._fenced = (
                f"another server has taken the catalog {self._transactions.name} over from this "
                f"one, which had it with epoch {self.epoch}; nothing is written or answered here "
                "any more: stop it"
            )
            self._metrics.owner.set(0)
            logger.critical("fenced error=%r", self._fenced)
        return Fenced(self._fenced)

    # As Mark of the transactions of the catalog.

    def put(self, connection: Connection) -> str:
        mark = new_ulid(time.time_ns() // 1_000_000)
        marked = update(nodes).where(self._own).values(change=mark)
        if not connection.execute(marked).rowcount:
            raise self.lose()
        return mark

    def is_there(self, connection: Connection, mark: str) -> bool:
        # Waits for the transaction in question, if the server is still at it.
        found = connection.scalar(select(nodes.c.change).where(self._own).with_for_update())
        if found is None:
            raise self.lose()
        return bool(found == mark)

    def _run(self) -> None:
        while not self._closing.wait(self._interval_s):
            try:
                self.renew()
            except Exception:
                logger.exception("lease not renewed")
            if self._fenced:
                return

    def _note_away(self, error: StorageError) -> None:
        now = self._clock()
        if self._away_since is None:
            self._away_since = now
            logger.error(
                "catalog cannot be reached: writes go on, seals and changes wait catalog=%s "
                "error=%r", self._transactions.name, str(error),
            )  # fmt: skip
        self._metrics.reachable.set(0)
        self._metrics.failures.inc()
        # Until the next attempt has ended: each takes an interval at most.
        self._sure_until = max(self._sure_until, now + 3 * self._interval_s)

    def _oust(self, connection: Connection, shards: Sequence[int]) -> None:
        """See to it that nobody owns one of the shards. Raises Held."""
        now_ms = int(connection.scalar(select(server_ms())) or 0)
        of_shards = select(owners.c.node).where(owners.c.shard.in_(shards))
        found = connection.execute(
            select(nodes).where(nodes.c.id.in_(of_shards)).order_by(nodes.c.id).with_for_update()
        ).mappings()
        for row in found.all():
            is_own = row["directory"] == self._node.directory
            self._refuse_held(row, now_ms)
            connection.execute(delete(owners).where(owners.c.node == row["id"]))
            connection.execute(delete(nodes).where(nodes.c.id == row["id"]))
            logger.warning(
                "catalog taken over from=%r epoch=%d is_own_former_life=%s", row["name"],
                row["epoch"], is_own,
            )  # fmt: skip

    def _refuse_held(self, row: Mapping[Any, Any], now_ms: int) -> None:
        """Raise Held if it is the row of another process that may be alive."""
        left_ms = row["expires_ms"] - now_ms
        if left_ms > 0 and row["directory"] != self._node.directory:
            raise Held(
                f"the catalog {self._transactions.name} is in use by {row['name']}, epoch "
                f"{row['epoch']}; its lease goes on for {left_ms / 1_000:.0f} s unless it is "
                "renewed (catalog.lease)",
                row["id"],
                row["expires_ms"],
            )

    @property
    def _own(self) -> sa.ColumnElement[bool]:
        return (nodes.c.id == self.id) & (nodes.c.epoch == self.epoch)

    def _end(self) -> sa.ColumnElement[int]:
        return server_ms() + self._lease_ms

    def _described(self) -> dict[str, Any]:
        node = self._node
        return {
            "name": node.name,
            "version": node.version,
            "role": node.role,
            "directory": node.directory,
            "started_ms": server_ms(),
            "expires_ms": self._end(),
        }


def server_ms() -> sa.ColumnElement[int]:
    """The time by the server's clock."""
    return sa.cast(sa.extract("epoch", func.clock_timestamp()) * 1_000, BigInteger)


def lock_opening(connection: Connection) -> None:
    """Wait until no other process opens the catalog; until the end of the transaction."""
    connection.execute(select(func.pg_advisory_xact_lock(OPENING_LOCK)))


def next_epoch(connection: Connection) -> int:
    """A number that is higher than all before; under lock_opening()."""
    this = settings.c.name == EPOCH
    epoch = 1 + int(connection.scalar(select(settings.c.value).where(this)) or 0)
    connection.execute(delete(settings).where(this))
    connection.execute(insert(settings).values(name=EPOCH, value=epoch))
    return epoch
