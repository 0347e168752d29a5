"""Chunks of native histograms, against a plain twin and against what Prometheus writes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.chunks.chunks import (
    FLOAT_HISTOGRAM,
    HISTOGRAM,
    LAYOUT,
    OK,
    TIME_ORDER,
    TRUNCATED,
    chunks_of,
)
from storage.chunks.histograms import DecodedHistograms, decode_histograms
from storage.histograms.columns import (
    HINT_GAUGE,
    HINT_NOT_RESET,
    HINT_RESET,
    HINT_UNKNOWN,
)
from storage.histograms.histograms import Parts, parts_of
from tests.twins.storage.chunks import STALE, Layout, Point, histogram_chunk, indexes

START = 1_600_000_000_000
# Made by Prometheus 3.14.
INTEGERS = bytes.fromhex(
    "000300ff3f50624dd2f1a9fc8ca48c5fc0002e90edd000178a0148000000000004631f83a989c758ddc6f146f2e880"
)
REALS = bytes.fromhex(
    "000300ff3f50624dd2f1a9fc8ca48c5fc0002e90edd000080380000000000007fe000000000000080520000000000007"
    "fe000000000000080000000000000008010000000000001f07531a83f84bfffac6ef097ffdac2d14bec07b01c8"
)
CUSTOM = bytes.fromhex(
    "00010000ee5ca68c95b73efc7d3e9c51feaaaaaaaaaaaaaff0000ba43b7400058801400000000000118de2"
)
THREE = [
    Parts(1, 7, 12.5, 0.001, 1, [(0, 1), (1, 2), (3, 3)], hint=HINT_UNKNOWN),
    Parts(1, 10, 20.5, 0.001, 2, [(0, 2), (1, 2), (3, 4)], hint=HINT_NOT_RESET),
    Parts(1, 14, 31, 0.001, 2, [(0, 3), (1, 3), (3, 6)], hint=HINT_NOT_RESET),
]
compiled = settings(deadline=None)


def decoded(*chunks: tuple[bytes, int]) -> DecodedHistograms:
    return decode_histograms(chunks_of([data for data, _ in chunks], [kind for _, kind in chunks]))


def parts(found: DecodedHistograms) -> list[Parts]:
    return plain([parts_of(found.histograms, row) for row in range(len(found.histograms))])


def plain(found: Sequence[Parts]) -> list[Parts]:
    """With tuples, whatever they were made of, to be compared."""
    columns = ("positive", "negative", "bounds")
    return [replace(p, **{name: tuple(getattr(p, name)) for name in columns}) for p in found]


def test_chunks_of_prometheus() -> None:
    found = decoded((INTEGERS, HISTOGRAM), (REALS, FLOAT_HISTOGRAM), (CUSTOM, HISTOGRAM))
    assert found.offsets.tolist() == [0, 3, 6, 7]
    assert (found.timestamps - START).tolist() == [0, 15_000, 30_000] * 2 + [0]
    custom = Parts(
        -53, 6, 3.25, 0, 0, [(0, 1), (1, 2), (2, 1), (5, 2)], (), [0.005, 0.25, 1, 2.5, 1 / 3]
    )
    assert parts(found) == plain([*THREE, *THREE, custom])


SPANS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=3)
COUNTS = st.one_of(st.integers(0, 3), st.integers(0, 1 << 50))


@st.composite
def chunk(draw: st.DrawFn, *, floats: bool) -> tuple[Layout, list[Point]]:
    schema = draw(st.sampled_from([-4, 0, 3, 8, -53]))
    custom = schema == -53
    positive = draw(SPANS)
    negative = [] if custom else draw(SPANS)
    if positive and not custom:
        positive[0] = (positive[0][0], draw(st.integers(-300, 300)))
    bounds = draw(st.lists(st.sampled_from([-1, 0, 0.005, 0.25, 1 / 3, 33_554, 1e9]), unique=True))
    threshold = draw(st.sampled_from([0, 2.0**-128, 0.5, 1e-100, 0.001]))
    layout = Layout(
        schema,
        0 if custom else threshold,
        positive,
        negative,
        sorted(bounds) if custom else (),
        draw(st.integers(0, 3)),
    )
    numbers = st.floats(0, 1e18) if floats else COUNTS
    times = np.cumsum([draw(st.integers(-(1 << 40), 1 << 40)), *draw(st.lists(GAPS, max_size=4))])
    sizes = [len(indexes(spans)) for spans in (positive, negative)]
    points = [
        Point(
            time,
            draw(numbers),
            draw(numbers),
            draw(st.floats(allow_nan=False)),
            *(draw(st.lists(numbers, min_size=n, max_size=n)) for n in sizes),
        )
        for time in times.tolist()
    ]
    for k in range(draw(st.integers(1, len(points))), len(points)):
        points[k] = Point(points[k].time, 0, 0, 0, stale=True)
    return layout, points


GAPS = st.one_of(st.just(15_000), st.integers(1, 1 << 40))
HINTS = [HINT_UNKNOWN, HINT_NOT_RESET, HINT_RESET, HINT_GAUGE]


def expected(layout: Layout, points: Sequence[Point]) -> list[Parts]:
    """What the columns are to say; the sums are compared by their bits elsewhere."""
    first, later = HINTS[layout.flags], HINT_NOT_RESET
    hints = [first] + [first if first == HINT_GAUGE else later] * len(points)
    return [
        Parts(hint=hint)
        if point.stale
        else Parts(
            layout.schema,
            point.count,
            0,
            layout.threshold,
            point.zero,
            pairs(layout.positive, point.positive),
            pairs(layout.negative, point.negative),
            list(layout.bounds),
            hint,
        )
        for point, hint in zip(points, hints, strict=False)
    ]


def pairs(spans: Sequence[tuple[int, int]], counts: Sequence[float]) -> list[tuple[int, float]]:
    return [(i, float(c)) for i, c in zip(indexes(spans), counts, strict=True) if c != 0]


@compiled
@given(st.lists(chunk(floats=False), max_size=2), st.lists(chunk(floats=True), max_size=2))
def test_what_the_twin_writes_is_read(
    integers: list[tuple[Layout, list[Point]]], reals: list[tuple[Layout, list[Point]]]
) -> None:
    data = [(histogram_chunk(*each, floats=False), HISTOGRAM) for each in integers]
    data += [(histogram_chunk(*each, floats=True), FLOAT_HISTOGRAM) for each in reals]
    found = decoded(*data)
    assert not found.reasons.any()
    points = [point for _, several in [*integers, *reals] for point in several]
    assert found.timestamps.tolist() == [point.time for point in points]
    sums = found.histograms.sums.view(np.uint64)
    assert sums.tolist() == [point.sum_bits for point in points]
    sums[:] = 0
    wanted = [part for each in [*integers, *reals] for part in expected(*each)]
    assert parts(found) == plain(wanted)


SMALL = Layout(0, 0, [(2, 0)])
TWO = [Point(5, 3, 0, 1, (1, 2)), Point(7, 4, 0, 1, (2, 2))]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", TRUNCATED),
        (b"\0\0", TRUNCATED),
        (b"\0\0" + INTEGERS[2:], OK),
        (b"\x01\0" + INTEGERS[2:], TRUNCATED),
        (INTEGERS[:-1], TRUNCATED),
        (histogram_chunk(SMALL, TWO[::-1], floats=False), TIME_ORDER),
        (histogram_chunk(SMALL, [TWO[0], TWO[0]], floats=False), TIME_ORDER),
        (histogram_chunk(Layout(9, 0, [(2, 0)]), TWO, floats=False), LAYOUT),
        (histogram_chunk(Layout(-5, 0, [(2, 0)]), TWO, floats=False), LAYOUT),
        (histogram_chunk(Layout(0, 0, [(1, 4), (1, -2)]), TWO, floats=False), LAYOUT),
        (histogram_chunk(Layout(0, 0, [(2, 1 << 31)]), TWO, floats=False), LAYOUT),
        (histogram_chunk(Layout(0, 0, [(1 << 30, 0)]), TWO, floats=False), LAYOUT),
        (histogram_chunk(Layout(0, 0, [(9000, 0), (9000, 0)]), TWO, floats=False), LAYOUT),
    ],
)
def test_a_damaged_chunk_costs_no_other(data: bytes, reason: int) -> None:
    found = decoded((INTEGERS, HISTOGRAM), (data, HISTOGRAM), (INTEGERS, HISTOGRAM))
    assert found.reasons.tolist() == [OK, reason, OK]
    assert found.offsets.tolist() == [0, 3, 3, 6]
    assert parts(found) == plain([*THREE, *THREE])


@compiled
@given(st.sampled_from([INTEGERS, REALS, CUSTOM]), st.integers(0, 200), st.integers(0, 255))
def test_any_bytes_end_in_histograms_or_a_reason(good: bytes, place: int, byte: int) -> None:
    mangled = bytearray(good)
    mangled[place % len(good)] = byte
    cut = bytes(mangled[: place + 1])
    for kind in (HISTOGRAM, FLOAT_HISTOGRAM):
        found = decoded((bytes(mangled), kind), (cut, kind), (INTEGERS, HISTOGRAM))
        counts = np.diff(found.offsets)
        assert not counts[found.reasons != OK].any()
        assert (found.reasons[2], counts[2]) == (OK, 3)
        assert parts(found)[-3:] == plain(THREE)


def test_stale_bits_are_those_of_a_marker() -> None:
    points = [TWO[0], Point(9, 0, 0, 0, stale=True)]
    found = decoded((histogram_chunk(SMALL, points, floats=False), HISTOGRAM))
    assert found.histograms.sums.view(np.uint64)[1] == STALE
