"""Written chunks of histograms: as Prometheus writes them, and read again as what they were."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.chunks.chunks import FLOAT_HISTOGRAM, HISTOGRAM, OK, chunks_of
from storage.chunks.histogram_writer import encode_histograms, write_histograms
from storage.chunks.histograms import decode_histograms
from storage.histograms.columns import HINT_GAUGE, HINT_NOT_RESET, HINT_RESET
from storage.histograms.histograms import Parts, columns_of, from_parts, parts_of
from storage.kernels.stale import STALE_NAN

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
    Parts(1, 7, 12.5, 0.001, 1, [(0, 1), (1, 2), (3, 3)]),
    Parts(1, 10, 20.5, 0.001, 2, [(0, 2), (1, 2), (3, 4)]),
    Parts(1, 14, 31, 0.001, 2, [(0, 3), (1, 3), (3, 6)]),
]
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
