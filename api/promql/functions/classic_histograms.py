"""The functions of classic histograms: series that count observations up to a bound, label `le`.

Series that differ in `le` only form a histogram; they are grouped and put in the order of their
bounds once. A kernel then walks the buckets that are present at each step. Quantiles and shares are
worked out for classic and native histograms alike, each kind on its own.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

import numpy as np

from api.promql.context import Context
from api.promql.errors import ExecutionError
from api.promql.functions.classic_kernels import group_fractions, group_quantiles_of_buckets
from api.promql.functions.native_histograms import for_metric, native_fractions, native_quantiles
from api.promql.go_format import format_g, format_g2, format_open_metrics, parse_float, quote
from api.promql.syntax.nodes import Call, Node
from api.promql.vectors.groups import present_groups, rows_by_group
from api.promql.vectors.names import drop_metric_name, merge_equal_rows
from api.promql.vectors.natives import histogram_mask, only_floats, only_histograms
from api.promql.vectors.rows import concat, take_rows
from api.promql.vectors.value import Scalar, String, Value, Vector
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME
from storage.labels.numbering import group_rows

BUCKET_LABEL = "le"
NOT_MONOTONIC = (
    "input to histogram_quantile needed to be fixed for monotonicity (see "
    "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets of all histograms of a vector.

    rows[offsets[g]:offsets[g + 1]] are the rows of histogram g by ascending bound; bounds are
    those of all rows; labels: one row per histogram, without `le`.
    """

    rows: Int64s
    offsets: Int64s
    bounds: Float64s
    labels: LabelFrame
    vector: Vector


def histogram_quantile(context: Context, call: Call, args: list[Value]) -> Vector:
    assert isinstance(args[0], Scalar) and isinstance(args[1], Vector)
    q = args[0].values
    _warn_quantile(context, call.args[0], q)
    natives, buckets = split_kinds(context, call.args[1], args[1])
    results = [
        native_quantiles(context, call.args[0], natives, q),
        _quantiles(context, call.args[1], buckets, q),
    ]
    return drop_metric_name(context, _joined(results))


def histogram_quantiles(context: Context, call: Call, args: list[Value]) -> Vector:
    """Several quantiles of each histogram, told apart by a label with the quantile's number."""
    vector, name, *quantiles = args
    assert isinstance(vector, Vector) and isinstance(name, String)
    results: list[Vector] = []
    for node, quantile in zip(call.args[2:], quantiles, strict=True):
        assert isinstance(quantile, Scalar)
        _warn_quantile(context, node, quantile.values)
    natives, buckets = split_kinds(context, call.args[0], vector)
    for quantile in quantiles:
        assert isinstance(quantile, Scalar)
        q = quantile.values
        of_one = _joined(
            [
                native_quantiles(context, call.args[0], natives, q),
                _quantiles(context, call.args[0], buckets, q),
            ]
        )
        # The number may differ from step to step, and with it the series.
        for bits in np.unique(q.view(np.uint64)):
            at_steps = q.view(np.uint64) == bits
            code = context.symbols.code(format_open_metrics(float(q[at_steps][0])))
            codes = np.full(of_one.labels.rows, code, np.int32)
            labels = of_one.labels.with_column(name.text, codes)
            results.append(Vector(labels, of_one.values, of_one.present & at_steps))
    return drop_metric_name(context, _joined(results))


def histogram_fraction(context: Context, call: Call, args: list[Value]) -> Vector:
    lower, upper, vector = args
    assert isinstance(lower, Scalar) and isinstance(upper, Scalar) and isinstance(vector, Vector)
    natives, buckets = split_kinds(context, call.args[2], vector)
    values, present = group_fractions(
        buckets.rows,
        buckets.offsets,
        buckets.bounds,
        buckets.vector.values,
        buckets.vector.present,
        lower.values,
        upper.values,
    )
    results = [
        native_fractions(context, call.args[0], natives, lower.values, upper.values),
        Vector(buckets.labels, values, present),
    ]
    return drop_metric_name(context, _joined(results))


def _joined(vectors: list[Vector]) -> Vector:
    """All rows of vectors without marks, those with equal labels merged."""
    used = [vector for vector in vectors if vector.labels.rows > 0] or vectors[:1]
    joined = used[0]
    for vector in used[1:]:
        joined = concat(joined, vector)
    return joined if len(used) == 1 else merge_equal_rows(joined)


def split_kinds(context: Context, node: Node, vector: Vector) -> tuple[Vector, Buckets]:
    """The native histograms of a vector, and its classic ones.

    Where both kinds have the same labels at the same step neither is there, with a warning.
    """
    buckets = make_buckets(context, node, only_floats(vector))
    mask = histogram_mask(vector)
    rows = np.flatnonzero(mask.any(axis=1))
    natives = replace(take_rows(only_histograms(vector), rows), drop_name=None)
    if len(rows) == 0 or buckets.labels.rows == 0:
        return natives, buckets
    return _without_clashes(context, node, natives, buckets)


