"""Downsampled chunks of stores: means, sums, extremes and counters, as samples with weights."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.stores.errors import LyingStore
from receiver.stores.storeapi.aggregates import COUNT, COUNTER, MAX, MIN, SUM, Windows, samples_of
from receiver.stores.storeapi.frames import PIECE_WORDS
from storage.chunks.bits import SPARE_BYTES
from storage.chunks.chunks import TRUNCATED
from storage.samples.hint import Purpose, SelectHint
from storage.samples.samples import Samples
from tests.twins.storage.chunks import float_bits, float_chunk

M5 = 300_000
Points = list[tuple[int, float]]
# Of a chunk: its series, and what it has by kind.
Chunk = tuple[int, dict[int, Points]]


def made(chunks: list[Chunk], purpose: Purpose, *, cut: int = 0) -> tuple[Samples, int, int]:
    """The samples, and of damaged chunks how many and why; cut: bytes that the last lacks."""
    data, pieces = b"", []
    for series, parts in chunks:
        times = [t for points in parts.values() for t, _ in points]
        for kind, points in parts.items():
            own = float_chunk([(t, float_bits(value)) for t, value in points])
            pieces.append((series, kind, min(times), max(times), 0, len(data), len(data + own)))
            data += own
    pieces[-1] = (*pieces[-1][:-1], pieces[-1][-1] - cut)
    rows = np.array(pieces, np.int64).reshape(-1, PIECE_WORDS)
    windows = Windows.of(SelectHint(purpose=purpose, resolution_ms=M5))
    assert windows is not None
    buffer = np.frombuffer(data + bytes(SPARE_BYTES), np.uint8)
    samples, damage = samples_of(buffer, rows, 1 + chunks[-1][0], windows)
    return samples, damage.count, damage.reason


def rows_of(samples: Samples) -> list[list[tuple[int, float, int, int]]]:
    """(time, value, number, since) of each series."""
    assert samples.weights is not None
    flat = list(
        zip(
            samples.timestamps.tolist(),
            samples.values.tolist(),
            samples.weights.counts.tolist(),
            samples.weights.since.tolist(),
            strict=True,
        )
    )
    return [flat[a:b] for a, b in pairwise(samples.offsets.tolist())]


TIMES = [M5, 2 * M5, 3 * M5]


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
    assert [since for *_, since in first] == [M5 // 20, M5 + M5 // 20, 3 * M5]
    assert (none, damaged) == ([], 0)
    assert alone == [(M5, 1.0 if purpose in (Purpose.VALUES, Purpose.ALL) else 5.0, 5, M5)]


def test_nothing_is_asked_for_without_a_resolution() -> None:
    assert Windows.of(SelectHint(purpose=Purpose.TOTALS)) is None
    windows = Windows.of(SelectHint(purpose=Purpose.RISES, resolution_ms=M5))
    assert windows is not None and windows.aggregates == (COUNT, COUNTER)


def test_a_counter_without_resets_is_what_it_was() -> None:
    chunk = {COUNT: of(20, 20, 20), COUNTER: [(10, 5.0), *of(20, 40, 60), (3 * M5, 60.0)]}
    ((first, *rest),) = rows_of(made([(0, chunk)], Purpose.RISES)[0])
    assert first == (10, 5.0, 1, 10)
    step = M5 // 20
    assert rest == [
        (M5, 20.0, 19, 10),
        (M5 + step, 21.0, 1, M5 + step),
        (2 * M5, 40.0, 19, M5 + step),
        (2 * M5 + step, 41.0, 1, 2 * M5 + step),
        (3 * M5, 60.0, 19, 2 * M5 + step),
    ]


def rise(values: list[float]) -> float:
    """As readers of counters see it."""
    return sum(b - a if b >= a else b for a, b in pairwise(values))


def downsampled(raw: Points, size: int) -> Points:
    """A counter's chunk as Thanos makes it: the first sample, each size-th one corrected for
    resets, and the last value as it was."""
    total, found = raw[0][1], [raw[0]]
    for k, ((_, before), (t, value)) in enumerate(pairwise(raw), 1):
        total += value - before if value >= before else value
        if k % size == 0 or k == len(raw) - 1:
            found.append((t, total))
    return [*found, (raw[-1][0], raw[-1][1])]


@settings(max_examples=200)
@given(
    st.lists(st.lists(st.integers(0, 60), min_size=2, max_size=40), min_size=1, max_size=4),
    st.integers(1, 7),
)
def test_counters_rise_by_what_they_rose_by(chunks: list[list[int]], size: int) -> None:
    """Whatever was reset, within chunks and between them; each ends at its real value."""
    raw: list[Points] = []
    value, t = 3, 1_000
    for steps in chunks:
        own = []
        for step in steps:
            value, t = (step % 10 if step > 50 else value + step), t + 15_000
            own.append((t, float(value)))
        raw.append(own)
    given_chunks = []
    for own in raw:
        counter = downsampled(own, size)
        windows = [(t, float(size)) for t, _ in counter[1:-1]]
        given_chunks.append((0, {COUNT: windows, COUNTER: counter}))
    samples, damaged, _ = made(given_chunks, Purpose.RISES)
    assert damaged == 0
    (found,) = rows_of(samples)
    values = [value for _, value, *_ in found]
    assert rise(values) == pytest.approx(rise([value for own in raw for _, value in own]))
    at = {t: value for t, value, *_ in found}
    assert all(at[own[-1][0]] == own[-1][1] and at[own[0][0]] == own[0][1] for own in raw)
    assert (np.diff(samples.timestamps) > 0).all()


def test_damaged_chunks_cost_themselves() -> None:
    chunk = {COUNT: of(20, 20), SUM: of(40, 80)}
    samples, damaged, reason = made([(0, chunk), (1, chunk)], Purpose.TOTALS, cut=1)
    assert (damaged, reason) == (1, TRUNCATED)
    assert [len(own) for own in rows_of(samples)] == [2, 0]


@pytest.mark.parametrize(
    "parts", [{COUNT: of(1)}, {SUM: of(1)}, {COUNT: of(1, 2), SUM: [(1, 1.0), (2 * M5, 1.0)]}]
)
def test_aggregates_that_do_not_belong_together_are_refused(parts: dict[int, Points]) -> None:
    with pytest.raises(LyingStore, match="its downsampled chunks have"):
        made([(0, parts)], Purpose.TOTALS)
