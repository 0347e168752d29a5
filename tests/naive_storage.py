"""Plain Python twins of the storage's kernels: slow, short and obvious."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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