def _without_clashes(
    context: Context, node: Node, natives: Vector, buckets: Buckets
) -> tuple[Vector, Buckets]:
    names = sorted({*natives.labels.names, *buckets.labels.names})
    both = np.concatenate((natives.labels.matrix(names), buckets.labels.matrix(names)))
    number, first = group_rows(both)
    of_native, of_classic = number[: natives.labels.rows], number[natives.labels.rows :]
    histogram = np.repeat(np.arange(buckets.labels.rows), np.diff(buckets.offsets))
    classic = present_groups(
        of_classic[histogram], len(first), buckets.vector.present[buckets.rows]
    )
    clash = natives.present & classic[of_native]
    if not clash.any():
        return natives, buckets
    for code in np.unique(natives.labels.column(METRIC_NAME)[clash.any(axis=1)]):
        context.warn(
            "vector contains a mix of classic and native histograms"
            + for_metric(context.symbols.text(int(code))),
            node,
        )
    clashing = present_groups(of_native, len(first), clash)
    present = buckets.vector.present.copy()
    present[buckets.rows] &= ~clashing[of_classic[histogram]]
    kept = replace(natives, present=natives.present & ~clash)
    return kept, replace(buckets, vector=replace(buckets.vector, present=present))


def make_buckets(context: Context, node: Node, vector: Vector) -> Buckets:
    """Group the rows into histograms; rows without a usable bound are left out with a warning."""
    labels = vector.labels
    bounds, valid = _bounds(labels)
    if not valid.all():
        _warn_bounds(context, node, vector, valid)
    usable = np.flatnonzero(valid)
    rest = labels.drop((BUCKET_LABEL,)).take(usable)
    number, first = rest.group(rest.names)
    by_bound = np.lexsort((bounds[usable], number))
    _, offsets = rows_by_group(number, len(first))
    return Buckets(usable[by_bound], offsets, bounds, rest.take(first), vector)


def _bounds(labels: LabelFrame) -> tuple[Float64s, Bools]:
    """The bound that each row's `le` states, and whether it states one."""
    codes, inverse = np.unique(labels.column(BUCKET_LABEL), return_inverse=True)
    found = [parse_float(text) for text in labels.symbols.texts(codes)]
    bounds = np.array([np.nan if bound is None else bound for bound in found], np.float64)
    valid = np.array([bound is not None for bound in found], np.bool_)
    return bounds[inverse], valid[inverse]


def _warn_bounds(context: Context, node: Node, vector: Vector, valid: Bools) -> None:
    wrong = np.flatnonzero(~valid & vector.present.any(axis=1))
    labels = vector.labels.take(wrong)
    _, first = labels.group((BUCKET_LABEL, METRIC_NAME))
    text = labels.symbols.text
    for row in first:
        bound = text(int(labels.column(BUCKET_LABEL)[row]))
        metric = text(int(labels.column(METRIC_NAME)[row]))
        context.warn(
            f'bucket label "le" is missing or has a malformed value of {quote(bound)}'
            + for_metric(metric),
            node,
        )


def _quantiles(context: Context, node: Node, buckets: Buckets, q: Float64s) -> Vector:
    """The quantile q[k] of every histogram at every step k; node is what repairs are noted at."""
    vector = buckets.vector
    values, present, repairs, counts = group_quantiles_of_buckets(
        buckets.rows, buckets.offsets, buckets.bounds, vector.values, vector.present, q
    )
    if counts.any():
        _note_repairs(context, node, buckets.labels, repairs, counts)
    return Vector(buckets.labels, values, present)


def _note_repairs(
    context: Context, node: Node, labels: LabelFrame, repairs: Float64s, counts: Int64s
) -> None:
    """One info per metric about the histograms that were not monotonic.

    repairs: smallest and largest bound, largest difference, first and last step, per histogram.
    """
    repaired = np.flatnonzero(counts)
    names = labels.column(METRIC_NAME)[repaired]
    if not context.features.delayed_name_removal:
        names = np.zeros(len(repaired), np.int32)
    for name in np.unique(names):
        rows = repaired[names == name]
        low, high, most, start, end = repairs[rows].T
        context.info(
            NOT_MONOTONIC
            + for_metric(context.symbols.text(int(name)))
            + f", from buckets {format_g(float(low.min()))} to {format_g(float(high.max()))}"
            + f", with a max diff of {format_g2(float(most.max()))}"
            + f", over {counts[rows].sum()} samples"
            + f" from {_format_time(context.steps[int(start.min())])}"
            + f" to {_format_time(context.steps[int(end.max())])}",
            node,
        )


def _format_time(time_ms: int) -> str:
    """RFC 3339 in whole seconds, the milliseconds cut off."""
    seconds = int(time_ms / 1000)
    epoch = datetime.datetime(1970, 1, 1)
    try:
        return (epoch + datetime.timedelta(seconds=seconds)).isoformat() + "Z"
    except OverflowError as error:
        raise ExecutionError(f"time {time_ms} ms is out of the years 1 to 9999") from error


def _warn_quantile(context: Context, node: Node, q: Float64s) -> None:
    for value in np.unique(q[~((q >= 0) & (q <= 1))]):
        context.warn(
            f"quantile value should be between 0 and 1, got {format_g(float(value))}", node
        )
