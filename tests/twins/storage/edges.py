"""What edges of windows are, sample by sample."""

from __future__ import annotations

Point = tuple[int, float]
# How many samples, first and last time, first value, change; None: fewer than two.
Window = tuple[int, int, int, float, float] | None


def window_edges(
    points: list[Point], ends: list[int], range_ms: int, is_counter: bool
) -> list[Window]:
    """Of the windows (end - range_ms, end]."""
    found: list[Window] = []
    for end in ends:
        own = [point for point in points if end - range_ms < point[0] <= end]
        if len(own) < 2:
            found.append(None)
            continue
        change = own[-1][1] - own[0][1]
        for before, after in zip(own, own[1:], strict=False):
            if is_counter and after[1] < before[1]:
                change += before[1]
        found.append((len(own), own[0][0], own[-1][0], own[0][1], change))
    return found
