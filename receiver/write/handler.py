"""The write endpoint: the story of one remote write request.

Invariants:
* A 204 is sent only after the database has made every sample of the request durable.
* Of a request with bad samples the good ones are kept; the answer is 400 and says why (409 in
  VictoriaMetrics' protocol).
* Nothing in a request can cause a 5xx: 503 means that the same request may succeed later.
* A batch that was handed to the database is released by the database, since it may still be read
  when this handler has been cancelled.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from functools import lru_cache
from typing import Protocol

from aiohttp import web
from multidict import CIMultiDictProxy

from receiver.errors import (
    CorruptBody,
    RateLimited,
    SlowBody,
    TooLarge,
    WriteError,
    retry_after_s,
    status_of,
)
from receiver.metrics import ReceiverMetrics
from receiver.settings.options import WriteOptions
from receiver.tenant_header import PREFIXES, tenant_of
from receiver.wire.compression import ZSTD
from receiver.wire.decoder import (
    WriteDecoder,
    kind_of_body,
    kind_of_payload,
    names_version_2,
    version_of_kind,
)
from receiver.write.admission import Admission, Ticket
from receiver.write.decode_threads import DecodeThreads
from storage.batch import Batch, Outcome, Reject
from storage.errors import StorageError
from storage.kernels.arrays import Int64s
from storage.refusals.ledger import RejectLedger, Sender
from storage.refusals.samples import SYMBOL_REFERENCE
from storage.traces import trace_of

log = logging.getLogger(__name__)

PATHS = ("/api/v1/write", "/api/v1/push", "/api/v1/receive")
# What a sender of VictoriaMetrics' protocol says beside Content-Encoding: zstd.
PROBE_HEADER = "X-VictoriaMetrics-Remote-Write-Version"
# Counts of what a remote write 2.0 request has written, in this order.
WRITTEN_HEADERS = tuple(
    f"X-Prometheus-Remote-Write-{what}-Written" for what in ("Samples", "Histograms", "Exemplars")
)
NOTHING_WRITTEN = Outcome(0)
# Decoding this much takes about a millisecond; more would hold up the other connections.
INLINE_BYTES_MAX = 1 << 20
# Decoding this much takes about as long as handing it to a thread, some hundredths of a ms.
HANDOVER_BYTES_MIN = 1 << 15
DECODE_THREADS = 2
# Senders read the first 1,024 bytes of an answer; what is longer is for people.
ANSWER_CHARS_MAX = 4_096


# What answers an admitted request of a tenant, and what answers one that failed as a whole.
Write = Callable[[str, web.Request, Ticket], Awaitable[web.Response]]
FailureResponse = Callable[[web.Request, WriteError | StorageError], web.Response]


class WriteDatabase(Protocol):
    """Where batches go."""

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        """Make the batch durable and visible, and release it when its buffers are read no more,
        which may be later than the cancellation of this call."""
        ...


class WriteHandler:
    """Serves write requests with one database."""

    def __init__(
        self,
        database: WriteDatabase,
        decoder: WriteDecoder,
        options: WriteOptions,
        metrics: ReceiverMetrics,
        ledger: RejectLedger,
        *,
        admit: Callable[[str, int | None], None] = lambda tenant, body_bytes: None,
        decoder_of: Callable[[str], WriteDecoder] | None = None,
    ) -> None:
        """admit: asked before the body of a request is read, with the tenant and what the request
        says of its size; raises what is answered if it may not come. decoder_of: the decoder of a
        tenant's bodies, where not all have the same."""
        self._decoder_of = decoder_of or (lambda tenant: decoder)
        self._admit = admit
        self._ledger = ledger
        self._database = database
        self._options = options
        self._metrics = metrics
        self._admission = Admission(options)
        self.threads = DecodeThreads(DECODE_THREADS)
        self._requests_of = lru_cache(lambda status: metrics.requests.labels(str(status)))
        # Until the kernels are compiled, decoding may take seconds and is kept off the event loop.
        self.kernels_warm = False
        metrics.inflight_requests.set_function(lambda: self._admission.held_requests)
        metrics.inflight_bytes.set_function(lambda: self._admission.held_bytes)

    def add_routes(self, app: web.Application) -> None:
        """Serve every write path; other methods than POST get 405."""
        for prefix in PREFIXES:
            for path in PATHS:
                app.router.add_post(prefix + path, self.post)

    def close(self) -> None:
        self.threads.close()

    async def post(self, request: web.Request) -> web.Response:
        """Answer one write request."""
        return await self.serve(request, self._write, failure_response)

    async def serve(
        self, request: web.Request, write: Write, failure: FailureResponse
    ) -> web.Response:
        """Admit a request, let `write` answer it, and count it."""
        arrived = time.monotonic()
        tenant = ""
        try:
            tenant = tenant_of(request.headers)
            self._admit(tenant, request.content_length)
            with self._admission.ticket() as ticket:
                response = await write(tenant, request, ticket)
        except (WriteError, StorageError) as error:
            self._metrics.failures.labels(error.reason).inc()
            response = failure(request, error)
            refused = Reject(error.reason, 1, str(error))
            if self._ledger.note(tenant, [refused], sender_of(request), now_ms()):
                log.warning(
                    "write failed tenant=%s code=%d error=%r", tenant, response.status, str(error)
                )
        self._requests_of(response.status).inc()
        took_s = time.monotonic() - arrived
        self._metrics.request_seconds.observe(took_s, trace_of(request.headers).exemplar)
        return response

    async def _write(self, tenant: str, request: web.Request, ticket: Ticket) -> web.Response:
        headers = request.headers
        kind = kind_of_body(headers.get("Content-Type"), headers.get("Content-Encoding"))
        payload = await self.read_body(request, ticket)
        outcome = await self.take(tenant, kind_of_payload(kind, payload), payload, ticket)
        self.note_refused(tenant, request, outcome, ())
        return answer(kind, outcome, bad_request_status(headers))

    def note_refused(
        self, tenant: str, request: web.Request, outcome: Outcome, others: Sequence[Reject]
    ) -> None:
        """Enter what was refused or kept out into the ledger, and now and then into the log;
        `others` were refused before."""
        refused = (*others, *outcome.rejects, *outcome.kept_out, *outcome.exemplar_rejects)
        if refused and self._ledger.note(tenant, refused, sender_of(request), now_ms()):
            text = reject_text(outcome.accepted, refused)
            log.warning("samples refused tenant=%s answer=%r", tenant, text)

    async def take(
        self,
        tenant: str,
        kind: int,
        payload: bytes,
        ticket: Ticket,
        *,
        points: Int64s | None = None,
    ) -> Outcome:
        """Decode a payload and make it durable. points: as in Batch. Raises WriteError or
        StorageError."""
        arrival_ms = now_ms()
        batch = await self._decode(self._decoder_of(tenant), kind, payload, ticket)
        batch.points = points
        self._count(batch)
        if batch.is_empty:
            batch.release()
            return Outcome(0)
        return await self._database.append(tenant, batch, arrival_ms)

    async def read_body(self, request: web.Request, ticket: Ticket) -> bytes:
        """The whole body. Raises TooLarge, SlowBody, CorruptBody or Busy."""
        announced = request.content_length
        if announced is not None:
            self._check_body_size(announced)
        timeout_ms = self._options.read_timeout_ms
        # What came with the head needs no clock.
        is_timed = timeout_ms and not request.content.is_eof()
        try:
            async with asyncio.timeout(timeout_ms / 1000) if is_timed else nullcontext():
                return await self._read_chunks(request, ticket)
        except TimeoutError as error:
            raise SlowBody(
                f"the body did not arrive within {timeout_ms} ms (write.read-timeout)"
            ) from error
        except web.RequestPayloadError as error:
            raise CorruptBody(f"corrupt body: {error}") from error

    async def _read_chunks(self, request: web.Request, ticket: Ticket) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while chunk := await request.content.readany():
            size += len(chunk)
            self._check_body_size(size)
            ticket.add(len(chunk))
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _check_body_size(self, size: int) -> None:
        allowed = self._options.body_bytes_max
        if size > allowed:
            raise TooLarge(
                f"body of {size} bytes or more; allowed are {allowed} (write.max-body-bytes)"
            )

    async def _decode(
        self, decoder: WriteDecoder, kind: int, payload: bytes, ticket: Ticket
    ) -> Batch:
        size = decoder.bytes_needed(kind, payload)
        ticket.add(size)
        if self._decodes_at_once(size):
            return decoder.decode(kind, payload)
        return await self.threads.run(decoder.decode, kind, payload)

    def _decodes_at_once(self, size: int) -> bool:
        """Whether the event loop decodes a body of this size itself.

        One that is alone is answered soonest so. Several wait for the loop more than for anything
        else, and are decoded beside it.
        """
        if not self.kernels_warm or size > INLINE_BYTES_MAX:
            return False
        is_alone = self._admission.held_requests == 1
        return size < HANDOVER_BYTES_MIN or is_alone

    def _count(self, batch: Batch) -> None:
        metrics = self._metrics
        metrics.body_bytes.inc(len(batch.payload))
        metrics.decoded_bytes.inc(len(batch.buffer))


