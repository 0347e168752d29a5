"""Metrics of several processes as those of one."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from receiver.processes.metrics import (
    DECODER,
    ENCODER,
    LEAST,
    MOST,
    Merged,
    OwnMetrics,
    added,
    families_of,
    read_counted,
)


def registry(**values: float) -> CollectorRegistry:
    """Some of each kind; values: by the names that their metrics have here."""
    made = CollectorRegistry()
    counter = Counter("c", "Counts.", ["t"], registry=made)
    for label in ("a", "b"):
        if label in values:
            counter.labels(label).inc(values[label])
    histogram = Histogram("h", "Times.", buckets=(1,), registry=made)
    if "h" in values:
        histogram.observe(values["h"])
    for name in ("cupola_ready", "cupola_processes", "g"):
        if name in values:
            Gauge(name, "Is.", registry=made).set(values[name])
    return made


def lines(text: bytes) -> dict[str, float]:
    found = {}
    for line in text.decode().splitlines():
        key, _, value = line.rpartition(" ")
        if not line.startswith("#") and "_created" not in key:
            found[key] = float(value)
    return found


def test_counters_are_added_and_gauges_are_what_they_mean() -> None:
    parts = [
        registry(a=1, b=2, h=0.5, cupola_ready=1, cupola_processes=2, g=3),
        registry(a=10, h=5, cupola_ready=0, cupola_processes=2, g=4),
    ]
    merged = Merged(added([list(families_of(part.collect())) for part in parts]))
    found = lines(generate_latest(merged))  # type: ignore[arg-type]
    assert found == {
        'c_total{t="a"}': 11, 'c_total{t="b"}': 2,
        'h_bucket{le="1.0"}': 1, 'h_bucket{le="+Inf"}': 2, "h_count": 2, "h_sum": 5.5,
        "cupola_ready": 0, "cupola_processes": 2, "g": 7,
    }  # fmt: skip


def test_the_metrics_of_one_process_stay_as_they_are() -> None:
    own = registry(a=1, b=2, h=0.5, cupola_ready=1, g=float("nan"))
    merged = generate_latest(Merged(list(families_of(own.collect()))))  # type: ignore[arg-type]
    assert merged == generate_latest(own)


def test_no_metric_is_both() -> None:
    assert not LEAST & MOST


def test_a_successor_goes_on_where_the_last_report_was(tmp_path: Path) -> None:
    file = tmp_path / "0.metrics"
    before = registry(a=5, h=0.5, g=9)
    reported = DECODER.decode(OwnMetrics(before, file, inherits=False).report())
    assert reported == list(families_of(before.collect()))
    # What was counted later was never seen, and is not missed.
    kept = {family.name for family in read_counted(file)}
    assert kept == {"c", "h"}
    for expected in (6, 6):
        after = OwnMetrics(registry(a=1, b=4), file, inherits=expected == 6)
        found = DECODER.decode(after.report())
        values = {(v.name, v.labels): v.value for family in found for v in family.values}
        assert values["c_total", (("t", "a"),)] == expected
        assert values["c_total", (("t", "b"),)] == 4
        assert values["h_count", ()] == 1
        file.write_bytes(OwnMetrics(before, tmp_path / "x", inherits=False).report())


@pytest.mark.parametrize("content", [None, b"", b"\xff\x00"])
def test_without_a_report_nothing_is_inherited(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "0.metrics"
    if content is not None:
        file.write_bytes(content)
    assert read_counted(file) == []


def test_the_newest_exemplar_stands_for_all() -> None:
    parts = []
    for number in (1, 2):
        made = CollectorRegistry()
        Histogram("h", "Times.", buckets=(1,), registry=made).observe(
            number / 4, {"trace_id": str(number)}
        )
        parts.append(DECODER.decode(ENCODER.encode(list(families_of(made.collect())))))
    parts[0], parts[1] = parts[1], parts[0]  # the newer one comes first
    text = openmetrics.generate_latest(Merged(added(parts))).decode()  # type: ignore[arg-type]
    assert 'h_bucket{le="1.0"} 2.0 # {trace_id="2"} 0.5 ' in text
    assert 'trace_id="1"' not in text
