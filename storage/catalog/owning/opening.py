"""Opening a catalog on a server: it is waited for, compared with the data directory, and taken."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.catalog.catalog import INSTALLATION, Catalog
from storage.catalog.engines.postgresql import PostgresqlTransactions
from storage.catalog.migrating import migrate
from storage.catalog.options import CatalogOptions
from storage.catalog.owning.installation import (
    identity_of,
    new_number,
    read_number,
    refuse_older,
    refuse_other,
    write_number,
)
from storage.catalog.owning.lease import RENEWALS, Held, Lease, Node, lock_opening
from storage.catalog.owning.metrics import OwnerMetrics
from storage.errors import Overloaded

logger = logging.getLogger(__name__)

REST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class CatalogServer:
    """Where a catalog is, and who opens it. name, version: of this process, for others; shards_of:
    those of so many that are its own."""

    url: str
    options: CatalogOptions
    metrics: OwnerMetrics
    name: str
    version: str


class OwnedCatalog(Catalog):
    """A catalog on a server, owned by this process until close()."""

    def __init__(self, server: CatalogServer, data: Path) -> None:
        """Use open_owned()."""
        options, metrics = server.options, server.metrics

        def noted(outcome: str) -> None:
            metrics.read_back.labels(outcome).inc()

        self._marked = PostgresqlTransactions(server.url, options, noted=noted)
        node = Node(server.name, server.version, "all", identity_of(data))
        self._of_lease = PostgresqlTransactions(
            server.url, options, watch_s=options.lease_ms / 1_000 / RENEWALS - 1 / RENEWALS
        )
        self.lease = Lease(node, self._of_lease, metrics, lease_ms=options.lease_ms)
        super().__init__(self._marked, self.lease.check)

    def migrate(self) -> None:
        """As Catalog.migrate, one process after the other."""
        with self._transaction() as connection:
            lock_opening(connection)
            migrate(connection, self.name)

    @property
    def takes_changes(self) -> bool:
        return self.lease.is_sure

    def own(self, shards: Sequence[int]) -> None:
        """Take these shards. Raises Held, Overloaded."""
        self.lease.take(shards)
        self._marked.mark = self.lease
        self.lease.start()

    def stop_waiting(self) -> None:
        self._marked.stop_waiting()

    def close(self) -> None:
        if self.lease.epoch:
            self.lease.stop()
        self._of_lease.close()
        super().close()


def open_owned(
    server: CatalogServer,
    data: Path,
    shards: int,
    *,
    own: Callable[[int], Sequence[int]] = range,
    clock: Callable[[], float] = time.monotonic,
) -> OwnedCatalog:
    """Open or make the catalog of a data directory, which is locked, and own it.

    shards: of a new one; own: those that are this process' own, of so many. Waits for a server that
    is away, and for a lease that is not renewed, as long as the options say; blocks. Raises
    FormatError if catalog and directory do not belong together, Held, and Overloaded.
    """
    deadline = clock() + server.options.start_timeout_ms / 1_000
    catalog = OwnedCatalog(server, data)
    seen: tuple[str, int] | None = None
    try:
        while True:
            try:
                prepare(catalog, data, shards)
                catalog.own(list(own(catalog.shards)))
                return catalog
            except Overloaded as error:
                held = (error.node, error.expires_ms) if isinstance(error, Held) else None
                # It is alive: it has renewed its lease while it was waited for.
                is_alive = held is not None and seen is not None and held != seen
                seen = held or seen
                if is_alive or clock() >= deadline:
                    raise
                logger.warning("catalog waited for error=%r", str(error))
            time.sleep(REST_SECONDS)
    except BaseException:
        catalog.close()
        raise


def prepare(catalog: OwnedCatalog, data: Path, shards: int) -> None:
    """Make or update the tables, once it is sure that they are those of the directory, and that
    nobody else uses them."""
    known = catalog.installation()
    refuse_other(data, known, catalog.name)
    catalog.lease.refuse_if_held()
    catalog.migrate()
    number = known or read_number(data) or new_number()
    # The directory first: with the number in one of both, it is the same that is tried again.
    if read_number(data) != number:
        write_number(data, number)
    catalog.settle(shards, data=data, installation={INSTALLATION: number})
    positions = {shard: catalog.log_position(shard) for shard in range(catalog.shards)}
    refuse_older(data, positions, catalog.name)
