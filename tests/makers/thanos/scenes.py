"""What recorded conversations with stores of Thanos are about: data, times, and what is asked."""

from __future__ import annotations

import math
from typing import Any

from tests.makers.bodies.rich import WireHistogram, WireSeries

# A day after those of the bucket, whose blocks end with tests.agents.thanos.buckets.END_S.
BUCKET_END_S = 1_780_000_000 // 172_800 * 172_800
END_S = BUCKET_END_S + 86_400
STEP_S, SAMPLES = 15, 100
START_S = END_S - STEP_S * SAMPLES
REPLICAS = {"a": 0, "b": 3_000}
SCRAPED = b"""# HELP scraped_total Things that were scraped.
# TYPE scraped_total counter
# UNIT scraped_total things
scraped_total 5
"""
RULES = """
groups:
- name: g
  interval: 1s
  rules:
  - {record: 'one:two', expr: vector(2), labels: {team: x}}
  - {alert: Always, expr: vector(1), labels: {severity: page}, annotations: {summary: so}}
"""
QUERIES = (
    "requests_total",
    'requests_total{pod="p1"}',
    "temperature",
    'temperature{cluster="eu", pod!~"p[12]"}',
    "holes_total",
    "latency",
    "count by (cluster) (temperature)",
    "sum by (pod) (rate(requests_total[2m]))",
    "rate(requests_total[5m])",
    "increase(holes_total[3m])",
    "irate(requests_total[1m])",
    "max_over_time(temperature[4m])",
    "avg_over_time(temperature[2m])",
    "quantile(0.5, temperature)",
    "topk(1, temperature)",
    "histogram_quantile(0.9, sum(rate(latency[2m])))",
    "histogram_count(latency)",
    "requests_total - requests_total offset 1m",
    "max_over_time(rate(requests_total[2m])[5m:1m])",
    "absent(nothing)",
)
OF_BUCKET = (
    "temperature",
    "avg_over_time(temperature[1h])",
    "max_over_time(temperature[30m])",
    "min by (pod) (min_over_time(temperature[1h]))",
    "sum(count_over_time(temperature[1h]))",
    "rate(requests_total[1h])",
    "sum(increase(requests_total[2h]))",
)
# Thanos corrects counters for resets before it looks at them, so it extrapolates further back right
# behind one than Prometheus does; without deduplication, Cupola answers as Prometheus.
EXTRAPOLATED = ("sum by (pod) (rate(requests_total[2m]))", "rate(requests_total[5m])")
# Over windows, counts and rises are other ones than Thanos': these are asked of samples only.
ESTIMATED = ("count_over_time", "rate(", "increase(")
RAW, FIVE_MINUTES = "0s", "5m"


def series_of(replica: str) -> list[WireSeries]:
    """What a replica has; its external labels are not among those of the series."""
    late_ms = REPLICAS[replica]
    times = [(START_S + k * STEP_S) * 1_000 + late_ms for k in range(SAMPLES)]
    found = []
    for pod in range(3):
        labels = {"pod": f"p{pod}"}
        counts = [float(k % 70 * (pod + 1)) for k in range(SAMPLES)]
        waves = [round(math.sin(k / 9 + pod) * 10, 2) for k in range(SAMPLES)]
        for name, values in (("requests_total", counts), ("temperature", waves)):
            samples = list(zip(times, values, strict=True))
            found.append(WireSeries({"__name__": name} | labels, samples=samples))
    held = [(t, float(k)) for k, t in enumerate(times) if k == 0 or (k * k + late_ms) % 11]
    found.append(WireSeries({"__name__": "holes_total"}, samples=held))
    histograms = [
        WireHistogram(
            t, count=6 * k, sum=2.5 * k, schema=1, zero_threshold=0.01, zero_count=k,
            positive_spans=[(0, 2), (1, 1)], positive=(k, 0, k),
            negative_spans=[(0, 1)], negative=(k,),
        )
        for k, t in enumerate(times, 1)
    ]  # fmt: skip
    found.append(WireSeries({"__name__": "latency"}, histograms=histograms))
    exemplar = ({"trace": f"of-{replica}"}, 0.5, times[-1])
    labels = {"__name__": "seconds_bucket", "le": "1"}
    found.append(WireSeries(labels, samples=[(times[-1], 1.0)], exemplars=[exemplar]))
    return found


def asked_queries() -> list[tuple[str, dict[str, Any]]]:
    """Path and parameters of each; dedup as Thanos has it."""
    found: list[tuple[str, dict[str, Any]]] = []
    for dedup in ("true", "false"):
        for query in QUERIES:
            at = {"query": query, "dedup": dedup}
            found.append(("query", at | {"time": END_S - 137}))
            times = {"start": START_S + 307, "end": END_S - 37, "step": 61}
            if dedup == "true" or query not in EXTRAPOLATED:
                found.append(("query_range", at | times))
        for query in OF_BUCKET:
            is_estimated = any(name in query for name in ESTIMATED)
            for resolution in (RAW,) if is_estimated else (RAW, FIVE_MINUTES):
                at = {"query": query, "dedup": dedup, "max_source_resolution": resolution}
                span = {"start": BUCKET_END_S - 302_400, "end": BUCKET_END_S - 288_000}
                found.append(("query_range", at | span | {"step": 1_200}))
    return found


def asked_lists() -> list[tuple[str, dict[str, Any]]]:
    """Of labels, series and what else is there. Thanos lists labels of replicas in any case."""
    span = {"start": START_S, "end": END_S}
    all_of = span | {"dedup": "false"}
    return [
        ("labels", all_of | {"match[]": '{pod!=""}'}),
        ("label/pod/values", all_of),
        ("label/replica/values", all_of | {"match[]": "temperature"}),
        ("label/__name__/values", all_of | {"match[]": '{cluster="eu"}'}),
        ("series", span | {"match[]": "temperature"}),
        ("series", all_of | {"match[]": "temperature"}),
        ("query_exemplars", span | {"query": "seconds_bucket"}),
        ("metadata", {"metric": "scraped_total"}),
        ("rules", {}),
        ("targets", {}),
    ]


def cupolas(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters as Cupola has them: Thanos' way of deduplication is one of several there."""
    return params | {"dedup": "penalty"} if params.get("dedup") == "true" else params
