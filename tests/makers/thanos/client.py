"""A caller of the StoreAPI by hand: requests as a querier writes them, answers taken apart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import xxhash
from grpc import aio

from tests.makers.bodies.remote_read import OPERATORS, Labels, Matcher, Point, decoded, signed
from tests.makers.bodies.rich import integer
from tests.makers.bodies.v1 import fields_of
from tests.twins.wire.v1 import message

EVER = (-(1 << 63), (1 << 63) - 1)
# Kernels may have to be compiled first, on a busy machine.
PATIENCE_S = 600.0
INT64 = 1 << 64
# What a later version may send: numbers and a message that no one here knows.
UNKNOWN = integer(900, 7) + message(901, b"later")
PARTS = {3: "raw", 4: "count", 5: "sum", 6: "min", 7: "max", 8: "counter"}


@dataclass
class Chunk:
    """One part of a chunk: what it is, the chunk's times, and how its samples are encoded."""

    part: str
    first_ms: int
    last_ms: int
    kind: int
    data: bytes

    @property
    def points(self) -> list[Point]:
        found = decoded(self.data, self.kind + 1)
        assert (found[0][0], found[-1][0]) == (self.first_ms, self.last_ms)
        return found


@dataclass
class Series:
    """One Series of an answer; several of one label set may follow each other."""

    labels: Labels
    chunks: list[Chunk] = field(default_factory=list)

    def points(self, part: str = "raw") -> list[Point]:
        return [point for c in self.chunks if c.part == part for point in c.points]


@dataclass
class Answer:
    """All that came of a Series call; frames: how many series each message had, sizes: its
    bytes."""

    series: list[Series] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    hints: list[bytes] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)

    @property
    def labelsets(self) -> list[dict[str, str]]:
        return [dict(one.labels) for one in self.series]


def series_request(
    matchers: Iterable[Matcher],
    span: tuple[int, int] = EVER,
    *,
    resolution_ms: int = 0,
    aggregates: Sequence[int] = (),
    strict: bool = False,
    skip_chunks: bool = False,
    hints: bool = False,
    shard: tuple[int, int, bool, Sequence[str]] | None = None,
    without: Sequence[str] = (),
    limit: int = 0,
    batch: int = 0,
) -> bytes:
    content = integer(1, span[0] % INT64) + integer(2, span[1] % INT64)
    content += b"".join(message(3, matcher(*one)) for one in matchers)
    content += integer(4, resolution_ms) + message(5, bytes(aggregates)) + integer(7, int(strict))
    content += integer(8, int(skip_chunks)) + message(12, b"")
    if hints:
        content += message(9, message(1, b"hintspb.SeriesRequestHints"))
    if shard is not None:
        index, total, is_by, names = shard
        own = integer(1, index) + integer(2, total) + integer(3, int(is_by))
        content += message(13, own + b"".join(message(4, name.encode()) for name in names))
    content += b"".join(message(14, name.encode()) for name in without)
    return content + integer(15, limit) + integer(16, batch) + UNKNOWN


def names_request(
    matchers: Iterable[Matcher] = (),
    span: tuple[int, int] = EVER,
    *,
    without: Sequence[str] = (),
    limit: int = 0,
    label: str | None = None,
) -> bytes:
    """Of LabelNames, or of LabelValues for a label."""
    later = 0 if label is None else 1
    content = b"" if label is None else message(1, label.encode())
    content += integer(3 + later, span[0] % INT64) + integer(4 + later, span[1] % INT64)
    content += b"".join(message(6 + later, matcher(*one)) for one in matchers)
    content += b"".join(message(7 + later, name.encode()) for name in without)
    return content + integer(8 + later, limit) + UNKNOWN


