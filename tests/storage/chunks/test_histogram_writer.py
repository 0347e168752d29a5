"""Written chunks of histograms: as Prometheus writes them, and read again as what they were."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.chunks.chunks import FLOAT_HISTOGRAM, HISTOGRAM, OK, chunks_of
from storage.chunks.histogram_writer import encode_histograms, write_histograms
from storage.chunks.histograms import decode_histograms
from storage.histograms.columns import HINT_GAUGE, HINT_NOT_RESET, HINT_RESET
from storage.histograms.histograms import Parts, columns_of, from_parts, parts_of
from storage.kernels.stale import STALE_NAN
from tests.storage.chunks.test_histograms import CUSTOM, INTEGERS, REALS, START, THREE
from tests.twins.storage.chunks import Layout, Point, histogram_chunk

# Buckets 0 to 2 and 5, of deltas 1, 1, -1, 1.
BOUNDED = Parts(
    -53, 6, 3.25, 0, 0, [(0, 1), (1, 2), (2, 1), (5, 2)], (), (0.005, 0.25, 1, 2.5, 1 / 3)
)


def times(count: int) -> np.ndarray:
    return START + 15_000 * np.arange(count)


def chunk(parts: list[Parts]) -> tuple[bytes, bool]:
    offsets, rows = np.array([0, len(parts)]), np.arange(len(parts))
    out, bounds, whole = encode_histograms(offsets, times(len(parts)), from_parts(parts), rows)
    assert bounds.tolist() == [0, len(out)]
    return out.tobytes(), bool(whole[0])


def read_back(data: bytes, *, is_whole: bool) -> list[Parts]:
    found = decode_histograms(chunks_of([data], [HISTOGRAM if is_whole else FLOAT_HISTOGRAM]))
    assert found.reasons.tolist() == [OK]
    assert found.timestamps.tolist() == times(len(found.timestamps)).tolist()
    return [parts_of(found.histograms, row) for row in range(len(found.histograms))]


def plain(parts: list[Parts]) -> list[Parts]:
    """As they are compared: buckets as lists without zeros, hints left out."""

    def kept(buckets: object) -> list[tuple[int, float]]:
        return sorted((i, c) for i, c in buckets if c)  # type: ignore[attr-defined]

    return [
        replace(
            p, positive=kept(p.positive), negative=kept(p.negative), bounds=list(p.bounds), hint=0
        )
        for p in parts
    ]


def test_integers_are_written_as_by_prometheus() -> None:
    assert chunk(THREE) == (INTEGERS, True)
    assert chunk([BOUNDED]) == (CUSTOM, True)


def test_floats_are_written_as_by_prometheus() -> None:
    out, bounds = np.zeros(1000, np.uint8), np.zeros(2, np.int64)
    none, flags = np.zeros(1, np.bool_), np.zeros(1, np.uint64)
    offsets, rows = np.array([0, 3]), np.arange(3)
    c = columns_of(from_parts(THREE))
    write_histograms(offsets, rows, times(3), none, flags, c, out, bounds)
    assert out[: bounds[1]].tobytes() == REALS


def test_fractions_make_a_chunk_of_floats() -> None:
    points = [
        Point(START, 7, 0.5, 12.5, (1, 2, 3)),
        Point(START + 15_000, 10, 2, 20.5, (2, 2, 4)),
        Point(START + 30_000, 14, 2, 31, (3, 3, 6)),
    ]
    layout = Layout(1, 0.001, [(2, 0), (1, 1)])
    first = replace(THREE[0], zero_count=0.5)
    assert chunk([first, *THREE[1:]]) == (histogram_chunk(layout, points, floats=True), False)


@pytest.mark.parametrize("floats", [False, True])
def test_stale_markers_follow(floats: bool) -> None:
    """Behind a histogram they state no counts, even if they have fractions of their own."""
    zero = 0.5 if floats else 1
    points = [
        Point(START, 7, zero, 12.5, (1, 2, 3)),
        Point(START + 15_000, 0, 0, 0, stale=True),
        Point(START + 30_000, 0, 0, 0, stale=True),
    ]
    stale = Parts(1, 8.5, STALE_NAN, 0.001, 2.5, [(0, 0.5)])
    written = chunk([replace(THREE[0], zero_count=zero), stale, stale])
    layout = Layout(1, 0.001, [(2, 0), (1, 1)])
    assert written == (histogram_chunk(layout, points, floats=floats), not floats)


def test_hints_are_kept() -> None:
    for hint in (HINT_RESET, HINT_GAUGE, HINT_NOT_RESET):
        data, whole = chunk([replace(part, hint=hint) for part in THREE])
        later = HINT_GAUGE if hint == HINT_GAUGE else HINT_NOT_RESET
        assert [p.hint for p in read_back(data, is_whole=whole)] == [hint, later, later]


def test_stale_markers_have_nothing_else() -> None:
    stale = Parts(3, 5, STALE_NAN, 0.5, 2, [(1, 3)])
    data, whole = chunk([stale, stale])
    assert len(data) < 40
    (first, second) = read_back(data, is_whole=whole)
    bits = [np.float64(p.sum).view(np.uint64) for p in (first, second)]
    assert bits == [np.float64(STALE_NAN).view(np.uint64)] * 2
    assert (first.count, first.zero_count, list(first.positive)) == (0, 0, [])


counts = st.one_of(
    st.integers(0, 1 << 53).map(float), st.floats(0, 1e300), st.sampled_from([0.5, 1.0, 2.0])
)
buckets = st.dictionaries(st.integers(-40, 40), counts, max_size=12).map(
    lambda found: sorted(found.items())
)
thresholds = st.sampled_from([0.0, 2.0**-128, 0.001, 1.0, 1e-300, 5e-324, 2.0**11])


@settings(deadline=None, max_examples=200)
@given(st.data(), st.integers(-4, 8), thresholds, st.integers(1, 6))
def test_what_is_written_is_read(
    data: st.DataObject, schema: int, threshold: float, n: int
) -> None:
    finite = st.floats(allow_nan=False)
    parts = [
        Parts(
            schema,
            data.draw(counts),
            data.draw(finite),
            threshold,
            data.draw(counts),
            data.draw(buckets),
            data.draw(buckets),
        )
        for _ in range(n)
    ]
    written, whole = chunk(parts)
    assert plain(read_back(written, is_whole=whole)) == plain(parts)


@settings(deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=9, unique=True).map(sorted))
def test_any_custom_bounds(bounds: list[float]) -> None:
    part = Parts(-53, 3, 1.0, 0, 0, [(0, 1), (len(bounds), 2)], (), bounds)
    written, whole = chunk([part, part])
    assert plain(read_back(written, is_whole=whole)) == plain([part, part])
