"""The functions that make floats of native histograms: counts, sums, spreads, quantiles, shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from api.promql.annotations import Place
from api.promql.context import Context
from api.promql.go_format import quote
from api.promql.native_histograms import values as native_values
from api.promql.syntax.nodes import Call
from api.promql.vectors.names import drop_only_name
from api.promql.vectors.natives import histogram_places
from api.promql.vectors.value import Value, Vector
from storage.histograms.columns import Histograms
from storage.kernels.arrays import Float64s, Int32s, Int64s
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME

NAN_RESULT = "input to histogram_quantile has NaN observations, result is NaN"
NAN_SKEW = "input to histogram_quantile has NaN observations, result is skewed higher"
NAN_EXCLUDED = (
    "input to histogram_fraction has NaN observations, which are excluded from all fractions"
)


def _counts(histograms: Histograms, rows: Int32s) -> Float64s:
    return histograms.counts[rows]


def _sums(histograms: Histograms, rows: Int32s) -> Float64s:
    return histograms.sums[rows]


NUMBERS: dict[str, Callable[[Histograms, Int32s], Float64s]] = {
    "histogram_avg": native_values.averages,
    "histogram_count": _counts,
    "histogram_stddev": native_values.stddevs,
    "histogram_stdvar": native_values.stdvars,
    "histogram_sum": _sums,
}


def of_native_histograms(context: Context, call: Call, args: list[Value]) -> Vector:
    """One number of each histogram; floats have none."""
    vector = args[0]
    assert isinstance(vector, Vector), f"BUG: {call.func} of a {type(vector).__name__}"
    places, rows = histogram_places(vector)
    numbers = np.zeros(0)
    if vector.natives is not None:
        numbers = NUMBERS[call.func](vector.natives.histograms, rows)
    return drop_only_name(context, _at_places(vector, places, numbers))


def _at_places(vector: Vector, places: Int64s, numbers: Float64s) -> Vector:
    """The rows of the vector with nothing but these numbers."""
    values = np.zeros(vector.values.shape)
    present = np.zeros(vector.values.shape, np.bool_)
    values.reshape(-1)[places] = numbers
    present.reshape(-1)[places] = True
    return replace(vector, values=values, present=present, natives=None)


def native_quantiles(context: Context, call: Call, vector: Vector, q: Float64s) -> Vector:
    """The quantile q[k] of every histogram at every step k."""
    places, rows = histogram_places(vector)
    if vector.natives is None or len(places) == 0:
        return _at_places(vector, places, np.zeros(0))
    numbers, are_nan, are_skewed = native_values.quantiles(
        vector.natives.histograms, rows, q[places % len(q)]
    )
    _note(context, call, vector.labels, NAN_RESULT, places[are_nan] // len(q))
    _note(context, call, vector.labels, NAN_SKEW, places[are_skewed] // len(q))
    return _at_places(vector, places, numbers)


def native_fractions(
    context: Context, call: Call, vector: Vector, lower: Float64s, upper: Float64s
) -> Vector:
    """The share of observations in [lower[k], upper[k]] of every histogram at every step k."""
    places, rows = histogram_places(vector)
    if vector.natives is None or len(places) == 0:
        return _at_places(vector, places, np.zeros(0))
    steps = places % len(lower)
    numbers, excluded = native_values.fractions(
        vector.natives.histograms, rows, lower[steps], upper[steps]
    )
    _note(context, call, vector.labels, NAN_EXCLUDED, places[excluded] // len(lower))
    return _at_places(vector, places, numbers)


def _note(context: Context, call: Call, labels: LabelFrame, text: str, rows: Int64s) -> None:
    """An info for the rows; it stands at the first argument, whichever that is."""
    place = Place(call, call.args[0])
    for suffix in metric_suffixes(context, labels, rows):
        context.info(text + suffix, place)


def metric_suffixes(context: Context, labels: LabelFrame, rows: Int64s) -> list[str]:
    """What follows a text about these rows: " for metric name ..." for each of their metrics.

    Metrics are named only as long as they are sure to have their names, which is with delayed name
    removal.
    """
    if len(rows) == 0 or not context.features.delayed_name_removal:
        return [""] if len(rows) else []
    codes = dict.fromkeys(labels.column(METRIC_NAME)[rows].tolist())
    names = [context.symbols.text(int(code)) for code in codes]
    return [f" for metric name {quote(name)}" if name else "" for name in names]
