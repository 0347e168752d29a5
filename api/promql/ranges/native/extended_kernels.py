"""The kernels that tell which native histograms an anchored or smoothed window is a sum of.

Where the edges of the windows are, and what of a counter's resets is made up for, is the same as
for floats (extended_kernels).
"""

from typing import NamedTuple

import numpy as np

from api.promql.ranges.kernels import skip_until
from api.promql.ranges.native.rate_kernels import MIXED_SCHEMAS, check_window
from storage.histograms.columns import CUSTOM_SCHEMA
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import float_kernel


class Terms(NamedTuple):
    """Of cell c: the rows offsets[c]:offsets[c + 1] with their factors, none if it is absent; the
    coarsest schema; and its flags. The arrays of rows and factors have room for more."""

    offsets: Int64s
    rows: Int64s
    factors: Float64s
    caps: Int64s
    flags: Int64s


@float_kernel
def new_terms(cells: int, room: int) -> Terms:
    return Terms(
        np.zeros(cells + 1, np.int64),
        np.empty(room, np.int64),
        np.empty(room),
        np.zeros(cells, np.int64),
        np.zeros(cells, np.int64),
    )


@float_kernel
def roomy_terms(terms: Terms, used: int, needed: int) -> Terms:
    """The terms with room for that many more."""
    if used + needed <= len(terms.rows):
        return terms
    room = 2 * (used + needed)
    rows, factors = np.empty(room, np.int64), np.empty(room)
    for j in range(used):
        rows[j], factors[j] = terms.rows[j], terms.factors[j]
    return Terms(terms.offsets, rows, factors, terms.caps, terms.flags)


@float_kernel
def put_between(
    terms: Terms, place: int, rows: Int64s, after: int, share: float, sign: float, reset: bool
) -> int:
    """Add the histogram between sample after - 1 and `after`, at this share of the way; from zero
    on if it is a reset. Returns the next place."""
    if not reset and share < 1.0:
        terms.rows[place], terms.factors[place] = rows[after - 1], sign * (1.0 - share)
        place += 1
    terms.rows[place], terms.factors[place] = rows[after], sign * share
    return place + 1


@float_kernel
def extended_terms(
    smoothed: bool,
    is_counter: bool,
    schemas: Int64s,
    hints: Int64s,
    offsets: Int64s,
    timestamps: Int64s,
    rows: Int64s,
    resets: Bools,
    ends: Int64s,
    range_ms: int,
    lookback_ms: int,
) -> Terms:
    """The terms of the changes over all windows of all series."""
    steps = len(ends)
    terms = new_terms((len(offsets) - 1) * steps, 4 * len(rows) + 4)
    for i in range(len(offsets) - 1):
        low = inside = behind = high = offsets[i]
        stop = offsets[i + 1]
        for k in range(steps):
            cell, end = i * steps + k, ends[k]
            start = end - range_ms
            place = terms.offsets[cell]
            terms.offsets[cell + 1] = place
            low = skip_until(timestamps, low, stop, start - lookback_ms)
            inside = skip_until(timestamps, max(low, inside), stop, start)
            behind = skip_until(timestamps, max(low, behind), stop, end - 1)
            high = skip_until(
                timestamps, max(behind, high), stop, end + (lookback_ms if smoothed else 0)
            )
            first = max(low, inside - 1)
            last = min(high - 1, behind) if smoothed else high - 1
            if high == low or timestamps[last] <= start or (smoothed and timestamps[first] > end):
                continue
            flags, cap = check_window(schemas, hints, rows, first, last, False, is_counter)
            terms.flags[cell], terms.caps[cell] = flags, cap
            if flags & MIXED_SCHEMAS:
                continue
            terms = roomy_terms(terms, place, 4 + last - first)
            # How far into the gap between two samples an edge is; 1.0: it has a sample of its own.
            left = right = 1.0
            if smoothed and timestamps[first] < start:
                left = share_of(timestamps, first + 1, start)
            if smoothed and last > low and timestamps[last] > end:
                right = share_of(timestamps, last, end)
            terms.offsets[cell + 1] = put_window(
                terms, place, is_counter, rows, resets, first, last, left, right
            )
    return terms


@float_kernel
def share_of(timestamps: Int64s, after: int, time_ms: int) -> float:
    """How far a time is from sample after - 1 to `after`, as a share of the way."""
    before = timestamps[after - 1]
    return float(time_ms - before) / float(timestamps[after] - before)


@float_kernel
def put_window(
    terms: Terms,
    place: int,
    is_counter: bool,
    rows: Int64s,
    resets: Bools,
    first: int,
    last: int,
    left: float,
    right: float,
) -> int:
    """Add the terms of one window: what is at its right edge, less what is at its left edge, and
    for a counter what was there before each reset. Returns the next place."""
    if right < 1.0:
        place = put_between(terms, place, rows, last, right, 1.0, is_counter and resets[last])
    else:
        terms.rows[place], terms.factors[place] = rows[last], 1.0
        place += 1
    passed = first + 1
    if left < 1.0:
        # A reset in the gap is seen to by what lies in it.
        place = put_between(terms, place, rows, passed, left, -1.0, is_counter and resets[passed])
        passed += 1
    else:
        terms.rows[place], terms.factors[place] = rows[first], -1.0
        place += 1
    if is_counter:
        for j in range(passed, last + 1):
            if resets[j]:
                terms.rows[place], terms.factors[place] = rows[j - 1], 1.0
                place += 1
    return place


@float_kernel
def smooth_terms(
    schemas: Int64s,
    offsets: Int64s,
    timestamps: Int64s,
    rows: Int64s,
    resets: Bools,
    times: Int64s,
    lookback_ms: int,
) -> Terms:
    """The terms of what lies at each time, between the sample before and the one behind."""
    steps = len(times)
    terms = new_terms((len(offsets) - 1) * steps, 2 * (len(offsets) - 1) * steps)
    for i in range(len(offsets) - 1):
        after = offsets[i]
        stop = offsets[i + 1]
        for k in range(steps):
            cell, at = i * steps + k, times[k]
            place = terms.offsets[cell]
            terms.offsets[cell + 1] = place
            after = skip_until(timestamps, after, stop, at)
            last = after - 1
            if last < offsets[i] or timestamps[last] <= at - lookback_ms:
                continue
            followed = after < stop and timestamps[after] <= at + lookback_ms
            terms.caps[cell] = schemas[rows[last]]
            if timestamps[last] == at or not followed:
                terms.rows[place], terms.factors[place] = rows[last], 1.0
                terms.offsets[cell + 1] = place + 1
                continue
            custom = schemas[rows[last]] == CUSTOM_SCHEMA
            if (schemas[rows[after]] == CUSTOM_SCHEMA) != custom:
                terms.flags[cell] = MIXED_SCHEMAS
                continue
            terms.caps[cell] = min(schemas[rows[last]], schemas[rows[after]])
            share = float(at - timestamps[last]) / float(timestamps[after] - timestamps[last])
            terms.offsets[cell + 1] = put_between(
                terms, place, rows, after, share, 1.0, resets[after]
            )
    return terms
