"""JSON of which a part does not fit the protocol: the part is lost, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from receiver.errors import CorruptBody
from receiver.otlp.body import JSON, read_request
from receiver.otlp.salvage import Salvage
from receiver.otlp.translation import Rules, translate
from receiver.settings.options import OtlpOptions

HUGE = "a number without quotes that is too large"
POINT = {"timeUnixNano": "1000000000", "asInt": "1"}


def scopes(*metrics: Any) -> Any:
    return {"scopeMetrics": [{"metrics": list(metrics)}]}


def gauge(*points: Any, **more: Any) -> Any:
    return {"name": "g", "gauge": {"dataPoints": list(points)}, **more}


def with_exemplars(*exemplars: Any) -> Any:
    return POINT | {"exemplars": list(exemplars)}


@pytest.mark.parametrize(
    ("resources", "kept", "refused", "others"),
    [
        ([scopes(gauge(POINT, POINT))], 2, 0, 0),
        ([scopes(gauge(POINT, {"asInt": "x"}))], 1, 1, 0),
        ([scopes(gauge(POINT, POINT | {"asInt": str(1 << 70)}))], 1, 1, 0),
        ([scopes(gauge(POINT, POINT | {"asDouble": "abc"}))], 1, 1, 0),
        ([scopes(gauge(POINT, POINT | {"asDouble": HUGE}))], 1, 1, 0),
        ([scopes(gauge(POINT, 7, None, []))], 1, 3, 0),
        ([scopes(gauge(POINT, POINT | {"attributes": [{"key": 1}]}))], 1, 1, 0),
        ([scopes(gauge(POINT), gauge(POINT, POINT, unit=3))], 1, 2, 0),
        ([scopes(gauge(POINT), {"name": "g", "gauge": 7})], 1, 0, 1),
        ([scopes(gauge(POINT), {"name": "g", "gauge": {"dataPoints": 7}})], 1, 1, 0),
        ([scopes(gauge(POINT), 7)], 1, 0, 1),
        ([scopes(gauge(POINT), {"name": "g", "gauge": [{"dataPoints": [POINT]}]})], 1, 0, 1),
        ([scopes(gauge(POINT), {"name": "g", "gauge": {"dataPoints": POINT}})], 1, 1, 0),
        ([scopes(gauge(POINT, POINT | {"exemplars": {"asInt": "1"}}))], 2, 0, 1),
        ([scopes(gauge(POINT)), {"scopeMetrics": {"metrics": []}}], 1, 0, 1),
        ([scopes(gauge(POINT)), scopes(gauge(POINT)) | {"resource": 7}], 1, 1, 0),
        ([scopes(gauge(POINT)), scopes(gauge(POINT)) | {"schemaUrl": 7}], 1, 1, 0),
        ([{"scopeMetrics": [{"metrics": [gauge(POINT)]},
                            {"scope": {"name": 1}, "metrics": [gauge(POINT, POINT)]}]}], 1, 2, 0),
        ([scopes(gauge(with_exemplars({"asInt": "1"}, {"asInt": "x"})))], 1, 0, 1),
        ([scopes(gauge(with_exemplars({"traceId": "a"})))], 1, 0, 1),
        ([{"scope_metrics": [{"metrics": [{"name": "g", "sum": {"data_points": [
            POINT, POINT | {"flags": -1}], "aggregation_temporality": 2}}]}]}], 1, 1, 0),
        ([scopes({"name": "e", "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints":
            [{"count": "1", "timeUnixNano": "1"}, {"scale": "x"}]}})], 1, 1, 0),
    ],
)  # fmt: skip
def test_parts(resources: Any, kept: int, refused: int, others: int) -> None:
    text = json.dumps({"resourceMetrics": resources}).replace(f'"{HUGE}"', "1e999")
    read = read_request(JSON, text.encode())
    result = translate(read, Rules(OtlpOptions()))
    assert (result.points, read.refused) == (kept, refused)
    assert [(r.reason, r.count) for r in result.rejects] == [("otlp_invalid", refused)][:refused]
    assert [w.startswith(f"{others} unreadable parts left out: ") for w in result.warnings] == (
        [True] if others else []
    )


@pytest.mark.parametrize(
    "document",
    [{"resourceMetrics": 7}, {"resourceMetrics": [7]}, {"resourceMetrics": [scopes(gauge(7))]}],
)
def test_a_body_of_which_nothing_is_left_is_corrupt(document: Any) -> None:
    with pytest.raises(CorruptBody):
        read_request(JSON, json.dumps(document).encode())


def test_documents_stay_as_they_are() -> None:
    document = {"resourceMetrics": [scopes(gauge(POINT, 7))], "unknown": 1}
    before = json.dumps(document)
    salvage = Salvage()
    found = salvage.sift(document)
    assert found == {"resourceMetrics": [scopes(gauge(POINT))], "unknown": 1}
    assert (json.dumps(document), salvage.points, salvage.fault) == (
        before, 1, "NumberDataPoint is no JSON object",
    )  # fmt: skip


EVERYTHING = {
    "resourceMetrics": [
        scopes(
            gauge(with_exemplars({"asInt": "1", "filteredAttributes": [{"key": "a"}]})),
            {"name": "s", "sum": {"aggregationTemporality": 2, "dataPoints": [POINT, POINT]}},
            {"name": "h", "histogram": {"aggregationTemporality": 2, "dataPoints": [
                {"count": "3", "sum": 1.5, "bucketCounts": ["1", "2"], "explicitBounds": [1]}]}},
            {"name": "q", "summary": {"dataPoints": [
                {"count": "1", "quantileValues": [{"quantile": 0.5, "value": 1}]}]}},
        )
    ]
}  # fmt: skip
ODD = (None, 7, -1, "x", [], {}, [7], [[]], [{}], {"a": 1}, 1e300, "\ud83d", 1 << 70)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to all parts of a document."""
    yield path
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in inner:
            yield from places(part, (*path, key))


METRICS = ("resourceMetrics", 0, "scopeMetrics", 0, "metrics")


@pytest.mark.parametrize("path", [p for p in places(EVERYTHING) if p[:5] == METRICS and p[5:]])
def test_what_is_odd_anywhere_costs_no_other_metric(path: tuple[Any, ...]) -> None:
    whole = translate(read_request(JSON, json.dumps(EVERYTHING).encode()), Rules(OtlpOptions()))
    in_metric = [1, 2, 1, 1][path[5]]
    for odd in ODD:
        document = json.loads(json.dumps(EVERYTHING))
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = odd
        read = read_request(JSON, json.dumps(document).encode())
        assert whole.points - in_metric <= translate(read, Rules(OtlpOptions())).points
