"""Anchored and smoothed selectors: what they look at, and the functions that take them.

`x[5m] anchored` starts from the last sample before the window, `x[5m] smoothed` and `x smoothed`
interpolate between samples on both sides of an edge. Both need samples from outside the window, as
far away as the lookback.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from api.promql.errors import ExecutionError
from api.promql.ranges import extended_kernels as kernels
from api.promql.ranges.kernels import window_edges
from api.promql.ranges.mixed import MIXED, Mixed, add_rates, count_windows, find_events
from api.promql.ranges.native import extended as native_extended
from api.promql.ranges.windows import Windows
from api.promql.syntax.nodes import VectorSelector
from api.promql.syntax.signatures import FUNCTIONS
from api.promql.vectors.cells import (
    Cells,
    empty_cells,
    float_samples,
    fresh_between,
    histogram_samples,
)
from storage.histograms.columns import CUSTOM_SCHEMA, NO_HISTOGRAM, Natives
from storage.histograms.histograms import concat
from storage.kernels.arrays import Bools, Int64s
from storage.samples.samples import Samples


@dataclass(frozen=True, slots=True)
class Extension:
    """How far outside of its window a range looks: always to the left, to the right if smoothed."""

    lookback_ms: int
    smoothed: bool


ExtendedFunction = Callable[[Samples, Windows, Extension], Mixed]


def extension_of(selector: VectorSelector, lookback_ms: int) -> Extension | None:
    """None for the range of a plain selector."""
    if not (selector.anchored or selector.smoothed):
        return None
    return Extension(lookback_ms, selector.smoothed)


def check_function(selector: VectorSelector, func: str) -> None:
    """Refuse an anchored or smoothed range for a function that has no use for it."""
    facts = FUNCTIONS[func]
    for kind, used, is_taken in (
        ("anchored", selector.anchored, facts.anchored),
        ("smoothed", selector.smoothed, facts.smoothed),
    ):
        if used and not is_taken:
            names = ", ".join(name for name, row in FUNCTIONS.items() if getattr(row, kind))
            raise ExecutionError(
                f"{kind} modifier can only be used with: {names} - not with {func}"
            )


def rates(*, is_counter: bool, is_rate: bool) -> ExtendedFunction:
    """rate, increase or delta from edge to edge."""

    def apply(samples: Samples, windows: Windows, extension: Extension) -> Mixed:
        floats, natives = float_samples(samples), histogram_samples(samples)
        result = Mixed(*_float_rates(floats, windows, extension, is_counter, is_rate))
        if len(natives) == 0:
            return result
        cells = native_extended.extended_rates(natives, windows, extension, is_counter, is_rate)
        ahead_ms = extension.lookback_ms if extension.smoothed else 0
        reach_ms = windows.range_ms + extension.lookback_ms + ahead_ms
        has_floats, has_natives = _kinds(samples, windows.ends + ahead_ms, reach_ms)
        result.note(MIXED, has_floats & has_natives)
        add_rates(result, cells, has_floats, has_natives)
        return result

    return apply


def _float_rates(
    samples: Samples, windows: Windows, extension: Extension, is_counter: bool, is_rate: bool
) -> Cells:
    out, present = empty_cells(samples.series_count, len(windows.ends))
    kernels.extended_rate_windows(
        extension.smoothed,
        is_counter,
        is_rate,
        samples.offsets,
        samples.timestamps,
        samples.values,
        windows.ends,
        windows.range_ms,
        extension.lookback_ms,
        out,
        present,
    )
    return out, present


def events(*, of_resets: bool) -> ExtendedFunction:
    """How often samples change, or are reset, the step from the sample before each window
    included; windows without a sample of their own have no count."""

    def apply(samples: Samples, windows: Windows, extension: Extension) -> Mixed:
        found = find_events(samples, of_resets=of_resets)
        return Mixed(*count_windows(samples, found, windows, extension.lookback_ms))

    return apply


def _kinds(samples: Samples, ends: Int64s, reach_ms: int) -> tuple[Bools, Bools]:
    """Whether floats, and whether histograms, are in each window (end - reach_ms, end].

    All that is in reach counts, whether it is looked at or not.
    """
    low, high = window_edges(samples.offsets, samples.timestamps, ends, reach_ms)
    natives = samples.natives
    are_native = np.zeros(len(samples), np.bool_) if natives is None else natives.mask
    before = np.concatenate(([0], np.cumsum(are_native)))
    counts = before[high] - before[low]
    return high - low > counts, counts > 0


def smooth_cells(samples: Samples, times: Int64s, lookback_ms: int) -> Mixed:
    """The cells of a smoothed instant selector; samples without stale markers."""
    floats, natives = float_samples(samples), histogram_samples(samples)
    out, present = empty_cells(samples.series_count, len(times))
    kernels.smooth_values(
        floats.offsets, floats.timestamps, floats.values, times, lookback_ms, out, present
    )
    result = Mixed(out, present)
    if len(natives) == 0:
        return result
    cells = native_extended.smooth_values(natives, times, lookback_ms)
    has_floats, has_natives = _kinds(samples, times + lookback_ms, 2 * lookback_ms)
    result.note(MIXED, has_floats & has_natives)
    add_rates(result, cells, has_floats, has_natives)
    return result


def extend_samples(samples: Samples, end_ms: int, range_ms: int, extension: Extension) -> Samples:
    """The range vector (end_ms - range_ms, end_ms] with a sample at each of its edges."""
    start_ms = end_ms - range_ms
    ahead_ms = extension.lookback_ms if extension.smoothed else 0
    fresh = fresh_between(samples, start_ms - extension.lookback_ms + 1, end_ms + ahead_ms)
    room = len(fresh) + 2 * fresh.series_count
    offsets = np.empty(fresh.series_count + 1, np.int64)
    timestamps, values = np.empty(room, np.int64), np.empty(room)
    of_floats = fresh.natives is None
    kernels.extend_samples(
        extension.smoothed,
        fresh.offsets,
        fresh.timestamps,
        fresh.values if of_floats else np.arange(len(fresh), dtype=np.float64),
        start_ms,
        end_ms,
        offsets,
        timestamps,
        values,
    )
    extended = Samples(offsets, timestamps[: offsets[-1]], values[: offsets[-1]])
    return extended if of_floats else _at_positions(fresh, extended)


def _at_positions(samples: Samples, extended: Samples) -> Samples:
    """The extended samples, whose values are positions among `samples`: n + 0.25 is a quarter of
    the way from sample n to the next. Between samples of two kinds, or of two layouts, the first
    one counts."""
    assert samples.natives is not None, "BUG: floats are not looked up"
    rows, histograms = samples.natives.rows, samples.natives.histograms
    at = np.floor(extended.values).astype(np.int64)
    share = extended.values - at
    following = np.minimum(at + 1, len(samples) - 1)
    are_native = samples.natives.mask
    values = samples.values[at]
    between = (share > 0) & ~are_native[at] & ~are_native[following]
    moved = values + (samples.values[following] - values) * share
    values = np.where(between, moved, values)
    out_rows = rows[at]
    places = np.flatnonzero((share > 0) & are_native[at] & are_native[following])
    before, after = rows[at[places]], rows[following[places]]
    custom = histograms.schemas == CUSTOM_SCHEMA
    alike = np.flatnonzero(custom[before] == custom[after])
    places, before, after = places[alike], before[alike], after[alike]
    mixed, _ = native_extended.between(
        histograms, before, after, share[places], np.zeros(len(places), np.bool_)
    )
    out_rows[places] = len(histograms) + np.arange(len(places))
    joined = concat([histograms, mixed])
    values = np.where(out_rows != NO_HISTOGRAM, joined.sums[out_rows], values)
    return replace(extended, values=values, natives=Natives(joined, out_rows))
