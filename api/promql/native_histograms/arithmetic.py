"""Arithmetic on native histograms: whole columns of them at a time, by rows.

Every result is a new set of columns in the canonical form: no bucket is empty. What there is to
say of an operation comes as notes, one per result; a result of incompatible histograms is empty and
not to be used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.promql.native_histograms.compare import equal_histograms, scaled_buckets
from api.promql.native_histograms.fold import (
    EXACT,
    HINT_CONFLICT,
    INCOMPATIBLE,
    MEAN,
    NO_CAP,
    PLAIN,
    RECONCILED_ADD,
    RECONCILED_SUB,
    Output,
    fold_histograms,
)
from api.promql.native_histograms.state import COUNT, SUM, THRESHOLD, ZERO
from api.promql.native_histograms.trim import trim_rows
from storage.histograms.columns import HINT_GAUGE, Bounds, Buckets, Histograms
from storage.histograms.histograms import AT_ONCE, columns_of, concat, rows_of, take
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.stops import look, pieces

Rows = NDArray[Any]  # of integers
Work = Callable[[Histograms, Float64s], Histograms]


@dataclass(frozen=True, slots=True)
class Notes:
    """What there is to say of each result.

    incompatible: exponential buckets met custom ones. reconciled_add, reconciled_sub: custom bounds
    differed and only the common ones are left. hint_conflict: one histogram claims to follow a
    counter reset, another claims not to. If incompatible, the others may say only a part.
    """

    incompatible: Bools
    reconciled_add: Bools
    reconciled_sub: Bools
    hint_conflict: Bools


def _notes_of(bits: Int64s) -> Notes:
    return Notes(
        bits & INCOMPATIBLE != 0,
        bits & RECONCILED_ADD != 0,
        bits & RECONCILED_SUB != 0,
        bits & HINT_CONFLICT != 0,
    )


def _histograms_of(out: Output) -> Histograms:
    """The columns of a kernel's output, without the room it had."""
    positive, negative, bounds = out.offsets.copy()
    return Histograms(
        out.schemas,
        out.hints,
        out.numbers[COUNT].copy(),
        out.numbers[SUM].copy(),
        out.numbers[THRESHOLD].copy(),
        out.numbers[ZERO].copy(),
        Buckets(
            positive, out.indexes[0, : positive[-1]].copy(), out.values[0, : positive[-1]].copy()
        ),
        Buckets(
            negative, out.indexes[1, : negative[-1]].copy(), out.values[1, : negative[-1]].copy()
        ),
        Bounds(bounds, out.bounds[: bounds[-1]].copy()),
    )


def fold(
    mode: int,
    h: Histograms,
    offsets: Int64s,
    rows: Rows,
    *,
    factors: Float64s | None = None,
    caps: Int64s | None = None,
) -> tuple[Histograms, Notes]:
    """One histogram per group of rows offsets[g]:offsets[g + 1]; see native_fold_kernels.

    factors: 1, -1 or 0 for each row, 1 if None. caps: the finest schema of each group, if any.
    """
    wanted = rows_of(rows)
    factors = np.ones(len(wanted)) if factors is None else factors
    caps = np.full(len(offsets) - 1, NO_CAP, np.int64) if caps is None else caps
    columns, found, notes = columns_of(h), [], []
    for first, end in stretches(offsets, AT_ONCE):
        part = slice(offsets[first], offsets[end])
        own = offsets[first : end + 1] - offsets[first]
        out, bits = fold_histograms(
            mode, columns, own, wanted[part], factors[part], caps[first:end]
        )
        found.append(_histograms_of(out))
        notes.append(bits)
    return concat(found), _notes_of(np.concatenate(notes))


def stretches(offsets: Int64s, rows_max: int) -> Iterator[tuple[int, int]]:
    """(first group, end group) of groups with so many rows together, or of one that has more, with
    a look before each but the first."""
    groups, first = len(offsets) - 1, 0
    while True:
        end = int(np.searchsorted(offsets, offsets[first] + rows_max, "right")) - 1
        end = min(groups, max(first + 1, end))
        yield first, end
        if end >= groups:
            return
        first = end
        look()


def _pairs(
    a: Histograms, a_rows: Rows, b: Histograms, b_rows: Rows, factor: float
) -> tuple[Histograms, Notes]:
    both = a if a is b else concat([a, b])
    rows = np.empty(2 * len(a_rows), np.int64)
    rows[0::2] = a_rows
    rows[1::2] = rows_of(b_rows) + (0 if a is b else len(a))
    factors = np.ones(len(rows))
    factors[1::2] = factor
    offsets = np.arange(0, len(rows) + 1, 2, dtype=np.int64)
    return fold(PLAIN, both, offsets, rows, factors=factors)


def add(a: Histograms, a_rows: Rows, b: Histograms, b_rows: Rows) -> tuple[Histograms, Notes]:
    """The sums of pairs of histograms."""
    return _pairs(a, a_rows, b, b_rows, 1.0)


