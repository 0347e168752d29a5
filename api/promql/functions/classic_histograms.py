"""The functions of classic histograms: series that count observations up to a bound, label `le`.

Series that differ in `le` only form a histogram; they are grouped and put in the order of their
bounds once. A kernel then walks the buckets that are present at each step. Quantiles and shares are
worked out for classic and native histograms alike, each kind on its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from api.promql.annotations import Merging, Place
from api.promql.context import Context
from api.promql.functions.classic_kernels import group_fractions, group_quantiles_of_buckets
from api.promql.functions.dates import rfc3339
from api.promql.functions.native_histograms import (
    metric_suffixes,
    native_fractions,
    native_quantiles,
)
from api.promql.go_format import format_g, format_g2, format_open_metrics, parse_float, quote
from api.promql.syntax.nodes import Call, Node
from api.promql.vectors.blocks import whole_groups
from api.promql.vectors.groups import present_groups, rows_by_group
from api.promql.vectors.names import drop_metric_name, merge_equal_rows, without_names
from api.promql.vectors.natives import histogram_mask, only_floats, only_histograms
from api.promql.vectors.rows import concat, take_rows
from api.promql.vectors.value import Scalar, String, Value, Vector
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.labels.frames import LabelFrame
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
    _warn_quantiles(context, call, call.args[:1], [q])
    natives, buckets = split_kinds(context, Place(call, call.args[1]), args[1])
    results = [
        native_quantiles(context, call, natives, q),
        _quantiles(context, Place(call, call.args[1]), buckets, q, np.ones(len(q), np.bool_)),
    ]
    return drop_metric_name(context, _joined(results))


def histogram_quantiles(context: Context, call: Call, args: list[Value]) -> Vector:
    """Several quantiles of each histogram, told apart by a label with the quantile's number.

    The label takes the place of one that the histograms have. It is given after the metric name has
    gone, so that it may be the name; under delayed name removal it goes as that.
    """
    vector, name, *scalars = args
    assert isinstance(vector, Vector) and isinstance(name, String)
    quantiles = [scalar.values for scalar in scalars if isinstance(scalar, Scalar)]
    _warn_quantiles(context, call, call.args[2:], quantiles)
    place = Place(call, call.args[0])
    natives, buckets = split_kinds(context, place, vector)
    results: list[Vector] = []
    repaired = np.zeros(len(context.steps), np.bool_)
    for q in quantiles:
        parts = [native_quantiles(context, call, natives, q)]
        parts.append(_quantiles(context, place, buckets, q, ~repaired))
        repaired |= (q >= 0) & (q <= 1)
        of_one = _joined(parts)
        if not context.features.delayed_name_removal:
            of_one = without_names(of_one)
        # The number may differ from step to step, and with it the series.
        for bits in np.unique(q.view(np.uint64)):
            at_steps = q.view(np.uint64) == bits
            code = context.symbols.code(format_open_metrics(float(q[at_steps][0])))
            codes = np.full(of_one.labels.rows, code, np.int32)
            labels = of_one.labels.with_column(name.text, codes)
            results.append(Vector(labels, of_one.values, of_one.present & at_steps))
    quantiles_of_all = merge_equal_rows(_stacked(results))
    if not context.features.delayed_name_removal:
        return quantiles_of_all
    return drop_metric_name(context, quantiles_of_all)


def histogram_fraction(context: Context, call: Call, args: list[Value]) -> Vector:
    lower, upper, vector = args
    assert isinstance(lower, Scalar) and isinstance(upper, Scalar) and isinstance(vector, Vector)
    natives, buckets = split_kinds(context, Place(call, call.args[2]), vector)
    found = [
        group_fractions(*part, lower.values, upper.values) for part in parts_of(context, buckets)
    ]
    values, present = map(np.concatenate, zip(*found, strict=True))
    results = [
        native_fractions(context, call, natives, lower.values, upper.values),
        Vector(buckets.labels, values, present),
    ]
    return drop_metric_name(context, _joined(results))


def _joined(kinds: list[Vector]) -> Vector:
    """The rows of both kinds of histograms, without marks; those with equal labels merged. Within
    one kind labels are distinct."""
    used = [vector for vector in kinds if vector.labels.rows > 0]
    return merge_equal_rows(_stacked(kinds)) if len(used) > 1 else (used or kinds)[0]


def _stacked(vectors: list[Vector]) -> Vector:
    """All rows of vectors, equal or not."""
    used = [vector for vector in vectors if vector.labels.rows > 0] or vectors[:1]
    stacked = used[0]
    for vector in used[1:]:
        stacked = concat(stacked, vector)
    return stacked


def split_kinds(context: Context, place: Place, vector: Vector) -> tuple[Vector, Buckets]:
    """The native histograms of a vector, and its classic ones.

    Where both kinds have the same labels at the same step neither is there, with a warning.
    """
    buckets = make_buckets(context, place, only_floats(vector))
    mask = histogram_mask(vector)
    rows = np.flatnonzero(mask.any(axis=1))
    natives = replace(take_rows(only_histograms(vector), rows), drop_name=None)
    if len(rows) == 0 or buckets.labels.rows == 0:
        return natives, buckets
    return _without_clashes(context, place, natives, buckets)


def _without_clashes(
    context: Context, place: Place, natives: Vector, buckets: Buckets
) -> tuple[Vector, Buckets]:
    names = sorted({*natives.labels.names, *buckets.labels.names})
    both = np.concatenate((natives.labels.matrix(names), buckets.labels.matrix(names)))
    number, first = group_rows(both)
    of_native, of_classic = number[: natives.labels.rows], number[natives.labels.rows :]
    histogram = np.repeat(np.arange(buckets.labels.rows), np.diff(buckets.offsets))
    classic = present_groups(
        context.check, of_classic[histogram], len(first), buckets.vector.present[buckets.rows]
    )
    clash = natives.present & classic[of_native]
    if not clash.any():
        return natives, buckets
    clashing_rows = np.flatnonzero(clash.any(axis=1))
    for suffix in metric_suffixes(context, natives.labels, clashing_rows):
        context.warn("vector contains a mix of classic and native histograms" + suffix, place)
    clashing = present_groups(context.check, of_native, len(first), clash)
    present = buckets.vector.present.copy()
    present[buckets.rows] &= ~clashing[of_classic[histogram]]
    kept = replace(natives, present=natives.present & ~clash)
    return kept, replace(buckets, vector=replace(buckets.vector, present=present))


def make_buckets(context: Context, place: Place, vector: Vector) -> Buckets:
    """Group the rows into histograms; rows without a usable bound are left out with a warning."""
    labels = vector.labels
    bounds, valid = _bounds(labels)
    if not valid.all():
        _warn_bounds(context, place, vector, valid)
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


def _warn_bounds(context: Context, place: Place, vector: Vector, valid: Bools) -> None:
    wrong = np.flatnonzero(~valid & vector.present.any(axis=1))
    codes = vector.labels.column(BUCKET_LABEL)
    for code in dict.fromkeys(codes[wrong].tolist()):
        text = 'bucket label "le" is missing or has a malformed value of '
        text += quote(context.symbols.text(int(code)))
        for suffix in metric_suffixes(context, vector.labels, wrong[codes[wrong] == code]):
            context.warn(text + suffix, place)


def _quantiles(
    context: Context, place: Place, buckets: Buckets, q: Float64s, noted: Bools
) -> Vector:
    """The quantile q[k] of every histogram at every step k. noted: the steps of which repairs are
    noted; a histogram that has been repaired for one quantile needs no repair for the next."""
    found = [group_quantiles_of_buckets(*part, q, noted) for part in parts_of(context, buckets)]
    values, present, repairs, counts = map(np.concatenate, zip(*found, strict=True))
    if counts.any():
        _note_repairs(context, place, buckets.labels, repairs, counts)
    return Vector(buckets.labels, values, present)


def parts_of(
    context: Context, buckets: Buckets
) -> Iterator[tuple[Int64s, Int64s, Float64s, Float64s, Bools]]:
    """What kernels take of some histograms after the other, with looks in between."""
    vector = buckets.vector
    for first, end in whole_groups(context.check, buckets.offsets, vector.values.shape[1]):
        own = buckets.offsets[first : end + 1]
        rows = buckets.rows[own[0] : own[-1]]
        yield rows, own - own[0], buckets.bounds, vector.values, vector.present


@dataclass(frozen=True, slots=True)
class Repairs:
    """What had to be changed of histograms that were not monotonic: between which bounds, at how
    many samples, from when to when."""

    low: float
    high: float
    most: float
    count: int
    start_ms: int
    end_ms: int

    def merged(self, other: Merging) -> Repairs:
        assert isinstance(other, Repairs), f"BUG: repairs and {type(other).__name__}"
        return Repairs(
            min(self.low, other.low),
            max(self.high, other.high),
            max(self.most, other.most),
            self.count + other.count,
            min(self.start_ms, other.start_ms),
            max(self.end_ms, other.end_ms),
        )

    def text(self) -> str:
        return (
            f", from buckets {format_g(self.low)} to {format_g(self.high)}"
            f", with a max diff of {format_g2(self.most)}, over {self.count} samples"
            f" from {rfc3339(self.start_ms)} to {rfc3339(self.end_ms)}"
        )


def _note_repairs(
    context: Context, place: Place, labels: LabelFrame, repairs: Float64s, counts: Int64s
) -> None:
    """An info about the histograms that were not monotonic, for each metric.

    repairs: smallest and largest bound, largest difference, first and last step, per histogram.
    """
    for row in np.flatnonzero(counts):
        low, high, most, start, end = repairs[row].tolist()
        start_ms, end_ms = int(context.steps[int(start)]), int(context.steps[int(end)])
        repaired = Repairs(low, high, most, int(counts[row]), start_ms, end_ms)
        for suffix in metric_suffixes(context, labels, np.array([row])):
            context.info(NOT_MONOTONIC + suffix, place, repaired)


def _warn_quantiles(
    context: Context, call: Call, nodes: tuple[Node, ...], quantiles: list[Float64s]
) -> None:
    """Warn of numbers out of [0, 1]. One that several arguments have is warned of at that which has
    it last: at the latest step, and there the last argument."""
    by_step = np.array(quantiles).T
    steps, at = np.nonzero(~((by_step >= 0) & (by_step <= 1)))
    wrong = zip(by_step[steps, at].tolist(), at.tolist(), strict=True)
    last = {format_g(value): number for value, number in dict.fromkeys(wrong)}
    for text, number in last.items():
        context.warn(
            f"quantile value should be between 0 and 1, got {text}", Place(call, nodes[number])
        )
