"""Plain Python twins of the dedup algorithms: slow, and close to their descriptions.

A member is a list of (timestamp, value); a value is a float, and STALE stands for the marker. What
comes out is a list of (timestamp, value, number of the member).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from storage.dedup.algorithm import FALL_STEP_MS, INTERVAL_REACH_MS, NEAR_MS, SILENT_MS
from storage.dedup.auto import APART_TENTHS, GAPS_ASIDE
from storage.dedup.falls import LATE_MS

STALE = "stale"
Member = Sequence[tuple[int, float]]
Raw = Sequence[tuple[int, float | str]]
Out = list[tuple[int, float, int]]


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

    def is_wanted(self, t: int, share: Fraction) -> bool:
        x = self.x[0] if self.x is not None and self.near_x(t) else None
        y = self.y[0] if self.y is not None and self.near_y(t) else None
        if x is None and y is None:
            return True
        interval = self.interval(t)
        if interval == math.inf:
            return False
        apart = share * int(interval)
        if x is not None and t - x < apart or y is not None and y - t < apart:
            return False
        if x is not None and y is not None:
            return 2 * (y - x) > 3 * interval
        own = [s for s, _ in self.members[self.number] if abs(s - t) <= INTERVAL_REACH_MS]
        if x is not None:
            return any(20 * (s - x) >= 21 * interval for s in own if s >= t)
        assert y is not None
        return any(20 * (y - s) >= 21 * interval for s in own if s <= t)

    def may_follow_x(self, t: int) -> bool:
        if self.x is None or not self.guarded or not self.near_x(t):
            return True
        return switch_is_sound(self.members[self.x[2]], self.x[0], self.members[self.number], t)

    def may_precede_y(self, t: int) -> bool:
        if self.y is None or not self.guarded or not self.near_y(t):
            return True
        return switch_is_sound(self.members[self.number], t, self.members[self.y[2]], self.y[0])

    def filled(self) -> Out:
        for tenths in APART_TENTHS:
            kept = [(t, v) for t, v in self.inside if self.is_wanted(t, Fraction(tenths, 10))]
            while kept and not self.may_follow_x(kept[0][0]):
                kept = kept[1:]
            if tenths < APART_TENTHS[0]:
                kept = kept[:1]
            while kept and not self.may_precede_y(kept[-1][0]):
                kept = kept[:-1]
            if kept or self.x is None or self.y is None or self.y[0] - self.x[0] > NEAR_MS:
                break
        return [(t, v, self.number) for t, v in kept]


def fell(member: Member, low: int, high: int, *, deep: bool = False) -> bool:
    """Whether the value falls in a step that overlaps (low, high)."""
    return any(
        w < v and (not deep or 0 <= w < v / 2)
        for (t, v), (s, w) in zip(member, member[1:], strict=False)
        if s > low and t < high and s - t <= FALL_STEP_MS
    )


def switch_is_sound(p: Member, x: int, q: Member, y: int) -> bool:
    """Whether q's sample at y may come after p's at x: no false fall, and no step back in time."""
    to_x, from_x = [s for s in p if s[0] <= x], [s for s in p if s[0] >= x]
    to_y, from_y = [s for s in q if s[0] <= y], [s for s in q if s[0] >= y]
    late = y - x <= LATE_MS
    passed = late and fell(to_x, x - LATE_MS, y, deep=True)
    coming = late and fell(from_y, x, y + LATE_MS, deep=True)
    if passed and coming:
        return False
    if not to_y[-1][1] < to_x[-1][1]:
        return True
    return (not passed and fell(to_y, x, y)) or (not coming and fell(from_x, x, y))


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
