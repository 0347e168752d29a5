"""Aggregates of Thanos as samples with weights, beside plain Python and promises about rises."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.stores.bucket.chunks import Parts, samples_of_parts
from receiver.stores.windows import COUNT, COUNTER, Windows, resolutions_of
from storage.chunks.chunks import (
    AGGREGATES,
    ENCODING,
    FLOAT_HISTOGRAM,
    LAYOUT,
    OK,
    XOR,
    Chunks,
    chunks_of,
)
from storage.chunks.floats import DecodedFloats, decode_floats
from storage.histograms.columns import HINT_GAUGE, HINT_NOT_RESET, HINT_UNKNOWN
from storage.histograms.histograms import parts_of as plain_of
from storage.samples.hint import Purpose, SelectHint
from storage.samples.samples import Samples
from tests.makers.blocks import ULID, WrittenChunk, WrittenSeries, write_block
from tests.makers.buckets.blocks import found_in, reader_of, weights_in
from tests.makers.buckets.windows import (
    BUCKETS,
    FIVE,
    RAW,
    Points,
    data_of,
    downsampled,
    native_columns,
    native_data,
)

HOUR = 12 * FIVE


def block_of(directory: Path, *chunks: WrittenChunk) -> None:
    written = [WrittenSeries({"__name__": "m"}, chunks)]
    write_block(directory, written, downsample={"resolution": FIVE})


def read(
    directory: Path, purpose: Purpose
) -> tuple[list[tuple[int, float]], list[tuple[int, int]]]:
    reader = reader_of(directory, ulid=ULID, purpose=purpose)
    series = reader.read()
    assert list(reader.said()) == []
    (points,) = found_in(series).values()
    return points, list(weights_in(series))


def test_windows_have_what_a_select_is_for(tmp_path: Path) -> None:
    block_of(tmp_path, downsampled(RAW))
    ends = [299_999, 599_999, 660_007]
    weights = [(5, 1), (5, 300_001), (2, 600_001)]
    for purpose, values in [
        (Purpose.LOWEST, [1.0, 2.0, 6.0]),
        (Purpose.HIGHEST, [9.0, 8.0, 6.0]),
        (Purpose.TOTALS, [21.0, 24.0, 12.0]),
        (Purpose.VALUES, [21 / 5, 24 / 5, 6.0]),
        (Purpose.ALL, [21 / 5, 24 / 5, 6.0]),
    ]:
        points, found = read(tmp_path, purpose)
        assert points == list(zip(ends, values, strict=True)), purpose
        assert found == weights, purpose


def rise_of(points: Points) -> float:
    """What a counter rose by, as every reader of counters has it."""
    found = 0.0
    for (_, before), (_, value) in zip(points, points[1:], strict=False):
        found += value - before if value >= before else value
    return found


@pytest.mark.parametrize("seed", range(40))
def test_counters_rise_by_what_they_rose(tmp_path: Path, seed: int) -> None:
    """Over the whole, across chunks; and from the last sample on as if all had been there."""
    choose = random.Random(seed)
    raw: list[tuple[int, float]] = []
    time, value = choose.randrange(FIVE), float(choose.randrange(50))
    for _ in range(choose.randint(20, 120)):
        raw.append((time, value))
        time += choose.randint(5_000, 120_000)
        value = (
            value + choose.randrange(9) if choose.random() < 0.96 else float(choose.randrange(3))
        )
    cut = choose.randint(3, len(raw) - 3)
    block_of(tmp_path, downsampled(raw[:cut]), downsampled(raw[cut:]))
    points, weights = read(tmp_path, Purpose.RISES)
    times = [time for time, _ in points]
    assert times == sorted(set(times))
    assert points[-1] == raw[-1]
    assert rise_of(points) == pytest.approx(rise_of(raw))
    assert sum(count for count, _ in weights) == len(raw)
    assert all(since <= time for (_, since), time in zip(weights, times, strict=True))


def test_a_reset_is_where_it_was(tmp_path: Path) -> None:
    """Within its window, so that each window rises by what it rose by."""
    raw = [(k * 60_000, float(10 + k if k < 12 else k - 12)) for k in range(20)]
    block_of(tmp_path, downsampled(raw))
    points, _ = read(tmp_path, Purpose.RISES)
    fall = next(k for k, (_, value) in enumerate(points) if value == 0.0)
    assert 600_000 < points[fall - 1][0] < points[fall][0] < 900_000
    assert points[fall - 1][1] == 21.0
    until = [p for p in points if p[0] <= 899_999]
    assert rise_of(until) == rise_of([p for p in raw if p[0] <= 899_999])


def parts_of(*columns: Points | None, natives: tuple[bytes, ...] = ()) -> Parts:
    """One chunk of these parts, the last ones of which are histograms."""
    data = [b"" if each is None else data_of(each) for each in columns]
    encodings = [0 if each is None else XOR for each in columns]
    chunks = chunks_of([*data, *natives], [*encodings, *([FLOAT_HISTOGRAM] * len(natives))])
    starts = np.where(chunks.ends > chunks.starts, chunks.starts, 0)
    ends = np.where(chunks.ends > chunks.starts, chunks.ends, 0)
    columns_of = (own.reshape(1, -1) for own in (starts, ends, chunks.encodings))
    return Parts(chunks.buffer, *columns_of)


def samples_in(parts: Parts, purpose: Purpose) -> tuple[Samples, list[int]]:
    windows = Windows.of(purpose, FIVE, is_known=True)
    samples, reasons = samples_of_parts(parts, np.array([0, 1]), windows)
    return samples, reasons.tolist()


WINDOWS = [(299_999, 5.0), (599_999, 5.0)]
SHIFTED = [(299_998, 5.0), (599_999, 5.0)]


@pytest.mark.parametrize(
    ("sums", "reason"),
    [(WINDOWS, OK), (SHIFTED, LAYOUT), (WINDOWS[:1], LAYOUT)],
)
def test_parts_that_do_not_belong_together(sums: Points, reason: int) -> None:
    parts = parts_of(WINDOWS, sums, WINDOWS, WINDOWS, WINDOWS)
    samples, reasons = samples_in(parts, Purpose.TOTALS)
    assert reasons == [reason]
    assert len(samples) == (2 if reason == OK else 0)


def test_parts_of_unknown_encodings() -> None:
    parts = parts_of(WINDOWS, WINDOWS, WINDOWS, WINDOWS, WINDOWS)
    parts.encodings[0, 1] = 9
    samples, reasons = samples_in(parts, Purpose.TOTALS)
    assert reasons == [ENCODING] and not len(samples)


# Falls from 30 to 1 within the second window.
NATIVE = [(k * 60_000 + 7, (n, 2.0 * n), 1.5 * n) for k, n in enumerate(
    [3.0, 5.0, 6.0, 7.0, 9.0, 20.0, 30.0, 1.0, 2.0, 4.0, 4.0, 5.0])]  # fmt: skip


def native_parts() -> Parts:
    """Numbers, sums and the counter of NATIVE, without least and most."""
    counts, sums, counter = native_columns(NATIVE)
    not_reset = replace(BUCKETS, flags=1)
    found = parts_of(counts, natives=(native_data(sums), native_data(counter, not_reset)))
    order, missing = [0, 1, 1, 1, 2], [2, 3]
    columns = [own[:, order].copy() for own in (found.starts, found.ends, found.encodings)]
    for own in columns:
        own[0, missing] = 0
    return Parts(found.buffer, *columns)


@pytest.mark.parametrize("purpose", [Purpose.VALUES, Purpose.ALL, Purpose.TOTALS])
def test_a_histogram_of_a_window_is_the_mean(purpose: Purpose) -> None:
    samples, reasons = samples_in(native_parts(), purpose)
    assert reasons == [OK] and samples.timestamps.tolist() == [299_999, 599_999, 660_007]
    assert samples.weights is not None and samples.natives is not None
    assert samples.weights.counts.tolist() == [5, 5, 2]
    assert samples.weights.since.tolist() == [1, 300_001, 600_001]
    found = [plain_of(samples.natives.histograms, row) for row in samples.natives.rows.tolist()]
    means = [30 / 5, 57 / 5, 9 / 2]
    assert [own.positive for own in found] == [
        [(1, pytest.approx(n)), (2, pytest.approx(2 * n))] for n in means
    ]
    assert [own.count for own in found] == [pytest.approx(3 * n) for n in means]
    assert [own.sum for own in found] == [pytest.approx(1.5 * n) for n in means]
    assert [own.hint for own in found] == [HINT_GAUGE] * 3
    assert samples.values.tolist() == [own.sum for own in found]


@pytest.mark.parametrize("purpose", [Purpose.RISES, Purpose.RESETS])
def test_counters_of_histograms(purpose: Purpose) -> None:
    """As Thanos corrected them for resets, within their chunk."""
    samples, reasons = samples_in(native_parts(), purpose)
    assert reasons == [OK] and samples.natives is not None
    found = [plain_of(samples.natives.histograms, row) for row in samples.natives.rows.tolist()]
    assert [own.positive[0] for own in found] == [(1, 9.0), (1, 34.0), (1, 35.0)]
    # Of the first one its chunk says that there was no reset: not of the one before here.
    assert [own.hint for own in found] == [HINT_UNKNOWN, HINT_NOT_RESET, HINT_NOT_RESET]


@pytest.mark.parametrize("purpose", [Purpose.LOWEST, Purpose.HIGHEST])
def test_there_is_no_least_histogram(purpose: Purpose) -> None:
    samples, reasons = samples_in(native_parts(), purpose)
    assert reasons == [OK] and not len(samples)


def test_floats_and_histograms_of_one_series() -> None:
    """Which changed from the one to the other."""
    natives = native_parts()
    floats = parts_of(*([[(t + HOUR, 5.0) for t, _ in WINDOWS]] * 5))
    size = len(natives.buffer)
    columns = [
        np.concatenate([own, other + by])
        for own, other, by in (
            (natives.starts, floats.starts, size), (natives.ends, floats.ends, size),
            (natives.encodings, floats.encodings, 0),
        )
    ]  # fmt: skip
    both = Parts(np.concatenate([natives.buffer, floats.buffer]), *columns)
    windows = Windows.of(Purpose.VALUES, FIVE, is_known=True)
    samples, reasons = samples_of_parts(both, np.array([0, 2]), windows)
    assert reasons.tolist() == [OK, OK] and samples.natives is not None
    assert samples.natives.mask.tolist() == [True] * 3 + [False] * 2
    assert samples.weights is not None and samples.weights.counts.tolist() == [5, 5, 2, 5, 5]


def decoded(*chunks: list[int]) -> DecodedFloats:
    data = chunks_of([data_of([(t, 9.0) for t in own]) for own in chunks], [XOR] * len(chunks))
    return decode_floats(data)


@pytest.mark.parametrize(
    ("times", "coarsest", "expected"),
    [
        ([FIVE - 1, 2 * FIVE - 1, 2 * FIVE + 7], HOUR, FIVE),
        ([HOUR - 1, 2 * HOUR - 1, 2 * HOUR + 7], HOUR, HOUR),
        # As others have them: at the last sample of each window.
        ([HOUR - 12_345, 2 * HOUR - 12_345, 3 * HOUR - 12_345], 2 * HOUR, HOUR),
        ([HOUR - 1, 2 * HOUR - 1], FIVE, FIVE),
        ([HOUR - 1], HOUR, HOUR),
        ([FIVE - 1], HOUR, FIVE),
        # A hole among fine ones.
        ([FIVE - 1, 2 * FIVE - 1, HOUR - 1, HOUR + FIVE - 1], HOUR, FIVE),
    ],
)
def test_how_long_windows_are(times: list[int], coarsest: int, expected: int) -> None:
    hint = SelectHint(purpose=Purpose.TOTALS, resolution_ms=coarsest)
    windows = Windows.wanted(hint)
    assert windows is not None
    found = decoded([0, 1, 2], times, [])
    assert resolutions_of(found, windows).tolist()[1] == expected


def test_what_is_asked_for() -> None:
    assert Windows.wanted(SelectHint(purpose=Purpose.TOTALS)) is None
    windows = Windows.wanted(SelectHint(purpose=Purpose.RISES, resolution_ms=FIVE))
    assert windows is not None and windows.aggregates == (COUNT, COUNTER)


def test_chunks_that_overlap_are_put_in_order() -> None:
    chunk = data_of([(FIVE, 5.0), (3 * FIVE, 5.0)]), data_of([(2 * FIVE, 7.0), (3 * FIVE, 7.0)])
    chunks: Chunks = chunks_of([*chunk, *chunk], [XOR] * 4)
    columns = (own.reshape(2, 2).T for own in (chunks.starts, chunks.ends, chunks.encodings))
    starts, ends, encodings = (own[:, [0, 1, 0, 0, 0]] for own in columns)
    parts = Parts(chunks.buffer, starts, ends, encodings)
    # Counts and sums are of different windows in each: so take the same for both.
    parts.starts[:, 1], parts.ends[:, 1] = parts.starts[:, 0], parts.ends[:, 0]
    windows = Windows.of(Purpose.TOTALS, FIVE, is_known=True)
    samples, _ = samples_of_parts(parts, np.array([0, 2]), windows)
    assert samples.timestamps.tolist() == sorted(set(samples.timestamps.tolist()))
    assert len(samples) == len({*samples.timestamps.tolist()})


@settings(max_examples=100)
@given(
    st.lists(st.lists(st.integers(0, 60), min_size=2, max_size=40), min_size=1, max_size=4),
)
def test_counters_end_at_their_real_values(steps_of: list[list[int]]) -> None:
    """Whatever was reset, within chunks and between them: rises are what they were."""
    value, t, raw = 3, 1_000, []
    for steps in steps_of:
        own = []
        for step in steps:
            value, t = (step % 10 if step > 50 else value + step), t + 15_000
            own.append((t, float(value)))
        raw.append(own)
    written = [downsampled(own) for own in raw]
    found = [own.data for own in written]
    from receiver.stores.bucket.chunks import parts_of as split

    parts = split(chunks_of(found, [AGGREGATES] * len(found)))
    windows = Windows.of(Purpose.RISES, FIVE, is_known=True)
    samples, reasons = samples_of_parts(parts, np.array([0, len(found)]), windows)
    assert reasons.tolist() == [OK] * len(found)
    points = list(zip(samples.timestamps.tolist(), samples.values.tolist(), strict=True))
    assert all(b > a for (a, _), (b, _) in pairwise(points))
    assert rise_of(points) == pytest.approx(rise_of([each for own in raw for each in own]))
    at = dict(points)
    assert all(at[own[-1][0]] == own[-1][1] and at[own[0][0]] == own[0][1] for own in raw)


def test_damaged_parts_cost_their_chunk(tmp_path: Path) -> None:
    sound = downsampled(RAW)
    for cut in range(0, len(sound.data), 7):
        broken = WrittenChunk(sound.first, sound.last, AGGREGATES, sound.data[:cut])
        block_of(tmp_path / f"{cut}", broken)
        for purpose in Purpose:
            reader = reader_of(tmp_path / f"{cut}", purpose=purpose)
            reader.read()
            said = list(reader.said())
            if cut == 0:
                assert said
