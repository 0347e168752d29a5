"""Cuts in plain Python: what is left of points, and what can be said of a series by its ends."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[int, int]
# (first, last) millisecond that is taken out, both inclusive
Cut = tuple[int, int]


def is_cut(time: int, cuts: Sequence[Cut]) -> bool:
    return any(first <= time <= last for first, last in cuts)


def without(points: Sequence[Point], cuts: Sequence[Cut]) -> list[Point]:
    return [point for point in points if not is_cut(point[0], cuts)]


def verdict(ends: tuple[int, int], cuts: Sequence[Cut], span: tuple[int, int]) -> str:
    """Whether a series with samples at both ends, and maybe between, shows in the span."""
    shown = [t for t in range(span[0], span[1] + 1) if not is_cut(t, cuts)]
    if ends[0] in shown or ends[1] in shown:
        return "stays"
    return "uncertain" if any(ends[0] < t < ends[1] for t in shown) else "gone"
