"""Native histograms under anchored and smoothed selectors.

The histogram at an edge of a window is a sample, or lies between two: a sum of both by the distance
of each in time. So a window's change is a sum of a few histograms with a factor each, as it is in
native_rates; only that nothing is stretched to the edges.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from api.promql.native_histograms.arithmetic import Notes, divide, fold
from api.promql.native_histograms.fold import PLAIN
from api.promql.ranges.native.extended_kernels import Terms, extended_terms, smooth_terms
from api.promql.ranges.native.rates import RateCells, rate_cells
from api.promql.ranges.windows import Windows
from storage.histograms.columns import HINT_GAUGE, Histograms
from storage.histograms.histograms import rows_of
from storage.histograms.resets import detect_resets
from storage.kernels.arrays import Bools, Int64s
from storage.samples.samples import Samples


class Extension(Protocol):
    """How far outside of its window a range looks (extended.Extension)."""

    @property
    def lookback_ms(self) -> int: ...

    @property
    def smoothed(self) -> bool: ...


def _content(samples: Samples) -> tuple[Histograms, Int64s]:
    assert samples.rows is not None, "BUG: samples without rows of histograms"
    assert samples.histograms is not None, "BUG: samples with rows, but no histograms"
    return samples.histograms, rows_of(samples.rows)


def _folded(h: Histograms, terms: Terms) -> tuple[Histograms, Notes]:
    used = terms.offsets[-1]
    rows, factors = terms.rows[:used], terms.factors[:used]
    return fold(PLAIN, h, terms.offsets, rows, factors=factors, caps=terms.caps)


def neighbour_resets(samples: Samples) -> Bools:
    """Where a histogram is a reset against the one before it in its series."""
    h, rows = _content(samples)
    before = np.full(len(rows), -1, np.int64)
    before[1:] = rows[:-1]
    before[samples.offsets[:-1][np.diff(samples.offsets) > 0]] = -1
    return detect_resets(h, before, rows)


def extended_rates(
    samples: Samples, windows: Windows, extension: Extension, is_counter: bool, is_rate: bool
) -> RateCells:
    """The changes over windows from edge to edge, per second if is_rate: gauges.

    samples: histograms only, none of them stale, from the extended windows as well.
    """
    h, rows = _content(samples)
    terms = extended_terms(
        extension.smoothed,
        is_counter,
        h.schemas.astype(np.int64),
        h.hints.astype(np.int64),
        samples.offsets,
        samples.timestamps,
        rows,
        neighbour_resets(samples),
        windows.ends,
        windows.range_ms,
        extension.lookback_ms,
    )
    changes, notes = _folded(h, terms)
    if is_rate and windows.range_ms > 0:
        changes = divide(changes, np.full(len(changes), windows.range_ms / 1000.0))
    shape = (samples.series_count, len(windows.ends))
    return rate_cells(changes, np.diff(terms.offsets), terms.flags, notes, shape)


def smooth_values(samples: Samples, times: Int64s, lookback_ms: int) -> RateCells:
    """The histograms at these times, between the samples around each; of the last sample alone if
    none follows. Two counters with a reset in between start from zero."""
    h, rows = _content(samples)
    gauges = h.hints[rows] == HINT_GAUGE
    resets = neighbour_resets(samples) & ~gauges
    resets[1:] &= ~gauges[:-1]
    terms = smooth_terms(
        h.schemas.astype(np.int64),
        samples.offsets,
        samples.timestamps,
        rows,
        resets,
        times,
        lookback_ms,
    )
    values, notes = _folded(h, terms)
    hints = values.hints.copy()
    shape = (samples.series_count, len(times))
    cells = rate_cells(values, np.diff(terms.offsets), terms.flags, notes, shape)
    cells.histograms.hints[:] = hints[cells_kept(cells)]
    return cells


def cells_kept(cells: RateCells) -> Int64s:
    """The numbers of the cells that have a result."""
    return np.flatnonzero(cells.rows.reshape(-1) >= 0)
