"""Anchored and smoothed selectors: what they look at, and the functions that take them.

`x[5m] anchored` starts from the last sample before the window, `x[5m] smoothed` and `x smoothed`
interpolate between samples on both sides of an edge. Both need samples from outside the window, as
far away as the lookback.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from api.promql import extended_kernels as kernels
from api.promql import native_extended
from api.promql.errors import ExecutionError
from api.promql.mixed_over_time import (
    MIXED,
    Mixed,
    add_rates,
    count_windows,
    find_events,
)
from api.promql.nodes import VectorSelector
from api.promql.over_time import Windows
from api.promql.range_kernels import window_edges
from api.promql.sample_cells import (
    Cells,
    empty_cells,
    float_samples,
    fresh_between,
    histogram_samples,
)
from api.promql.signatures import ANCHORED_FUNCTIONS, SMOOTHED_FUNCTIONS
from storage.samples import Bools, Int64s, Samples


@dataclass(frozen=True, slots=True)
class Extension:
    """How far outside of its window a range looks: always to the left, to the right if smoothed."""

    lookback_ms: int
    smoothed: bool


ExtendedFunction = Callable[[Samples, Windows, Extension], Cells]


def extension_of(selector: VectorSelector, lookback_ms: int) -> Extension | None:
    """None for the range of a plain selector."""
    if not (selector.anchored or selector.smoothed):
        return None
    return Extension(lookback_ms, selector.smoothed)


def check_function(selector: VectorSelector, func: str) -> None:
    """Refuse an anchored or smoothed range for a function that has no use for it."""
    for kind, used, allowed in (
        ("anchored", selector.anchored, ANCHORED_FUNCTIONS),
        ("smoothed", selector.smoothed, SMOOTHED_FUNCTIONS),
    ):
        if used and func not in allowed:
            names = ", ".join(allowed)
            raise ExecutionError(
                f"{kind} modifier can only be used with: {names} - not with {func}"
            )


def _rate(is_counter: bool, is_rate: bool) -> ExtendedFunction:
    def apply(samples: Samples, windows: Windows, extension: Extension) -> Cells:
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

    return apply


def _count(of_resets: bool) -> ExtendedFunction:
    def apply(samples: Samples, windows: Windows, extension: Extension) -> Cells:
        out, present = empty_cells(samples.series_count, len(windows.ends))
        kernels.anchored_count_windows(
            of_resets,
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

    return apply


FUNCTIONS: dict[str, ExtendedFunction] = {
    "changes": _count(of_resets=False),
    "delta": _rate(is_counter=False, is_rate=False),
    "increase": _rate(is_counter=True, is_rate=False),
    "rate": _rate(is_counter=True, is_rate=True),
    "resets": _count(of_resets=True),
}


def over_extended(func: str, samples: Samples, windows: Windows, extension: Extension) -> Mixed:
    """The cells of a function over an extended range whose samples may be histograms."""
    if func in ("changes", "resets"):
        events = find_events(samples, of_resets=func == "resets")
        return Mixed(*count_windows(samples, events, windows, extension.lookback_ms))
    floats, natives = float_samples(samples), histogram_samples(samples)
    result = Mixed(*FUNCTIONS[func](floats, windows, extension))
    is_counter = func != "delta"
    cells = native_extended.extended_rates(natives, windows, extension, is_counter, func == "rate")
    has_floats, has_natives = _sees(floats, windows, extension), _sees(natives, windows, extension)
    result.note(MIXED, has_floats & has_natives)
    add_rates(result, cells, has_floats, has_natives)
    return result


def _sees(samples: Samples, windows: Windows, extension: Extension) -> Bools:
    """Where an extended window has any sample."""
    ahead_ms = extension.lookback_ms if extension.smoothed else 0
    low, high = window_edges(
        samples.offsets,
        samples.timestamps,
        windows.ends + ahead_ms,
        windows.range_ms + extension.lookback_ms + ahead_ms,
    )
    seen: Bools = high > low
    return seen


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
    windows = Windows(times, times, 0)
    extension = Extension(lookback_ms, smoothed=True)
    cells = native_extended.smooth_values(natives, times, lookback_ms)
    has_floats, has_natives = _sees(floats, windows, extension), _sees(natives, windows, extension)
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
    kernels.extend_samples(
        extension.smoothed,
        fresh.offsets,
        fresh.timestamps,
        fresh.values,
        start_ms,
        end_ms,
        offsets,
        timestamps,
        values,
    )
    return Samples(offsets, timestamps[: offsets[-1]], values[: offsets[-1]])
