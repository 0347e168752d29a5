"""The functions over range vectors: what each computes of the samples in its window.

A function gets the samples of a block of series and gives a cell per series and step. Stale markers
have been taken out. Nothing here knows labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from api.promql.errors import ExecutionError
from api.promql.ranges import kernels
from api.promql.ranges.quantiles import quantile_windows
from api.promql.ranges.rates import rate_windows
from api.promql.ranges.windows import Windows
from api.promql.vectors.cells import Cells, empty_cells
from storage.kernels.arrays import Float64s
from storage.samples.samples import Samples

# params: the scalar arguments, one array over the steps each, in the order of the signature.
RangeFunction = Callable[[Samples, Windows, list[Float64s]], Cells]


def _reduction(op: int, needed: int = 1) -> RangeFunction:
    def apply(samples: Samples, windows: Windows, params: list[Float64s]) -> Cells:
        out, present = empty_cells(samples.series_count, len(windows.ends))
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


def _rate(is_counter: bool, is_rate: bool) -> RangeFunction:
    def apply(samples: Samples, windows: Windows, params: list[Float64s]) -> Cells:
        out, present = empty_cells(samples.series_count, len(windows.ends))
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


def quantile_over_time(samples: Samples, windows: Windows, params: list[Float64s]) -> Cells:
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


def predict_linear(samples: Samples, windows: Windows, params: list[Float64s]) -> Cells:
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
    _, some = FUNCTIONS["count_over_time"](samples, windows, [])
    used = np.flatnonzero(some & (wrong[0] | wrong[1]))
    if len(used) == 0:
        return
    step = used[0] % len(windows.ends)
    kind, factor = ("smoothing", params[0][step]) if wrong[0][step] else ("trend", params[1][step])
    got = f"{factor:+f}".replace("inf", "Inf") if math.isinf(factor) else f"{factor:f}"
    raise ExecutionError(f"invalid {kind} factor. Expected: 0 < {kind[0]}f < 1, got: {got}")


def smooth(samples: Samples, windows: Windows, params: list[Float64s]) -> Cells:
    """double_exponential_smoothing; raises ExecutionError if a factor is not inside (0, 1)."""
    smoothing, trend = params
    out, present = empty_cells(samples.series_count, len(windows.ends))
    check_factors(samples, windows, params)
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


FUNCTIONS: dict[str, RangeFunction] = {
    "absent_over_time": _reduction(kernels.PRESENT),
    "avg_over_time": _reduction(kernels.AVG),
    "changes": _reduction(kernels.CHANGES),
    "count_over_time": _reduction(kernels.COUNT),
    "delta": _rate(is_counter=False, is_rate=False),
    "deriv": _reduction(kernels.DERIV, needed=2),
    "double_exponential_smoothing": smooth,
    "first_over_time": _reduction(kernels.FIRST),
    "idelta": _reduction(kernels.IDELTA, needed=2),
    "increase": _rate(is_counter=True, is_rate=False),
    "irate": _reduction(kernels.IRATE, needed=2),
    "last_over_time": _reduction(kernels.LAST),
    "mad_over_time": _reduction(kernels.MAD),
    "max_over_time": _reduction(kernels.MAX),
    "min_over_time": _reduction(kernels.MIN),
    "predict_linear": predict_linear,
    "present_over_time": _reduction(kernels.PRESENT),
    "quantile_over_time": quantile_over_time,
    "rate": _rate(is_counter=True, is_rate=True),
    "resets": _reduction(kernels.RESETS),
    "stddev_over_time": _reduction(kernels.STDDEV),
    "stdvar_over_time": _reduction(kernels.STDVAR),
    "sum_over_time": _reduction(kernels.SUM),
    "ts_of_first_over_time": _reduction(kernels.TS_FIRST),
    "ts_of_last_over_time": _reduction(kernels.TS_LAST),
    "ts_of_max_over_time": _reduction(kernels.TS_MAX),
    "ts_of_min_over_time": _reduction(kernels.TS_MIN),
}

KEEP_NAME = frozenset({"first_over_time", "last_over_time"})
NEED_COUNTER = frozenset({"rate", "increase"})


def out_of_quantile_range(q: Float64s) -> Float64s:
    """The distinct values of q that are no quantile, in order of appearance."""
    wrong = q[np.isnan(q) | (q < 0) | (q > 1)]
    return np.array(list(dict.fromkeys(math.nan if math.isnan(v) else v for v in wrong.tolist())))
