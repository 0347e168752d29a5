"""The plain twin of the native histogram kernels: one histogram as dicts, by the rules.

The order of floating-point operations is the one the kernels promise, so that results can be
compared bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from storage.histograms.buckets import bound_of
from storage.histograms.columns import (
    CUSTOM_SCHEMA,
    HINT_GAUGE,
    HINT_NOT_RESET,
    HINT_RESET,
    HINT_UNKNOWN,
    Histograms,
)
from storage.histograms.histograms import Parts, from_parts, parts_of

Pair = list[float]  # a number, and what its roundings lost


class Incompatible(Exception):
    """Exponential buckets met custom ones."""


def kahan(x: float, pair: Pair) -> None:
    total, lost = pair
    t = total + x
    bigger, smaller = (total, x) if abs(total) >= abs(x) else (x, total)
    pair[0], pair[1] = t, 0.0 if math.isinf(t) else lost + ((bigger - t) + smaller)


@dataclass
class Plain:
    """A histogram; every number is a pair whose second part stays 0 in plain arithmetic."""

    schema: int = 0
    hint: int = HINT_UNKNOWN
    threshold: float = 0.0
    count: Pair = field(default_factory=lambda: [0.0, 0.0])
    sum: Pair = field(default_factory=lambda: [0.0, 0.0])
    zero: Pair = field(default_factory=lambda: [0.0, 0.0])
    positive: dict[int, Pair] = field(default_factory=dict)
    negative: dict[int, Pair] = field(default_factory=dict)
    bounds: list[float] = field(default_factory=list)

    @property
    def custom(self) -> bool:
        return self.schema == CUSTOM_SCHEMA

    @property
    def sides(self) -> tuple[dict[int, Pair], dict[int, Pair]]:
        return self.positive, self.negative

    def numbers(self) -> list[Pair]:
        own = [self.count, self.sum, self.zero]
        return own + [pair for side in self.sides for pair in side.values()]


def plain_of(p: Parts) -> Plain:
    return Plain(
        p.schema,
        p.hint,
        p.zero_threshold,
        [p.count, 0.0],
        [p.sum, 0.0],
        [p.zero_count, 0.0],
        {i: [c, 0.0] for i, c in sorted(p.positive) if c != 0},
        {i: [c, 0.0] for i, c in sorted(p.negative) if c != 0},
        list(p.bounds),
    )


def parts_of_plain(p: Plain, divisor: float = 1.0, *, exact: bool = False) -> Parts:
    """The finished histogram, without its empty buckets."""

    def finish(pair: Pair) -> float:
        value = pair[0] / divisor
        return value + pair[1] / divisor if exact else value

    positive, negative = (
        [(i, finish(pair)) for i, pair in sorted(side.items()) if finish(pair) != 0]
        for side in p.sides
    )
    return Parts(
        p.schema,
        finish(p.count),
        finish(p.sum),
        p.threshold,
        finish(p.zero),
        positive,
        negative,
        p.bounds,
        p.hint,
    )


# --- arithmetic -----------------------------------------------------------------------------------


def put(side: dict[int, Pair], index: int, value: float, exact: bool) -> None:
    if index not in side:
        side[index] = [value, 0.0]
    elif exact:
        kahan(value, side[index])
    else:
        side[index][0] += value


def coarse_index(index: int, shift: int) -> int:
    return -(-index // 2**shift)


def coarser(p: Plain, schema: int, exact: bool = False) -> None:
    """Merge buckets until the schema is this one."""
    shift, p.schema = p.schema - schema, schema
    for name in ("positive", "negative"):
        merged: dict[int, Pair] = {}
        for index, (value, lost) in sorted(getattr(p, name).items()):
            at = coarse_index(index, shift)
            if at not in merged:
                merged[at] = [value, lost]
                continue
            put(merged, at, value, exact)
            if exact:
                kahan(lost, merged[at])
        setattr(p, name, merged)


def widen(p: Plain, threshold: float, exact: bool = False) -> tuple[Pair, float]:
    """The zero bucket if it were at least that wide."""
    while True:
        zero = list(p.zero)
        wanted = threshold
        for side in p.sides:
            for index, (value, lost) in sorted(side.items()):
                lower, upper = bound_of(index - 1, p.schema), bound_of(index, p.schema)
                if lower >= wanted:
                    break
                if exact:
                    kahan(value, zero)
                    kahan(lost, zero)
                else:
                    zero[0] += value
                if upper > wanted:
                    wanted = upper if value != 0 else wanted
                    break
            if side is p.positive:
                after_positive = wanted
        if wanted == after_positive:
            return zero, wanted
        threshold = wanted


def swallow(p: Plain, threshold: float, exact: bool) -> None:
    p.zero, p.threshold = widen(p, threshold, exact)
    for side in p.sides:
        for index in list(side):
            if bound_of(index - 1, p.schema) < p.threshold:
                del side[index]


def add_to(p: Plain, other: Plain, factor: float = 1.0, *, exact: bool = False) -> bool:
    """Add other times factor to p; returns whether custom bounds had to be reconciled."""
    if p.custom != other.custom:
        raise Incompatible
    if p.hint != other.hint:
        p.hint = HINT_GAUGE if HINT_GAUGE in (p.hint, other.hint) else HINT_UNKNOWN
    zero, threshold = [other.zero[0], 0.0], other.threshold
    while not p.custom and threshold != p.threshold:
        if threshold < p.threshold:
            zero, threshold = widen(other, p.threshold)
        if threshold > p.threshold:
            swallow(p, threshold, exact)
    added = (zero[0] * factor, other.count[0] * factor, other.sum[0] * factor)
    for pair, value in zip((p.zero, p.count, p.sum), added, strict=True):
        if exact:
            kahan(value, pair)
        else:
            pair[0] += value
    if p.custom and p.bounds != other.bounds:
        reconcile(p, other, factor, exact)
        return True
    other = deepcopy(other)
    if not p.custom and other.schema < p.schema:
        coarser(p, other.schema, exact)
    elif not p.custom:
        coarser(other, p.schema)
    for own, new in zip(p.sides, other.sides, strict=True):
        for index, (value, _) in sorted(new.items()):
            if p.custom or bound_of(index, p.schema) > p.threshold:
                put(own, index, value * factor, exact)
    return False


def reconcile(p: Plain, other: Plain, factor: float, exact: bool) -> None:
    common = [b for b in p.bounds if b in other.bounds]
    merged: dict[int, Pair] = {i: [0.0, 0.0] for i in range(len(common) + 1)}
    for source, times in ((p, 1.0), (other, factor)):
        for index, (value, lost) in sorted(source.positive.items()):
            bound = source.bounds[index] if index < len(source.bounds) else math.inf
            at = sum(b < bound for b in common)
            put(merged, at, value * times, exact)
            if exact and source is p:
                kahan(lost, merged[at])
    p.positive = {i: pair for i, pair in merged.items() if pair != [0, 0]}
    p.bounds = common


def overflows(p: Plain) -> bool:
    return any(math.isinf(value) for value, _ in p.numbers())


def scale(p: Plain, factor: float, divisor: float) -> None:
    for pair in p.numbers():
        pair[0], pair[1] = pair[0] * factor / divisor, pair[1] * factor / divisor


def sum_of(group: list[Plain]) -> Parts:
    total = deepcopy(group[0])
    for p in group[1:]:
        add_to(total, p, exact=True)
    return parts_of_plain(total, exact=len(group) > 1)


def mean_of(group: list[Plain]) -> Parts:
    """One division at the end; a running mean from where the sum would overflow."""
    mean, running = deepcopy(group[0]), False
    for count, p in enumerate(group[1:], start=2):
        if not running:
            total = deepcopy(mean)
            add_to(total, p, exact=True)
            if not overflows(total):
                mean = total
                continue
            running = True
            scale(mean, 1.0, count - 1.0)
        scale(mean, (count - 1.0) / count, 1.0)
        part = deepcopy(p)
        scale(part, 1.0, float(count))
        add_to(mean, part, exact=True)
    return parts_of_plain(mean, 1.0 if running else float(len(group)), exact=len(group) > 1)


# --- comparing ------------------------------------------------------------------------------------


def is_reset(before: Plain, p: Plain) -> bool:
    if p.hint in (HINT_RESET, HINT_NOT_RESET):
        return p.hint == HINT_RESET
    if p.count[0] < before.count[0] or p.custom != before.custom:
        return True
    if p.custom:
        old, new = deepcopy(before), deepcopy(p)
        reconcile(old, Plain(schema=CUSTOM_SCHEMA, bounds=p.bounds), 1.0, False)
        reconcile(new, Plain(schema=CUSTOM_SCHEMA, bounds=before.bounds), 1.0, False)
        return any(new.positive.get(i, [0.0])[0] < c for i, (c, _) in old.positive.items())
    if p.schema > before.schema or p.threshold < before.threshold:
        return True
    zero, threshold = (before.zero, p.threshold)
    if before.threshold != p.threshold:
        zero, threshold = widen(before, p.threshold)
    if threshold != p.threshold or p.zero[0] < zero[0]:
        return True
    old = deepcopy(before)
    coarser(old, p.schema)
    for new_side, old_side in zip(p.sides, old.sides, strict=True):
        for index, (count, _) in old_side.items():
            if bound_of(index, p.schema) <= p.threshold:
                continue
            if index not in new_side or new_side[index][0] < count:
                return True
    return False


def continues(before: Plain, p: Plain) -> bool:
    """Whether p could be appended to the chunk of the one before it."""
    if p.count[0] < before.count[0] or p.zero[0] < before.zero[0]:
        return False
    layout = (p.schema, p.threshold, p.bounds)
    if layout != (before.schema, before.threshold, before.bounds):
        return False
    return all(
        index in new and new[index][0] >= count
        for new, old in zip(p.sides, before.sides, strict=True)
        for index, (count, _) in old.items()
    )


# --- reading --------------------------------------------------------------------------------------


def limits_of(p: Plain, index: int) -> tuple[float, float]:
    if not p.custom:
        return bound_of(index - 1, p.schema), bound_of(index, p.schema)
    edges = [-math.inf, *p.bounds, math.inf]
    return edges[index], edges[index + 1]


def lines_of(p: Plain) -> list[tuple[float, float, float]]:
    """The buckets as (lower, upper, count), ascending."""
    lines = []
    for index, (count, _) in sorted(p.negative.items(), reverse=True):
        inner, outer = limits_of(p, index)
        lines.append((-outer, -max(inner, p.threshold) if inner > 0 else 0.0, count))
    if p.zero[0] > 0:
        lines.append((-p.threshold, p.threshold, p.zero[0]))
    for index, (count, _) in sorted(p.positive.items()):
        lower, upper = limits_of(p, index)
        lines.append((max(lower, p.threshold) if lower > 0 else lower, upper, count))
    return lines


def zero_limits(p: Plain, lower: float, upper: float) -> tuple[float, float]:
    """A bucket around zero belongs to the only side there is."""
    if p.positive and not p.negative:
        return 0.0, upper
    if p.negative and not p.positive:
        return lower, 0.0
    return lower, upper


def quantile(p: Plain, q: float) -> float:
    total, has_nan = p.count[0], math.isnan(p.sum[0])
    if not 0 <= q <= 1:
        return math.nan if math.isnan(q) else math.copysign(math.inf, q)
    if total == 0:
        return math.nan
    forward = has_nan or q < 0.5
    rank = q * total if forward else (1 - q) * total
    seen, bucket = 0.0, (0.0, 0.0, 0.0)
    for bucket in lines_of(p) if forward else reversed(lines_of(p)):
        seen += bucket[2]
        if seen >= rank:
            break
    lower, upper, here = bucket
    if p.custom and lower == -math.inf:
        if upper <= 0:
            return upper
        lower = 0.0
    elif p.custom and upper == math.inf:
        return lower
    elif not p.custom and lower < 0 < upper:
        lower, upper = zero_limits(p, lower, upper)
    seen = min(seen, total)
    if seen < rank:
        return math.nan if has_nan else upper
    rank = rank - (seen - here) if forward else seen - rank
    share = rank / here if here else math.nan
    if p.custom or lower <= 0 <= upper:
        return lower + (upper - lower) * share
    small, large = math.log2(abs(lower)), math.log2(abs(upper))
    if lower > 0:
        return 2.0 ** (small + (large - small) * share)
    return -(2.0 ** (large + (small - large) * (1 - share)))


def log_below(value: float, lower: float, upper: float) -> float:
    small, large = math.log2(abs(lower)), math.log2(abs(upper))
    at = math.log2(abs(value))
    return (at - small) / (large - small) if value > 0 else 1 - (at - large) / (small - large)


def fraction(p: Plain, lower: float, upper: float) -> float:
    total = p.count[0]
    if total == 0 or math.isnan(lower) or math.isnan(upper):
        return math.nan
    if lower >= upper:
        return 0.0
    known = total
    if math.isnan(p.sum[0]):
        known = 0.0
        for _, _, count in lines_of(p):
            known += count

    def rank_of(value: float) -> float:
        rank = 0.0
        for start, end, count in lines_of(p):
            around = start <= 0 <= end
            low, high = zero_limits(p, start, end) if around else (start, end)
            if low >= value:
                return rank
            if high > value:
                if low == -math.inf:
                    return count
                if p.custom or around:
                    return rank + count * (value - low) / (high - low)
                return rank + count * log_below(value, low, high)
            rank += count
        return known

    return (min(rank_of(upper), known) - min(rank_of(lower), known)) / total


def variance(p: Plain) -> float:
    mean = p.sum[0] / p.count[0]
    total = [0.0, 0.0]
    for lower, upper, count in lines_of(p):
        middle = 0.0
        if p.custom:
            middle = (upper + lower) / 2.0
        elif not lower <= 0 <= upper:
            middle = math.copysign(math.sqrt(upper * lower), upper)
        delta = middle - mean
        kahan(count * delta * delta, total)
    return (total[0] + total[1]) / p.count[0]


# --- inputs ---------------------------------------------------------------------------------------

COUNTS = st.one_of(
    st.integers(1, 20).map(float), st.floats(0.001, 1e6), st.sampled_from([1e100, 1e-100])
)
HINTS = st.sampled_from([HINT_UNKNOWN, HINT_RESET, HINT_NOT_RESET, HINT_GAUGE])
BOUNDS = st.lists(st.sampled_from([-5.0, -1.0, 0.0, 0.5, 1.0, 2.5, 10.0]), unique=True).map(sorted)


def sides(low: int, high: int) -> st.SearchStrategy[list[tuple[int, float]]]:
    return st.dictionaries(st.integers(low, high), COUNTS, max_size=8).map(
        lambda buckets: sorted(buckets.items())
    )


@st.composite
def exponential(draw: st.DrawFn) -> Parts:
    return Parts(
        draw(st.integers(-2, 4)),
        draw(COUNTS),
        draw(st.floats(-1e6, 1e6)),
        draw(st.sampled_from([0.0, 0.001, 0.5, 1.0, 1.5, 3.0])),
        draw(st.one_of(st.just(0.0), COUNTS)),
        draw(sides(-6, 12)),
        draw(sides(-6, 12)),
        (),
        draw(HINTS),
    )


@st.composite
def customary(draw: st.DrawFn) -> Parts:
    bounds = draw(BOUNDS)
    return Parts(
        CUSTOM_SCHEMA,
        draw(COUNTS),
        draw(st.floats(-1e6, 1e6)),
        positive=draw(sides(0, len(bounds))),
        bounds=bounds,
        hint=draw(HINTS),
    )


def parts() -> st.SearchStrategy[Parts]:
    return st.one_of(exponential(), customary())


def grown(p: Parts, amounts: Iterable[float]) -> Parts:
    """A histogram that may come after p in a series of a counter."""
    more = list(amounts)
    positive = [(i, c + more[0]) for i, c in p.positive]
    return Parts(
        p.schema,
        p.count + more[1],
        p.sum,
        p.zero_threshold,
        p.zero_count + more[2],
        positive,
        p.negative,
        p.bounds,
        p.hint,
    )


def same(got: Histograms, row: int, wanted: Parts) -> None:
    """Assert that a row is this histogram, bit for bit."""
    assert flat(parts_of(got, row)) == flat(parts_of(from_parts([wanted]), 0))


def flat(p: Parts) -> tuple[object, ...]:
    numbers = [p.count, p.sum, p.zero_threshold, p.zero_count]
    numbers += [c for _, c in (*p.positive, *p.negative)] + list(p.bounds)
    indexes = [i for i, _ in p.positive], [i for i, _ in p.negative]
    bits = np.array([0.0 if v == 0 else v for v in numbers]).view(np.uint64).tolist()
    return (p.schema, p.hint, indexes, bits)
