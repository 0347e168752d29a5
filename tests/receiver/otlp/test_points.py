"""Data points become samples: values, buckets, quantiles, markers, exemplars."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from receiver.otlp import points
from receiver.otlp.labels import RefusedPoint
from receiver.otlp.points import Target, exemplar_labels, scaled
from receiver.wire.v2.writer import RequestWriter
from storage.catalog.metadata import Description
from tests.makers.bodies.otlp import MS, STALE_FLAG, buckets, exemplar, number
from tests.makers.bodies.v2_reader import STALE, ReadSeries, read_body

TIMES = {"time_unix_nano": 1000 * MS, "start_time_unix_nano": 400 * MS}
ABOUT = Description(3, "What?", "seconds")
TRACE = bytes(range(16))


def written(add: Any, point: Any, **more: Any) -> dict[str, ReadSeries]:
    """The series by their name and, behind it, the labels le and quantile."""
    writer = RequestWriter()
    add(Target(writer, "a", ABOUT), {"x": "1"}, point, **more)
    found = {}
    for labels, series in read_body(writer.body()).items():
        texts = dict(labels)
        assert texts.pop("x") == "1"
        assert series.about == (3, "What?", "seconds")
        found[" ".join(texts.values())] = series
    return found


@pytest.mark.parametrize(
    ("point", "counts", "sample"),
    [
        (number(3), False, (1000, 3.0, 0)),
        (number(-0.5, start_ms=7), False, (1000, -0.5, 0)),
        (number(0.5, start_ms=7), True, (1000, 0.5, 7)),
        (number(0.5, start_ms=1001), True, (1000, 0.5, 0)),
        (number(5, flags=STALE_FLAG), True, (1000, STALE, 0)),
        (pb.NumberDataPoint(time_unix_nano=5 * MS), False, (5, 0.0, 0)),
        (number(math.inf), False, (1000, math.inf, 0)),
    ],
)
def test_numbers(point: Any, counts: bool, sample: Any) -> None:
    assert written(points.add_number, point, counts=counts)["a"].samples == [sample]


def test_summaries() -> None:
    quantiles = [
        pb.SummaryDataPoint.ValueAtQuantile(quantile=q, value=v) for q, v in ((0.5, 2.0), (1, 3.0))
    ]
    point = pb.SummaryDataPoint(count=4, sum=9.5, quantile_values=quantiles, **TIMES)
    for stale in (False, True):
        point.flags = STALE_FLAG if stale else 0
        found = written(points.add_summary, point)
        assert {name: series.samples for name, series in found.items()} == {
            "a_sum": [(1000, STALE if stale else 9.5, 400)],
            "a_count": [(1000, STALE if stale else 4.0, 400)],
            "a 0.5": [(1000, STALE if stale else 2.0, 400)],
            "a 1": [(1000, STALE if stale else 3.0, 400)],
        }


def test_classic_histograms() -> None:
    point = pb.HistogramDataPoint(
        count=9, sum=3.5, bucket_counts=[1, 0, 5, 3], explicit_bounds=[0.5, 1, 250], **TIMES,
        exemplars=[exemplar(300, 3), exemplar(1.0, 1), exemplar(0.5, 2), exemplar(-1, 0)],
    )  # fmt: skip
    found = written(points.add_histogram, point)
    assert {name: [value for _, value, _ in s.samples] for name, s in found.items()} == {
        "a_sum": [3.5],
        "a_count": [9.0],
        "a_bucket 0.5": [1.0],
        "a_bucket 1": [1.0],
        "a_bucket 250": [6.0],
        "a_bucket +Inf": [9.0],
    }
    assert {name: [(t, v) for t, v, _ in s.exemplars] for name, s in found.items()} == {
        "a_sum": [],
        "a_count": [],
        "a_bucket 0.5": [(1000, -1.0), (2, 0.5)],
        "a_bucket 1": [(1, 1.0)],
        "a_bucket 250": [],
        "a_bucket +Inf": [(3, 300.0)],
    }


def test_histograms_without_sum_or_buckets() -> None:
    found = written(points.add_histogram, pb.HistogramDataPoint(count=2, **TIMES))
    assert sorted(found) == ["a_bucket +Inf", "a_count"]
    stale = pb.HistogramDataPoint(
        sum=1, flags=STALE_FLAG, bucket_counts=[1, 1], explicit_bounds=[0.5], **TIMES
    )
    found = written(points.add_histogram, stale)
    assert len(found) == 4
    assert {series.samples[0][1] for series in found.values()} == {STALE}


@pytest.mark.parametrize("add", [points.add_histogram, points.add_custom_histogram])
def test_buckets_have_to_fit_their_bounds(add: Any) -> None:
    point = pb.HistogramDataPoint(bucket_counts=[1, 2], explicit_bounds=[1, 2], **TIMES)
    with pytest.raises(RefusedPoint, match="2 buckets of a histogram with 2 bounds; allowed are 3"):
        written(add, point)


def test_bounds_need_counts_in_custom_buckets_only() -> None:
    point = pb.HistogramDataPoint(count=6, sum=9000, explicit_bounds=[1, 2], **TIMES)
    with pytest.raises(RefusedPoint, match="0 buckets of a histogram with 2 bounds; allowed are 3"):
        written(points.add_custom_histogram, point)
    assert sorted(written(points.add_histogram, point)) == ["a_bucket +Inf", "a_count", "a_sum"]
    point.flags = STALE_FLAG
    (stale,) = written(points.add_custom_histogram, point)["a"].histograms
    assert (stale[1], stale[3]) == (0, STALE)


@pytest.mark.parametrize("offset", [(1 << 31) - 1, (1 << 31) - 2, (1 << 31) - 3])
def test_indexes_are_limited(offset: int) -> None:
    point = pb.ExponentialHistogramDataPoint(count=1, negative=buckets(offset, [1]), **TIMES)
    if offset + 1 > points.INDEX_MAX:
        with pytest.raises(RefusedPoint, match=f"a bucket at {offset + 1}; allowed are"):
            written(points.add_exponential, point)
    else:
        (found,) = written(points.add_exponential, point)["a"].histograms
        assert found[8] == [(offset + 1, 1)]


def test_histograms_with_custom_buckets() -> None:
    point = pb.HistogramDataPoint(
        count=6, sum=3.5, bucket_counts=[1, 0, 5], explicit_bounds=[0.5, 1],
        exemplars=[exemplar(1, 7)], **TIMES,
    )  # fmt: skip
    series = written(points.add_custom_histogram, point)["a"]
    assert series.histograms == [
        {1: 6, 3: 3.5, 4: -53, 5: 0.0, 6: 0, 11: [(0, 3)], 12: [1, 0, 5], 15: 1000, 16: [0.5, 1.0],
         17: 400}
    ]  # fmt: skip
    assert series.exemplars == [(7, 1.0, {})]
    point = pb.HistogramDataPoint(count=6, sum=3.5, **TIMES)
    (one,) = written(points.add_custom_histogram, point)["a"].histograms
    assert (one[11], one[12]) == ([(0, 1)], [6])


def test_exponential_histograms() -> None:
    point = pb.ExponentialHistogramDataPoint(
        count=12, sum=-3.5, scale=2, zero_count=2, positive=buckets(-3, [1, 0, 4]),
        negative=buckets(0, [5]), exemplars=[exemplar(1, 7)], **TIMES,
    )  # fmt: skip
    series = written(points.add_exponential, point)["a"]
    assert series.histograms == [
        {1: 12, 3: -3.5, 4: 2, 5: 1e-128, 6: 2, 8: [(1, 1)], 9: [5], 11: [(-2, 3)], 12: [1, 0, 4],
         15: 1000, 17: 400}
    ]  # fmt: skip
    assert series.exemplars == [(7, 1.0, {})]
    point.zero_threshold = 0.25
    point.flags = STALE_FLAG
    (stale,) = written(points.add_exponential, point)["a"].histograms
    assert stale == {1: 0, 3: STALE, 4: 2, 5: 0.25, 6: 0, 15: 1000, 17: 400}


def test_scales_below_the_range_are_refused_and_above_it_reduced() -> None:
    point = pb.ExponentialHistogramDataPoint(scale=-5)
    with pytest.raises(RefusedPoint, match="scale -5; allowed are -4"):
        written(points.add_exponential, point)
    point = pb.ExponentialHistogramDataPoint(
        count=6, scale=10, positive=buckets(1, [1, 1, 1, 3]), **TIMES
    )
    (reduced,) = written(points.add_exponential, point)["a"].histograms
    assert (reduced[4], reduced[11], reduced[12]) == (8, [(1, 2)], [3, 3])


@given(st.integers(-20, 20), st.lists(st.integers(0, 9), max_size=20), st.integers(0, 4))
def test_buckets_are_merged_as_the_twin_does(offset: int, counts: list[int], down: int) -> None:
    expected: dict[int, int] = {}
    for i, count in enumerate(counts):
        index = math.floor((offset + i) / 2**down) + 1
        expected[index] = expected.get(index, 0) + count
    spans, merged = scaled(offset, counts, down)
    if not counts:
        assert (spans, merged) == ([], [])
        return
    ((first, length),) = spans
    assert dict(zip(range(first, first + length), merged, strict=True)) == expected


@pytest.mark.parametrize(
    ("point", "labels"),
    [
        (exemplar(1, 1), {}),
        (
            exemplar(1, 1, trace_id=TRACE, span_id=bytes(8), labels={"b": 1, "a": "x"}),
            {"a": "x", "b": "1", "trace_id": TRACE.hex()},
        ),
        (
            exemplar(1, 1, span_id=b"\x01" * 8, labels={"a": "x" * 128}),
            {"span_id": "01" * 8},
        ),
        (exemplar(1, 1, trace_id=TRACE, labels={"trace_id": "no"}), {"trace_id": TRACE.hex()}),
    ],
)
def test_labels_of_exemplars(point: pb.Exemplar, labels: dict[str, str]) -> None:
    assert exemplar_labels(point) == labels
    assert list(labels) == sorted(labels)
