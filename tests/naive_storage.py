"""Plain Python twins of the storage's kernels: slow, short and obvious."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

STALE_BITS = 0x7FF0000000000002
Point = tuple[int, int]  # timestamp ms, bits of the value
Series = list[Point]


def merge(sources: Sequence[Series]) -> Series:
    """The union by timestamp; the earliest source wins."""
    merged: dict[int, int] = {}
    for source in sources:
        for timestamp, bits in source:
            merged.setdefault(timestamp, bits)
    return sorted(merged.items())


class NaiveHead:
    """What a head answers, by its rules: the newest decides, then the first of a timestamp."""

    def __init__(self) -> None:
        self.last: dict[int, Point] = {}
        self.points: dict[int, dict[int, int]] = {}
        self.refused: dict[str, int] = {"too_old": 0, "too_far": 0, "conflict": 0}

    def append(self, ref: int, timestamp: int, bits: int, oldest: int, newest: int) -> None:
        last = self.last.get(ref)
        if timestamp < oldest:
            self.refused["too_old"] += 1
        elif timestamp > newest:
            self.refused["too_far"] += 1
        elif last is not None and last[0] == timestamp and last[1] != bits:
            self.refused["conflict"] += 1
        else:
            self.points.setdefault(ref, {}).setdefault(timestamp, bits)
            if last is None or timestamp > last[0]:
                self.last[ref] = (timestamp, bits)

    def samples(self, ref: int, start: int, end: int) -> Series:
        return [p for p in sorted(self.points.get(ref, {}).items()) if start <= p[0] <= end]


def normalized(labels: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...] | str:
    """The label set of label pairs as sent, or why it is refused."""
    pairs = sorted(labels, key=lambda pair: pair[0].encode())
    names = [name for name, _ in pairs]
    if "" in names:
        return "empty name"
    if len(set(names)) < len(names):
        return "duplicate name"
    kept = tuple((name, value) for name, value in pairs if value)
    return kept if dict(kept).get("__name__") else "no metric name"


def matches(labels: Mapping[str, str], op: str, name: str, value: str) -> bool:
    """Whether a label set passes a matcher; regexes are alternations of plain texts here."""
    found = labels.get(name, "")
    if op in ("=", "!="):
        return (found == value) == (op == "=")
    return (found in value.split("|")) == (op == "=~")


def near(points: Series, k: int) -> int | None:
    """The distance of a sample to its nearer neighbour."""
    times = [timestamp for timestamp, _ in points]
    gaps = [times[i + 1] - times[i] for i in (k - 1, k) if 0 <= i < len(times) - 1]
    return min(gaps, default=None)


def fill_holes(preferred: Series, other: Series) -> Series:
    """All of `preferred`, and samples of `other` in holes of more than 1.5 intervals."""
    result: Series = []
    times = [timestamp for timestamp, _ in preferred]
    bounds = [None, *times, None]
    for i in range(len(bounds) - 1):
        before, after = bounds[i], bounds[i + 1]
        if before is not None:
            result.append(preferred[i - 1])
        inside = [
            k
            for k, (t, _) in enumerate(other)
            if (before is None or t > before) and (after is None or t < after)
        ]
        for k in inside:
            interval = near(other, k)
            if interval is None:
                interval = near(preferred, min(i, len(preferred) - 1)) if preferred else None
            interval = interval or 0
            low = before if before is not None else other[inside[0]][0]
            high = after if after is not None else other[inside[-1]][0]
            if before is not None and after is not None:
                hole = 2 * (high - low) > 3 * interval
            else:
                hole = (before is None and after is None) or 2 * (high - low) >= 3 * interval
            t = other[k][0]
            apart = not result or 2 * (t - result[-1][0]) >= interval and t > result[-1][0]
            room = after is None or 2 * (after - t) >= interval
            if hole and apart and room:
                result.append(other[k])
    return result


def dedup(members: Sequence[Series], silent_ms: int) -> Series:
    """One series of the members of a group, the first preferred."""
    if len(members) == 1:
        return list(members[0])
    result: Series = []
    for number, member in enumerate(members):
        real = [point for point in member if point[1] != STALE_BITS]
        result = real if number == 0 else fill_holes(result, real)
    taken = {timestamp for timestamp, _ in result}
    for number, member in enumerate(members):
        others = [m for k, m in enumerate(members) if k != number]
        for timestamp, bits in member:
            if bits != STALE_BITS or timestamp in taken:
                continue
            if not any(alive(other, timestamp, silent_ms) for other in others):
                result.append((timestamp, bits))
                taken.add(timestamp)
    return sorted(result)


def alive(member: Series, at: int, silent_ms: int) -> bool:
    """Whether the latest sample up to a moment is recent and no stale marker."""
    past = [point for point in member if point[0] <= at]
    return bool(past) and past[-1][1] != STALE_BITS and past[-1][0] > at - silent_ms
