"""The functions of the slow evaluator, one cell at a time."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from api.promql.errors import ExecutionError
from api.promql.go_format import format_open_metrics
from api.promql.syntax.nodes import Call, MatrixSelector, Node, VectorSelector
from tests.twins.promql import ranges as naive_ranges
from tests.twins.promql.classic_histograms import (
    divide,
    naive_bucket_fraction,
    naive_bucket_quantile,
)
from tests.twins.promql.labels import ordered, relabelled
from tests.twins.promql.rows import Row, Sample, drop_names, rows_of_steps, samples_at
from tests.twins.promql.vectors import Key, Labels, key_of

if TYPE_CHECKING:
    from tests.twins.promql.engine import Naive

Values = list[Row] | list[float] | str
SECONDS_OF_400_YEARS = 146_097 * 86_400


def ieee(function: Callable[[float], float]) -> Callable[[float], float]:
    def apply(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.copysign(math.inf, x) if function is not math.cosh else math.inf

    return apply


def round_with(function: Callable[[float], int]) -> Callable[[float], float]:
    return lambda x: math.copysign(float(function(x)), x) if math.isfinite(x) else x


def sgn(x: float) -> float:
    return x if x == 0 or math.isnan(x) else math.copysign(1.0, x)


def logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda x: -math.inf if x == 0 else ieee(function)(x)


def atanh(x: float) -> float:
    return math.copysign(math.inf, x) if abs(x) == 1 else ieee(math.atanh)(x)


# Functions that are exact in IEEE 754, and those that libraries round differently.
EXACT: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": round_with(math.ceil),
    "deg": lambda x: x * 180 / math.pi,
    "floor": round_with(math.floor),
    "rad": lambda x: x * math.pi / 180,
    "sgn": sgn,
    "sqrt": ieee(math.sqrt),
}
ROUNDED: dict[str, Callable[[float], float]] = {
    "exp": lambda x: math.inf if x > 1000 else ieee(math.exp)(x),
    "ln": logarithm(math.log),
    "log10": logarithm(math.log10),
    "log2": logarithm(math.log2),
    "atanh": atanh,
    **{
        name: ieee(getattr(math, name))
        for name in ["acos", "acosh", "asin", "asinh", "atan", "cos", "cosh", "sin", "sinh"]
        + ["tan", "tanh"]
    },
}
CALENDAR: dict[str, Callable[[datetime.datetime], int]] = {
    "day_of_month": lambda t: t.day,
    "day_of_week": lambda t: t.isoweekday() % 7,
    "day_of_year": lambda t: t.timetuple().tm_yday,
    "days_in_month": lambda t: (
        ((t.replace(day=28) + datetime.timedelta(4)).replace(day=1) - datetime.timedelta(1)).day
    ),
    "hour": lambda t: t.hour,
    "minute": lambda t: t.minute,
    "month": lambda t: t.month,
}


# Midnight before a March, 730,692,556 times 400 years before that of the year 0.
FIRST_SECOND = -(730_692_556 * 146_097 + 719_468) * 86_400


def calendar_cell(func: str, value: float) -> float:
    """Dates repeat every 400 years, so any of them can be told by those that Python knows. Those
    before the first one of Go wrap round."""
    seconds = int(value) if math.isfinite(value) and abs(value) < 2.0**63 else -(2**63)
    seconds += 2**64 if seconds < FIRST_SECOND else 0
    eras, rest = divmod(seconds, SECONDS_OF_400_YEARS)
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=rest)
    if func == "year":
        return float(moment.year + 400 * eras)
    return float(CALENDAR[func](moment))


# --- calls --------------------------------------------------------------------------------------


def call(node: Call, values: list[Values], times: list[int], naive: Naive) -> Values:
    """A call whose arguments are no ranges."""
    func = node.func
    match func:
        case "time":
            return [t / 1000 for t in times]
        case "pi" | "start" | "end" | "range" | "step":
            return [constant(func, naive)] * len(times)
        case "min_of" | "max_of":
            pairs = zip(numbers(values[0]), numbers(values[1]), strict=True)
            return [larger(a, b) if func == "max_of" else -larger(-a, -b) for a, b in pairs]
        case "vector":
            return [Row({}, list(numbers(values[0])))]
        case "scalar":
            return [only_cell(rows(values[0]), k) for k in range(len(times))]
        case "timestamp":
            return naive_map(values[0], lambda _, k: times[k] / 1000, naive)
        case "sort" | "sort_desc" | "sort_by_label" | "sort_by_label_desc":
            names = [value for value in values[1:] if isinstance(value, str)]
            return ordered(func, rows(values[0]), names) if len(times) == 1 else values[0]
        case "histogram_avg" | "histogram_count" | "histogram_sum":
            return []
        case "histogram_stddev" | "histogram_stdvar":
            return []
        case "label_replace" | "label_join":
            return relabelled(func, rows(values[0]), [v for v in values[1:] if isinstance(v, str)])
        case "histogram_quantile" | "histogram_fraction":
            return of_buckets(func, values, len(times), naive)
        case "histogram_quantiles":
            return quantiles_of_buckets(values, len(times), naive)
        case "round" | "clamp" | "clamp_min" | "clamp_max":
            return bounded(func, values, naive)
    if func == "year" or func in CALENDAR:
        argument = values[0] if values else [Row({}, [float(t // 1000) for t in times])]
        return naive_map(argument, lambda cell, _: calendar_cell(func, cell), naive)
    function = EXACT.get(func) or ROUNDED[func]
    return naive_map(values[0], lambda cell, _: function(cell), naive)


def rows(value: Values) -> list[Row]:
    return [row for row in value if isinstance(row, Row)]


def numbers(value: Values) -> list[float]:
    return [x for x in value if isinstance(x, float)]


def constant(func: str, naive: Naive) -> float:
    """A number that is the same at all steps, in seconds if it is a time."""
    spans = {
        "start": naive.start_ms,
        "end": naive.end_ms,
        "range": naive.end_ms - naive.start_ms,
        "step": naive.step_ms,
    }
    return spans[func] / 1000 if func in spans else math.pi


def naive_map(value: Values, of: Callable[[float, int], float | None], naive: Naive) -> list[Row]:
    out = [
        Row(row.labels, [None if c is None else of(c, k) for k, c in enumerate(row.cells)])
        for row in rows(value)
    ]
    return drop_names(out, delayed=naive.delayed)


def only_cell(vector: Sequence[Row], k: int) -> float:
    cells = [row.cells[k] for row in vector if row.cells[k] is not None]
    return cells[0] if len(cells) == 1 and cells[0] is not None else math.nan


def larger(a: float, b: float) -> float:
    """An infinite result beats NaN, which beats every number."""
    if math.inf in (a, b):
        return math.inf
    if math.isnan(a) or math.isnan(b):
        return math.nan
    if a == 0 and b == 0:
        return b if math.copysign(1, a) < 0 else a
    return max(a, b)


def bounded(func: str, values: list[Values], naive: Naive) -> list[Row]:
    params = [numbers(value) for value in values[1:]]

    def cell_of(cell: float, k: int) -> float | None:
        if func == "round":
            inverse = divide(1.0, params[0][k] if params else 1.0)
            return divide(floor(cell * inverse + 0.5), inverse)
        lower = -math.inf if func == "clamp_max" else params[0][k]
        upper = math.inf if func == "clamp_min" else params[-1][k]
        if func == "clamp" and upper < lower:
            return None
        return larger(lower, -larger(-upper, -cell))

    return naive_map(values[0], cell_of, naive)


def floor(x: float) -> float:
    return EXACT["floor"](x)


def absent(argument: Node, found: Sequence[Row], steps: int) -> list[Row]:
    selector = argument.selector if isinstance(argument, MatrixSelector) else argument
    labels: Labels = {}
    if isinstance(selector, VectorSelector):
        for i, m in enumerate(selector.matchers):
            repeated = any(e.name == m.name and e.op == "=" for e in selector.matchers[:i])
            if m.op == "=" and not repeated and m.name != "__name__":
                labels[m.name] = m.value
            else:
                labels.pop(m.name, None)
    missing = [all(row.cells[k] is None for row in found) for k in range(steps)]
    labels = {name: value for name, value in labels.items() if value}
    return [Row(labels, [1.0 if gone else None for gone in missing])]


def of_buckets(func: str, values: list[Values], steps: int, naive: Naive) -> list[Row]:
    params = [numbers(value) for value in values[:-1]]

    def cell_of(buckets: list[tuple[float, float]], k: int) -> float:
        if func == "histogram_quantile":
            return naive_bucket_quantile(params[0][k], buckets)
        return naive_bucket_fraction(params[0][k], params[1][k], buckets)

    out = [
        [(dict(key), cell_of(buckets, k), False) for key, buckets in found.items()]
        for k, found in enumerate(classic_histograms(rows(values[-1]), steps))
    ]
    return drop_names(rows_of_steps(out), delayed=naive.delayed)


def quantiles_of_buckets(values: list[Values], steps: int, naive: Naive) -> list[Row]:
    """One row for each quantile, which a label tells."""
    name = values[1]
    assert isinstance(name, str)
    out: list[list[Sample]] = []
    for k, found in enumerate(classic_histograms(rows(values[0]), steps)):
        quantiles = [numbers(value)[k] for value in values[2:]]
        out.append(
            [
                (
                    {**dict(key), name: format_open_metrics(q)},
                    naive_bucket_quantile(q, buckets),
                    False,
                )
                for q in quantiles
                for key, buckets in found.items()
            ]
        )
    return drop_names(rows_of_steps(out), delayed=naive.delayed)


def classic_histograms(
    vector: Sequence[Row], steps: int
) -> list[dict[Key, list[tuple[float, float]]]]:
    """The (bound, count) of the buckets of each histogram, per step."""
    out: list[dict[Key, list[tuple[float, float]]]] = []
    for k in range(steps):
        out.append({})
        for labels, value, _ in samples_at(vector, k):
            bound = bound_of(labels.get("le", ""))
            if bound is not None:
                rest = {name: text for name, text in labels.items() if name != "le"}
                out[-1].setdefault(key_of(rest), []).append((bound, value))
    return out


def bound_of(text: str) -> float | None:
    try:
        return float(text) if text.strip() == text else None
    except ValueError:
        return None


# --- ranges -------------------------------------------------------------------------------------


def range_cell(
    func: str, window: naive_ranges.Window, span: tuple[int, int, int], params: list[float]
) -> float | None:
    """What a function makes of one window. span: its end, its length and the time of the step."""
    end, range_ms, time = span
    if func == "quantile_over_time":
        return naive_ranges.quantile(params[0], naive_ranges.values_of(window)) if window else None
    if func == "predict_linear":
        line = naive_ranges.regression(window, time)
        return None if line is None else line[0] * params[0] + line[1]
    if func == "double_exponential_smoothing":
        return smoothed(window, params)
    if func == "absent_over_time":
        return 1.0 if window else None
    return naive_ranges.FUNCTIONS[func](window, end, range_ms)


def smoothed(window: naive_ranges.Window, params: list[float]) -> float | None:
    if window and not all(0 < x < 1 for x in params):
        raise ExecutionError("invalid smoothing factor")
    return naive_ranges.smoothed(window, params[0], params[1])