def sender_of(request: web.Request) -> Sender:
    """Who sent a request, for the ledger of refusals."""
    return Sender(request.remote or "", request.headers.get("User-Agent", ""))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def bad_request_status(headers: CIMultiDictProxy[str]) -> int:
    """What answers a request that can be read but not be stored: 400, but for vmagent's probe.

    vmagent takes a 400 to a request in VictoriaMetrics' protocol for "no zstd here", sends the same
    once more and speaks snappy from then on; by 409 it drops the request only.
    """
    encoding = headers.get("Content-Encoding", "").strip().lower()
    return 409 if encoding == ZSTD and PROBE_HEADER in headers else 400


def answer(kind: int, outcome: Outcome, bad_status: int = 400) -> web.Response:
    """The answer to a request that was taken, in whole or in part.

    Remote write 2.0 asks for the counts of what was written, and its senders take a missing one for
    failure; those of 1.0 would believe them, too, and get none. Of refused exemplars the count
    is reported, unless the sender broke the format.
    """
    rejects = outcome.rejects
    written = None
    if version_of_kind(kind) == 2:
        rejects += tuple(r for r in outcome.exemplar_rejects if r.reason == SYMBOL_REFERENCE)
        written = written_headers(outcome)
    if not rejects:
        return web.Response(status=204, headers=written)
    text = reject_text(outcome.accepted, rejects)
    return web.Response(status=bad_status, headers=written, text=text)


