"""The functions over range vectors: what computes each of them, of whatever samples.

The facts about a function say which of its implementations a call needs (syntax.signatures).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.promql.native_histograms import arithmetic as native
from api.promql.ranges import extended, floats, mixed, reductions
from api.promql.ranges.extended import ExtendedFunction, Extension
from api.promql.ranges.floats import FloatFunction, reduction
from api.promql.ranges.mixed import Mixed, MixedFunction
from api.promql.ranges.pieces import PIECE_LOOKS, in_pieces
from api.promql.ranges.rates import rates_of_edges
from api.promql.ranges.windows import Windows
from api.promql.syntax.signatures import FUNCTIONS as FACTS
from api.promql.syntax.signatures import HistogramUse
from api.promql.vectors.cells import empty_cells
from storage.kernels.arrays import Float64s
from storage.samples.edges import Edges
from storage.samples.samples import Samples

# Counters fall so seldom that a window is looked at by its ends, or nearly.
ENDS_LOOKS = 64


@dataclass(frozen=True, slots=True)
class EdgeFunction:
    """A rate of windows, given their edges."""

    is_counter: bool
    is_rate: bool

    def __call__(self, edges: Edges, windows: Windows) -> Mixed:
        out, present = empty_cells(*edges.counts.shape)
        columns: tuple[Any, ...] = (
            edges.counts,
            edges.first_ms,
            edges.last_ms,
            edges.first,
            edges.change,
        )
        kind = self.is_counter, self.is_rate
        places: tuple[Any, ...] = windows.ends, windows.range_ms, out, present
        rates_of_edges(*kind, *columns, *places)
        return Mixed(out, present)


@dataclass(frozen=True, slots=True)
class RangeFunction:
    """What computes one function.

    floats: of plain floats, or of samples of any kind where that makes no difference. mixed: of
    samples that have histograms among them, or know their start. extended: of anchored and smoothed
    ranges. check: raises ExecutionError for scalar arguments that are not allowed. weight: how
    much longer it looks at a sample than others. of_ends: if it looks at the ends of windows, and
    not at each of their samples. edges: of windows of which only the edges are known.
    """

    floats: FloatFunction
    mixed: MixedFunction | None = None
    extended: ExtendedFunction | None = None
    check: Callable[[Samples, Windows, list[Float64s]], None] | None = None
    weight: int = 1
    of_ends: bool = False
    edges: EdgeFunction | None = None

    @property
    def looks(self) -> int:
        """Looks at samples of one piece of work. What looks at ends goes over all samples once a
        piece, for falls: more pieces would cost more than they are to bound."""
        return PIECE_LOOKS * ENDS_LOOKS if self.of_ends else PIECE_LOOKS // self.weight


def _rate(*, is_counter: bool, is_rate: bool) -> RangeFunction:
    return RangeFunction(
        floats.rate(is_counter=is_counter, is_rate=is_rate),
        mixed.rates(is_counter=is_counter, is_rate=is_rate),
        extended.rates(is_counter=is_counter, is_rate=is_rate),
        of_ends=True,
        edges=EdgeFunction(is_counter=is_counter, is_rate=is_rate),
    )


def _instant(op: int, *, is_rate: bool) -> RangeFunction:
    return RangeFunction(reduction(op, needed=2), mixed.instant(is_rate=is_rate))


def _picked(op: int, *, is_first: bool) -> RangeFunction:
    return RangeFunction(reduction(op), mixed.picked(is_first=is_first))


def _folded(op: int, fold: mixed.Fold) -> RangeFunction:
    return RangeFunction(reduction(op), mixed.folded(reduction(op), fold))


def _events(*, of_resets: bool) -> RangeFunction:
    return RangeFunction(
        mixed.events(of_resets=of_resets), extended=extended.events(of_resets=of_resets)
    )


FUNCTIONS: dict[str, RangeFunction] = {
    "absent_over_time": RangeFunction(floats.presence),
    "avg_over_time": _folded(reductions.AVG, native.avg_groups),
    "changes": _events(of_resets=False),
    "count_over_time": RangeFunction(reduction(reductions.COUNT)),
    "delta": _rate(is_counter=False, is_rate=False),
    "deriv": RangeFunction(reduction(reductions.DERIV, needed=2)),
    "double_exponential_smoothing": RangeFunction(floats.smooth, check=floats.check_factors),
    "first_over_time": _picked(reductions.FIRST, is_first=True),
    "idelta": _instant(reductions.IDELTA, is_rate=False),
    "increase": _rate(is_counter=True, is_rate=False),
    "irate": _instant(reductions.IRATE, is_rate=True),
    "last_over_time": _picked(reductions.LAST, is_first=False),
    "mad_over_time": RangeFunction(reduction(reductions.MAD), weight=8),
    "max_over_time": RangeFunction(reduction(reductions.MAX)),
    "min_over_time": RangeFunction(reduction(reductions.MIN)),
    "predict_linear": RangeFunction(floats.predictions),
    "present_over_time": RangeFunction(floats.presence),
    "quantile_over_time": RangeFunction(floats.quantiles),
    "rate": _rate(is_counter=True, is_rate=True),
    "resets": _events(of_resets=True),
    "stddev_over_time": RangeFunction(reduction(reductions.STDDEV)),
    "stdvar_over_time": RangeFunction(reduction(reductions.STDVAR)),
    "sum_over_time": _folded(reductions.SUM, native.sum_groups),
    "ts_of_first_over_time": RangeFunction(reduction(reductions.TS_FIRST)),
    "ts_of_last_over_time": RangeFunction(reduction(reductions.TS_LAST)),
    "ts_of_max_over_time": RangeFunction(reduction(reductions.TS_MAX)),
    "ts_of_min_over_time": RangeFunction(reduction(reductions.TS_MIN)),
}


def over(
    func: str,
    samples: Samples,
    windows: Windows,
    params: list[Float64s],
    extension: Extension | None = None,
    *,
    check: Callable[[], None] = lambda: None,
) -> Mixed:
    """The cells of a function over samples without stale markers. Starts are used if there.

    extension: of an anchored or smoothed range, whose samples are there without starts. check: to
    be called between pieces of work; raises if the query has to stop.
    """
    function, histograms = FUNCTIONS[func], FACTS[func].histograms
    if extension is not None:
        assert function.extended is not None, f"BUG: {func} of an extended range"
        return function.extended(samples, windows, extension)
    if function.check is not None:
        function.check(samples, windows, params)
    if samples.natives is None and samples.starts is None:
        looks = function.looks
        return Mixed(
            *in_pieces(function.floats, samples, windows, params, check=check, looks=looks)
        )
    if histograms is HistogramUse.ANY:
        return Mixed(*function.floats(samples, windows, params))
    if histograms is HistogramUse.IGNORED:
        return mixed.over_floats(function.floats, samples, windows, params)
    assert function.mixed is not None, f"BUG: {func} of histograms"
    return function.mixed(samples, windows)
