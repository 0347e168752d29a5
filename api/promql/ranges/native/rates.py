"""rate, increase and delta of native histograms over windows.

A window's change is a sum of a few of its histograms: the last one, less the first one, and for a
counter each one right before a reset. A first one that is followed by a reset does not matter at
all, not even in its layout. So the windows are planned first, over whole histograms, and then all
changes are folded by one kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from api.promql.native_histograms.arithmetic import Notes, fold, multiply
from api.promql.native_histograms.fold import PLAIN
from api.promql.ranges.native.rate_kernels import (
    MIXED_SCHEMAS,
    RECONCILED_ADD,
    RECONCILED_SUB,
    fill_terms,
    plan_rates,
    stretch_factors,
)
from api.promql.ranges.windows import Windows
from storage.histograms.columns import HINT_GAUGE, Histograms
from storage.histograms.histograms import offsets_of, rows_of, take
from storage.kernels.arrays import Bools, Int32s, Int64s
from storage.samples.samples import Samples


@dataclass(frozen=True, slots=True)
class RateCells:
    """The histograms of a function over windows, one per cell that has any.

    rows: int32[series, steps], -1 where there is no result. flags: what there is to say of a cell,
    as bits, also of one without a result.
    """

    histograms: Histograms
    rows: Int32s
    flags: Int64s


def histogram_rates(
    samples: Samples,
    windows: Windows,
    is_counter: bool,
    is_rate: bool,
    resets: Bools,
    *,
    starts: Int64s | None = None,
) -> RateCells:
    """The extrapolated changes of series of native histograms, per second if is_rate: gauges.

    samples: histograms only, none of them stale. resets: where a sample is a reset against the one
    before it in its series. starts: if given, a counter whose first sample started inside the
    window was zero then, which makes one sample enough.
    """
    assert samples.natives is not None, "BUG: samples without histograms"
    h, rows = samples.natives.histograms, rows_of(samples.natives.rows)
    began = np.zeros(0, np.int64) if starts is None else starts
    plan = plan_rates(
        h.schemas.astype(np.int64),
        h.hints.astype(np.int64),
        samples.offsets,
        samples.timestamps,
        rows,
        resets,
        began,
        windows.ends,
        windows.range_ms,
        is_counter,
    )
    term_offsets = offsets_of(plan.terms)
    terms, factors = fill_terms(plan, term_offsets, rows, resets, is_counter)
    changes, notes = fold(PLAIN, h, term_offsets, terms, factors=factors, caps=plan.caps)
    stretch = stretch_factors(
        plan,
        samples.timestamps,
        began,
        h.counts[rows],
        changes.counts,
        windows.ends,
        windows.range_ms,
        is_counter,
        is_rate,
    )
    shape = (samples.series_count, len(windows.ends))
    return rate_cells(multiply(changes, stretch), plan.terms, plan.flags, notes, shape)


def rate_cells(
    h: Histograms, terms: Int64s, flags: Int64s, notes: Notes, shape: tuple[int, int]
) -> RateCells:
    """The cells of changes, of which only those with terms that go together are kept."""
    flags = flags | np.where(notes.incompatible, MIXED_SCHEMAS, 0)
    flags |= np.where(notes.reconciled_add, RECONCILED_ADD, 0)
    flags |= np.where(notes.reconciled_sub, RECONCILED_SUB, 0)
    kept = np.flatnonzero((terms > 0) & ~notes.incompatible)
    rows = np.full(len(terms), -1, np.int32)
    rows[kept] = np.arange(len(kept), dtype=np.int32)
    h = h if len(kept) == len(h) else take(h, kept)
    gauges = replace(h, hints=np.full(len(h), HINT_GAUGE, np.int8))
    return RateCells(gauges, rows.reshape(shape), flags.reshape(shape))
