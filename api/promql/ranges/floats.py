"""The functions over range vectors: what each computes of the samples in its window.

A function gets the samples of a block of series and gives a cell per series and step. Stale markers
have been taken out. Nothing here knows labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from api.promql.errors import ExecutionError
from api.promql.ranges import kernels, weighted
from api.promql.ranges.quantiles import quantile_windows
from api.promql.ranges.rates import rate_windows
from api.promql.ranges.reductions import PRESENT
from api.promql.ranges.windows import Windows
from api.promql.vectors.cells import Cells, empty_cells
from storage.kernels.arrays import Float64s
from storage.samples.samples import Samples

# params: the scalar arguments, one array over the steps each, in the order of the signature.
FloatFunction = Callable[[Samples, Windows, list[Float64s]], Cells]


def reduction(op: int, needed: int = 1) -> FloatFunction:
    def apply(samples: Samples, windows: Windows, params: list[Float64s]) -> Cells:
        out, present = empty_cells(samples.series_count, len(windows.ends))
        if samples.weights is not None and op in weighted.TOTALS:
            weighted.reduce_totals(
                op,
                samples.offsets,
                samples.timestamps,
                samples.values,
                samples.weights.counts,
                samples.weights.since,
                windows.ends,
                windows.range_ms,
                out,
                present,
            )
            return out, present
        kernels.reduce_windows(
            op,
            needed,
            samples.offsets,
            samples.timestamps,
            samples.values,
            windows.ends,
            windows.range_ms,
            out,
            present,
        )
        return out, present

    return apply


def rate(*, is_counter: bool, is_rate: bool) -> FloatFunction:
    def apply(samples: Samples, windows: Windows, params: list[Float64s]) -> Cells:
        out, present = empty_cells(samples.series_count, len(windows.ends))
        if samples.weights is not None:
            weighted.rate_stretches(
                is_counter,
                is_rate,
                samples.offsets,
                samples.timestamps,
                samples.values,
                samples.weights.counts,
                samples.weights.since,
                windows.ends,
                windows.range_ms,
                out,
                present,
            )
            return out, present
        rate_windows(
            is_counter,
            is_rate,
            samples.offsets,
            samples.timestamps,
            samples.values,
            windows.ends,
            windows.range_ms,
            out,
            present,
        )
        return out, present

    return apply


def quantiles(samples: Samples, windows: Windows, params: list[Float64s]) -> Cells:
    out, present = empty_cells(samples.series_count, len(windows.ends))
    quantile_windows(
        samples.offsets,
        samples.timestamps,
        samples.values,
        windows.ends,
        windows.range_ms,
        params[0],
        out,
        present,
    )
    return out, present


def predictions(samples: Samples, windows: Windows, params: list[Float64s]) -> Cells:
    out, present = empty_cells(samples.series_count, len(windows.ends))
    kernels.predict_windows(
        samples.offsets,
        samples.timestamps,
        samples.values,
        windows.ends,
        windows.range_ms,
        windows.steps,
        params[0],
        out,
        present,
    )
    return out, present


def check_factors(samples: Samples, windows: Windows, params: list[Float64s]) -> None:
    """Refuse factors of double_exponential_smoothing that are not inside (0, 1), where any window
    has a sample of any kind. Windows are gone through series by series, as Prometheus does."""
    wrong = [(factors <= 0) | (factors >= 1) for factors in params]
    _, some = presence(samples, windows, [])
    used = np.flatnonzero(some & (wrong[0] | wrong[1]))
    if len(used) == 0:
        return
    step = used[0] % len(windows.ends)
    kind, factor = ("smoothing", params[0][step]) if wrong[0][step] else ("trend", params[1][step])
    got = f"{factor:+f}".replace("inf", "Inf") if math.isinf(factor) else f"{factor:f}"
    raise ExecutionError(f"invalid {kind} factor. Expected: 0 < {kind[0]}f < 1, got: {got}")


def smooth(samples: Samples, windows: Windows, params: list[Float64s]) -> Cells:
    """double_exponential_smoothing; check_factors has seen the two factors."""
    smoothing, trend = params
    out, present = empty_cells(samples.series_count, len(windows.ends))
    kernels.smooth_windows(
        samples.offsets,
        samples.timestamps,
        samples.values,
        windows.ends,
        windows.range_ms,
        smoothing,
        trend,
        out,
        present,
    )
    return out, present


presence = reduction(PRESENT)


def out_of_quantile_range(q: Float64s) -> Float64s:
    """The distinct values of q that are no quantile, in order of appearance."""
    wrong = q[np.isnan(q) | (q < 0) | (q > 1)]
    return np.array(list(dict.fromkeys(math.nan if math.isnan(v) else v for v in wrong.tolist())))
