"""Aggregates of Thanos as samples with weights, beside plain Python and promises about rises."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from receiver.stores.bucket.chunks import Parts
from receiver.stores.bucket.windows import samples_of_parts
from storage.chunks.chunks import AGGREGATES, ENCODING, HISTOGRAM, LAYOUT, OK, XOR, chunks_of
from storage.samples.hint import Purpose
from tests.makers.blocks import ULID, WrittenChunk, WrittenSeries, varint, write_block
from tests.makers.buckets.blocks import found_in, reader_of, weights_in
from tests.twins.storage.chunks import float_bits, float_chunk

FIVE = 300_000
Points = Sequence[tuple[int, float]]


def data_of(points: Points) -> bytes:
    return float_chunk([(time, float_bits(value)) for time, value in points])


def part(points: Points | None) -> bytes:
    if points is None:
        return varint(0)
    data = data_of(points)
    return varint(len(data)) + bytes([XOR]) + data


def downsampled(points: Points) -> WrittenChunk:
    """What Thanos makes of raw samples that go into one chunk, by its rules."""
    windows: dict[int, list[float]] = {}
    for time, value in points:
        windows.setdefault(time - time % FIVE + FIVE - 1, []).append(value)
    ends = {end: min(end, points[-1][0]) for end in windows}
    columns: list[Points] = [
        [(ends[end], reduce(own)) for end, own in windows.items()]
        for reduce in (lambda own: float(len(own)), lambda own: float(sum(own)), min, max)
    ]
    total, counter, before = points[0][1], [points[0]], points[0][1]
    risen: dict[int, float] = {}
    for time, value in points:
        total += value - before if value >= before else value
        before = value
        risen[time - time % FIVE + FIVE - 1] = total
    risen_at = [(ends[end], value) for end, value in risen.items()]
    counter += [each for each in risen_at if each[0] > points[0][0]]
    counter.append((counter[-1][0], points[-1][1]))
    return WrittenChunk(
        points[0][0],
        points[-1][0],
        AGGREGATES,
        b"".join(map(part, (*columns, counter))),
    )


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


RAW = [(k * 60_000 + 7, float(v)) for k, v in enumerate([3, 9, 1, 4, 4, 8, 2, 2, 7, 5, 6, 6])]


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


def parts_of(*columns: Points | bytes) -> Parts:
    data = [each if isinstance(each, bytes) else data_of(each) for each in columns]
    chunks = chunks_of(data, [XOR] * len(data))
    return Parts(
        chunks.buffer,
        chunks.starts.reshape(1, -1),
        chunks.ends.reshape(1, -1),
        chunks.encodings.reshape(1, -1),
    )


WINDOWS = [(299_999, 5.0), (599_999, 5.0)]
SHIFTED = [(299_998, 5.0), (599_999, 5.0)]


@pytest.mark.parametrize(
    ("sums", "reason"),
    [(WINDOWS, OK), (SHIFTED, LAYOUT), (WINDOWS[:1], LAYOUT)],
)
def test_parts_that_do_not_belong_together(sums: Points, reason: int) -> None:
    parts = parts_of(WINDOWS, sums, WINDOWS, WINDOWS, WINDOWS)
    samples, reasons = samples_of_parts(parts, np.array([0, 1]), Purpose.TOTALS, FIVE)
    assert reasons.tolist() == [reason]
    assert len(samples) == (2 if reason == OK else 0)


def test_histograms_of_windows_are_not_read() -> None:
    parts = parts_of(WINDOWS, WINDOWS, WINDOWS, WINDOWS, WINDOWS)
    parts.encodings[0, 1] = HISTOGRAM
    samples, reasons = samples_of_parts(parts, np.array([0, 1]), Purpose.TOTALS, FIVE)
    assert reasons.tolist() == [ENCODING] and not len(samples)


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