def subtract(a: Histograms, a_rows: Rows, b: Histograms, b_rows: Rows) -> tuple[Histograms, Notes]:
    """The differences of pairs of histograms: gauges."""
    h, notes = _pairs(a, a_rows, b, b_rows, -1.0)
    h.hints[:] = HINT_GAUGE
    return h, notes


def _groups(rows: Rows, groups: Rows, group_count: int) -> tuple[Int64s, Int64s]:
    """(offsets, rows ordered by group), rows of a group in the order they came in."""
    offsets = np.zeros(group_count + 1, np.int64)
    np.cumsum(np.bincount(groups, minlength=group_count), out=offsets[1:])
    if len(groups) < 2 or bool((groups[1:] >= groups[:-1]).all()):
        return offsets, rows_of(rows)
    return offsets, rows_of(rows)[np.argsort(groups, kind="stable")]


def sum_groups(
    h: Histograms, rows: Rows, groups: Rows, group_count: int
) -> tuple[Histograms, Notes]:
    """The compensated sum of the rows of each group, in their order; of no rows it is empty."""
    offsets, ordered = _groups(rows, groups, group_count)
    return fold(EXACT, h, offsets, ordered)


def avg_groups(
    h: Histograms, rows: Rows, groups: Rows, group_count: int
) -> tuple[Histograms, Notes]:
    """The mean of the rows of each group: one division of the compensated sum at the end, or a
    running mean from where that sum overflows."""
    offsets, ordered = _groups(rows, groups, group_count)
    return fold(MEAN, h, offsets, ordered)


def multiply(h: Histograms, factors: Float64s, rows: Rows | None = None) -> Histograms:
    """Each histogram, or each of these rows, times a number; a negative one makes it a gauge."""
    return _in_pieces(partial(_scaled, divide=False), h, rows, factors)


def divide(h: Histograms, divisors: Float64s, rows: Rows | None = None) -> Histograms:
    """Each histogram, or each of these rows, divided by a number; a negative one makes it a gauge,
    0 leaves no buckets."""
    return _in_pieces(partial(_scaled, divide=True), h, rows, divisors)


def _in_pieces(work: Work, h: Histograms, rows: Rows | None, numbers: Float64s) -> Histograms:
    """What comes of the histograms at the rows, or of all, each with its number."""
    if rows is None and len(h) <= AT_ONCE:
        return work(h, numbers)
    wanted = np.arange(len(h)) if rows is None else rows_of(rows)
    parts = pieces(len(wanted), AT_ONCE)
    return concat([work(take(h, wanted[part]), numbers[part]) for part in parts])


def _scaled(h: Histograms, numbers: Float64s, *, divide: bool) -> Histograms:
    with np.errstate(all="ignore"):
        counts = h.counts / numbers if divide else h.counts * numbers
        sums = h.sums / numbers if divide else h.sums * numbers
        zeros = h.zero_counts / numbers if divide else h.zero_counts * numbers
    hints = np.where(numbers < 0, np.int8(HINT_GAUGE), h.hints)
    c = columns_of(h)
    positive = scaled_buckets(
        c.positive_offsets, c.positive_indexes, c.positive_counts, numbers, divide
    )
    negative = scaled_buckets(
        c.negative_offsets, c.negative_indexes, c.negative_counts, numbers, divide
    )
    return Histograms(
        h.schemas,
        hints,
        counts,
        sums,
        h.zero_thresholds,
        zeros,
        Buckets(*positive),
        Buckets(*negative),
        h.bounds,
    )


def equal(a: Histograms, a_rows: Rows, b: Histograms, b_rows: Rows) -> Bools:
    """Whether pairs of histograms are the same, bit for bit; their hints do not matter."""
    left, right, (i, j) = columns_of(a), columns_of(b), (rows_of(a_rows), rows_of(b_rows))
    parts = pieces(len(i), AT_ONCE)
    return np.concatenate([equal_histograms(left, i[part], right, j[part]) for part in parts])


def trim_upper(h: Histograms, rows: Rows, bounds: Float64s) -> Histograms:
    """Each histogram without its observations above a bound."""
    numbers = np.asarray(bounds, np.float64)
    return _in_pieces(partial(_trimmed, keep_below=True), h, rows, numbers)


def trim_lower(h: Histograms, rows: Rows, bounds: Float64s) -> Histograms:
    """Each histogram without its observations below a bound."""
    numbers = np.asarray(bounds, np.float64)
    return _in_pieces(partial(_trimmed, keep_below=False), h, rows, numbers)


def _trimmed(h: Histograms, bounds: Float64s, *, keep_below: bool) -> Histograms:
    c = columns_of(h)
    numbers = np.empty((3, len(h)))
    positive, negative, _ = trim_rows(c, np.arange(len(h)), bounds, keep_below, numbers)
    ones = np.ones(len(h))
    return Histograms(
        h.schemas,
        h.hints,
        numbers[0].copy(),
        numbers[1].copy(),
        h.zero_thresholds,
        numbers[2].copy(),
        Buckets(*scaled_buckets(c.positive_offsets, c.positive_indexes, positive, ones, False)),
        Buckets(*scaled_buckets(c.negative_offsets, c.negative_indexes, negative, ones, False)),
        h.bounds,
    )