def read_answer(messages: Iterable[bytes]) -> Answer:
    answer = Answer()
    for content in messages:
        answer.sizes.append(len(content))
        ((number, value),) = fields_of(content)
        if number == 1:
            answer.frames.append(1)
            answer.series.append(read_series(value))
        elif number == 2:
            answer.warnings.append(value.decode())
        elif number == 3:
            answer.hints.append(value)
        else:
            assert number == 4
            batch = [read_series(one) for _, one in fields_of(value)]
            answer.frames.append(len(batch))
            answer.series += batch
    return answer


def read_labels(content: bytes) -> tuple[str, str]:
    own = dict(fields_of(content))
    return own[1].decode(), own.get(2, b"").decode()


def read_series(content: bytes) -> Series:
    labels = tuple(read_labels(value) for number, value in fields_of(content) if number == 1)
    chunks = [
        chunk for number, value in fields_of(content) if number == 2 for chunk in read_chunk(value)
    ]
    return Series(labels, chunks)


def read_chunk(content: bytes) -> list[Chunk]:
    own = list(fields_of(content))
    numbers = dict(own)
    first_ms, last_ms = (signed(numbers.get(number, 0)) for number in (1, 2))
    found = []
    for number, value in own:
        if number in PARTS:
            part = dict(fields_of(value))
            data, digest = part.get(2, b""), part.get(3, 0)
            assert digest == xxhash.xxh64_intdigest(data)
            found.append(Chunk(PARTS[number], first_ms, last_ms, part.get(1, 0), data))
    return found


def matcher(name: str, operator: str, value: str) -> bytes:
    own = integer(1, OPERATORS[operator]) + message(2, name.encode())
    return own + message(3, value.encode())


def read_texts(content: bytes) -> list[str]:
    """The names or values of an answer."""
    return [value.decode() for number, value in fields_of(content) if number == 1]


class StoreClient:
    """Calls of one channel; metadata: what is sent with each, by default the tenant t."""

    def __init__(self, channel: aio.Channel, metadata: Mapping[str, str] | None = None) -> None:
        self.channel = channel
        self.metadata = {"thanos-tenant": "t"} if metadata is None else dict(metadata)

    async def one(self, method: str, body: bytes = b"", timeout: float = PATIENCE_S) -> bytes:
        call = self.channel.unary_unary(f"/{method}")
        answer: bytes = await call(body, metadata=tuple(self.metadata.items()), timeout=timeout)
        return answer

    def open(self, method: str, body: bytes, timeout: float | None = PATIENCE_S) -> Any:
        """A stream of messages, which may be canceled."""
        call = self.channel.unary_stream(f"/{method}")
        return call(body, metadata=tuple(self.metadata.items()), timeout=timeout)

    async def stream(self, method: str, body: bytes = b"") -> list[bytes]:
        return [content async for content in self.open(method, body)]

    async def series(self, matchers: Iterable[Matcher], *more: Any, **asked: Any) -> Answer:
        request = series_request(matchers, *more, **asked)
        return read_answer(await self.stream("thanos.Store/Series", request))

    async def names(self, *asked: Any, **more: Any) -> list[str]:
        method = "LabelValues" if "label" in more else "LabelNames"
        return read_texts(await self.one(f"thanos.Store/{method}", names_request(*asked, **more)))

    async def status(self, method: str, body: bytes) -> tuple[grpc.StatusCode, str]:
        """How a stream ends that fails."""
        call = self.open(method, body)
        try:
            async for _ in call:
                pass
        except aio.AioRpcError as error:
            return error.code(), error.details() or ""
        return grpc.StatusCode.OK, ""


@asynccontextmanager
async def connected(
    port: int, metadata: Mapping[str, str] | None = None, credentials: Any = None
) -> AsyncIterator[StoreClient]:
    options = [("grpc.max_receive_message_length", -1)]
    address = f"localhost:{port}"
    channel = (
        aio.insecure_channel(address, options)
        if credentials is None
        else aio.secure_channel(address, credentials, options)
    )
    async with channel:
        yield StoreClient(channel, metadata)
