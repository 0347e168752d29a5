"""Plain Python twins of the storage's kernels: slow, short and obvious."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

Point = tuple[int, int]  # timestamp ms, bits of the value
Series = list[Point]
MixedPoint = tuple[int, Hashable, int]  # timestamp ms, bits or histogram, start ms


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
        self.last: dict[int, tuple[int, Hashable]] = {}
        self.points: dict[int, dict[int, Hashable]] = {}
        self.refused: dict[str, int] = {"too_old": 0, "too_far": 0, "conflict": 0}
        self.kept_out: list[tuple[int, int, Hashable]] = []

    def append(self, ref: int, timestamp: int, bits: Hashable, oldest: int, newest: int) -> None:
        last = self.last.get(ref)
        if timestamp < oldest:
            self.refused["too_old"] += 1
        elif timestamp > newest:
            self.refused["too_far"] += 1
        elif last is not None and last[0] == timestamp and last[1] != bits:
            self.refused["conflict"] += 1
        else:
            if self.points.setdefault(ref, {}).setdefault(timestamp, bits) != bits:
                self.kept_out.append((ref, timestamp, bits))
            if last is None or timestamp > last[0]:
                self.last[ref] = (timestamp, bits)

    def samples(self, ref: int, start: int, end: int) -> Series:
        return [p for p in sorted(self.points.get(ref, {}).items()) if start <= p[0] <= end]


class NaiveMixedHead(NaiveHead):
    """A head that also keeps starts and histograms; contents of any kind stand for bits."""

    def __init__(self) -> None:
        super().__init__()
        self.starts: dict[int, dict[int, int]] = {}
        self.accepted_histograms = 0

    def put(self, ref: int, point: MixedPoint, *, histogram: bool, unsound: bool) -> None:
        timestamp, content, start = point
        if histogram and unsound:
            return
        refused = sum(self.refused.values())
        known = timestamp in self.points.get(ref, {})
        self.append(ref, timestamp, content, -2, 90)
        if sum(self.refused.values()) == refused:
            self.accepted_histograms += histogram
            if not known:
                self.starts.setdefault(ref, {})[timestamp] = start

    def mixed(self, ref: int, start: int, end: int) -> list[MixedPoint]:
        starts = self.starts.get(ref, {})
        return [(t, c, starts[t]) for t, c in self.samples(ref, start, end)]


def merge_mixed(sources: Sequence[Sequence[MixedPoint]]) -> list[MixedPoint]:
    """The union by timestamp; the earliest source wins. A histogram that is not first, and whose
    sample before is not the one it had, no longer knows of resets."""
    merged: dict[int, tuple[MixedPoint, tuple[int, int]]] = {}
    for number, source in enumerate(sources):
        for place, point in enumerate(source):
            merged.setdefault(point[0], (point, (number, place)))
    found: list[MixedPoint] = []
    before = None
    for timestamp in sorted(merged):
        point, (number, place) = merged[timestamp]
        if found and before != (number, place - 1):
            point = (timestamp, forgetful(point[1]), point[2])
        found.append(point)
        before = (number, place)
    return found


def forgetful(content: Hashable) -> Hashable:
    """A histogram without the hints RESET (1) and NOT_RESET (2); all else as it is."""
    hint = getattr(content, "hint", None)
    return content._replace(hint=0) if hint in (1, 2) else content  # type: ignore[attr-defined]


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
