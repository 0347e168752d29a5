"""The kernels of rates of native histograms: which histograms a window's change is a sum of.

They look at positions, schemas and hints only. What the buckets say comes in as `resets`, and what
becomes of them is for the fold of native_fold_kernels.
"""

from typing import NamedTuple

import numpy as np

from api.promql.ranges.rates import stretched, stretched_from_start
from storage.histograms.columns import CUSTOM_SCHEMA, HINT_GAUGE
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import float_kernel

# What there is to say of a cell, as bits.
MIXED_SCHEMAS, NOT_COUNTER, NOT_GAUGE, RECONCILED_ADD, RECONCILED_SUB = 1, 2, 4, 8, 16
# How the change of a window begins, as bits. NULLED: its second sample is a reset, so that nothing
# of the first one counts. STARTED: the counter was zero at a known time inside the window.
NULLED, STARTED = 1, 2


class Plan(NamedTuple):
    """One item per cell, series by series. A cell without a result has no terms.

    low, last: positions of the first and the last sample; beginnings: NULLED, STARTED; caps: the
    coarsest schema in the window.
    """

    low: Int64s
    last: Int64s
    beginnings: Int64s
    terms: Int64s
    caps: Int64s
    flags: Int64s


@float_kernel
def check_window(
    schemas: Int64s, hints: Int64s, rows: Int64s, low: int, last: int, nulled: bool, counter: bool
) -> tuple[int, int]:
    """(the flags of a window of two samples or more, its coarsest schema); with MIXED_SCHEMAS it
    has no result."""
    first_row, last_row = rows[low], rows[last]
    flags = 0
    if counter and (hints[first_row] == HINT_GAUGE or hints[last_row] == HINT_GAUGE):
        flags |= NOT_COUNTER
    if nulled:
        first_row = rows[low + 1]
    cap = min(schemas[first_row], schemas[last_row])
    custom = schemas[first_row] == CUSTOM_SCHEMA
    if (schemas[last_row] == CUSTOM_SCHEMA) != custom:
        return flags | MIXED_SCHEMAS, cap
    if not counter:
        both = hints[rows[low]] == HINT_GAUGE and hints[last_row] == HINT_GAUGE
        return flags if both else flags | NOT_GAUGE, cap
    for j in range(low + 1, last):
        row = rows[j]
        if hints[row] == HINT_GAUGE:
            flags |= NOT_COUNTER
        cap = min(cap, schemas[row])
        if (schemas[row] == CUSTOM_SCHEMA) != custom:
            # Nothing else is said of such a window then.
            return MIXED_SCHEMAS, cap
    return flags, cap


@float_kernel
def plan_rates(
    schemas: Int64s,
    hints: Int64s,
    offsets: Int64s,
    timestamps: Int64s,
    rows: Int64s,
    resets: Bools,
    starts: Int64s,
    ends: Int64s,
    range_ms: int,
    counter: bool,
) -> Plan:
    """The plan of all windows of all series; starts may be empty."""
    series, steps = len(offsets) - 1, len(ends)
    cells = series * steps
    plan = Plan(
        np.zeros(cells, np.int64),
        np.zeros(cells, np.int64),
        np.zeros(cells, np.int64),
        np.zeros(cells, np.int64),
        np.zeros(cells, np.int64),
        np.zeros(cells, np.int64),
    )
    for i in range(series):
        low = high = offsets[i]
        for k in range(steps):
            start = ends[k] - range_ms
            while low < offsets[i + 1] and timestamps[low] <= start:
                low += 1
            high = max(low, high)
            while high < offsets[i + 1] and timestamps[high] <= ends[k]:
                high += 1
            if low == high:
                continue
            cell = i * steps + k
            began = counter and len(starts) > 0 and starts[low] != 0
            began = began and start < starts[low] < timestamps[low]
            if high - low < 2 and not began:
                continue
            nulled = counter and high - low > 1 and resets[low + 1]
            flags, cap = 0, schemas[rows[low]]
            if high - low > 1:
                flags, cap = check_window(schemas, hints, rows, low, high - 1, nulled, counter)
            plan.low[cell], plan.last[cell] = low, high - 1
            plan.beginnings[cell] = (NULLED if nulled else 0) | (STARTED if began else 0)
            plan.flags[cell], plan.caps[cell] = flags, cap
            if flags & MIXED_SCHEMAS:
                continue
            plan.terms[cell] = 3 if began and nulled else 2
            if counter:
                for j in range(low + 1 + nulled, high):
                    plan.terms[cell] += resets[j]
    return plan


@float_kernel
def fill_terms(
    plan: Plan, offsets: Int64s, rows: Int64s, resets: Bools, counter: bool
) -> tuple[Int64s, Float64s]:
    """(rows, factors) of the terms of all cells: what is to be added, subtracted, or only to be
    seen for its layout (0)."""
    out, factors = np.empty(offsets[-1], np.int64), np.ones(offsets[-1])
    for cell in range(len(plan.terms)):
        place = offsets[cell]
        if plan.terms[cell] == 0:
            continue
        low, last = plan.low[cell], plan.last[cell]
        nulled = 1 if plan.beginnings[cell] & NULLED else 0
        began = plan.beginnings[cell] & STARTED
        out[place] = rows[last]
        out[place + 1] = rows[low + nulled]
        factors[place + 1] = 0.0 if nulled or began else -1.0
        place += 2
        if nulled and began:
            out[place] = rows[low]
            place += 1
        if counter:
            for j in range(low + 1 + nulled, last + 1):
                if resets[j]:
                    out[place] = rows[j - 1]
                    place += 1
    return out, factors


@float_kernel
def stretch_factors(
    plan: Plan,
    timestamps: Int64s,
    starts: Int64s,
    firsts: Float64s,
    changes: Float64s,
    ends: Int64s,
    range_ms: int,
    counter: bool,
    is_rate: bool,
) -> Float64s:
    """By what the change of each cell is to be multiplied.

    firsts: the count of each sample's histogram; changes: that of each cell's change. A window
    whose start is known is not stretched to before it, and a single sample not to behind it.
    """
    factors = np.ones(len(plan.terms))
    seconds = range_ms // 1000 + (range_ms % 1000) * 1_000_000 / 1e9
    for cell in range(len(plan.terms)):
        if plan.terms[cell] == 0:
            continue
        low, last, end = plan.low[cell], plan.last[cell], ends[cell % len(ends)]
        before = float(timestamps[low] - (end - range_ms))
        after = float(end - timestamps[last])
        between = float(timestamps[last] - timestamps[low])
        if plan.beginnings[cell] & STARTED:
            sampled = float(timestamps[last] - starts[low])
            factors[cell] = stretched_from_start(between, sampled, after, last - low)
        else:
            first, change = firsts[low], changes[cell]
            factors[cell] = stretched(counter, first, change, before, between, after, last - low)
        if is_rate:
            factors[cell] /= seconds
    return factors
