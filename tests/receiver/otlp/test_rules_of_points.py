"""Samples of data points, payload by payload, by the rules of Prometheus 3.14."""

from __future__ import annotations

import math
from typing import Any

import pytest
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from tests.makers.bodies.otlp import (
    DELTA,
    MS,
    STALE_FLAG,
    attributes,
    buckets,
    exemplar,
    exponential,
    gauge,
    histogram,
    number,
    total,
)
from tests.makers.otlp_lines import lines_of

AT = {"time_unix_nano": 1_000 * MS}
CUSTOM = {"histograms_to_custom": True}
UNSPECIFIED = pb.AggregationTemporality.AGGREGATION_TEMPORALITY_UNSPECIFIED
TRACE = bytes(range(16))


def classic(**fields: Any) -> pb.Metric:
    labels = fields.pop("labels", {})
    point = pb.HistogramDataPoint(**AT, attributes=attributes(labels), **fields)
    return histogram("h", point)


def native(**fields: Any) -> pb.Metric:
    return exponential("e", pb.ExponentialHistogramDataPoint(**AT, **fields))


def summary(*quantiles: tuple[float, float], **fields: Any) -> pb.Metric:
    labels = fields.pop("labels", {})
    values = [pb.SummaryDataPoint.ValueAtQuantile(quantile=q, value=v) for q, v in quantiles]
    point = pb.SummaryDataPoint(
        **AT, quantile_values=values, attributes=attributes(labels), **fields
    )
    return pb.Metric(name="s", summary=pb.Summary(data_points=[point]))


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (gauge("g", number(3)), ["g 3"]),
        (gauge("g", number(-0.5)), ["g -0.5"]),
        (gauge("g", number(math.inf)), ["g inf"]),
        (gauge("g", number(math.nan)), ["g nan"]),
        (gauge("g", number((1 << 63) - 1)), ["g 9.22337e+18"]),
        (gauge("g", number(1, start_ms=5)), ["g 1"]),
        (gauge("g", pb.NumberDataPoint(**AT)), ["g 0"]),
        (gauge("g", number(3, flags=STALE_FLAG)), ["g stale"]),
        (gauge("g", number(3, flags=STALE_FLAG | 2)), ["g stale"]),
        (gauge("g", number(3, flags=2)), ["g 3"]),
        (gauge("g", number(1, 999), number(2, 1001)), ["g 1 @999", "g 2 @1001"]),
        (gauge("g", pb.NumberDataPoint(as_int=1, time_unix_nano=1_999_999)), ["g 1 @1"]),
        (gauge("g"), []),
        (total("c", number(3, start_ms=400)), ["c_total 3 since 400"]),
        (total("c", number(3, start_ms=1001)), ["c_total 3"]),
        (total("c", number(0.5, flags=STALE_FLAG)), ["c_total stale"]),
        (total("c", number(3), monotonic=False), ["c 3"]),
        (total("c", number(3), temporality=DELTA), ["refused otlp_temporality 1"]),
        (total("c", number(3), temporality=DELTA, monotonic=False), ["refused otlp_temporality 1"]),
        (total("c", number(3), temporality=UNSPECIFIED), ["refused otlp_temporality 1"]),
        (total("c", temporality=DELTA), []),
        (pb.Metric(name="m"), []),
        # summaries
        (summary((0.5, 2.0), (0.99, 3.0), count=4, sum=9.5),
         ['s{quantile="0.5"} 2', 's{quantile="0.99"} 3', "s_count 4", "s_sum 9.5"]),
        (summary((0, 1.0), (1, 2.0)),
         ['s{quantile="0"} 1', 's{quantile="1"} 2', "s_count 0", "s_sum 0"]),
        (summary((1e-7, 1.0)), ['s{quantile="0.0000001"} 1', "s_count 0", "s_sum 0"]),
        (summary((0.5, math.nan)), ['s{quantile="0.5"} nan', "s_count 0", "s_sum 0"]),
        (summary(), ["s_count 0", "s_sum 0"]),
        (summary((0.5, 2.0), count=1, flags=STALE_FLAG),
         ['s{quantile="0.5"} stale', "s_count stale", "s_sum stale"]),
        (summary((0.5, 2.0), labels={"quantile": "x"}),
         ['s_count{quantile="x"} 0', 's_sum{quantile="x"} 0', 's{quantile="0.5"} 2']),
    ],
)  # fmt: skip
def test_numbers_and_summaries(metric: pb.Metric, expected: list[str]) -> None:
    assert lines_of(metric) == sorted(expected)


