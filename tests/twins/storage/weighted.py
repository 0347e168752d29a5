"""Functions over downsampled samples in plain Python: one window at a time, sample by sample.

A point is (time, value, count, since), as in storage's Weights.
"""

from __future__ import annotations

Weighted = tuple[int, float, int, int]


def spread(point: Weighted) -> list[float]:
    """When the samples were that a point stands for, if they were evenly spread."""
    time, _, count, since = point
    if count < 2:
        return [time] * count
    return [since + (time - since) * j / (count - 1) for j in range(count)]


def totals(points: list[Weighted], end: int, length: int) -> tuple[float, int] | None:
    """The sum and the number of the samples in (end - length, end]."""
    total, number = 0.0, 0
    for point in points:
        times = spread(point)
        inside = sum(end - length < t <= end for t in times)
        if inside:
            total += point[1] * inside / len(times)
            number += inside
    return (total, number) if number else None


def levels(points: list[Weighted], *, is_counter: bool) -> list[float]:
    """The values without what counters fell."""
    found = [0.0]
    for (_, before, *_), (_, value, *_) in zip(points, points[1:], strict=False):
        fell = is_counter and value < before
        found.append(found[-1] + (value if fell else value - before))
    return found


def level_within(points: list[Weighted], level: list[float], edge: int) -> float | None:
    """The level at a time between two points that hidden samples lie between."""
    for j in range(1, len(points)):
        (before, *_), (time, _, _, since) = points[j - 1], points[j]
        if since <= edge and before <= edge < time:
            return level[j - 1] + (level[j] - level[j - 1]) * (edge - before) / (time - before)
    return None


def rate(
    points: list[Weighted], end: int, length: int, *, is_counter: bool, is_rate: bool
) -> float | None:
    """What the points of the window differ by, and its edges where these are between samples."""
    start = end - length
    level = levels(points, is_counter=is_counter)
    inside = [j for j in range(len(points)) if start < points[j][0] <= end]
    known = [(points[j][0], level[j]) for j in inside]
    distances = sum(points[j][2] for j in inside) - 1
    at_start, at_end = (level_within(points, level, edge) for edge in (start, end))
    if any(points[j][0] == end for j in inside):
        at_end = None
    if at_start is not None:
        known.insert(0, (start, at_start))
        distances += 1
    if at_end is not None:
        known.append((end, at_end))
        distances += 1
    if len(known) < 2:
        return None
    first = points[inside[0]][1] if inside else 0.0
    change, sampled = known[-1][1] - known[0][1], known[-1][0] - known[0][0]
    before, after = known[0][0] - start, end - known[-1][0]
    average = sampled / max(distances, 1)
    if before >= average * 1.1:
        before = average / 2
    if is_counter and change > 0 and first >= 0 and before > 0:
        before = min(before, sampled * (first / change))
    if after >= average * 1.1:
        after = average / 2
    factor = (sampled + before + after) / sampled
    return change * factor / (length / 1000 if is_rate else 1.0)
