"""Results of rules, written as remote write requests are: decoded, logged, synced, visible.

They are made into a request, because that is what the log keeps. Rates and sizes of requests, which
are about senders, do not count for them; the limits of the tenant's series do.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import snappy

from receiver.wire.decoder import WriteDecoder
from receiver.wire.v1.writer import RequestColumns, requests_of
from rules.ruler.columns import Part, joined, labelsets_of_keys
from rules.ruler.ports import NotWritten, Recorded, Refused
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, Batch, Outcome
from storage.errors import LogFailed, StorageError
from storage.histograms.columns import Natives
from storage.histograms.histograms import Parts, from_parts
from storage.tenants.ingestion import IngestionRates

# Of one request; what is larger is written as several.
BODY_BYTES_MAX, BODY_SAMPLES_MAX = 4 << 20, 200_000
# How long a write may be asked to come again, and how long one may take.
PATIENCE_S, WAIT_S, WAIT_S_MAX = 30.0, 0.05, 2.0
WRITE_S_MAX = 120.0


class ResultDatabase(Protocol):
    """Where batches go; belongs to an event loop."""

    def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Awaitable[Outcome]: ...


class WrittenResults:
    """Writes from the threads of the ruler, while the event loop goes on."""

    def __init__(
        self,
        database: ResultDatabase,
        decoder: WriteDecoder,
        loop: asyncio.AbstractEventLoop,
        *,
        now_ms: Callable[[], int],
        rates: IngestionRates | None = None,
    ) -> None:
        """rates: what is written is noted there, as that of rules."""
        self._database = database
        self._decoder = decoder
        self._loop = loop
        self._now_ms = now_ms
        self._rates = rates or IngestionRates()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Wait no longer for a database that is busy."""
        self._stopping.set()

    def write(self, tenant: str, recorded: Recorded) -> Sequence[Refused]:
        """Raises NotWritten."""
        refused: list[Refused] = []
        for payload in payloads_of(recorded):
            refused += self._take(tenant, payload)
        return refused

    def _take(self, tenant: str, payload: bytes) -> Iterator[Refused]:
        outcome = self._patiently(tenant, payload)
        return (Refused(each.reason, each.count, each.message) for each in outcome.rejects)

    def _patiently(self, tenant: str, payload: bytes) -> Outcome:
        """Come again where that may help."""
        ends, wait = time.monotonic() + PATIENCE_S, WAIT_S
        while True:
            try:
                return self._append(tenant, payload)
            except StorageError as error:
                is_final = not error.retryable or isinstance(error, LogFailed)
                if is_final or time.monotonic() + wait > ends or self._stopping.wait(wait):
                    raise NotWritten(str(error), may_help=not is_final) from error
            wait = min(2 * wait, WAIT_S_MAX)

    def _append(self, tenant: str, payload: bytes) -> Outcome:
        batch = self._decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, payload)
        count = batch.sample_count

        async def append() -> Outcome:
            return await self._database.append(tenant, batch, self._now_ms())

        appending = append()
        try:
            future = asyncio.run_coroutine_threadsafe(appending, self._loop)
        except RuntimeError as error:
            appending.close()
            batch.release()
            raise NotWritten("the server is stopping", may_help=True) from error
        try:
            outcome = future.result(WRITE_S_MAX)
        except concurrent.futures.TimeoutError as error:
            text = f"nothing was written within {WRITE_S_MAX:.0f} s"
            raise NotWritten(text, may_help=True) from error
        except (concurrent.futures.CancelledError, asyncio.CancelledError) as error:
            raise NotWritten("the server is stopping", may_help=True) from error
        self._rates.note(tenant, count, by_rules=True)
        return outcome


def warm_results() -> None:
    """Write a float and a native histogram as requests, and read them. Blocks."""
    decoder, labelsets = WriteDecoder(), labelsets_of_keys([(("a", "b"),)])
    histogram = Natives(from_parts([Parts()]), np.zeros(1, np.int32))
    for natives in (None, histogram):
        recorded = joined([Part(labelsets, np.zeros(1), natives)], 0)
        for payload in payloads_of(recorded):
            decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, payload).release()


def payloads_of(recorded: Recorded) -> Iterator[bytes]:
    """Requests that hold all samples."""
    columns = RequestColumns(recorded.label_bytes, recorded.label_offsets, recorded.samples)
    bodies = requests_of(columns, bytes_max=BODY_BYTES_MAX, samples_max=BODY_SAMPLES_MAX)
    return (bytes(snappy.compress(body)) for body, _ in bodies)
