"""Histograms to chunks: byte for byte what Prometheus writes, and back again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.chunks.bits import SPARE_BYTES
from storage.chunks.chunks import FLOAT_HISTOGRAM, HISTOGRAM, Chunks
from storage.chunks.encoding import EncodedHistograms, encode_histograms
from storage.chunks.histograms import decode_histograms
from storage.histograms.columns import HINT_GAUGE, HINT_NOT_RESET, HINT_RESET, HINT_UNKNOWN
from storage.histograms.histograms import Parts, from_parts, offsets_of, parts_of
from storage.kernels.stale import STALE_NAN
from tests.storage.chunks.test_histograms import CUSTOM, INTEGERS, REALS, START, THREE, plain
from tests.twins.storage.chunks import Layout, Point, histogram_chunk

compiled = settings(deadline=None)
STALE = Parts(sum=float(STALE_NAN), hint=HINT_NOT_RESET)


def encoded(*series: list[tuple[int, Parts]], rows_max: int = 120) -> EncodedHistograms:
    flat = [each for one in series for each in one]
    offsets = offsets_of([len(one) for one in series])
    times = np.array([time for time, _ in flat], np.int64)
    return encode_histograms(offsets, times, from_parts([p for _, p in flat]), rows_max=rows_max)


def every(step: int, parts: list[Parts]) -> list[tuple[int, Parts]]:
    return [(START + step * k, each) for k, each in enumerate(parts)]


def decoded(e: EncodedHistograms) -> tuple[list[int], list[Parts]]:
    buffer = np.concatenate([e.data, np.zeros(SPARE_BYTES, np.uint8)])
    found = decode_histograms(Chunks(buffer, e.places[:-1], e.places[1:], e.encodings))
    assert not found.reasons.any()
    assert found.offsets.tolist() == e.bounds.tolist()
    rows = [parts_of(found.histograms, row) for row in range(len(found.histograms))]
    return found.timestamps.tolist(), plain(rows)


def test_chunks_of_prometheus() -> None:
    custom = Parts(
        -53, 6, 3.25, 0, 0, [(0, 1), (1, 2), (2, 1), (5, 2)], (), [0.005, 0.25, 1, 2.5, 1 / 3]
    )
    found = encoded(every(15_000, THREE), [(START, custom)])
    assert found.data.tobytes() == INTEGERS + CUSTOM
    assert found.encodings.tolist() == [HISTOGRAM] * 2
    assert (found.bounds.tolist(), found.series.tolist()) == ([0, 3, 4], [0, 1, 2])


def test_fractions_make_a_chunk_of_floats() -> None:
    """The same numbers as integers, but for one that is only there to make floats of them."""
    first = replace(THREE[0], zero_count=0.5)
    found = encoded(every(15_000, [first, *THREE[1:]]))
    assert found.encodings.tolist() == [FLOAT_HISTOGRAM]
    assert len(found.data) == pytest.approx(len(REALS), abs=8)
    points = [
        Point(START, 7, 0.5, 12.5, (1, 2, 3)),
        Point(START + 15_000, 10, 2, 20.5, (2, 2, 4)),
        Point(START + 30_000, 14, 2, 31, (3, 3, 6)),
    ]
    layout = Layout(1, 0.001, [(2, 0), (1, 1)])
    assert found.data.tobytes() == histogram_chunk(layout, points, floats=True)


A = Parts(0, 3, 1, 0, 0, [(1, 3)], hint=HINT_NOT_RESET)


@pytest.mark.parametrize(
    ("rows", "bounds"),
    [
        ([A, A, A], [0, 3]),
        ([A, replace(A, hint=HINT_RESET), A], [0, 1, 3]),
        ([A, replace(A, hint=HINT_UNKNOWN), A], [0, 1, 3]),
        ([A, replace(A, hint=HINT_GAUGE), replace(A, hint=HINT_GAUGE), A], [0, 1, 3, 4]),
        ([A, replace(A, schema=1)], [0, 1, 2]),
        ([A, replace(A, zero_threshold=0.5)], [0, 1, 2]),
        ([replace(A, schema=-53, bounds=[b]) for b in (1.0, 1.0, 2.0)], [0, 2, 3]),
        ([A, STALE, STALE, A], [0, 3, 4]),
        ([STALE, A], [0, 1, 2]),
        ([A, replace(A, positive=[(1, 1), (7, 2)]), replace(A, negative=[(2, 3)])], [0, 3]),
        ([], [0]),
    ],
)
def test_where_chunks_end(rows: list[Parts], bounds: list[int]) -> None:
    found = encoded(every(1000, rows))
    assert found.bounds.tolist() == bounds
    times, back = decoded(found)
    assert times == [START + 1000 * k for k in range(len(rows))]
    assert str(back) == str(plain([floated(row) for row in rows]))


def floated(part: Parts) -> Parts:
    """With the types of columns."""

    def pairs(buckets: object) -> list[tuple[int, float]]:
        return [(int(i), float(c)) for i, c in buckets]  # type: ignore[attr-defined]

    return Parts(
        part.schema, float(part.count), float(part.sum), float(part.zero_threshold),
        float(part.zero_count), pairs(part.positive), pairs(part.negative),
        [float(b) for b in part.bounds], part.hint,
    )  # fmt: skip


def test_chunks_are_full_at_some_time() -> None:
    found = encoded(every(1000, [A] * 250), every(1000, [A] * 5))
    assert found.bounds.tolist() == [0, 120, 240, 250, 255]
    assert found.series.tolist() == [0, 3, 4]
    assert len(decoded(found)[0]) == 255


COUNTS = st.one_of(st.integers(0, 5), st.integers(0, 1 << 53), st.floats(0, 1e18))
BUCKETS = st.dictionaries(st.integers(-300, 300), COUNTS, max_size=4)
HINTS = st.sampled_from([HINT_NOT_RESET, HINT_NOT_RESET, HINT_RESET, HINT_UNKNOWN, HINT_GAUGE])


@st.composite
def histograms(draw: st.DrawFn) -> Parts:
    hint = draw(HINTS)
    if draw(st.integers(0, 5)) == 0:
        return replace(STALE, hint=hint)
    buckets = draw(BUCKETS)
    schema = draw(st.sampled_from([-53, 0, 8]))
    custom = schema == -53
    bounds = draw(st.lists(st.sampled_from([-2.5, 0.005, 1 / 3, 1e9]), unique=True))
    return Parts(
        schema, float(draw(COUNTS)), draw(st.floats(allow_nan=False)),
        0.0 if custom else draw(st.sampled_from([0.0, 0.5, 1e-100, 2.0**-128, 2.0**12])),
        0.0 if custom else float(draw(COUNTS)),
        [(abs(i) if custom else i, c) for i, c in buckets.items() if not custom or i >= 0],
        [] if custom else list(draw(BUCKETS).items()),
        sorted(bounds) if custom else [], hint,
    )  # fmt: skip


@compiled
@given(st.lists(st.lists(histograms(), max_size=6), max_size=3), st.sampled_from([2, 120]))
def test_what_is_written_is_read(series: list[list[Parts]], rows_max: int) -> None:
    found = encoded(*(every(15_000, rows) for rows in series), rows_max=rows_max)
    times, back = decoded(found)
    flat = [row for rows in series for row in rows]
    assert times == [START + 15_000 * k for rows in series for k in range(len(rows))]
    firsts = set(found.bounds.tolist())
    expected = from_parts(flat)
    for k, row in enumerate(back):
        wanted = parts_of(expected, k)
        if flat[k].sum != flat[k].sum:
            # A stale marker has a sum, and what its place in a chunk says.
            assert str(replace(row, hint=0)) == str(plain([replace(floated(STALE), hint=0)])[0])
            continue
        assert str(row) == str(plain([wanted])[0]), (k in firsts, found.encodings)
