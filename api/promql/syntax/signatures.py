"""The facts about all functions and aggregations: what they take and give, and how they behave.

One row says what planner, evaluator, ranges and type check have to know of a function; adding one
is a row here and an implementation under its name, in `functions.table`, `ranges.table`,
`aggregations` or, of functions that look at the nodes of their arguments, in `evaluator`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from api.promql.syntax.nodes import ValueType
from storage.samples.hint import Purpose


class HistogramUse(Enum):
    """What becomes of native histograms among the samples or rows that a function gets."""

    IGNORED = "ignored"  # Floats only have a result.
    ANY = "any"  # One implementation takes samples of whatever kind.
    TAKEN = "taken"  # There is an arithmetic of histograms.
    COUNTED = "counted"  # Taken, but only their counts and sums are looked at.
    BUCKETS = "buckets"  # Taken, and their buckets matter.


_S, _V, _M, _T = ValueType.SCALAR, ValueType.VECTOR, ValueType.MATRIX, ValueType.STRING
_IGNORED, _ANY, _TAKEN = HistogramUse.IGNORED, HistogramUse.ANY, HistogramUse.TAKEN
_COUNTED, _BUCKETS = HistogramUse.COUNTED, HistogramUse.BUCKETS
_RISES, _LOWEST, _HIGHEST = Purpose.RISES, Purpose.LOWEST, Purpose.HIGHEST
_TOTALS, _ALL = Purpose.TOTALS, Purpose.ALL


@dataclass(frozen=True, slots=True)
class Signature:
    """A function.

    variadic: 0 takes exactly `args`; n > 0 takes len(args)-1 up to len(args)-1+n arguments; -1
    takes len(args)-1 or more. Arguments beyond `args` have the type of the last of them.

    keeps_name: the metric name of its rows stays. row_local: a row of the result depends on the
    same row of its vector only. of_time: the result depends on the evaluation time itself, so that
    it is never the same at all steps. of_absence: what counts is that there is no series. of_range:
    the result depends on the range of the query as a whole.
    reads_times: of the samples of a selector it looks at times only.
    purpose: what the samples of a selector directly below it are for.
    needs_counter: a metric that does not look like a counter is noted. of_quantile: its scalar is
    a quantile, and one out of [0, 1] is warned of after the call. anchored, smoothed: such ranges
    are taken; all other functions refuse them.
    """

    name: str
    args: tuple[ValueType, ...]
    returns: ValueType = _V
    variadic: int = 0
    experimental: bool = False
    keeps_name: bool = False
    row_local: bool = False
    of_time: bool = False
    of_absence: bool = False
    of_range: bool = False
    reads_times: bool = False
    purpose: Purpose = Purpose.VALUES
    needs_counter: bool = False
    of_quantile: bool = False
    anchored: bool = False
    smoothed: bool = False
    histograms: HistogramUse = _IGNORED

    @property
    def sees_resets(self) -> bool:
        """Whether a fall of a value is the reset of a counter, and a new start timestamp, too."""
        return self.purpose in (Purpose.RISES, Purpose.RESETS)


@dataclass(frozen=True, slots=True)
class Aggregator:
    """An aggregation. param: the type of its first argument, or None if it takes only a vector.
    ordered: the result depends on the order of series, by the rounding of sums or by equal values.
    """

    name: str
    param: ValueType | None = None
    experimental: bool = False
    ordered: bool = False
    histograms: HistogramUse = _IGNORED


_FUNCTIONS = (
    Signature("abs", (_V,), row_local=True),
    Signature("absent", (_V,), of_absence=True, histograms=_ANY),
    Signature("absent_over_time", (_M,), of_absence=True, histograms=_ANY),
    Signature("acos", (_V,), row_local=True),
    Signature("acosh", (_V,), row_local=True),
    Signature("asin", (_V,), row_local=True),
    Signature("asinh", (_V,), row_local=True),
    Signature("atan", (_V,), row_local=True),
    Signature("atanh", (_V,), row_local=True),
    Signature("avg_over_time", (_M,), purpose=_TOTALS, histograms=_TAKEN),
    Signature("ceil", (_V,), row_local=True),
    Signature("changes", (_M,), purpose=_ALL, anchored=True, histograms=_ANY),
    Signature("clamp", (_V, _S, _S), row_local=True),
    Signature("clamp_max", (_V, _S), row_local=True),
    Signature("clamp_min", (_V, _S), row_local=True),
    Signature("cos", (_V,), row_local=True),
    Signature("cosh", (_V,), row_local=True),
    Signature("count_over_time", (_M,), purpose=_TOTALS, histograms=_ANY),
    Signature("day_of_month", (_V,), variadic=1, row_local=True, of_time=True),
    Signature("day_of_week", (_V,), variadic=1, row_local=True, of_time=True),
    Signature("day_of_year", (_V,), variadic=1, row_local=True, of_time=True),
    Signature("days_in_month", (_V,), variadic=1, row_local=True, of_time=True),
    Signature("deg", (_V,), row_local=True),
    Signature("delta", (_M,), anchored=True, smoothed=True, histograms=_TAKEN),
    Signature("deriv", (_M,)),
    Signature("double_exponential_smoothing", (_M, _S, _S), purpose=_ALL, experimental=True),
    Signature("end", (), _S, experimental=True, of_time=True, of_range=True),
    Signature("exp", (_V,), row_local=True),
    Signature("first_over_time", (_M,), keeps_name=True, histograms=_TAKEN),
    Signature("floor", (_V,), row_local=True),
    Signature("histogram_avg", (_V,), histograms=_COUNTED),
    Signature("histogram_count", (_V,), histograms=_COUNTED),
    Signature("histogram_fraction", (_S, _S, _V), histograms=_BUCKETS),
    Signature("histogram_quantile", (_S, _V), histograms=_BUCKETS),
    Signature(
        "histogram_quantiles", (_V, _T, _S, _S), variadic=9, experimental=True, histograms=_BUCKETS
    ),
    Signature("histogram_stddev", (_V,), histograms=_TAKEN),
    Signature("histogram_stdvar", (_V,), histograms=_TAKEN),
    Signature("histogram_sum", (_V,), histograms=_COUNTED),
    Signature("hour", (_V,), variadic=1, row_local=True, of_time=True),
    Signature("idelta", (_M,), histograms=_TAKEN),
    Signature(
        "increase",
        (_M,),
        purpose=_RISES,
        needs_counter=True,
        anchored=True,
        smoothed=True,
        histograms=_TAKEN,
    ),
    Signature(
        "info",
        (_V, _V),
        variadic=1,
        experimental=True,
        keeps_name=True,
        of_range=True,
        histograms=_ANY,
    ),  # fmt: skip
    Signature("irate", (_M,), purpose=_RISES, histograms=_TAKEN),
    Signature("label_join", (_V, _T, _T, _T), variadic=-1, keeps_name=True, histograms=_ANY),
    Signature("label_replace", (_V, _T, _T, _T, _T), keeps_name=True, histograms=_ANY),
    Signature("last_over_time", (_M,), keeps_name=True, histograms=_TAKEN),
    Signature("ln", (_V,), row_local=True),
    Signature("log10", (_V,), row_local=True),
    Signature("log2", (_V,), row_local=True),
    Signature("mad_over_time", (_M,), purpose=_ALL, experimental=True),
    Signature("max_of", (_S, _S), _S, experimental=True),
    Signature("max_over_time", (_M,), purpose=_HIGHEST),
    Signature("min_of", (_S, _S), _S, experimental=True),
    Signature("min_over_time", (_M,), purpose=_LOWEST),
    Signature("minute", (_V,), variadic=1, row_local=True, of_time=True),
    Signature("month", (_V,), variadic=1, row_local=True, of_time=True),
    Signature("pi", (), _S),
    Signature("predict_linear", (_M, _S), of_time=True),
    Signature("present_over_time", (_M,), histograms=_ANY),
    Signature("quantile_over_time", (_S, _M), purpose=_ALL, of_quantile=True),
    Signature("rad", (_V,), row_local=True),
    Signature("range", (), _S, experimental=True, of_time=True, of_range=True),
    Signature(
        "rate",
        (_M,),
        purpose=_RISES,
        needs_counter=True,
        anchored=True,
        smoothed=True,
        histograms=_TAKEN,
    ),
    Signature("resets", (_M,), purpose=Purpose.RESETS, anchored=True, histograms=_ANY),
    Signature("round", (_V, _S), variadic=1, row_local=True),
    Signature("scalar", (_V,), _S),
    Signature("sgn", (_V,), row_local=True),
    Signature("sin", (_V,), row_local=True),
    Signature("sinh", (_V,), row_local=True),
    Signature("sort", (_V,), keeps_name=True),
    Signature(
        "sort_by_label", (_V, _T), variadic=-1, experimental=True, keeps_name=True, histograms=_ANY
    ),
    Signature(
        "sort_by_label_desc",
        (_V, _T),
        variadic=-1,
        experimental=True,
        keeps_name=True,
        histograms=_ANY,
    ),
    Signature("sort_desc", (_V,), keeps_name=True),
    Signature("sqrt", (_V,), row_local=True),
    Signature("start", (), _S, experimental=True, of_time=True, of_range=True),
    Signature(
        "start_timestamp", (_V,), purpose=_ALL, experimental=True, reads_times=True, histograms=_ANY
    ),
    Signature("stddev_over_time", (_M,), purpose=_ALL),
    Signature("stdvar_over_time", (_M,), purpose=_ALL),
    Signature("step", (), _S, experimental=True, of_time=True),
    Signature("sum_over_time", (_M,), purpose=_TOTALS, histograms=_TAKEN),
    Signature("tan", (_V,), row_local=True),
    Signature("tanh", (_V,), row_local=True),
    Signature("time", (), _S, of_time=True),
    Signature("timestamp", (_V,), of_time=True, reads_times=True, histograms=_ANY),
    Signature("ts_of_first_over_time", (_M,), experimental=True, histograms=_ANY),
    Signature("ts_of_last_over_time", (_M,), experimental=True, histograms=_ANY),
    Signature("ts_of_max_over_time", (_M,), purpose=_HIGHEST, experimental=True),
    Signature("ts_of_min_over_time", (_M,), purpose=_LOWEST, experimental=True),
    Signature("vector", (_S,)),
    Signature("year", (_V,), variadic=1, row_local=True, of_time=True),
)
_AGGREGATORS = (
    Aggregator("avg", histograms=_TAKEN, ordered=True),
    Aggregator("bottomk", _S, ordered=True),
    Aggregator("count", histograms=_ANY),
    Aggregator("count_values", _T, histograms=_ANY),
    Aggregator("group", histograms=_ANY),
    Aggregator("limit_ratio", _S, experimental=True, histograms=_ANY),
    Aggregator("limitk", _S, experimental=True, histograms=_ANY, ordered=True),
    Aggregator("max"),
    Aggregator("min"),
    Aggregator("quantile", _S),
    Aggregator("stddev", ordered=True),
    Aggregator("stdvar", ordered=True),
    Aggregator("sum", histograms=_TAKEN, ordered=True),
    Aggregator("topk", _S, ordered=True),
)

FUNCTIONS: Mapping[str, Signature] = MappingProxyType({row.name: row for row in _FUNCTIONS})
AGGREGATORS: Mapping[str, Aggregator] = MappingProxyType({row.name: row for row in _AGGREGATORS})
