"""A Prometheus as a source, by remote read: windows of time, one request each.

The answer is a stream of frames, each with a part of a series as encoded chunks, or one message of
samples. A window is read again as a whole where its answer was cut off: writing twice changes
nothing.

    frame   length (varint), checksum of the message (4 bytes), message ChunkedReadResponse
    ChunkedReadResponse  chunked_series = 1 {labels = 1, chunks = 2 {type = 3, data = 4}}
    ReadResponse         results = 1, each a message as a remote write request has it
"""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

import cramjam
import numpy as np
import snappy

from receiver.errors import WriteError
from receiver.importing.errors import SourceError
from receiver.importing.parts import Part, Report, Span
from receiver.importing.tsdb.block import between_times
from receiver.wire.decoder import WriteDecoder
from receiver.wire.messages import encode_varint, fields, message_field, number_field, read_varint
from receiver.wire.v1.writer import RequestColumns
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, Batch
from storage.chunks import chunks as chunk_kinds
from storage.chunks.chunks import chunks_of
from storage.chunks.series import decode_series
from storage.histograms.histograms import offsets_of
from storage.kernels.crc32c import checksums
from storage.labels.matchers import Matcher
from storage.samples.samples import Samples

WINDOW_MS = 7_200_000
UNIT = "windows"
ATTEMPTS, WAIT_SECONDS, TIMEOUT_SECONDS = 5, 1.0, 300.0
# Of the frames that become one part, and of one frame.
PART_BYTES, FRAME_BYTES_MAX = 4 << 20, 256 << 20
ANSWER_BYTES_MAX = 1 << 30
STREAMED = "application/x-streamed-protobuf"
OPERATORS = {"=": 0, "!=": 1, "=~": 2, "!~": 3}
HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Read-Version": "0.1.0",
}


class Cut(Exception):
    """An answer that ended, or was damaged, before its end: it may be asked for again."""


@dataclass(slots=True)
class Frames:
    """The series of some frames: their label fields, and the chunks of each."""

    labels: list[bytes] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    size_bytes: int = 0

    def add(self, message: bytes) -> None:
        """Take a ChunkedReadResponse; a series that goes on is one series."""
        self.size_bytes += len(message)
        for outer in fields(message, 0, len(message)):
            if outer.number != 1:
                continue
            labels, count = [], 0
            for inner in fields(message, outer.first, outer.end):
                if inner.number == 1:
                    labels.append(message[inner.start : inner.end])
                elif inner.number == 2:
                    self._add_chunk(message, inner.first, inner.end)
                    count += 1
            text = b"".join(labels)
            if self.labels and self.labels[-1] == text:
                self.counts[-1] += count
            else:
                self.labels.append(text)
                self.counts.append(count)

    def _add_chunk(self, message: bytes, first: int, end: int) -> None:
        kind, data = 0, b""
        for own in fields(message, first, end):
            if own.number == 3:
                kind = read_varint(message, own.first, own.end)[0]
            elif own.number == 4:
                data = message[own.first : own.end]
        self.kinds.append(kind)
        self.data.append(data)


def until_now(span: Span) -> Span:
    """The span, which ends now if it has no end."""
    return Span(span.start_ms, min(span.end_ms, int(time.time() * 1000)))


