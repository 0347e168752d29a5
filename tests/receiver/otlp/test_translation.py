"""Export requests become remote write requests: names, types, refusals, target_info."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import snappy
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from receiver.errors import CorruptBody
from receiver.otlp.body import PROTOBUF, ReadRequest, read_request
from receiver.otlp.labels import ATTRIBUTES_MAX
from receiver.otlp.translation import TARGET_SAMPLES_MAX, Rules, translate
from receiver.settings.options import OtlpOptions
from storage.batch import KIND_REMOTE_WRITE_2_SNAPPY
from tests.makers.batches import DECODER
from tests.makers.bodies.otlp import (
    DELTA,
    MS,
    SERVICE,
    buckets,
    exemplar,
    exponential,
    gauge,
    histogram,
    number,
    request,
    total,
)
from tests.makers.bodies.v2_reader import read_body

OPTIONS = OtlpOptions()
UNSPECIFIED = pb.AggregationTemporality.AGGREGATION_TEMPORALITY_UNSPECIFIED


def translated(message: ExportMetricsServiceRequest, **changes: Any) -> Any:
    """({name and labels: series}, points, [(reason, count)])."""
    result = translate(ReadRequest(message), Rules(replace(OPTIONS, **changes)))
    found = {
        " ".join(text for _, text in labels): series
        for labels, series in read_body(result.body).items()
    }
    return found, result.points, [(r.reason, r.count) for r in result.rejects]


@pytest.mark.parametrize(
    ("metric", "changes", "name", "kind"),
    [
        (gauge("a.b", number(1), unit="1"), {}, "a_b_ratio", 2),
        (gauge("a", number(1), unit="By"), {}, "a_bytes", 2),
        (total("a", number(1), unit="s"), {}, "a_seconds_total", 1),
        (total("a", number(1), monotonic=False, unit="1"), {}, "a", 2),
        (exponential("a", pb.ExponentialHistogramDataPoint(), unit="ms"), {}, "a_milliseconds", 3),
        (
            histogram("a", pb.HistogramDataPoint()), {"histograms_to_custom": True}, "a", 3,
        ),
        (histogram("a", pb.HistogramDataPoint()), {}, "a_count", 3),
        (
            pb.Metric(name="a", summary=pb.Summary(data_points=[pb.SummaryDataPoint()])),
            {}, "a_count", 5,
        ),
        (total("a.b", number(1), unit="s"), {"translation_strategy": "NoTranslation"}, "a.b", 1),
        (
            total("a.b", number(1), unit="s"),
            {"translation_strategy": "NoUTF8EscapingWithSuffixes"}, "a.b_seconds_total", 1,
        ),
        (
            total("a.b", number(1), unit="s"),
            {"translation_strategy": "UnderscoreEscapingWithoutSuffixes"}, "a_b", 1,
        ),
    ],
)  # fmt: skip
def test_names_and_types(metric: pb.Metric, changes: Any, name: str, kind: int) -> None:
    metric.description = "What?"
    found, points, rejects = translated(request(metric, resource={}), **changes)
    assert (points, rejects) == (1, [])
    assert found[name].about[:2] == (kind, "What?")


def test_labels_and_values() -> None:
    metrics = [
        total("a", number(1, labels={"x": "1"}), number(2, labels={"x": "2"})),
        total("a", number(3, 2000, labels={"x": "1"})),
    ]
    found, points, rejects = translated(request(*metrics))
    assert {name: [s[:2] for s in series.samples] for name, series in found.items()} == {
        "a_total i-1 prod/shop 1": [(1000, 1.0), (2000, 3.0)],
        "a_total i-1 prod/shop 2": [(1000, 2.0)],
    }
    assert (points, rejects) == (3, [])


def test_what_cannot_be_translated_is_refused_and_the_rest_is_not() -> None:
    metrics = [
        total("delta", number(1), number(2), temporality=DELTA),
        histogram("unknown", pb.HistogramDataPoint(), temporality=UNSPECIFIED),
        exponential("coarse", pb.ExponentialHistogramDataPoint(scale=-9)),
        gauge("...", number(1), number(2)),
        gauge("labels", number(1, labels={"": "x"}), number(2)),
        pb.Metric(name="empty"),
        total("none", temporality=DELTA),
        gauge("good", number(1)),
    ]
    result = translate(ReadRequest(request(*metrics, resource={})), Rules(OPTIONS))
    assert sorted(dict(labels)["__name__"] for labels in read_body(result.body)) == [
        "good", "labels",
    ]  # fmt: skip
    assert result.points == 2
    assert [(r.reason, r.count, r.message) for r in result.rejects] == [
        (
            "otlp_temporality", 3,
            "data point refused: metric 'delta': aggregation temporality is delta; "
            "allowed is cumulative",
        ),
        (
            "otlp_invalid", 4,
            "data point refused: metric 'coarse': exponential histogram of scale -9; "
            "allowed are -4 and above",
        ),
    ]  # fmt: skip


MANY: dict[str, object] = {f"a{i}": "x" for i in range(ATTRIBUTES_MAX + 1)}


def test_a_resource_that_cannot_be_translated_is_refused_as_a_whole() -> None:
    message = request(gauge("a", number(1), number(2)), resource=MANY)
    message.MergeFrom(request(gauge("b", number(1)), resource={}))
    found, points, rejects = translated(message, promote_all=True)
    assert (list(found), points, rejects) == (["b"], 1, [("otlp_invalid", 2)])


def test_what_only_target_info_would_have_costs_no_data_point() -> None:
    message = request(gauge("a", number(1), number(2)), resource=MANY)
    result = translate(ReadRequest(message), Rules(OPTIONS))
    assert len(read_body(result.body)) == 1
    assert (result.points, result.rejects) == (2, ())
    assert result.warnings == (
        "target_info left out: 1001 attributes; allowed are 1000 (ATTRIBUTES_MAX)",
    )


def test_target_info_tells_of_the_time_between_the_points() -> None:
    resource = SERVICE | {"host.name": "h"}
    metrics = [gauge("a", number(1, 10_000)), total("b", number(1, 400_000), number(2, 0))]
    found, *_ = translated(request(*metrics, resource=resource))
    target = found["target_info h i-1 prod/shop"]
    assert target.about == (2, "Target metadata", "")
    assert target.samples == [(t, 1.0, 0) for t in (0, 150_000, 300_000, 400_000)]


@pytest.mark.parametrize(
    ("lookback_ms", "times_ms"),
    [
        (300_000, [1, 150_001, 200_000]),
        (100_000, [1, 50_001, 100_001, 150_001, 200_000]),
        (99_999, [1, 50_000, 100_000, 149_999, 199_999, 200_000]),
        (10**9, [1, 200_000]),
    ],
)
def test_target_info_is_repeated_within_the_lookback(lookback_ms: int, times_ms: list[int]) -> None:
    message = request(
        gauge("a", number(1, 1), number(1, 200_000)), resource=SERVICE | {"host.name": "h"}
    )
    result = translate(ReadRequest(message), Rules(OPTIONS, lookback_ms))
    (target,) = [s for labels, s in read_body(result.body).items() if ("host_name", "h") in labels]
    assert [t for t, *_ in target.samples] == times_ms


def test_target_info_is_not_told_without_end() -> None:
    message = request(
        gauge("a", number(1, 1), number(1, 10**12)), resource=SERVICE | {"host.name": "h"}
    )
    found, *_ = translated(message)
    samples = found["target_info h i-1 prod/shop"].samples
    assert len(samples) == TARGET_SAMPLES_MAX + 1
    assert samples[-1][0] == 10**12


def test_points_without_a_time_tell_nothing_of_their_target() -> None:
    point = pb.NumberDataPoint(as_int=1)
    found, *_ = translated(request(gauge("a", point), resource=SERVICE | {"host.name": "h"}))
    assert list(found) == ["a i-1 prod/shop"]
    assert translated(ExportMetricsServiceRequest()) == ({}, 0, [])
    assert MS == 1_000_000


EVERYTHING = request(
    gauge("g", number(0.5, exemplars=[exemplar(1, 2, trace_id=bytes(16))]), unit="By/s"),
    total("t", number(7, labels={"a": "x", "b": 1.5, "c": True})),
    histogram(
        "h",
        pb.HistogramDataPoint(count=3, sum=1, bucket_counts=[1, 2], explicit_bounds=[0.5]),
    ),
    exponential("e", pb.ExponentialHistogramDataPoint(count=3, scale=9, positive=buckets(2, [3]))),
    pb.Metric(name="s", summary=pb.Summary(data_points=[pb.SummaryDataPoint(count=1)])),
    resource=SERVICE | {"host.name": "h"},
).SerializeToString()


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, len(EVERYTHING) - 1), st.integers(0, 255)), max_size=4))
def test_damaged_requests_are_refused_or_become_sound_ones(damage: list[tuple[int, int]]) -> None:
    body = bytearray(EVERYTHING)
    for place, byte in damage:
        body[place] = byte
    try:
        message = read_request(PROTOBUF, bytes(body))
    except CorruptBody:
        return
    made = translate(message, Rules(OPTIONS)).body
    batch = DECODER.decode(KIND_REMOTE_WRITE_2_SNAPPY, snappy.compress(made))
    assert batch.series_reasons is None or not batch.series_reasons.any()
    batch.release()
