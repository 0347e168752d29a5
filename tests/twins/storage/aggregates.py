"""Windows in plain Python: what is kept of the points of one series, one window at a time."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

STALE = 0x7FF0000000000002
# (time in ms, the bits of a float)
Point = tuple[int, int]
# (time in ms, how many observations, a marker has none)
HistogramPoint = tuple[int, float | None]


class Window(NamedTuple):
    """One row. Floats are bits, but for the two sums."""

    first_ms: int
    first: int
    last_ms: int
    last: int
    min_ms: int
    min: int
    max_ms: int
    max: int
    sum: float
    count: int
    falls: int
    fallen: float
    stale_ms: int


def number(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])


def bits_of(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def end_of(time: int, resolution: int) -> int:
    return math.ceil(time / resolution) * resolution


def windows(points: Iterable[Any], resolution: int) -> list[list[Any]]:
    def key(point: Any) -> int:
        return end_of(point[0], resolution)

    return [list(inside) for _, inside in groupby(points, key)]


def fold(points: Sequence[Point], resolution: int) -> list[Window]:
    return [row(inside) for inside in windows(points, resolution)]


def row(points: Sequence[Point]) -> Window:
    floats = [point for point in points if point[1] != STALE]
    if not floats:
        marker = points[0]
        return Window(*marker * 4, 0.0, 0, 0, 0.0, marker[0])
    values = [number(bits) for _, bits in floats]
    lowest, highest = (extreme(floats, pick) for pick in (min, max))
    falls = [a for a, b in zip(values, values[1:], strict=False) if b < a]
    after = [time for time, bits in points if bits == STALE and time > floats[-1][0]]
    return Window(
        *floats[0], *floats[-1], *lowest, *highest,
        total(values), len(values), len(falls), float(sum(falls)), after[0] if after else 0,
    )  # fmt: skip


def extreme(floats: Sequence[Point], pick: Callable[..., float]) -> Point:
    numbers = [number(bits) for _, bits in floats if not math.isnan(number(bits))]
    if not numbers:
        return floats[0]
    wanted = pick(numbers)
    return next(point for point in floats if number(point[1]) == wanted)


def total(values: Sequence[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    if len(finite) == len(values):
        return math.fsum(values) + 0.0
    return sum(value for value in values if not math.isfinite(value))


def keep(points: Sequence[HistogramPoint], resolution: int) -> list[tuple[int, float | None, int]]:
    """(time, observations, how many it stands for) of what is kept."""
    live = [(time, count) for time, count in points if count is not None]
    wanted = {}
    for inside in windows(live, resolution):
        wanted[inside[0][0]] = 0
        wanted[inside[-1][0]] = len(inside)
    for (before, high), (after, low) in zip(live, live[1:], strict=False):
        if low < high:
            wanted.setdefault(before, 0)
            wanted.setdefault(after, 0)
    for inside in windows(points, resolution):
        last = max((time for time, count in inside if count is not None), default=None)
        markers = [
            time for time, count in inside if count is None and (last is None or time > last)
        ]
        if markers:
            wanted[markers[0]] = 0
    return [(time, count, wanted[time]) for time, count in points if time in wanted]
