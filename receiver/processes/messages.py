"""What processes say to each other about writes, on a socket: a length and so many bytes.

    Handed     acceptor to owner   the columns of a request in an arena, or its body
    Answered   owner to acceptor   what became of it; the arena is the acceptor's again

The first that an acceptor sends are the descriptors of its arenas.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np

from receiver.errors import RateLimited, WriteError
from receiver.processes.arenas import PAYLOAD, Views, arena_of
from storage.batch import Batch, Outcome, SymbolSpans
from storage.errors import StorageError

MESSAGE_BYTES_MAX = 1 << 30
_LENGTH = struct.Struct("<I")


class Columns(msgspec.Struct, array_like=True, frozen=True):
    """A request in an arena, and how much of each column is its own. symbols: -1 for none."""

    arena: int
    payload: int
    body: int
    series: int
    samples: int
    symbols: int
    has_starts: bool
    has_reasons: bool


class Handed(msgspec.Struct, array_like=True, frozen=True):
    """A write for the process that has its tenant. columns: None where the body comes with it;
    points: as in Batch, as bytes."""

    number: int
    tenant: str
    arrival_ms: int
    kind: int
    columns: Columns | None = None
    payload: bytes = b""
    points: bytes | None = None


class Failed(msgspec.Struct, array_like=True, frozen=True):
    """Why nothing was kept: the error's class, its text, and what a rate says beside it."""

    kind: str
    text: str
    status: int = 0
    retry_after_s: float = 0.0


class Answered(msgspec.Struct, array_like=True, frozen=True):
    """What became of a write."""

    number: int
    outcome: Outcome | None = None
    failed: Failed | None = None


ENCODER = msgspec.msgpack.Encoder()
HANDED = msgspec.msgpack.Decoder(Handed)
ANSWERED = msgspec.msgpack.Decoder(Answered)


def framed(message: Handed | Answered) -> bytes:
    content = ENCODER.encode(message)
    return _LENGTH.pack(len(content)) + content


class Unframed:
    """Takes what comes from a socket apart into messages."""

    def __init__(self) -> None:
        self._unread = bytearray()

    def feed(self, content: bytes) -> Iterator[bytes]:
        """The messages that are complete. Raises ValueError if one is too long."""
        unread = self._unread
        unread += content
        while len(unread) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(unread)
            if size > MESSAGE_BYTES_MAX:
                raise ValueError(f"a message of {size} bytes; allowed are {MESSAGE_BYTES_MAX}")
            end = _LENGTH.size + size
            if len(unread) < end:
                return
            message = bytes(unread[_LENGTH.size : end])
            del unread[:end]
            yield message


def handed(number: int, tenant: str, batch: Batch, arrival_ms: int) -> Handed:
    """The message that hands a batch over; by its columns, if they lie in an arena and are all
    that there is."""
    points = None if batch.points is None else batch.points.tobytes()
    arena = arena_of(batch) if is_plain(batch) else None
    if arena is None or not arena.put(batch.payload):
        return Handed(number, tenant, arrival_ms, batch.kind, payload=batch.payload, points=points)
    columns = Columns(
        arena.number,
        len(batch.payload),
        len(batch.buffer),
        batch.series_count,
        batch.sample_count,
        -1 if batch.symbols is None else len(batch.symbols.starts),
        batch.starts is not None,
        batch.series_reasons is not None,
    )
    return Handed(number, tenant, arrival_ms, batch.kind, columns, points=points)


def is_plain(batch: Batch) -> bool:
    """Whether a batch is nothing but floats and their labels."""
    return batch.natives is None and batch.exemplars is None and batch.metadata is None


def batch_of(message: Handed, arenas: list[Views], decode: Callable[[int, bytes], Batch]) -> Batch:
    """The batch that was handed over. Raises ValueError, as `decode` does."""
    columns = message.columns
    if columns is None:
        batch = decode(message.kind, message.payload)
    else:
        batch = shared_batch(message.kind, columns, arenas[columns.arena])
    if message.points is not None:
        batch.points = np.frombuffer(message.points, np.int64)
    return batch


def shared_batch(kind: int, columns: Columns, views: Views) -> Batch:
    """A batch of views of an arena."""
    series, samples, symbols = columns.series, columns.samples, columns.symbols
    batch = Batch(
        buffer=views["body"][: columns.body],
        label_start=views["label_start"][:series],
        label_end=views["label_end"][:series],
        hash_low=views["hash_low"][:series],
        hash_high=views["hash_high"][:series],
        sample_offsets=views["sample_offsets"][: series + 1],
        timestamps=views["timestamps"][:samples],
        values=views["value_bits"][:samples].view(np.float64),
        kind=kind,
        payload=views[PAYLOAD][: columns.payload].tobytes(),
    )
    if symbols >= 0:
        batch.symbols = SymbolSpans(
            views["symbol_start"][:symbols], views["symbol_length"][:symbols]
        )
    if columns.has_starts:
        batch.starts = views["starts"][:samples]
    if columns.has_reasons:
        batch.series_reasons = views["series_reasons"][:series]
    return batch


def failed(error: WriteError | StorageError) -> Failed:
    """An error for the process that has to answer with it."""
    if isinstance(error, RateLimited):
        return Failed("RateLimited", str(error), error.status, error.retry_after_s)
    return Failed(type(error).__name__, str(error))


def error_of(message: Failed) -> WriteError | StorageError:
    """The error that another process has met."""
    if message.kind == "RateLimited":
        return RateLimited(message.text, status=message.status, retry_after_s=message.retry_after_s)
    kinds = {kind.__name__: kind for kind in (*under(WriteError), *under(StorageError))}
    error: WriteError | StorageError = kinds.get(message.kind, StorageError)(message.text)
    return error


def under(base: type[Exception]) -> Iterator[type[Any]]:
    """A class and all below it."""
    yield base
    for kind in base.__subclasses__():
        yield from under(kind)
