"""Downsampled chunks of stores: which pieces belong together, and what is damaged."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from receiver.stores.errors import LyingStore
from receiver.stores.storeapi.aggregates import samples_of_pieces
from receiver.stores.storeapi.frames import PIECE_WORDS
from receiver.stores.windows import COUNT, COUNTER, MAX, MIN, SUM, Windows
from storage.chunks.bits import SPARE_BYTES
from storage.chunks.chunks import LAYOUT, OK, TRUNCATED
from storage.samples.hint import Purpose
from storage.samples.samples import Samples
from tests.makers.buckets.windows import data_of, native_data

M5 = 300_000
FLOATS, HISTOGRAMS = 0, 2
Points = list[tuple[int, float]]
# Of a chunk: its series, and the data and the encoding of what it has, by kind.
Chunk = tuple[int, dict[int, Points]]


def made(chunks: list[Chunk], purpose: Purpose, *, cut: int = 0) -> tuple[Samples, int, int]:
    """The samples, and of damaged chunks how many and why; cut: bytes that the last lacks."""
    data, pieces = b"", []
    for series, parts in chunks:
        times = [t for points in parts.values() for t, _ in points]
        for kind, points in parts.items():
            own = data_of(points)
            pieces.append((series, kind, min(times), max(times), 0, len(data), len(data + own)))
            data += own
    pieces[-1] = (*pieces[-1][:-1], pieces[-1][-1] - cut)
    return samples_of(data, pieces, 1 + chunks[-1][0], purpose)


def samples_of(
    data: bytes, pieces: list[tuple[int, ...]], series: int, purpose: Purpose
) -> tuple[Samples, int, int]:
    rows = np.array(pieces, np.int64).reshape(-1, PIECE_WORDS)
    buffer = np.frombuffer(data + bytes(SPARE_BYTES), np.uint8)
    samples, damage = samples_of_pieces(buffer, rows, series, Windows.of(purpose, M5))
    return samples, damage.count, damage.reason


def rows_of(samples: Samples) -> list[list[tuple[int, float, int, int]]]:
    """(time, value, number, since) of each series."""
    weights = samples.weights
    assert weights is not None
    columns = (samples.timestamps, samples.values, weights.counts, weights.since)
    flat = list(zip(*(column.tolist() for column in columns), strict=True))
    return [flat[a:b] for a, b in pairwise(samples.offsets.tolist())]


TIMES = [M5 - 1, 2 * M5 - 1, 2 * M5 + 7]


def of(*values: float) -> Points:
    return list(zip(TIMES, values, strict=False))


@pytest.mark.parametrize(
    ("purpose", "part", "values"),
    [
        (Purpose.VALUES, SUM, [2.0, 4.0, 7.0]),
        (Purpose.ALL, SUM, [2.0, 4.0, 7.0]),
        (Purpose.TOTALS, SUM, [40.0, 80.0, 7.0]),
        (Purpose.LOWEST, MIN, [40.0, 80.0, 7.0]),
        (Purpose.HIGHEST, MAX, [40.0, 80.0, 7.0]),
    ],
)
def test_a_sample_for_each_window(purpose: Purpose, part: int, values: list[float]) -> None:
    chunk = {COUNT: of(20, 20, 1), part: of(40, 80, 7)}
    samples, damaged, _ = made([(0, chunk), (2, {COUNT: of(5), part: of(5)})], purpose)
    first, none, alone = rows_of(samples)
    assert [value for _, value, *_ in first] == values
    assert [number for _, _, number, _ in first] == [20, 20, 1]
    assert [since for *_, since in first] == [1, M5 + 1, TIMES[2]]
    assert (none, damaged) == ([], 0)
    mean = purpose in (Purpose.VALUES, Purpose.ALL)
    assert alone == [(TIMES[0], 1.0 if mean else 5.0, 5, 1)]


def test_a_counter_without_resets_is_what_it_was() -> None:
    chunk = {COUNT: of(20, 20, 20), COUNTER: [(10, 5.0), *of(20, 40, 60), (TIMES[2], 60.0)]}
    (found,) = rows_of(made([(0, chunk)], Purpose.RISES)[0])
    second = TIMES[0] + M5 // 20
    assert found == [
        (10, 5.0, 1, 10),
        (TIMES[0], 20.0, 19, 10),
        (second, 21.0, 1, second),
        (TIMES[1], 40.0, 19, second),
        # No room for twenty samples within eight milliseconds.
        (TIMES[2], 60.0, 20, TIMES[2]),
    ]


def test_chunks_of_a_series_in_any_order() -> None:
    early = {COUNT: of(20, 20), SUM: of(40, 80)}
    late = {COUNT: [(3 * M5 - 1, 20.0)], SUM: [(3 * M5 - 1, 60.0)]}
    (found,) = rows_of(made([(0, late), (0, early)], Purpose.TOTALS)[0])
    assert [(t, value, since) for t, value, _, since in found] == [
        (TIMES[0], 40.0, 1), (TIMES[1], 80.0, M5 + 1), (3 * M5 - 1, 60.0, 2 * M5 + 1),
    ]  # fmt: skip


def test_damaged_chunks_cost_themselves() -> None:
    chunk = {COUNT: of(20, 20), SUM: of(40, 80)}
    samples, damaged, reason = made([(0, chunk), (1, chunk)], Purpose.TOTALS, cut=1)
    assert (damaged, reason) == (1, TRUNCATED)
    assert [len(own) for own in rows_of(samples)] == [2, 0]


def test_parts_of_different_windows_cost_their_chunk() -> None:
    parts = {COUNT: of(1, 2), SUM: [(TIMES[0], 1.0), (TIMES[2], 1.0)]}
    samples, damaged, reason = made([(0, parts)], Purpose.TOTALS)
    assert (len(samples), damaged, reason) == (0, 1, LAYOUT)


@pytest.mark.parametrize(
    ("parts", "purpose"),
    [
        ({COUNT: of(1)}, Purpose.TOTALS),
        ({SUM: of(1)}, Purpose.TOTALS),
        ({SUM: of(1), COUNT: of(1)}, Purpose.TOTALS),
        ({COUNT: of(1), MIN: of(1)}, Purpose.TOTALS),
        ({MIN: of(1)}, Purpose.LOWEST),
    ],
)
def test_aggregates_that_do_not_belong_together_are_refused(
    parts: dict[int, Points], purpose: Purpose
) -> None:
    with pytest.raises(LyingStore, match="its downsampled chunks have not"):
        made([(0, parts)], purpose)


def test_histograms_of_stores() -> None:
    """Of one series floats, of the other histograms, which have no least."""
    counts = data_of(of(20, 20))
    natives = native_data([(t, (1.0, 2.0), 3.0) for t in TIMES[:2]])
    data = counts + natives + counts + counts
    places = np.cumsum([0, len(counts), len(natives), len(counts), len(counts)]).tolist()
    span = TIMES[0], TIMES[1]

    def pieces(part: int, *, has_native: bool) -> list[tuple[int, ...]]:
        native = [(0, part, *span, HISTOGRAMS, places[1], places[2])] if has_native else []
        return [
            (0, COUNT, *span, FLOATS, places[0], places[1]), *native,
            (1, COUNT, *span, FLOATS, places[2], places[3]),
            (1, part, *span, FLOATS, places[3], places[4]),
        ]  # fmt: skip

    for purpose, part in ((Purpose.RISES, COUNTER), (Purpose.VALUES, SUM)):
        samples, damaged, reason = samples_of(data, pieces(part, has_native=True), 2, purpose)
        assert (damaged, reason) == (0, OK) and samples.natives is not None
        assert samples.natives.mask.tolist()[:2] == [True, True]
        assert not samples.natives.mask[2:].any() and samples.offsets[1] == 2
    samples, damaged, _ = samples_of(data, pieces(MIN, has_native=False), 2, Purpose.LOWEST)
    assert (np.diff(samples.offsets).tolist(), damaged) == ([0, 2], 0)
