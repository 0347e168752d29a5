"""The signatures of all functions and aggregators: what they take, and what they give.

Names only; what they compute is in `functions`, `over_time` and `aggregation`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from api.promql.syntax.nodes import ValueType

_S, _V, _M, _T = ValueType.SCALAR, ValueType.VECTOR, ValueType.MATRIX, ValueType.STRING


@dataclass(frozen=True, slots=True)
class Signature:
    """A function.

    variadic: 0 takes exactly `args`; n > 0 takes len(args)-1 up to len(args)-1+n arguments; -1
    takes len(args)-1 or more. Arguments beyond `args` have the type of the last of them.
    """

    name: str
    args: tuple[ValueType, ...]
    returns: ValueType
    variadic: int = 0
    experimental: bool = False


@dataclass(frozen=True, slots=True)
class Aggregator:
    """An aggregation. param: the type of its first argument, or None if it takes only a vector."""

    name: str
    param: ValueType | None = None
    experimental: bool = False


_OF_VECTOR = """
    abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg
    histogram_count histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh
    sort sort_desc sqrt start_timestamp tan tanh timestamp
"""
_OF_RANGE = """
    absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta
    increase irate last_over_time mad_over_time max_over_time min_over_time present_over_time rate
    resets stddev_over_time stdvar_over_time sum_over_time ts_of_first_over_time
    ts_of_last_over_time ts_of_max_over_time ts_of_min_over_time
"""
_OF_TIME = "day_of_month day_of_week day_of_year days_in_month hour minute month year"
_OF_NOTHING = "end pi range start step time"
_OTHERS: tuple[tuple[str, tuple[ValueType, ...], ValueType, int], ...] = (
    ("clamp", (_V, _S, _S), _V, 0),
    ("clamp_max", (_V, _S), _V, 0),
    ("clamp_min", (_V, _S), _V, 0),
    ("double_exponential_smoothing", (_M, _S, _S), _V, 0),
    ("histogram_fraction", (_S, _S, _V), _V, 0),
    ("histogram_quantile", (_S, _V), _V, 0),
    ("histogram_quantiles", (_V, _T, _S, _S), _V, 9),
    ("info", (_V, _V), _V, 1),
    ("label_join", (_V, _T, _T, _T), _V, -1),
    ("label_replace", (_V, _T, _T, _T, _T), _V, 0),
    ("max_of", (_S, _S), _S, 0),
    ("min_of", (_S, _S), _S, 0),
    ("predict_linear", (_M, _S), _V, 0),
    ("quantile_over_time", (_S, _M), _V, 0),
    ("round", (_V, _S), _V, 1),
    ("scalar", (_V,), _S, 0),
    ("sort_by_label", (_V, _T), _V, -1),
    ("sort_by_label_desc", (_V, _T), _V, -1),
    ("vector", (_S,), _V, 0),
)
_EXPERIMENTAL_FUNCTIONS = frozenset(
    [
        "double_exponential_smoothing",
        "end",
        "histogram_quantiles",
        "info",
        "mad_over_time",
        "max_of",
        "min_of",
        "range",
        "sort_by_label",
        "sort_by_label_desc",
        "start",
        "start_timestamp",
        "step",
        "ts_of_first_over_time",
        "ts_of_last_over_time",
        "ts_of_max_over_time",
        "ts_of_min_over_time",
    ]
)


def _functions() -> dict[str, Signature]:
    table = [
        *((name, (_V,), _V, 0) for name in _OF_VECTOR.split()),
        *((name, (_M,), _V, 0) for name in _OF_RANGE.split()),
        *((name, (_V,), _V, 1) for name in _OF_TIME.split()),
        *((name, (), _S, 0) for name in _OF_NOTHING.split()),
        *_OTHERS,
    ]
    return {
        name: Signature(name, args, returns, variadic, name in _EXPERIMENTAL_FUNCTIONS)
        for name, args, returns, variadic in sorted(table, key=lambda row: row[0])
    }


FUNCTIONS: Mapping[str, Signature] = MappingProxyType(_functions())

# Functions that may be applied to an anchored or smoothed range; all others refuse it.
ANCHORED_FUNCTIONS = ("changes", "delta", "increase", "rate", "resets")
SMOOTHED_FUNCTIONS = ("delta", "increase", "rate")

AGGREGATORS: Mapping[str, Aggregator] = MappingProxyType(
    {
        aggregator.name: aggregator
        for aggregator in (
            *(
                Aggregator(name)
                for name in ["avg", "count", "group", "max", "min", "stddev", "stdvar", "sum"]
            ),
            Aggregator("bottomk", _S),
            Aggregator("count_values", _T),
            Aggregator("limit_ratio", _S, experimental=True),
            Aggregator("limitk", _S, experimental=True),
            Aggregator("quantile", _S),
            Aggregator("topk", _S),
        )
    }
)
