"""What the counter reset hints of appended histograms become.

A hint on the wire is a claim. What is given back was checked against the sample before: a histogram
that continues the one before it is NOT_RESET, one that may not is UNKNOWN; whoever wants to know
then has to compare. A gauge stays a gauge. This is what Prometheus reads from chunks, where a
chunk holds only histograms of one layout without a reset in between, and starts over with each
aligned range of time.
"""

import numpy as np

from storage.histograms.columns import (
    CUSTOM_SCHEMA,
    HINT_GAUGE,
    HINT_NOT_RESET,
    HINT_RESET,
    HINT_UNKNOWN,
    Histograms,
)
from storage.histograms.histograms import Columns, columns_of, rows_of
from storage.histograms.resets import any_bucket_fell, bounds_match, find_histogram_resets
from storage.kernels.arrays import Int8s, Int64s
from storage.kernels.jit import float_kernel
from storage.kernels.stale import is_stale

CHUNK_RANGE_MS = 2 * 60 * 60 * 1000


@float_kernel
def continues(c: Columns, before: int, row: int) -> bool:
    """Whether a histogram has the layout of the one before it, and nothing fell."""
    if c.counts[row] < c.counts[before]:
        return False
    schema, threshold = c.schemas[row], c.zero_thresholds[row]
    if schema != c.schemas[before] or threshold != c.zero_thresholds[before]:
        return False
    if schema == CUSTOM_SCHEMA and not bounds_match(c, before, c, row):
        return False
    if c.zero_counts[row] < c.zero_counts[before]:
        return False
    if any_bucket_fell(
        c.positive_offsets, c.positive_indexes, c.positive_counts, before, row, 0, 0, -1.0
    ):
        return False
    return not any_bucket_fell(
        c.negative_offsets, c.negative_indexes, c.negative_counts, before, row, 0, 0, -1.0
    )


@float_kernel
def find_hints(c: Columns, before_rows: Int64s, rows: Int64s, fresh: Int8s) -> Int8s:
    """The hint of each histogram; fresh: 1 where it starts over whatever its numbers are."""
    out = np.zeros(len(rows), np.int8)
    for k in range(len(rows)):
        row, before = rows[k], before_rows[k]
        hint = c.hints[row]
        if hint == HINT_GAUGE:
            out[k] = HINT_GAUGE
        elif before < 0 or fresh[k] or hint == HINT_RESET or c.hints[before] == HINT_GAUGE:
            out[k] = HINT_UNKNOWN
        elif continues(c, before, row):
            out[k] = HINT_NOT_RESET
    return out


def hints_after(
    h: Histograms, before_rows: Int64s, rows: Int64s, before_ms: Int64s, times_ms: Int64s
) -> Int8s:
    """The hints to be kept of appended histograms, each of which follows another in its series.

    before_rows: the histogram that is the sample right before, or -1 if none exists, or if that
    sample is a float. before_ms, times_ms: the timestamps of both; that of no sample is not read.
    The hints in `h` may be those received or those already kept.
    """
    before, after = rows_of(before_rows), rows_of(rows)
    fresh = before_ms // CHUNK_RANGE_MS != times_ms // CHUNK_RANGE_MS
    if len(h):
        fresh |= is_stale(np.ascontiguousarray(h.sums))[before]
    return find_hints(columns_of(h), before, after, fresh.astype(np.int8))


def filled_hints(h: Histograms, before_rows: Int64s, rows: Int64s) -> Int8s:
    """The hints with UNKNOWN replaced by what the numbers say; those without a histogram before
    them (-1) stay as they are."""
    before, after = rows_of(before_rows), rows_of(rows)
    resets = find_histogram_resets(columns_of(h), before, after)
    known = np.where(resets, HINT_RESET, HINT_NOT_RESET).astype(np.int8)
    hints = h.hints[after]
    filled: Int8s = np.where((hints == HINT_UNKNOWN) & (before >= 0), known, hints)
    return filled