@pytest.mark.parametrize(
    ("metric", "expected", "as_custom"),
    [
        (classic(count=6, sum=7.5, bucket_counts=[1, 2, 3], explicit_bounds=[1, 2.5]),
         ['h_bucket{le="+Inf"} 6', 'h_bucket{le="1"} 1', 'h_bucket{le="2.5"} 3', "h_count 6",
          "h_sum 7.5"],
         ["h schema -53 count 6 sum 7.5 +0:[1,2,3] bounds [1.0,2.5]"]),
        (classic(count=6, bucket_counts=[6], min=0, max=9),
         ['h_bucket{le="+Inf"} 6', "h_count 6"],
         ["h schema -53 count 6 sum 0 +0:[6]"]),
        (classic(count=6, sum=1),
         ['h_bucket{le="+Inf"} 6', "h_count 6", "h_sum 1"],
         ["h schema -53 count 6 sum 1 +0:[6]"]),
        (classic(), ['h_bucket{le="+Inf"} 0', "h_count 0"], ["h schema -53 count 0 sum 0"]),
        (classic(count=6, sum=9, explicit_bounds=[1, 2]),
         ['h_bucket{le="+Inf"} 6', "h_count 6", "h_sum 9"], ["refused otlp_invalid 1"]),
        (classic(count=3, bucket_counts=[1, 2], explicit_bounds=[1, 2]),
         ["refused otlp_invalid 1"], ["refused otlp_invalid 1"]),
        (classic(count=3, bucket_counts=[0, 3], explicit_bounds=[1e21]),
         ['h_bucket{le="+Inf"} 3', 'h_bucket{le="1000000000000000000000"} 0', "h_count 3"],
         ["h schema -53 count 3 sum 0 +0:[0,3] bounds [1e+21]"]),
        (classic(count=3, bucket_counts=[0, 3], explicit_bounds=[-0.000001]),
         ['h_bucket{le="+Inf"} 3', 'h_bucket{le="-0.000001"} 0', "h_count 3"],
         ["h schema -53 count 3 sum 0 +0:[0,3] bounds [-1e-06]"]),
        (classic(count=9, bucket_counts=[1, 2], explicit_bounds=[1]),
         ['h_bucket{le="+Inf"} 9', 'h_bucket{le="1"} 1', "h_count 9"],
         ["h schema -53 count 9 sum 0 +0:[1,2] bounds [1.0]"]),
        (classic(count=3, sum=1, bucket_counts=[1, 2], explicit_bounds=[1], flags=STALE_FLAG),
         ['h_bucket{le="+Inf"} stale', 'h_bucket{le="1"} stale', "h_count stale", "h_sum stale"],
         ["h schema -53 count 0 sum stale bounds [1.0]"]),
        (classic(count=1, bucket_counts=[1, 0], explicit_bounds=[1], start_time_unix_nano=400 * MS),
         ['h_bucket{le="+Inf"} 1 since 400', 'h_bucket{le="1"} 1 since 400', "h_count 1 since 400"],
         ["h schema -53 count 1 sum 0 +0:[1,0] bounds [1.0] since 400"]),
        (classic(count=1, sum=1, labels={"le": "x"}),
         ['h_bucket{le="+Inf"} 1', 'h_count{le="x"} 1', 'h_sum{le="x"} 1'],
         ['h{le="x"} schema -53 count 1 sum 1 +0:[1]']),
    ],
)  # fmt: skip
def test_histograms(metric: pb.Metric, expected: list[str], as_custom: list[str]) -> None:
    assert lines_of(metric) == sorted(expected)
    assert lines_of(metric, **CUSTOM) == as_custom


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (native(), "e schema 0 count 0 sum 0"),
        (native(count=3, sum=-2, positive=buckets(0, [1, 2])),
         "e schema 0 count 3 sum -2 +1:[1,2]"),
        (native(count=3, scale=3, negative=buckets(-5, [3])), "e schema 3 count 3 sum 0 --4:[3]"),
        (native(count=4, zero_count=1, positive=buckets(-1, [3])),
         "e schema 0 count 4 sum 0 zero 1 +0:[3]"),
        (native(count=1, zero_count=1, zero_threshold=0.25),
         "e schema 0 count 1 sum 0 zero 1 threshold 0.25"),
        (native(count=4, scale=8, positive=buckets(2, [1, 0, 0, 3])),
         "e schema 8 count 4 sum 0 +3:[1,0,0,3]"),
        (native(count=4, scale=9, positive=buckets(2, [1, 0, 0, 3])),
         "e schema 8 count 4 sum 0 +2:[1,3]"),
        (native(count=4, scale=9, positive=buckets(-3, [1, 1, 2])),
         "e schema 8 count 4 sum 0 +-1:[1,3]"),
        (native(count=4, scale=20, positive=buckets(4095, [1, 3])),
         "e schema 8 count 4 sum 0 +1:[1,3]"),
        (native(count=2, scale=20, negative=buckets(-1, [1, 1])),
         "e schema 8 count 2 sum 0 -0:[1,1]"),
        (native(count=1, scale=-4, positive=buckets(0, [1])), "e schema -4 count 1 sum 0 +1:[1]"),
        (native(count=1, scale=-5, positive=buckets(0, [1])), "refused otlp_invalid 1"),
        (native(count=1, sum=5, scale=2, positive=buckets(0, [1]), flags=STALE_FLAG),
         "e schema 2 count 0 sum stale"),
        (native(count=1, positive=buckets(0, [1]), start_time_unix_nano=400 * MS),
         "e schema 0 count 1 sum 0 +1:[1] since 400"),
        (native(count=1, sum=math.nan, positive=buckets(0, [1])),
         "e schema 0 count 1 sum nan +1:[1]"),
        (exponential("e", pb.ExponentialHistogramDataPoint(**AT), temporality=DELTA),
         "refused otlp_temporality 1"),
        (exponential("e", pb.ExponentialHistogramDataPoint(**AT), temporality=UNSPECIFIED),
         "refused otlp_temporality 1"),
    ],
)  # fmt: skip
def test_exponential_histograms(metric: pb.Metric, expected: str) -> None:
    assert lines_of(metric) == [expected]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (exemplar(2, 7), "# {} 2 @7"),
        (exemplar(2, 0), "# {} 2 @1000"),
        (exemplar(2, 7, trace_id=TRACE, span_id=TRACE[8:]),
         f"# {{'span_id': '{TRACE[8:].hex()}', 'trace_id': '{TRACE.hex()}'}} 2 @7"),
        (exemplar(2, 7, trace_id=bytes(16), span_id=bytes(8)), "# {} 2 @7"),
        (exemplar(2, 7, labels={"b.c": 1, "a": "x"}), "# {'a': 'x', 'b.c': '1'} 2 @7"),
        (exemplar(2, 7, labels={"a": "x" * 127}), f"# {{'a': '{'x' * 127}'}} 2 @7"),
        (exemplar(2, 7, labels={"a": "x" * 128}), "# {} 2 @7"),
        (exemplar(2, 7, labels={"a": "é" * 127}), f"# {{'a': '{'é' * 127}'}} 2 @7"),
        (pb.Exemplar(as_int=3, time_unix_nano=7 * MS), "# {} 3 @7"),
        (pb.Exemplar(time_unix_nano=7 * MS), None),
    ],
)  # fmt: skip
def test_exemplars(given: pb.Exemplar, expected: str | None) -> None:
    lines = ["c_total 1"] + ([f"c_total {expected}"] if expected else [])
    assert lines_of(total("c", number(1, exemplars=[given]))) == sorted(lines)


def test_exemplars_go_to_the_bucket_of_their_value() -> None:
    given = [exemplar(v, 7) for v in (9, 2.5, 1, -1)]
    metric = classic(count=4, bucket_counts=[2, 1, 1], explicit_bounds=[1, 2.5], exemplars=given)
    assert [line for line in lines_of(metric) if "#" in line] == [
        'h_bucket{le="+Inf"} # {} 9 @7',
        'h_bucket{le="1"} # {} -1 @7',
        'h_bucket{le="1"} # {} 1 @7',
        'h_bucket{le="2.5"} # {} 2.5 @7',
    ]