class RemoteReadSource:
    """The series of a Prometheus that match, of a span of time."""

    def __init__(
        self,
        url: str,
        matchers: Sequence[tuple[Matcher, ...]],
        span: Span,
        report: Report,
        *,
        headers: Mapping[str, str],
    ) -> None:
        self._url = url
        self._matchers = matchers
        self._span = span
        self._report = report
        self._headers = HEADERS | dict(headers)
        self._decoder = WriteDecoder()

    @property
    def name(self) -> str:
        selectors = " ".join("{" + ",".join(map(str, own)) + "}" for own in self._matchers)
        return f"remote read of {selectors} from {self._url}, from {self._span.start_ms} ms on"

    def parts(self, done: Mapping[str, int]) -> Iterator[Part]:
        start = max(self._span.start_ms, done.get(UNIT, self._span.start_ms))
        while start <= self._span.end_ms:
            stop = min((start // WINDOW_MS + 1) * WINDOW_MS, self._span.end_ms + 1)
            for columns in self._window(Span(start, stop - 1)):
                # The window is not done before its last part is.
                yield Part(UNIT, start, columns)
            yield Part(UNIT, stop, is_last=stop > self._span.end_ms)
            start = stop

    def _window(self, span: Span) -> Iterator[RequestColumns]:
        wait = WAIT_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            try:
                yield from self._read(span)
                return
            except (Cut, OSError, http.client.HTTPException, WriteError) as error:
                if attempt == ATTEMPTS:
                    raise SourceError(
                        f"{self._url}: {ATTEMPTS} attempts to read {span.start_ms} to "
                        f"{span.end_ms} ms failed, the last one by {error!r}"
                    ) from error
            time.sleep(wait)
            wait *= 2

    def _read(self, span: Span) -> Iterator[RequestColumns]:
        body = bytes(snappy.compress(read_request(self._matchers, span)))
        request = urllib.request.Request(self._url, body, self._headers, method="POST")
        try:
            answer = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
        except urllib.error.HTTPError as error:
            text = f"{error.code}: {error.read(500).decode(errors='replace').strip()}"
            if error.code == 429 or error.code >= 500:
                raise Cut(text) from error
            raise SourceError(f"{self._url} answers {text}") from error
        with answer:
            if answer.headers.get_content_type() == STREAMED:
                yield from self._streamed(answer, span)
            else:
                yield from self._sampled(answer.read(ANSWER_BYTES_MAX), span)

    def _streamed(self, answer: IO[bytes], span: Span) -> Iterator[RequestColumns]:
        frames = Frames()
        while (message := read_frame(answer)) is not None:
            frames.add(message)
            if frames.size_bytes >= PART_BYTES:
                yield self._columns(frames, span)
                frames = Frames()
        if frames.size_bytes:
            yield self._columns(frames, span)

    def _columns(self, frames: Frames, span: Span) -> RequestColumns:
        decoded = decode_series(chunks_of(frames.data, frames.kinds), offsets_of(frames.counts))
        for k in np.flatnonzero(decoded.reasons).tolist():
            fault = chunk_kinds.FAULTS[decoded.reasons[k]]
            self._report.lose("chunks", 1, f"of encoding {frames.kinds[k]}: {fault}")
        return RequestColumns(
            np.frombuffer(b"".join(frames.labels) + b"\0", np.uint8),
            offsets_of([len(own) for own in frames.labels]),
            between_times(decoded.samples, span),
        )

    def _sampled(self, answer: bytes, span: Span) -> Iterator[RequestColumns]:
        """A query's result has the form of a remote write request."""
        try:
            message = bytes(snappy.decompress(answer))
        except (ValueError, snappy.UncompressError, cramjam.DecompressionError) as error:
            raise Cut(f"an answer that is not compressed by snappy: {error}") from error
        for result in fields(message, 0, len(message)):
            body = message[result.first : result.end]
            if result.number == 1 and body:
                payload = bytes(snappy.compress(body))
                batch = self._decoder.decode(KIND_REMOTE_WRITE_1_SNAPPY, payload)
                yield columns_of(batch, span)
                batch.release()


def columns_of(batch: Batch, span: Span) -> RequestColumns:
    """The columns of a batch that are to be written again. They do not outlive it."""
    data = batch.buffer
    labels = [data[a:b] for a, b in zip(batch.label_start, batch.label_end, strict=True)]
    samples = Samples(batch.sample_offsets, batch.timestamps, batch.values, natives=batch.natives)
    empty = np.zeros(1, np.uint8)
    return RequestColumns(
        np.concatenate([*labels, empty]),
        offsets_of([len(own) for own in labels]),
        between_times(samples, span),
    )


def read_frame(answer: IO[bytes]) -> bytes | None:
    """The message of the next frame, None at the end. Raises Cut."""
    size = shift = 0
    while True:
        byte = answer.read(1)
        if not byte and not shift:
            return None
        if not byte or shift > 63:
            raise Cut("a frame without an end of its length")
        size |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            break
    if size > FRAME_BYTES_MAX:
        raise Cut(f"a frame of {size} bytes; at most {FRAME_BYTES_MAX} are read")
    data = answer.read(4 + size)
    if len(data) < 4 + size:
        raise Cut(f"a frame of {size} bytes, of which {len(data)} came")
    found = int(checksums(np.frombuffer(data, np.uint8), np.array([4]), np.array([4 + size]))[0])
    if found != int.from_bytes(data[:4], "big"):
        raise Cut("a frame whose checksum is wrong")
    return data[4:]


def read_request(matchers: Sequence[tuple[Matcher, ...]], span: Span) -> bytes:
    """A ReadRequest with a query for each selector, streamed chunks preferred."""
    queries = []
    for own in matchers:
        content = number_field(1, span.start_ms) + number_field(2, span.end_ms)
        for matcher in own:
            texts = message_field(2, matcher.name.encode()) + message_field(
                3, matcher.value.encode()
            )
            content += message_field(3, number_field(1, OPERATORS[matcher.op]) + texts)
        queries.append(message_field(1, content))
    accepted = encode_varint(2 << 3)
    return b"".join(queries) + accepted + b"\x01" + accepted + b"\x00"
