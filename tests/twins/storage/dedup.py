"""Plain Python twins of the dedup algorithms: slow, and close to their descriptions.

A member is a list of (timestamp, value); a value is a float, a Count stands for a histogram of so
many observations, and STALE for the marker. What comes out is a list of (timestamp, value, number
of the member).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from fractions import Fraction

STALE = "stale"
SECOND = 1_000
MINUTE = 60 * SECOND
# What distances are multiples of: the scrape interval if it is longer than this, or else a minute.
SHORT = 90 * SECOND
# Neighbours further apart are not of one interval, and no interval counts as longer.
LONGEST = 150 * MINUTE
GAPS_ASIDE = 3
# A scrape takes 10 s by default, and clocks differ by 2 s.
LATE = 12 * SECOND
SHARES = (Fraction(1, 2), Fraction(2, 5))


class Count(float):
    """The observations of a histogram."""


Member = Sequence[tuple[int, float]]
Raw = Sequence[tuple[int, float | str]]
Split = list[tuple[int, float | str, int]]
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
            if (
                value == STALE
                and t not in taken
                and not any(is_alive(o, member, t) for o in others)
            ):
                taken = taken | {t}
                found.append((t, STALE, number))
    return found


def is_alive(other: Raw, member: Raw, at: int) -> bool:
    """Whether the other one has a sample of the last five minutes or, scraped more seldom, of the
    last one and a half intervals."""
    past = [sample for sample in other if sample[0] <= at]
    if not past or past[-1][1] == STALE:
        return False
    age = at - past[-1][0]
    interval = min(interval_at(other, past[-1][0]), interval_at(member, at))
    return age < 5 * MINUTE or (interval < math.inf and 2 * age <= 3 * interval)


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


def unit(interval: float) -> float:
    return interval if SHORT < interval < math.inf else MINUTE


def interval_at(member: Raw, at: int) -> float:
    """The second smallest gap near a sample, the only one there is, or infinity. Near is what is
    six units of its smaller neighbouring gap away."""
    times = [t for t, _ in member]
    k = times.index(at)
    beside = [abs(t - at) for t in times[max(0, k - 1) : k + 2] if t != at]
    if min(beside, default=math.inf) > LONGEST:
        return math.inf
    near = times[max(0, k - GAPS_ASIDE) : k + GAPS_ASIDE + 1]
    near = [t for t in near if abs(t - at) <= 6 * unit(min(beside))]
    gaps = sorted(after - before for before, after in zip(near, near[1:], strict=False))
    return min(gaps[min(1, len(gaps) - 1)], LONGEST)


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

    def own(self, t: int) -> float:
        return interval_at(self.members[self.number], t)

    def at_side(self, side: tuple[int, float, int] | None) -> float:
        return math.inf if side is None else interval_at(self.members[side[2]], side[0])

    def near(self, t: int, side: tuple[int, float, int] | None) -> tuple[int, float, int] | None:
        """The neighbour, if it is near."""
        if side is None:
            return None
        return side if abs(t - side[0]) <= 4 * unit(min(self.own(t), self.at_side(side))) else None

    def is_wanted(self, t: int, share: Fraction) -> bool:
        x, y = self.near(t, self.x), self.near(t, self.y)
        if share < SHARES[0] and (x is None or y is None):
            return False
        if x is None and y is None:
            return True
        interval = min(self.own(t), self.at_side(x), self.at_side(y))
        if interval == math.inf:
            return False
        apart = share * int(interval)
        if x is not None and t - x[0] < apart or y is not None and y[0] - t < apart:
            return False
        if x is not None and y is not None:
            return 2 * (y[0] - x[0]) > 3 * interval
        own = [s for s, _ in self.members[self.number] if abs(s - t) <= 6 * unit(interval)]
        if x is not None:
            return any(20 * (s - x[0]) >= 21 * interval for s in own if s >= t)
        assert y is not None
        return any(20 * (y[0] - s) >= 21 * interval for s in own if s <= t)

    def fits(self, t: int, value: float) -> bool:
        """Whether it is of the kind of a near neighbour, if there is one."""
        found = [side for side in (self.near(t, self.x), self.near(t, self.y)) if side is not None]
        return not found or any(kind(value) == kind(side[1]) for side in found)

    def may_follow_x(self, t: int, value: float) -> bool:
        x = self.near(t, self.x)
        if x is None or not self.guarded or kind(x[1]) != kind(value):
            return True
        return switch_is_sound(self.members[x[2]], x[0], self.members[self.number], t)

    def may_precede_y(self, t: int, value: float) -> bool:
        y = self.near(t, self.y)
        if y is None or not self.guarded or kind(y[1]) != kind(value):
            return True
        return switch_is_sound(self.members[self.number], t, self.members[y[2]], y[0])

    def filled(self) -> Out:
        for share in SHARES:
            kept = [(t, v) for t, v in self.inside if self.fits(t, v) and self.is_wanted(t, share)]
            while kept and not self.may_follow_x(*kept[0]):
                kept = kept[1:]
            if share < SHARES[0]:
                kept = kept[:1]
            while kept and not self.may_precede_y(*kept[-1]):
                kept = kept[:-1]
            if kept or not self.is_small():
                break
        return [(t, v, self.number) for t, v in kept]

    def is_small(self) -> bool:
        if self.x is None or self.y is None:
            return False
        interval = min(self.at_side(self.x), self.at_side(self.y))
        return self.y[0] - self.x[0] <= 4 * unit(interval)


def kind(value: float) -> bool:
    return isinstance(value, Count)


def fell(member: Member, low: float, high: float, longest: float, *, deep: bool = False) -> bool:
    """Whether the value falls in a step, not longer than that, that overlaps (low, high)."""
    return any(
        w < v and (not deep or 0 <= w < v / 2)
        for (t, v), (s, w) in zip(member, member[1:], strict=False)
        if s > low and t < high and s - t <= longest
    )


def switch_is_sound(p: Member, x: int, q: Member, y: int) -> bool:
    """Whether q's sample at y may come after p's at x: no false fall, and no step back in time."""
    to_x, from_x = [s for s in p if s[0] <= x], [s for s in p if s[0] >= x]
    to_y, from_y = [s for s in q if s[0] <= y], [s for s in q if s[0] >= y]
    of_p, of_q = 6 * unit(interval_at(p, x)), 6 * unit(interval_at(q, y))
    close = y - x <= LATE
    passed = close and fell(to_x, x - LATE, y, of_p, deep=True)
    coming = close and fell(from_y, x, y + LATE, of_q, deep=True)
    if passed and coming:
        return False
    if not to_y[-1][1] < to_x[-1][1]:
        return True
    return (not passed and fell(to_y, x, y, of_q)) or (not coming and fell(from_x, x, y, of_p))


def chain(members: Sequence[Raw]) -> list[tuple[int, float | str, int]]:
    """The union by timestamp; the first member wins."""
    merged: dict[int, tuple[int, float | str, int]] = {}
    for number, member in enumerate(members):
        for t, value in member:
            merged.setdefault(t, (t, value, number))
    return [merged[t] for t in sorted(merged)]


class Leaf:
    """One replica under `penalty`: a cursor, and what its values are raised by."""

    def __init__(self, member: Split) -> None:
        self.member = member
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
        t, value, number = self.member[self.k]
        return (t, value if isinstance(value, str) else value + self.raised, number)

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


def sort_key(chunk: Raw) -> tuple[int, int, int, int]:
    """What a chunk comes by among others: the smallest is first."""
    value, bits = chunk[0][1], 0x7FF0000000000002
    if not isinstance(value, str):
        (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    return chunk[0][0], chunk[-1][0], -len(chunk), -bits


def split(members: Sequence[Raw]) -> list[Split]:
    """What is taken for replicas: chunks of up to 120 samples that do not overlap. Samples have the
    numbers of their members."""
    chunks = [
        (sort_key(member[k : k + 120]), number, member[k : k + 120])
        for number, member in enumerate(members)
        for k in range(0, len(member), 120)
    ]
    found: list[Split] = []
    for _, number, chunk in sorted(chunks, key=lambda each: each[0]):
        own = next((each for each in found if each[-1][0] < chunk[0][0]), None)
        if own is None:
            own = []
            found.append(own)
        own += [(t, value, number) for t, value in chunk]
    return found


def risen(member: Split) -> Split:
    """A counter without falls, and without what is no number."""
    out: Split = []
    last = total = 0.0
    for t, value, number in member:
        if isinstance(value, str) or math.isnan(value):
            continue
        total += value - last if not out or value >= last else value
        last = value
        out.append((t, total, number))
    return out


def penalty(members: Sequence[Raw], *, counter: bool) -> Split:
    """What is taken for replicas, folded from the left into two-way choices."""
    leaves = [Leaf(risen(own) if counter else own) for own in split(members)]
    if not leaves:
        return []
    top: Node | Leaf = leaves[0]
    for leaf in leaves[1:]:
        top = Node(top, leaf, counter)
    out = []
    while top.step():
        out.append(top.now())
    return out
