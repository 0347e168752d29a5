"""The points of a window in plain Python, of the raw points that the window has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from tests.twins.storage.aggregates import STALE, Point, extreme, number, total, windows


class Weighted(NamedTuple):
    """time, bits of the value, how many samples it stands for, since when."""

    time: int
    bits: int
    count: int
    since: int


def values(points: Sequence[Point], resolution: int) -> list[Weighted]:
    """First, smallest, largest and last of each window, and the marker that ends it."""
    found = []
    for inside in windows(points, resolution):
        floats = [point for point in inside if point[1] != STALE]
        if floats:
            lowest, highest = extreme(floats, min), extreme(floats, max)
            kept = sorted({floats[0], lowest, highest, floats[-1]})
            found += weighted(kept, len(floats))
        found += marker(inside)
    return found


def weighted(kept: Sequence[Point], count: int) -> list[Weighted]:
    hidden = count - len(kept)
    since = [kept[0][0] if hidden else time for time, _ in kept]
    counts = [1] * (len(kept) - 1) + [1 + hidden]
    return [Weighted(*point, n, s) for point, n, s in zip(kept, counts, since, strict=True)]


def marker(inside: Sequence[Point]) -> list[Weighted]:
    """The first stale marker behind all floats."""
    last = max((time for time, bits in inside if bits != STALE), default=-math.inf)
    return [Weighted(t, bits, 0, t) for t, bits in inside if t > last][:1]


def totals(points: Sequence[Point], resolution: int) -> list[tuple[int, float, int, int]]:
    """(time of the last, sum, count, since) of each window."""
    found = []
    for inside in windows(points, resolution):
        floats = [point for point in inside if point[1] != STALE]
        if floats:
            since = floats[-1][0] if len(floats) == 1 else floats[0][0]
            numbers = [number(bits) for _, bits in floats]
            found.append((floats[-1][0], total(numbers), len(floats), since))
    return found


def extremes(points: Sequence[Point], resolution: int, *, smallest: bool) -> list[Point]:
    found = []
    for inside in windows(points, resolution):
        floats = [point for point in inside if point[1] != STALE]
        if floats:
            found.append(extreme(floats, min if smallest else max))
    return found


def risen(numbers: Sequence[float]) -> float:
    """What a counter rose by, as PromQL counts: all of a value that is below the one before."""
    pairs = zip(numbers, numbers[1:], strict=False)
    return sum(b if b < a else b - a for a, b in pairs)


def resets(numbers: Sequence[float]) -> int:
    return sum(b < a for a, b in zip(numbers, numbers[1:], strict=False))
