"""What a process reads: its own tenants, and those of all others.

A view is what queriers come from. Around one of a process' own tenants there is one of all, and the
others ask for it by its name.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Protocol

from receiver.processes.place import Place
from receiver.processes.reading.answering import Answering, View
from receiver.processes.reading.asking import SLACK_S, Asking, AskingMetrics
from receiver.processes.reading.held import Held
from receiver.processes.reading.packing import Wanted
from receiver.processes.reading.querier import RemoteQuerier
from receiver.processes.sockets import READS, Meeting
from storage.compaction.status import SegmentReport
from storage.dedup.algorithm import Algorithm

logger = logging.getLogger(__name__)

SWEEP_S = 1.0


class Reads(View, Protocol):
    """What the API reads."""

    def tenant_names(self) -> list[str]: ...

    def segment_report(self) -> SegmentReport: ...


class SharedView:
    """A view of all tenants. own: of those that are here."""

    def __init__(self, own: Reads, name: str, place: Place, asking: Asking) -> None:
        self._own, self._name, self._place, self._asking = own, name, place, asking

    def querier(
        self,
        tenant: str,
        *,
        replica_labels: tuple[str, ...],
        dedup: bool,
        algorithm: Algorithm = Algorithm.AUTO,
    ) -> Any:
        owner = self._place.owner(tenant)
        if owner == self._place.share.number:
            return self._own.querier(
                tenant, replica_labels=replica_labels, dedup=dedup, algorithm=algorithm
            )
        wanted = Wanted(self._name, tenant, replica_labels, dedup, algorithm)
        return RemoteQuerier(self._asking, owner, wanted)

    def tenant_names(self) -> list[str]:
        """Of this process."""
        return self._own.tenant_names()

    def segment_report(self) -> SegmentReport:
        """Of this process."""
        return self._own.segment_report()


class Reading:
    """Both sides of what one process reads of the others. timeout_s: how long a query may take."""

    def __init__(
        self,
        place: Place,
        meeting: Meeting,
        metrics: AskingMetrics,
        *,
        timeout_s: float,
        bytes_max: int,
    ) -> None:
        self._place, self._meeting = place, meeting
        self._views: dict[str, View] = {}
        self._asking = Asking(meeting, place.share.count, metrics, timeout_s=timeout_s)
        self.answering = Answering(self._views, Held(timeout_s + SLACK_S), bytes_max=bytes_max)

    def around(self, own: Reads, name: str) -> SharedView:
        """A view of all tenants around one of those that are here."""
        self._views[name] = own
        return SharedView(own, name, self._place, self._asking)

    async def run(self) -> AsyncIterator[None]:
        """For the program's cleanup contexts: nothing is read once the database is closed."""
        self.answering.listen(self._meeting.listen(self._place.share.number, READS))
        sweeping = asyncio.create_task(self._sweep())
        yield
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
        self._asking.close()
        await asyncio.to_thread(self.answering.close)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await asyncio.to_thread(self._swept)
            except Exception:  # of one time; the next one may do
                logger.exception("selections not swept")

    def _swept(self) -> None:
        self._asking.flush()
        self.answering.held.sweep_all()
