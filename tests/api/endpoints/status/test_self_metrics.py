"""The program's own metrics as JSON, in protobuf's form of it."""

import json
import math
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Metric, Summary
from prometheus_client.core import GaugeMetricFamily

from api.endpoints.status.self_metrics import family_data
from tests.makers.real_api import RealApi, run_real_api


def only(registry: CollectorRegistry) -> Metric:
    (family,) = registry.collect()
    return family


def test_counters_have_their_whole_name() -> None:
    registry = CollectorRegistry()
    counter = Counter("asked", "What was asked.", ["b", "a"], registry=registry)
    counter.labels(b="2", a="1").inc(3)
    assert family_data(only(registry)) == {
        "name": "asked_total",
        "help": "What was asked.",
        "type": "COUNTER",
        "metric": [
            {
                "label": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}],
                "counter": {"value": 3.0},
            }
        ],
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.5, 1.5), (math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")],
)
def test_gauges_and_numbers_that_json_does_not_have(value: float, shown: float | str) -> None:
    registry = CollectorRegistry()
    Gauge("heat", "Heat.", registry=registry).set(value)
    data = family_data(only(registry))
    assert (data["type"], data["metric"]) == ("GAUGE", [{"gauge": {"value": shown}}])


def test_histograms_have_buckets_up_to_the_last_finite_one() -> None:
    registry = CollectorRegistry()
    histogram = Histogram("took_seconds", "Took.", buckets=(1, 2), unit="", registry=registry)
    for value in (0.5, 1.5, 9.0):
        histogram.observe(value)
    (metric,) = family_data(only(registry))["metric"]
    buckets = [
        {"cumulativeCount": "1", "upperBound": 1.0},
        {"cumulativeCount": "2", "upperBound": 2.0},
    ]
    assert metric == {"histogram": {"bucket": buckets, "sampleCount": "3", "sampleSum": 11.0}}


def test_summaries_infos_and_units() -> None:
    registry = CollectorRegistry()
    Summary("size_bytes", "Size.", unit="bytes", registry=registry).observe(4)
    data = family_data(only(registry))
    assert (data["type"], data["unit"]) == ("SUMMARY", "bytes")
    assert data["metric"] == [{"summary": {"sampleCount": "1", "sampleSum": 4.0}}]
    registry = CollectorRegistry()
    Info("build", "Build.", registry=registry).info({"version": "1"})
    data = family_data(only(registry))
    assert (data["name"], data["type"]) == ("build_info", "GAUGE")
    assert family_data(GaugeMetricFamily("none", "Nothing."))["metric"] == []


def test_a_running_program_has_what_its_metrics_page_has(tmp_path: Path) -> None:
    async def check(api: RealApi) -> None:
        status, families = await api.get("status/self_metrics")
        names = [family["name"] for family in families]
        assert status == 200
        assert names == sorted(names)
        async with api.client.get("/metrics") as response:
            text = await response.text()
        shown = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")}
        assert {name for name in shown if not name.endswith("_created")} == set(names)
        _, some = await api.get("status/self_metrics", metric_name_pattern="cupola_api_.*running")
        assert [family["name"] for family in some] == ["cupola_api_requests_running"]
        status, error = await api.get("status/self_metrics", metric_name_pattern="a**")
        assert status == 400
        assert json.dumps(error).startswith('"invalid metric_name_pattern: error parsing regexp')

    run_real_api(tmp_path, check)
