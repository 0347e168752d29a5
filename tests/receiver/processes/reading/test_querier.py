"""What another process has, read from there: to the bit what is read where it is."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.promql.engine import Engine
from api.promql.options import EngineOptions
from api.promql.vectors.value import Matrix, Vector
from receiver.processes.reading.querier import RemoteQuerier
from receiver.processes.reading.view import SharedView
from storage.database import Database
from storage.dedup.algorithm import Algorithm
from storage.errors import LimitExceeded
from storage.kernels.stops import stoppable
from storage.labels.frames import LabelFrame
from storage.labels.matchers import Matcher
from storage.read.federation import FederatedQuerier
from storage.samples.hint import OF_COUNTER
from tests.makers.bodies.rich import batch_v2
from tests.makers.databases import append, opened, seal
from tests.makers.histograms import contents
from tests.makers.processes.apart import of_each_process, read_apart
from tests.makers.processes.scene import scene
from tests.receiver.processes.reading.test_packing import is_same

NOW_MS = 1_700_000_000_000
SPAN = NOW_MS - 3_600_000, NOW_MS
TENANTS = of_each_process()
REPLICAS = ("replica",)
DEDUPS = [((), Algorithm.AUTO), (REPLICAS, Algorithm.AUTO), (REPLICAS, Algorithm.PENALTY)]
SELECTORS = [
    [Matcher("__name__", "=", "requests_total")],
    [Matcher("__name__", "=~", "latency|gone|not_a_number")],
    [Matcher("__name__", "=", "wide")],
    [Matcher("__name__", "!=", "")],
    [Matcher("__name__", "=", "nothing")],
]


@dataclass(frozen=True, slots=True)
class Both:
    """One database, read where it is and from three processes."""

    here: Database
    apart: SharedView

    def queriers(self, tenant: str, rule: Any) -> tuple[Any, Any]:
        labels, algorithm = rule
        found = [
            store.querier(tenant, replica_labels=labels, dedup=bool(labels), algorithm=algorithm)
            for store in (self.here, self.apart)
        ]
        return found[0], found[1]

    def federated(self, rule: Any) -> list[FederatedQuerier]:
        members = [(tenant, self.queriers(tenant, rule)) for tenant in TENANTS]
        return [FederatedQuerier([(name, pair[i]) for name, pair in members]) for i in (0, 1)]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    directory = tmp_path_factory.mktemp("data")
    with opened(directory, shards=3, series_max=20_000, head_samples_max=1 << 20) as made:
        for number, tenant in enumerate(TENANTS):
            append(made, batch_v2(scene(number, NOW_MS)), tenant=tenant, arrival_ms=NOW_MS)
        seal(made)
        for number, tenant in enumerate(TENANTS):
            append(made, batch_v2(scene(number, NOW_MS + 60_000)[:10]), tenant=tenant)
        with read_apart(made, directory) as apart:
            yield Both(made, apart)


def rows(labels: LabelFrame) -> list[dict[str, str]]:
    return [labels.labelset(row) for row in range(labels.rows)]


@pytest.mark.parametrize("rule", DEDUPS, ids=str)
@pytest.mark.parametrize("matchers", SELECTORS, ids=str)
def test_selections_are_equal(both: Both, matchers: list[Matcher], rule: Any) -> None:
    for tenant in TENANTS:
        here, apart = (q.select(matchers, *SPAN, OF_COUNTER) for q in both.queriers(tenant, rule))
        count = here.labels.rows
        assert rows(here.labels) == rows(apart.labels)
        for first, end in {(0, count), (0, count // 2), (count // 3, count), (count, count)}:
            assert contents(apart.read(first, end)) == contents(here.read(first, end))
            found, known = (each.read_origins(first, end) for each in (apart, here))
            assert is_same(found, known)
        assert rows(apart.replicas()) == rows(here.replicas())


@pytest.mark.parametrize("rule", DEDUPS, ids=str)
def test_all_else_is_equal(both: Both, rule: Any) -> None:
    for tenant in (*TENANTS, "never-wrote"):
        here, apart = both.queriers(tenant, rule)
        for matcher_sets in ([], SELECTORS[:1], SELECTORS):
            asked = (matcher_sets, *SPAN)
            assert rows(apart.series(*asked)) == rows(here.series(*asked))
            used, expected = apart.usage(*asked), here.usage(*asked)
            assert rows(used.labels) == rows(expected.labels)
            for name in ("samples", "bytes", "began", "ended"):
                assert is_same(getattr(used, name), getattr(expected, name))
            found, known = apart.exemplars(*asked), here.exemplars(*asked)
            assert found.exemplar_labels == known.exemplar_labels
            assert is_same(found.timestamps, known.timestamps)
            report: Any = {"cluster_labels": ("job",), "stopped": lambda: False}
            assert apart.replica_report(*asked, **report) == here.replica_report(*asked, **report)
        assert apart.metadata() == here.metadata()
        assert apart.metadata("requests_total") == here.metadata("requests_total")
        assert apart.head_chunks() == here.head_chunks()
        for name in ("counters_differ", "has_aggregates", "aggregated_until_ms", "losses"):
            assert getattr(apart, name) == getattr(here, name)
        assert not getattr(apart, "may_have_aggregates", False)


ENGINE = Engine(EngineOptions())
QUERIES = [
    "requests_total", "sum(requests_total)", "sum by (job) (rate(requests_total[2m]))",
    "histogram_quantile(0.9, rate(latency[5m]))", "latency", "avg(wide)", "topk(3, wide)",
    "gone", "not_a_number", "count by (__tenant_id__) ({__name__!=''})", "requests_total[90s]",
    "max_over_time(requests_total[5m]) - on (__tenant_id__, job) group_left () "
    "min by (__tenant_id__, job) (requests_total)", "absent(nothing)",
    "stddev(wide) + 0 * sum(not_a_number)",
]  # fmt: skip


@pytest.mark.parametrize("rule", DEDUPS, ids=str)
@pytest.mark.parametrize("query", QUERIES)
def test_queries_over_all_are_equal_to_the_bit(both: Both, query: str, rule: Any) -> None:
    engine = ENGINE
    values = [engine.instant_query(q, query, NOW_MS).value for q in both.federated(rule)]
    check_equal(*values)
    if not query.endswith("]"):
        values = [
            engine.range_query(q, query, SPAN[0], NOW_MS + 60_000, 30_000).value
            for q in both.federated(rule)
        ]
        check_equal(*values)


def check_equal(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    assert isinstance(one, Vector | Matrix)
    assert rows(one.labels) == rows(other.labels)
    if isinstance(one, Matrix):
        assert contents(one.samples) == contents(other.samples)
        return
    assert is_same(one.present, other.present)
    assert one.values[one.present].tobytes() == other.values[other.present].tobytes()
    assert (one.natives is None) == (other.natives is None)
    if one.natives is not None:
        assert is_same(one.natives.histograms, other.natives.histograms)


def test_a_selection_is_held_as_long_as_someone_has_it(tmp_path: Path) -> None:
    with opened(tmp_path, shards=3) as made:
        append(made, batch_v2(scene(1, NOW_MS)), tenant=TENANTS[1])
        with read_apart(made, tmp_path) as apart:
            querier = apart.querier(TENANTS[1], replica_labels=(), dedup=False)
            assert isinstance(querier, RemoteQuerier)
            held = apart.answering[0].held
            selections = [querier.select(matchers, *SPAN) for matchers in SELECTORS]
            assert len(held) == len(selections)
            del selections[1:]
            gc.collect()
            apart._asking.flush()
            assert len(held) == 1
            assert len(selections[0].read_origins(0, 1)) > 0


def test_what_is_larger_than_allowed_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, shards=3) as made:
        append(made, batch_v2(scene(1, NOW_MS)), tenant=TENANTS[1])
        with read_apart(made, tmp_path, bytes_max=10_000) as apart:
            querier = apart.querier(TENANTS[1], replica_labels=(), dedup=False)
            assert querier.select(SELECTORS[1], *SPAN).labels.rows == 3
            with pytest.raises(LimitExceeded, match=r"at most 10000 .*max-bytes-between-processes"):
                querier.select(SELECTORS[2], *SPAN)


def test_a_stopped_query_reads_no_more(both: Both) -> None:
    class Stop(Exception):
        pass

    def stop() -> None:
        raise Stop

    _, querier = both.queriers(TENANTS[1], DEDUPS[0])
    selection = querier.select(SELECTORS[2], *SPAN)
    with stoppable(stop), pytest.raises(Stop):
        selection.read(0, selection.labels.rows)
    assert len(selection.read(0, selection.labels.rows)) > 0


def test_the_limits_of_the_other_process_hold(tmp_path: Path) -> None:
    with opened(tmp_path, shards=3, select_series_max=5) as made:
        append(made, batch_v2(scene(1, NOW_MS)), tenant=TENANTS[1])
        with read_apart(made, tmp_path) as apart:
            querier = apart.querier(TENANTS[1], replica_labels=(), dedup=False)
            with pytest.raises(LimitExceeded, match="max-series"):
                querier.select(SELECTORS[2], *SPAN)