def written_headers(outcome: Outcome) -> dict[str, str]:
    counts = (outcome.accepted - outcome.histograms, outcome.histograms, outcome.exemplars)
    return dict(zip(WRITTEN_HEADERS, map(str, counts), strict=True))


def failure_response(request: web.Request, error: WriteError | StorageError) -> web.Response:
    """The answer to a request of which nothing was kept."""
    status = status_of(error)
    if status == 400 and not isinstance(error, CorruptBody):
        status = bad_request_status(request.headers)
    response = web.Response(status=status, text=f"{error}\n"[:ANSWER_CHARS_MAX])
    if names_version_2(request.headers.get("Content-Type")):
        response.headers.update(written_headers(NOTHING_WRITTEN))
    set_retry_after(response, error)
    return response


def set_retry_after(response: web.Response, error: WriteError | StorageError) -> None:
    """Say when to come again, where that may help."""
    if response.status in (429, 503):
        wait_s = error.retry_after_s if isinstance(error, RateLimited) else 0
        response.headers["Retry-After"] = str(math.ceil(wait_s) + retry_after_s())


def reject_text(accepted: int, rejects: Sequence[Reject]) -> str:
    """What was refused and why: all reasons and the first example in the first line, because some
    senders log no more than that."""
    reasons = ", ".join(f"{reject.reason} {reject.count}" for reject in rejects)
    first, *others = (reject.message for reject in rejects)
    lines = [f"{reasons}: {first}", *others, f"{accepted} samples were accepted"]
    return ("\n".join(lines) + "\n")[:ANSWER_CHARS_MAX]
