"""Plain Python twins of the dedup algorithms: slow, and close to their descriptions.

A member is a list of (timestamp, value); a value is a float, and STALE stands for the marker. What
comes out is a list of (timestamp, value, number of the member).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from storage.dedup_algorithm import FALL_REACH_MS, INTERVAL_REACH_MS, NEAR_MS, SILENT_MS
from storage.dedup_auto import GAPS_ASIDE, TIME_REACH_MS
from storage.dedup_falls import (
    GAUGE_FALLS,
    GAUGE_STEPS,
    LATENESS_MS,
    QUIET_STEPS,
    SHALLOW_FALLS,
)

STALE = "stale"
Member = Sequence[tuple[int, float]]
Raw = Sequence[tuple[int, float | str]]
Out = list[tuple[int, float, int]]
Step = tuple[int, float, int, float]  # from (time, value) to (time, value)


def live(member: Raw) -> list[tuple[int, float]]:
    return [(t, v) for t, v in member if not isinstance(v, str)]


def auto(members: Sequence[Raw], *, guarded: bool = True) -> list[tuple[int, float | str, int]]:
    """Fold the live samples of the members, then add the markers that end the series."""
    out: Out = []
    alive = [live(member) for member in members]
    for number, member in enumerate(alive):
        if out:
            out = fill_holes(out, alive, number, guarded)
        else:
            out = [(t, v, number) for t, v in member]
    return sorted([*out, *final_markers(members, {t for t, _, _ in out})], key=lambda s: s[0])


def final_markers(members: Sequence[Raw], taken: set[int]) -> list[tuple[int, float | str, int]]:
    found: list[tuple[int, float | str, int]] = []
    for number, member in enumerate(members):
        for t, value in member:
            others = [m for k, m in enumerate(members) if k != number]
            if value == STALE and t not in taken and not any(is_alive(o, t) for o in others):
                taken = taken | {t}
                found.append((t, STALE, number))
    return found


def is_alive(member: Raw, at: int) -> bool:
    past = [sample for sample in member if sample[0] <= at]
    return bool(past) and past[-1][1] != STALE and at - past[-1][0] < SILENT_MS


def fill_holes(base: Out, members: Sequence[Member], number: int, guarded: bool) -> Out:
    out: Out = []
    for i in range(len(base) + 1):
        x = base[i - 1] if i else None
        y = base[i] if i < len(base) else None
        if x is not None:
            out.append(x)
        inside = [
            (t, v)
            for t, v in members[number]
            if (x is None or t > x[0]) and (y is None or t < y[0])
        ]
        out += Hole(x, y, inside, members, number, guarded).filled()
    return out


def interval_at(member: Member, at: int) -> float:
    """The second smallest gap near a sample, the only one there is, or infinity."""
    times = [t for t, _ in member]
    k = times.index(at)
    near = times[max(0, k - GAPS_ASIDE) : k + GAPS_ASIDE + 1]
    near = [t for t in near if abs(t - at) <= INTERVAL_REACH_MS]
    gaps = sorted(after - before for before, after in zip(near, near[1:], strict=False))
    return gaps[min(1, len(gaps) - 1)] if gaps else math.inf


class Hole:
    """What lies between two neighbours of the result so far, and what a member puts there."""

    def __init__(
        self,
        x: tuple[int, float, int] | None,
        y: tuple[int, float, int] | None,
        inside: Member,
        members: Sequence[Member],
        number: int,
        guarded: bool,
    ) -> None:
        self.x, self.y, self.inside = x, y, inside
        self.members, self.number, self.guarded = members, number, guarded

    def near_x(self, t: int) -> bool:
        return self.x is not None and t - self.x[0] <= NEAR_MS

    def near_y(self, t: int) -> bool:
        return self.y is not None and self.y[0] - t <= NEAR_MS

    def interval(self, t: int) -> float:
        found = [interval_at(self.members[self.number], t)]
        for side, near in ((self.x, self.near_x(t)), (self.y, self.near_y(t))):
            if side is not None and near:
                found.append(interval_at(self.members[side[2]], side[0]))
        return min(found)

    def is_wanted(self, t: int) -> bool:
        x = self.x[0] if self.x is not None and self.near_x(t) else None
        y = self.y[0] if self.y is not None and self.near_y(t) else None
        if x is None and y is None:
            return True
        interval = self.interval(t)
        if interval == math.inf:
            return False
        if x is not None and 2 * (t - x) < interval or y is not None and 2 * (y - t) < interval:
            return False
        if x is not None and y is not None:
            return 2 * (y - x) > 3 * interval
        if x is not None:
            assert self.x is not None
            ahead = [s for s, _ in self.inside if t <= s]
            ahead += [s for s, _ in self.members[self.x[2]] if s > x][:1]
            return any(5 * (s - x) >= 6 * interval and s <= t + TIME_REACH_MS for s in ahead)
        assert y is not None and self.y is not None
        behind = [s for s, _ in self.inside if s <= t]
        behind += [s for s, _ in self.members[self.y[2]] if s < y][-1:]
        return any(5 * (y - s) >= 6 * interval and s >= t - TIME_REACH_MS for s in behind)

    def may_follow_x(self, t: int, v: float) -> bool:
        if self.x is None or not self.guarded or not self.near_x(t):
            return True
        before, after = self.members[self.x[2]], self.members[self.number]
        return switch_is_sound(before, self.x[0], after, t, self.interval(t))

    def may_precede_y(self, t: int, v: float) -> bool:
        if self.y is None or not self.guarded or not self.near_y(t):
            return True
        before, after = self.members[self.number], self.members[self.y[2]]
        interval = min(interval_at(before, t), interval_at(after, self.y[0]))
        return switch_is_sound(before, t, after, self.y[0], interval)

    def filled(self) -> Out:
        kept = [(t, v) for t, v in self.inside if self.is_wanted(t)]
        while kept and not self.may_follow_x(*kept[0]):
            kept = kept[1:]
        while kept and not self.may_precede_y(*kept[-1]):
            kept = kept[:-1]
        if self.x is not None and self.y is not None and self.y[0] - self.x[0] <= NEAR_MS:
            kept = self.rest(kept)
        return [(t, v, self.number) for t, v in kept]

    def rest(self, kept: list[tuple[int, float]]) -> list[tuple[int, float]]:
        """Add a sample close to x, and one close to y, where too much is open there."""
        assert self.x is not None and self.y is not None
        x, y = self.x[0], self.y[0]
        ends = min(interval_at(self.members[side[2]], side[0]) for side in (self.x, self.y))
        close_to_x = [s for s in self.inside if 2 * (s[0] - x) < ends][-1:]
        close_to_y = [s for s in self.inside if 2 * (y - s[0]) < ends][:1]
        for (t, v), at_x in [(s, True) for s in close_to_x] + [(s, False) for s in close_to_y]:
            interval = min(ends, interval_at(self.members[self.number], t))
            left = kept[-1][0] if kept and not at_x else x
            right = kept[0][0] if kept and at_x else y
            if 5 * min(t - x, y - t) < 2 * interval or 2 * max(t - x, y - t) < interval:
                continue
            if 4 * (right - left) <= 7 * interval or not left < t < right:
                continue
            if (at_x or not kept) and not self.may_follow_x(t, v):
                continue
            if (not at_x or not kept) and not self.may_precede_y(t, v):
                continue
            kept = sorted([*kept, (t, v)])
        return kept


def steps(member: Member) -> list[Step]:
    pairs = zip(member, member[1:], strict=False)
    return [(t, v, s, w) for (t, v), (s, w) in pairs]


def count(found: Sequence[Step], low: float, high: float) -> int:
    """The falls in steps that overlap (low, high)."""
    return sum(s > low and t < high and w < v for t, v, s, w in found)


def until_first(found: Sequence[Step], allowed: Sequence[bool]) -> list[Step]:
    """The steps before the first that is not allowed."""
    stop = list(allowed).index(False) if False in allowed else len(found)
    return list(found[:stop])


def is_deep(before: float, after: float) -> bool:
    return 0 <= after < before / 2


def switch_is_sound(p: Member, x: int, q: Member, y: int, interval: float) -> bool:
    """Whether q's sample at y may come after p's at x: no false fall, and no step back in time."""
    i, j = [t for t, _ in p].index(x), [t for t, _ in q].index(y)
    if q[j][1] < p[i][1]:
        return fall_is_real(p, x, q, y, interval)
    if i == 0 or j == len(q) - 1 or y - x > min(interval, FALL_REACH_MS) + LATENESS_MS:
        return True
    p_before, q_after = p[i - 1], q[j + 1]
    if min(x - p_before[0], q_after[0] - y) > FALL_REACH_MS or j and q[j][1] < q[j - 1][1]:
        return True
    fell = is_deep(p_before[1], p[i][1]) and is_deep(q[j][1], q_after[1])
    return not (fell and q[j][1] >= p_before[1])


def fall_is_real(p: Member, x: int, q: Member, y: int, interval: float) -> bool:
    """Whether the fall from p's sample at x to q's at y is one that a replica saw by itself."""
    q_before = max((t for t, _ in q if x - FALL_REACH_MS <= t <= x), default=None)
    p_after = min((t for t, _ in p if y <= t <= y + FALL_REACH_MS), default=None)
    nobody = q_before is None and p_after is None
    if q_before is None:
        q_before = min((t for t, _ in q if x < t < y), default=None)
    if p_after is None:
        p_after = max((t for t, _ in p if x < t < y), default=None)
    late = min(interval, FALL_REACH_MS)
    seen = False
    if q_before is not None:
        oldest = q_before - FALL_REACH_MS
        p_way = [s for s in steps(p) if s[2] <= x][::-1]
        p_way = until_first(p_way, [s[0] >= oldest for s in p_way])
        q_way = [s for s in steps(q) if s[2] <= y][::-1]
        q_way = until_first(q_way, [s[0] >= oldest for s in q_way])
        seen = count([s for s in q_way if s[0] >= q_before], x, y) > 0
        turns = [t for t, _ in q if t <= q_before][::-1][:QUIET_STEPS]
        turns = [t for t in turns if t - late >= oldest]
        quiet = [t for t in turns if count(p_way + q_way, t - late, t + late) == 0]
        q_from, p_from = (quiet[0], quiet[0]) if quiet else (q_before, q_before - late)
        if seen and count(q_way, q_from, y) > count(p_way, p_from, y):
            return True
    if p_after is not None:
        newest = p_after + FALL_REACH_MS
        p_way = [s for s in steps(p) if s[0] >= x]
        p_way = until_first(p_way, [s[2] <= newest for s in p_way])
        q_way = [s for s in steps(q) if s[0] >= y]
        q_way = until_first(q_way, [s[2] <= newest for s in q_way])
        fell = count([s for s in p_way if s[2] <= p_after], x, y) > 0
        turns = [t for t, _ in p if t >= p_after][:QUIET_STEPS]
        turns = [t for t in turns if t + late <= newest]
        quiet = [t for t in turns if count(p_way + q_way, t - late, t + late) == 0]
        p_to, q_to = (quiet[0], quiet[0]) if quiet else (p_after, p_after + late)
        if fell and count(p_way, x, p_to) > count(q_way, x, q_to):
            return True
        seen = seen or fell
    if y - x > late + LATENESS_MS:
        return seen or nobody
    return seen and looks_like_a_gauge(p, x, q, y)


def looks_like_a_gauge(p: Member, x: int, q: Member, y: int) -> bool:
    fallen: list[Step] = []
    for member, at in ((p, x), (q, y)):
        k = [t for t, _ in member].index(at)
        around = member[max(0, k - GAUGE_STEPS) : k + GAUGE_STEPS + 1]
        fallen += [
            s
            for s in steps(around)
            if s[3] < s[1] and s[0] >= x - FALL_REACH_MS and s[2] <= y + FALL_REACH_MS
        ]
    shallow = sum(not is_deep(v, w) for _, v, _, w in fallen)
    return shallow >= SHALLOW_FALLS or len(fallen) >= GAUGE_FALLS


def chain(members: Sequence[Raw]) -> list[tuple[int, float | str, int]]:
    """The union by timestamp; the first member wins."""
    merged: dict[int, tuple[int, float | str, int]] = {}
    for number, member in enumerate(members):
        for t, value in member:
            merged.setdefault(t, (t, value, number))
    return [merged[t] for t in sorted(merged)]


class Leaf:
    """One replica under `penalty`: a cursor, and what its values are raised by."""

    def __init__(self, member: Raw, number: int) -> None:
        self.member, self.number = member, number
        self.k = -1
        self.raised = 0.0

    def step(self) -> bool:
        self.k += 1
        return self.k < len(self.member)

    def seek(self, t: int) -> bool:
        while self.k < len(self.member) and self.now()[0] < t:
            self.k += 1
        return self.k < len(self.member)

    def now(self) -> tuple[int, float | str, int]:
        t, value = self.member[self.k]
        return (t, value if isinstance(value, str) else value + self.raised, self.number)

    def raise_to(self, value: float) -> None:
        now = self.now()[1]
        if not isinstance(now, str) and value > now:
            self.raised += value - now


class Node:
    """A two-way choice under `penalty`; a side is a leaf or another choice."""

    def __init__(self, a: Node | Leaf, b: Leaf, counter: bool) -> None:
        self.a, self.b, self.counter = a, b, counter
        self.last: int | None = None
        self.penalty_a = self.penalty_b = 0
        self.on_a = True
        self.more_a, self.more_b = a.step(), b.step()

    def now(self) -> tuple[int, float | str, int]:
        return self.a.now() if self.on_a else self.b.now()

    def seek(self, t: int) -> bool:
        while self.now()[0] < t:
            if not self.step():
                return False
        return True

    def raise_to(self, value: float) -> None:
        if self.more_a:
            self.a.raise_to(value)
        if self.more_b:
            self.b.raise_to(value)

    def step(self) -> bool:
        was_on_a = self.on_a
        before = self.now()[1] if (self.more_a if self.on_a else self.more_b) else STALE
        more = self.choose()
        if self.counter and self.on_a != was_on_a and not isinstance(before, str):
            self.raise_to(before)
        return more

    def choose(self) -> bool:
        if self.last is not None:
            self.more_a = self.more_a and self.a.seek(self.last + 1 + self.penalty_a)
            self.more_b = self.more_b and self.b.seek(self.last + 1 + self.penalty_b)
        if not self.more_a and not self.more_b:
            self.on_a = False
            return False
        if self.more_a and self.more_b:
            self.on_a = self.a.now()[0] <= self.b.now()[0]
            taken = self.now()[0]
            penalty = 5_000 if self.last is None else 2 * (taken - self.last)
            if self.on_a:
                self.penalty_b = penalty
            else:
                self.penalty_a = penalty
        else:
            self.on_a = self.more_a
        if self.on_a:
            self.penalty_a = 0
        else:
            self.penalty_b = 0
        self.last = self.now()[0]
        return True


def penalty(members: Sequence[Raw], *, counter: bool) -> list[tuple[int, float | str, int]]:
    """The members folded from the left into two-way choices."""
    top: Node | Leaf = Leaf(members[0], 0)
    for number, member in enumerate(members[1:], 1):
        top = Node(top, Leaf(member, number), counter)
    out = []
    while top.step():
        out.append(top.now())
    return out
