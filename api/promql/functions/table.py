"""The functions over instant vectors, scalars and strings: the table, and those that do arithmetic.

A function takes its evaluated arguments and gives a value for all steps. Functions of range vectors
are in `ranges`; those that work on labels, histograms, calendars and order have modules of their
own and are only listed here.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from api.promql.context import Context
from api.promql.functions.clamp import clamp_values, larger, smaller
from api.promql.functions.classic_histograms import (
    histogram_fraction,
    histogram_quantile,
    histogram_quantiles,
)
from api.promql.functions.dates import CALENDAR
from api.promql.functions.labels import label_join, label_replace
from api.promql.functions.native_histograms import NUMBERS, of_native_histograms
from api.promql.functions.sorting import sort_by_label, sort_by_value
from api.promql.syntax.nodes import Call
from api.promql.vectors.blocks import blocks
from api.promql.vectors.names import drop_metric_name
from api.promql.vectors.natives import only_floats
from api.promql.vectors.value import Scalar, Value, Vector
from storage.kernels.arrays import Float64s
from storage.labels.frames import one_row

Function = Callable[[Context, Call, list[Value]], Value]


def _sgn(values: Float64s) -> Float64s:
    """-1, 0 or 1; zeros keep their sign, and NaN stays."""
    return np.copysign(np.sign(values), values)


def _deg(values: Float64s) -> Float64s:
    return values * 180 / math.pi


def _rad(values: Float64s) -> Float64s:
    return values * math.pi / 180


MATH: dict[str, Callable[[Float64s], Float64s]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": _deg,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": _rad,
    "sgn": _sgn,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}


def vector_arg(args: list[Value], at: int) -> Vector:
    value = args[at]
    assert isinstance(value, Vector), f"BUG: argument {at} is a {type(value).__name__}"
    return value


def scalar_arg(args: list[Value], at: int) -> Float64s:
    value = args[at]
    assert isinstance(value, Scalar), f"BUG: argument {at} is a {type(value).__name__}"
    return value.values


def _elementwise(context: Context, call: Call, args: list[Value]) -> Vector:
    vector = only_floats(vector_arg(args, 0))
    values = np.empty(vector.values.shape)
    with np.errstate(all="ignore"):
        for rows in blocks(context.check, *vector.values.shape):
            values[rows] = MATH[call.func](vector.values[rows])
    return drop_metric_name(context, Vector(vector.labels, values, vector.present))


def _clamp(context: Context, call: Call, args: list[Value]) -> Vector:
    """clamp, clamp_min and clamp_max; nothing is left at steps where the bounds are reversed."""
    vector = only_floats(vector_arg(args, 0))
    lower = np.full(len(context.steps), -np.inf)
    upper = np.full(len(context.steps), np.inf)
    if call.func != "clamp_max":
        lower = scalar_arg(args, 1)
    if call.func != "clamp_min":
        upper = scalar_arg(args, len(args) - 1)
    values = np.empty(vector.values.shape)
    for rows in blocks(context.check, *vector.values.shape):
        values[rows] = clamp_values(vector.values[rows], lower, upper)
    present = vector.present & ~(upper < lower)
    return drop_metric_name(context, Vector(vector.labels, values, present))


def _round(context: Context, call: Call, args: list[Value]) -> Vector:
    """To the nearest multiple, ties upwards."""
    vector = only_floats(vector_arg(args, 0))
    nearest = scalar_arg(args, 1) if len(args) > 1 else np.ones(len(context.steps))
    with np.errstate(all="ignore"):
        # Multiplying by the inverse is what Prometheus does; dividing would round differently.
        inverse = 1.0 / nearest
        values = np.empty(vector.values.shape)
        for rows in blocks(context.check, *vector.values.shape):
            values[rows] = np.floor(vector.values[rows] * inverse + 0.5) / inverse
    return drop_metric_name(context, Vector(vector.labels, values, vector.present))


def _scalar(context: Context, call: Call, args: list[Value]) -> Scalar:
    """The value of the only float of each step, else NaN."""
    vector = only_floats(vector_arg(args, 0))
    if vector.labels.rows == 0:
        return Scalar(np.full(len(context.steps), np.nan))
    only = vector.present.sum(axis=0) == 1
    values = vector.values[vector.present.argmax(axis=0), np.arange(len(context.steps))]
    return Scalar(np.where(only, values, np.nan))


def _vector(context: Context, call: Call, args: list[Value]) -> Vector:
    values = scalar_arg(args, 0)[np.newaxis, :].copy()
    return Vector(one_row(context.symbols), values, np.ones(values.shape, np.bool_))


def _time(context: Context, call: Call, args: list[Value]) -> Scalar:
    return Scalar(context.steps / 1000)


def _constant(of: Callable[[Context], float]) -> Function:
    def function(context: Context, call: Call, args: list[Value]) -> Scalar:
        return Scalar(np.full(len(context.steps), of(context)))

    return function


def _of_two(choose: Callable[[float, float], float]) -> Function:
    def function(context: Context, call: Call, args: list[Value]) -> Scalar:
        pairs = zip(scalar_arg(args, 0), scalar_arg(args, 1), strict=True)
        return Scalar(np.array([choose(a, b) for a, b in pairs], np.float64))

    return function


CALLS: dict[str, Function] = {
    **dict.fromkeys(MATH, _elementwise),
    **CALENDAR,
    **dict.fromkeys(NUMBERS, of_native_histograms),
    "clamp": _clamp,
    "clamp_max": _clamp,
    "clamp_min": _clamp,
    "end": _constant(lambda context: context.end_ms / 1000),
    "histogram_fraction": histogram_fraction,
    "histogram_quantile": histogram_quantile,
    "histogram_quantiles": histogram_quantiles,
    "label_join": label_join,
    "label_replace": label_replace,
    "max_of": _of_two(larger),
    "min_of": _of_two(smaller),
    "pi": _constant(lambda context: math.pi),
    "range": _constant(lambda context: (context.end_ms - context.start_ms) / 1000),
    "round": _round,
    "scalar": _scalar,
    "sort": sort_by_value,
    "sort_by_label": sort_by_label,
    "sort_by_label_desc": sort_by_label,
    "sort_desc": sort_by_value,
    "start": _constant(lambda context: context.start_ms / 1000),
    "step": _constant(lambda context: context.step_ms / 1000),
    "time": _time,
    "vector": _vector,
}
