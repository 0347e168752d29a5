"""Downsampled chunks, as Thanos makes them of samples that go into one chunk, by its rules."""

from __future__ import annotations

from collections.abc import Sequence

from storage.chunks.chunks import AGGREGATES, FLOAT_HISTOGRAM, XOR
from tests.makers.blocks import WrittenChunk, varint
from tests.twins.storage.chunks import Layout, Point, float_bits, float_chunk, histogram_chunk

FIVE = 300_000
Points = Sequence[tuple[int, float]]
# (time, counts of two buckets, sum).
Natives = Sequence[tuple[int, Sequence[float], float]]
RAW = [(k * 60_000 + 7, float(v)) for k, v in enumerate([3, 9, 1, 4, 4, 8, 2, 2, 7, 5, 6, 6])]
# Of histograms: two positive buckets behind the first; gauges have both bits.
BUCKETS, GAUGES = Layout(0, 0.001, ((2, 1),)), Layout(0, 0.001, ((2, 1),), flags=3)


def data_of(points: Points) -> bytes:
    return float_chunk([(time, float_bits(value)) for time, value in points])


def native_data(points: Natives, layout: Layout = BUCKETS) -> bytes:
    """A chunk of float histograms."""
    made = [Point(time, sum(own), 0.0, total, own) for time, own, total in points]
    return histogram_chunk(layout, made, floats=True)


def part(data: bytes | None, encoding: int = XOR) -> bytes:
    """A part of a chunk of aggregates, None: it has none."""
    return varint(0) if data is None else varint(len(data)) + bytes([encoding]) + data


def windows_of(times: Sequence[int]) -> list[tuple[int, range]]:
    """The time of each window, and which of the samples are in it."""
    ends = [time - time % FIVE + FIVE - 1 for time in times]
    firsts = [k for k in range(len(ends)) if k == 0 or ends[k] != ends[k - 1]]
    return [
        (min(ends[a], times[-1]), range(a, b))
        for a, b in zip(firsts, [*firsts[1:], len(ends)], strict=True)
    ]


def downsampled(points: Points) -> WrittenChunk:
    """Of floats."""
    values = [value for _, value in points]
    windows = windows_of([time for time, _ in points])
    columns: list[Points] = [
        [(end, reduce([values[k] for k in own])) for end, own in windows]
        for reduce in (lambda own: float(len(own)), lambda own: float(sum(own)), min, max)
    ]
    total, risen = values[0], [values[0]]
    for before, value in zip(values, values[1:], strict=False):
        total += value - before if value >= before else value
        risen.append(total)
    ends = [(end, risen[own[-1]]) for end, own in windows]
    counter = [points[0], *(each for each in ends if each[0] > points[0][0])]
    counter.append((counter[-1][0], values[-1]))
    parts = b"".join(part(data_of(own)) for own in (*columns, counter))
    return WrittenChunk(points[0][0], points[-1][0], AGGREGATES, parts)


def native_columns(points: Natives) -> tuple[Points, Natives, Natives]:
    """How many histograms each window has, their sum, and the counter."""
    windows = windows_of([time for time, *_ in points])
    counts = [(end, float(len(own))) for end, own in windows]
    sums = [(end, added([points[k][1:] for k in own])) for end, own in windows]
    risen = [points[0][1:]]
    for (_, *before), (_, *own) in zip(points, points[1:], strict=False):
        fell = any(a < b for a, b in zip(own[0], before[0], strict=True))
        rise = own if fell else ([a - b for a, b in zip(own[0], before[0], strict=True)],
            own[1] - before[1])  # fmt: skip
        risen.append(added([risen[-1], tuple(rise)]))
    counter = [(end, risen[own[-1]]) for end, own in windows]
    return counts, [(t, *own) for t, own in sums], [(t, *own) for t, own in counter]


def added(
    histograms: Sequence[tuple[Sequence[float], float]],
) -> tuple[Sequence[float], float]:
    buckets = [sum(column) for column in zip(*(own for own, _ in histograms), strict=True)]
    return buckets, sum(total for _, total in histograms)


def downsampled_natives(points: Natives) -> WrittenChunk:
    """Of histograms: no least, no most, and a counter that ends once."""
    counts, sums, counter = native_columns(points)
    parts = [
        part(data_of(counts)),
        part(native_data(sums, GAUGES), FLOAT_HISTOGRAM),
        part(None),
        part(None),
        part(native_data(counter), FLOAT_HISTOGRAM),
    ]
    return WrittenChunk(points[0][0], points[-1][0], AGGREGATES, b"".join(parts))
