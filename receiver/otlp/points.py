"""Data points of OpenTelemetry as samples of series.

    gauge, sum               one sample
    histogram                name_count, name_sum, name_bucket{le}; or a native one, custom buckets
    exponential histogram    a native histogram
    summary                  name_count, name_sum, name{quantile}

A point with the flag "no recorded value" is a stale marker of all its series.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    DataPointFlags,
    Exemplar,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
    SummaryDataPoint,
)

from receiver.otlp.labels import RefusedPoint, named
from receiver.otlp.values import bound_text, texts_of
from receiver.wire.v2.writer import IntegerHistogram, RequestWriter, Spans, WrittenSeries
from storage.catalog.metadata import Description
from storage.histograms.columns import CUSTOM_SCHEMA, SCHEMA_MAX, SCHEMA_MIN
from storage.samples.exemplar_kernels import EXEMPLAR_RUNES_MAX

NS_PER_MS = 1_000_000
NO_VALUE = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
# Observations closer to zero than this are in the zero bucket of a sender that states no threshold.
ZERO_THRESHOLD = 1e-128
LE, QUANTILE = "le", "quantile"
INDEX_MAX = (1 << 31) - 2


@dataclass(frozen=True, slots=True)
class Target:
    """Where the points of one metric go. is_sound: whether the labels of an exemplar can be kept;
    one with others is left out."""

    writer: RequestWriter
    name: str
    about: Description
    is_sound: Callable[[Mapping[str, str]], bool] = lambda labels: True

    def sample(
        self,
        labels: Mapping[str, str],
        times: tuple[int, int],
        value: float | None,
        suffix: str = "",
        **more: str,
    ) -> WrittenSeries:
        """Write a sample of the series name + suffix; times: its own, and since when it counts."""
        series = self.writer.series(named(labels, self.name + suffix, **more), self.about)
        self.writer.sample(series, times[0], value, times[1])
        return series

    def exemplars(
        self, series: WrittenSeries, exemplars: Iterable[Exemplar], point_ms: int
    ) -> None:
        """Add exemplars to a series; those without a time get that of their point, and those
        without a value are none."""
        for exemplar in exemplars:
            labels = exemplar_labels(exemplar)
            if exemplar.WhichOneof("value") and self.is_sound(labels):
                time_ms = exemplar.time_unix_nano // NS_PER_MS or point_ms
                self.writer.exemplar(series, time_ms, exemplar_value(exemplar), labels)


def times_of(point: NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint |
             SummaryDataPoint) -> tuple[int, int]:  # fmt: skip
    """The time of a point and, if it says so, since when it counts, in ms."""
    time_ms = point.time_unix_nano // NS_PER_MS
    start_ms = point.start_time_unix_nano // NS_PER_MS
    return time_ms, start_ms if start_ms <= time_ms else 0


def add_number(
    target: Target, labels: Mapping[str, str], point: NumberDataPoint, *, counts: bool
) -> None:
    """counts: it is a sum over time, whose start means something."""
    time_ms, start_ms = times_of(point)
    kind = point.WhichOneof("value")
    value = 0.0 if kind is None else float(getattr(point, kind))
    times = (time_ms, start_ms if counts else 0)
    series = target.sample(labels, times, None if is_stale(point.flags) else value)
    target.exemplars(series, point.exemplars, time_ms)


def add_summary(target: Target, labels: Mapping[str, str], point: SummaryDataPoint) -> None:
    times, stale = times_of(point), is_stale(point.flags)
    target.sample(labels, times, None if stale else point.sum, "_sum")
    target.sample(labels, times, None if stale else float(point.count), "_count")
    for at in point.quantile_values:
        value = None if stale else at.value
        target.sample(labels, times, value, **{QUANTILE: bound_text(at.quantile)})


def add_histogram(target: Target, labels: Mapping[str, str], point: HistogramDataPoint) -> None:
    """As classic buckets: cumulative counts. Raises RefusedPoint."""
    check_bounds(point)
    times, stale = times_of(point), is_stale(point.flags)
    if point.HasField("sum"):
        target.sample(labels, times, None if stale else point.sum, "_sum")
    target.sample(labels, times, None if stale else float(point.count), "_count")
    exemplars = sorted(point.exemplars, key=exemplar_value)
    taken = 0
    total = 0
    for bound, count in zip(point.explicit_bounds, point.bucket_counts, strict=False):
        total += count
        value = None if stale else float(total)
        series = target.sample(labels, times, value, "_bucket", **{LE: bound_text(bound)})
        first = taken
        while taken < len(exemplars) and exemplar_value(exemplars[taken]) <= bound:
            taken += 1
        target.exemplars(series, exemplars[first:taken], times[0])
    value = None if stale else float(point.count)
    series = target.sample(labels, times, value, "_bucket", **{LE: "+Inf"})
    target.exemplars(series, exemplars[taken:], times[0])


def add_custom_histogram(
    target: Target, labels: Mapping[str, str], point: HistogramDataPoint
) -> None:
    """As a native histogram with custom buckets. Raises RefusedPoint."""
    check_bounds(point, needed=True)
    stale = is_stale(point.flags)
    counts = [] if stale else list(point.bucket_counts)
    if not counts and not stale and point.count:
        counts = [point.count]  # one bucket for all
    histogram = IntegerHistogram(
        schema=CUSTOM_SCHEMA,
        count=0 if stale else point.count,
        sum=point.sum,
        zero_threshold=0.0,
        zero_count=0,
        positive=([(0, len(counts))] if counts else [], counts),
        negative=([], []),
        bounds=list(point.explicit_bounds),
        is_stale=stale,
    )
    put_histogram(target, labels, point, histogram)


def check_bounds(point: HistogramDataPoint, *, needed: bool = False) -> None:
    """needed: bounds without buckets would say that there are observations between them."""
    buckets, bounds = len(point.bucket_counts), len(point.explicit_bounds)
    is_stale_or_empty = is_stale(point.flags) or not (needed and bounds)
    if buckets != bounds + 1 and not (buckets == 0 and is_stale_or_empty):
        raise RefusedPoint(
            f"{buckets} buckets of a histogram with {bounds} bounds; allowed are {bounds + 1}"
        )


def add_exponential(
    target: Target, labels: Mapping[str, str], point: ExponentialHistogramDataPoint
) -> None:
    """As a native histogram, of a lower resolution where it is too fine. Raises RefusedPoint."""
    if point.scale < SCHEMA_MIN:
        raise RefusedPoint(
            f"exponential histogram of scale {point.scale}; allowed are {SCHEMA_MIN} and above"
        )
    for side in (point.positive, point.negative):
        if side.offset + len(side.bucket_counts) > INDEX_MAX:
            raise RefusedPoint(
                f"exponential histogram with a bucket at {side.offset + len(side.bucket_counts)}; "
                f"allowed are indexes up to {INDEX_MAX}"
            )
    stale = is_stale(point.flags)
    down = max(0, point.scale - SCHEMA_MAX)
    sides = [
        ([], []) if stale else scaled(side.offset, side.bucket_counts, down)
        for side in (point.positive, point.negative)
    ]
    histogram = IntegerHistogram(
        schema=point.scale - down,
        count=0 if stale else point.count,
        sum=point.sum,
        zero_threshold=point.zero_threshold or ZERO_THRESHOLD,
        zero_count=0 if stale else point.zero_count,
        positive=sides[0],
        negative=sides[1],
        is_stale=stale,
    )
    put_histogram(target, labels, point, histogram)


def put_histogram(
    target: Target,
    labels: Mapping[str, str],
    point: HistogramDataPoint | ExponentialHistogramDataPoint,
    histogram: IntegerHistogram,
) -> None:
    time_ms, start_ms = times_of(point)
    series = target.writer.series(named(labels, target.name), target.about)
    target.writer.histogram(series, time_ms, histogram, start_ms)
    target.exemplars(series, point.exemplars, time_ms)


def scaled(offset: int, counts: Sequence[int], down: int) -> tuple[Spans, Sequence[int]]:
    """Buckets at offset, offset + 1, ... of a resolution 2**down times lower.

    A bucket there has its lower bound as index, here its upper one: hence the 1 that is added.
    """
    if not len(counts):
        return [], []
    column = np.array(counts, np.uint64)
    indexes = (np.arange(len(column)) + offset) >> min(down, 62)
    firsts = np.flatnonzero(np.diff(indexes, prepend=indexes[0] - 1))
    merged: list[int] = np.add.reduceat(column, firsts).tolist()
    return [(int(indexes[0]) + 1, len(merged))], merged


def exemplar_labels(exemplar: Exemplar) -> dict[str, str]:
    """Its trace and span, and its attributes if all together are not too long."""
    identity = {"trace_id": exemplar.trace_id.hex(), "span_id": exemplar.span_id.hex()}
    labels = {name: text for name, text in identity.items() if text.strip("0")}
    attributes = texts_of(exemplar.filtered_attributes)
    runes = sum(len(name) + len(text) for name, text in (*labels.items(), *attributes.items()))
    if runes <= EXEMPLAR_RUNES_MAX:
        labels = {name: text for name, text in attributes.items() if name} | labels
    return dict(sorted(labels.items()))


def exemplar_value(exemplar: Exemplar) -> float:
    kind = exemplar.WhichOneof("value")
    return 0.0 if kind is None else float(getattr(exemplar, kind))


def is_stale(flags: int) -> bool:
    return bool(flags & NO_VALUE)
