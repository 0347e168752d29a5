"""Reports on replicas over a real database: who is who, who is silent, what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.database import Database
from storage.errors import LimitExceeded, QueryStopped
from storage.kernels.stale import STALE_NAN
from storage.labels.matchers import Matcher
from storage.read.querier import StorageQuerier
from storage.read.replicas.health import UNKNOWN_MS
from storage.read.replicas.report import (
    REPORT_LIMITS,
    ReplicaGroup,
    ReportLimits,
    connect,
    medians,
    sums,
)
from tests.makers.databases import opened, series, write

HOUR = 3_600_000
SPAN = (10 * HOUR, 11 * HOUR)
STEP = 15_000


def scrapes(
    start: int = 0, end: int = 240, offset: int = 0, without: range = range(0)
) -> list[tuple[int, float]]:
    """Scrapes start..end-1 of the hour, at `offset` ms after each quarter of a minute."""
    numbers = (i for i in range(start, end) if i not in without)
    return [(SPAN[0] + i * STEP + offset, float(i)) for i in numbers]


def send(database: Database, replica: str, points: list[tuple[int, float]], **labels: str) -> None:
    write(database, [series(labels.pop("name", "up"), points, replica=replica, **labels)])


def report(
    database: Database, *matchers: Matcher, limits: ReportLimits = REPORT_LIMITS, **more: Any
) -> list[ReplicaGroup]:
    querier = StorageQuerier(
        database._shards[0], 1, database._options, ("replica",), report_limits=limits
    )
    sets = [matchers] if matchers else []
    options = {"cluster_labels": ("cluster",), "stopped": lambda: False} | more
    return querier.replica_report(sets, *SPAN, **options)


def test_a_silent_replica_is_named(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for name in ("up", "other"):
            send(database, "a", scrapes(end=120), name=name, cluster="1", job="x")
            send(database, "b", scrapes(offset=4_000), name=name, cluster="1", job="x")
        send(database, "a", scrapes(), cluster="2", job="x")
        send(database, "b", scrapes(offset=1_000, without=range(50, 53)), cluster="2", job="x")
        write(database, [series("alone", scrapes(), cluster="1")])
        first, second = report(database)
    assert first.labels == {"cluster": "1", "job": "x"}
    assert (first.series, first.incomplete, first.ended_apart, first.holes) == (2, 0, 0, 0)
    assert first.switches == 2
    a, b = first.replicas
    assert (a.labels, b.labels) == ({"replica": "a"}, {"replica": "b"})
    assert (a.silent, b.silent) == (True, False)
    assert a.last_ms == SPAN[0] + 119 * STEP
    assert (a.interval_ms, b.interval_ms) == (STEP, STEP)
    assert (a.offset_ms, b.offset_ms) == (0, 4_000)
    assert (a.samples, b.samples) == (240, 480)
    assert a.missed == pytest.approx(2 * 120, abs=2)
    assert b.missed == 0
    assert a.share == pytest.approx(0.5, abs=0.01)
    assert a.share + b.share == pytest.approx(1)
    assert second.labels == {"cluster": "2", "job": "x"}
    assert [replica.missed for replica in second.replicas] == [0, 3]
    assert [replica.silent for replica in second.replicas] == [False, False]
    assert [replica.share for replica in second.replicas] == [1.0, 0.0]
    assert second.switches == 0


def test_a_replica_without_a_sample_in_the_span_is_told_for_a_day(tmp_path: Path) -> None:
    day = 24 * HOUR
    with opened(tmp_path) as database:
        send(database, "a", [(SPAN[0] - HOUR, 1.0)])
        send(database, "b", scrapes())
        send(database, "c", [(SPAN[0] - 2 * day, 1.0)])
        send(database, "d", [(SPAN[1] + HOUR, 1.0)])
        (group,) = report(database)
    assert [replica.labels["replica"] for replica in group.replicas] == ["a", "b"]
    a, b = group.replicas
    assert (a.silent, a.last_ms, a.samples, a.share) == (True, SPAN[0] - HOUR, 0, 0.0)
    assert a.missed == b.samples == 240
    assert (a.offset_ms, b.offset_ms) == (None, None)
    assert group.incomplete == 0


def test_replicas_that_disagree(tmp_path: Path) -> None:
    gone = [*scrapes(end=100), (SPAN[0] + 100 * STEP, STALE_NAN)]
    with opened(tmp_path) as database:
        send(database, "a", scrapes(), name="both")
        send(database, "b", scrapes(), name="both")
        send(database, "a", scrapes(), name="only_a")
        send(database, "a", gone, name="ended")
        send(database, "b", scrapes(), name="ended")
        send(database, "a", gone, name="over")
        send(database, "b", gone, name="over")
        send(database, "a", scrapes(without=range(20, 30)), name="hole")
        send(database, "b", scrapes(without=range(20, 30)), name="hole")
        (group,) = report(database)
        (chosen,) = report(database, Matcher("__name__", "=~", "both|hole"))
        assert report(database, Matcher("__name__", "=", "nothing")) == []
    assert (group.series, group.incomplete, group.ended_apart, group.holes) == (5, 1, 1, 1)
    assert (chosen.series, chosen.incomplete, chosen.ended_apart, chosen.holes) == (2, 0, 0, 1)


def test_series_without_replicas_are_not_reported_on(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", scrapes())])
        assert report(database) == []
        send(database, "a", scrapes())
        (group,) = report(database)
        assert [replica.labels for replica in group.replicas] == [{"replica": "a"}]


def test_limits_are_named(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for replica in "abc":
            send(database, replica, scrapes(end=3))
        with pytest.raises(QueryStopped, match="query.timeout"):
            report(database, stopped=lambda: True)
        with pytest.raises(LimitExceeded, match=r"3 replicas, at most 2 .*REPLICAS_MAX"):
            report(database, limits=ReportLimits(replicas=2))
        with pytest.raises(LimitExceeded, match=r"3 series .*REPORT_SERIES_MAX.*match\[\]=up"):
            report(database, limits=ReportLimits(series=2))


@pytest.mark.parametrize(
    ("members", "replicas", "groups"),
    [
        ([0, 2], [0, 1], [0, 0]),
        ([0, 1, 2], [0, 1], [0, 1]),
        ([0, 2, 4, 6], [0, 3, 1, 2, 2, 3], [0, 0, 0, 0]),
        ([0, 2, 3, 5], [0, 2, 1, 3, 4], [0, 1, 0, 2, 2]),
    ],
)
def test_replicas_with_a_common_series_are_connected(
    members: list[int], replicas: list[int], groups: list[int]
) -> None:
    count = max(replicas) + 1
    assert connect(np.array(members), np.array(replicas), count).tolist() == groups


def test_sums_and_medians_by_group() -> None:
    group = np.array([0, 2, 0, 2, 2, 0])
    numbers = np.array([5, 1, 3, UNKNOWN_MS, 7, 9])
    assert sums(group, np.arange(6), 4).tolist() == [7, 0, 8, 0]
    assert medians(group, numbers, 4).tolist() == [5, UNKNOWN_MS, 1, UNKNOWN_MS]
