"""Series made of chunks: floats and histograms beside each other, overlaps, damage."""

import numpy as np

from storage.chunks.chunks import (
    AGGREGATES,
    ENCODING,
    FLOAT_HISTOGRAM,
    HISTOGRAM,
    OK,
    TRUNCATED,
    XOR,
    chunks_of,
)
from storage.chunks.series import decode_series
from storage.histograms.columns import NO_HISTOGRAM
from tests.twins.storage.chunks import (
    Layout,
    Point,
    float_bits,
    float_chunk,
    histogram_chunk,
)


def floats(*samples: tuple[int, float]) -> tuple[bytes, int]:
    return float_chunk([(time, float_bits(value)) for time, value in samples]), XOR


def natives(*times: int, kind: int = HISTOGRAM) -> tuple[bytes, int]:
    points = [Point(time, time, 0, float(time), (time,)) for time in times]
    is_float = kind == FLOAT_HISTOGRAM
    return histogram_chunk(Layout(0, 0, [(1, 0)]), points, floats=is_float), kind


def decoded(*series: list[tuple[bytes, int]]) -> tuple[list[list[tuple[int, float]]], list[int]]:
    flat = [chunk for chunks in series for chunk in chunks]
    offsets = np.cumsum([0, *map(len, series)])
    found = decode_series(chunks_of([d for d, _ in flat], [k for _, k in flat]), offsets)
    s = found.samples
    if s.natives is not None:
        # A histogram has its sum as value, and this one's sum is that of its first bucket.
        at = np.flatnonzero(s.natives.rows != NO_HISTOGRAM)
        own = s.natives.histograms.positive.counts[s.natives.rows[at]]
        assert own.tolist() == s.values[at].tolist() == s.timestamps[at].tolist()
    columns = [
        list(zip(s.timestamps[a:b].tolist(), s.values[a:b].tolist(), strict=True))
        for a, b in zip(s.offsets[:-1], s.offsets[1:], strict=True)
    ]
    return columns, found.reasons.tolist()


def test_chunks_of_floats() -> None:
    first = [floats((1, 1.0), (2, 2.0)), floats((3, 3.0))]
    assert decoded(first, [], [floats((1, 7.0))]) == (
        [[(1, 1), (2, 2), (3, 3)], [], [(1, 7)]],
        [OK] * 3,
    )


def test_floats_and_histograms_in_turn() -> None:
    first = [floats((1, 9.0)), natives(2, 3), floats((4, 9.0))]
    assert decoded(first, [natives(2, kind=FLOAT_HISTOGRAM)], [floats((1, 8.0))]) == (
        [[(1, 9), (2, 2), (3, 3), (4, 9)], [(2, 2)], [(1, 8)]],
        [OK] * 5,
    )


def test_of_overlapping_chunks_the_earlier_sample_counts() -> None:
    first = [floats((1, 1.0), (5, 1.0)), floats((1, 2.0), (3, 2.0)), natives(5, 6)]
    assert decoded(first, [floats((0, 3.0))])[0] == [[(1, 1), (3, 2), (5, 1), (6, 6)], [(0, 3)]]


def test_damaged_and_unknown_chunks_have_a_reason() -> None:
    bad = floats((1, 1.0), (2, 2.0))[0][:-1], XOR
    broken = natives(1, 2)[0][:-1], HISTOGRAM
    columns, reasons = decoded([bad, floats((3, 3.0))], [(b"x", AGGREGATES), broken, natives(4)])
    assert columns == [[(3, 3)], [(4, 4)]]
    assert reasons == [TRUNCATED, OK, ENCODING, TRUNCATED, OK]
