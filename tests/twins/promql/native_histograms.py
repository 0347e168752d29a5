"""The plain twin of the native histogram kernels: one histogram as dicts, by the rules.

The order of floating-point operations is the one the kernels promise, so that results can be
compared bit for bit.
"""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass, field

from storage.histograms.histograms import Parts

# What Prometheus writes for histograms with bounds of their own, and says of counter resets.
CUSTOM_SCHEMA = -53
HINT_UNKNOWN, HINT_RESET, HINT_NOT_RESET, HINT_GAUGE = range(4)
LARGEST = 1.7976931348623157e308
# The square root of 2, that of it, and so on: Prometheus' bounds are products of these, which are
# not always the nearest floats.
ROOTS = ((2.0**0.25) ** 2, *(2.0**2.0**-k for k in range(2, 9)))

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


def bound_of(index: int, schema: int) -> float:
    """The upper bound of an exponential bucket: 2 ** (index / 2**schema)."""
    whole, part = (index * 2**-schema, 0) if schema < 0 else divmod(index, 2**schema)
    if whole >= 1024:
        return LARGEST if (whole, part) == (1024, 0) else math.inf
    share = 0.5
    for k in range(max(schema, 0)):
        if part >> (schema - 1 - k) & 1:
            share *= ROOTS[k]
    return math.ldexp(share, whole + 1)


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
    if p.custom and p.bounds != before.bounds:
        old, new = deepcopy(before), deepcopy(p)
        reconcile(old, Plain(schema=CUSTOM_SCHEMA, bounds=p.bounds), 1.0, False)
        reconcile(new, Plain(schema=CUSTOM_SCHEMA, bounds=before.bounds), 1.0, False)
        common = {**old.positive, **new.positive}
        none = [0.0]
        return any(new.positive.get(i, none)[0] < old.positive.get(i, none)[0] for i in common)
    if p.custom:
        return is_missing(before.positive, p.positive)
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
        above = {i: c for i, c in old_side.items() if bound_of(i, p.schema) > p.threshold}
        if is_missing(above, new_side):
            return True
    return False


def is_missing(old: dict[int, Pair], new: dict[int, Pair]) -> bool:
    """Whether a bucket is gone or counts less."""
    return any(i not in new or new[i][0] < count for i, (count, _) in old.items())


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
