"""Mutated bodies through decoding, registration and the head: clean errors only, and bounded work.

A short run of what the fuzzers do at length: every mutation of a good body is either refused by
name or taken, and nothing else ever comes out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from receiver.errors import CorruptBody, TooLarge
from receiver.wire.columns import DecodeLimits
from receiver.wire.decoder import WriteDecoder
from receiver.wire.histogram_columns import HistogramLimits
from storage.batch import KIND_REMOTE_WRITE_1_SNAPPY, KIND_REMOTE_WRITE_2_SNAPPY
from storage.errors import CorruptBatch
from storage.head.head import Head
from storage.options import StorageOptions
from storage.refusals.samples import histogram_rejects, series_rejects
from storage.series.table import SeriesTable
from tests.makers.bodies.rich import (
    WireHistogram,
    WireSeries,
    body_v1,
    body_v2,
    compress,
    metadata_v1,
)
from tests.twins.wire.v1 import encode_varint, message, tag

OPTIONS = replace(
    StorageOptions(),
    series_max=5_000,
    symbol_bytes_max=1 << 20,
    head_samples_max=50_000,
    retention_ms=0,
)
LIMITS = DecodeLimits(1 << 20, 1_000, 1_000, HistogramLimits(100, 1_000))
DECODER = WriteDecoder(LIMITS)
FIRST, SECOND = KIND_REMOTE_WRITE_1_SNAPPY, KIND_REMOTE_WRITE_2_SNAPPY
MUTATIONS = 1_500

HISTOGRAM = WireHistogram(
    timestamp=9,
    count=7,
    zero_count=1,
    negative_spans=[(0, 2)],
    negative=[1, 1],
    positive_spans=[(-1, 1), (2, 1)],
    positive=[2, -1],
)
SERIES = [
    WireSeries(
        {"__name__": "a", "job": "x" * 130},
        [(1, 2.0, 1), (3, 4.0)],
        [HISTOGRAM, replace(HISTOGRAM, schema=-53, custom_values=[1.0, 2.0])],
        [({"trace_id": "abc"}, 1.0, 2)],
        (1, "help", "unit"),
        created=5,
    ),
    WireSeries({"__name__": "b"}, [(1, 1.0)]),
]
BODIES = {FIRST: body_v1(SERIES, [metadata_v1("a", 1, "help", "unit")]), SECOND: body_v2(SERIES)}


def flip(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def overwrite(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, 0x0A, 0x12, 0x22, 0x2A])


def insert(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = encode_varint(rng.choice([0, 1 << 31, (1 << 32) - 1, 1 << 63, (1 << 64) - 1]))


def remove(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.randrange(1, 9)]


def repeat(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    data[at:at] = data[at : at + rng.randrange(1, 40)] * rng.randrange(1, 4)


CHANGES: list[Callable[[bytearray, random.Random], None]] = [
    flip,
    overwrite,
    insert,
    remove,
    repeat,
]


def mutations(data: bytes) -> Iterator[bytes]:
    rng = random.Random(7)
    for _ in range(MUTATIONS):
        mutated = bytearray(data)
        for _ in range(rng.randrange(1, 4)):
            rng.choice(CHANGES)(mutated, rng)
            mutated = mutated or bytearray(1)
        yield bytes(mutated)


def take(kind: int, data: bytes, table: SeriesTable, head: Head) -> str:
    """What becomes of a body: the kind of error, or "taken"."""
    try:
        batch = DECODER.decode(kind, compress(data))
    except (CorruptBody, TooLarge) as error:
        return type(error).__name__
    try:
        refs = table.resolve(batch, 1)
    except CorruptBatch as error:
        return type(error).__name__
    finally:
        batch.release()
    head.append(refs, batch, -(1 << 62), 1 << 62)
    rejects = [*series_rejects(batch, refs, OPTIONS), *histogram_rejects(batch, refs)]
    assert sum(reject.count for reject in rejects) <= batch.sample_count
    return "taken"


@pytest.mark.parametrize("kind", [FIRST, SECOND])
def test_mutated_bodies_are_taken_or_refused_by_name(kind: int) -> None:
    table = SeriesTable(OPTIONS)
    head = Head(OPTIONS, table, 0)
    assert take(kind, BODIES[kind], table, head) == "taken"
    results = {take(kind, data, table, head) for data in mutations(BODIES[kind])}
    assert {"taken", "CorruptBody"} <= results <= {"taken", "CorruptBody", "CorruptBatch"}
    assert DECODER.kept_bytes < 8 << 20
    # What the mutations left behind does not spoil what comes after.
    again = DECODER.decode(kind, compress(BODIES[kind]))
    assert table.resolve(again, 1).tolist() == [0, 1]
    again.release()


HUGE = encode_varint((1 << 64) - 1)
LONG_SPAN = message(11, tag(1, 0) + b"\x00" + tag(2, 0) + encode_varint((1 << 32) - 1))
BOMBS = {
    "a label of 2^31 bytes": (FIRST, message(1, b"\x0a" + encode_varint(1 << 31))),
    "a sample of 2^64 bytes": (FIRST, message(1, b"\x12" + HUGE)),
    "spans of 2^32 buckets": (FIRST, message(1, message(4, LONG_SPAN * 50 + tag(1, 0) + b"\x00"))),
    "too many spans": (FIRST, message(1, message(4, message(11, b"") * 50_000))),
    "10^5 labels": (FIRST, message(1, message(1, message(1, b"a")) * 100_000)),
    "a label of 1 MB": (FIRST, message(1, message(1, message(1, b"a" * 900_000)))),
    "symbols of 2^31 bytes": (SECOND, b"\x22" + encode_varint(1 << 31)),
    "references beyond all": (SECOND, message(5, message(1, HUGE * 1_000))),
    "10^5 references": (SECOND, message(4, b"") + message(5, message(1, b"\x00" * 100_000))),
    "a text named often": (
        SECOND,
        message(4, b"a" * 500_000) + message(5, message(1, b"\x00" * 200)) * 900,
    ),
    "an exemplar of a text named often": (
        SECOND,
        message(4, b"a" * 500_000) + message(5, message(4, message(1, b"\x00" * 100_000))),
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_and_take_no_memory(name: str) -> None:
    kind, data = BOMBS[name]
    table = SeriesTable(OPTIONS)
    head = Head(OPTIONS, table, 0)
    take(kind, data, table, head)
    assert len(table) == 0
    assert (len(table.symbols), head.sample_count) == (1, 0)
    assert DECODER.kept_bytes < 16 << 20


def test_too_many_of_anything_is_too_large() -> None:
    for kind, data in (
        (FIRST, message(1, b"") * 1_001),
        (FIRST, message(1, message(2, b"") * 1_001)),
        (FIRST, message(1, message(4, b"") * 1_001)),
        (SECOND, message(5, b"") * 1_001),
        (SECOND, message(5, message(2, b"") * 1_001)),
        (SECOND, message(4, b"") * 1_001),
    ):
        with pytest.raises(TooLarge, match=r"allowed are 1000"):
            DECODER.decode(kind, compress(data))


def test_a_snappy_body_that_declares_gigabytes_is_refused_unread() -> None:
    for kind in (FIRST, SECOND):
        with pytest.raises(TooLarge, match="write.max-decoded-bytes"):
            DECODER.decode(kind, encode_varint((1 << 32) - 1) + b"\x00")
    assert DECODER.kept_bytes < 16 << 20
