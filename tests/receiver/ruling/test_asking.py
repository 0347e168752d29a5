"""Queries of rules: the view of the tenant, and its limits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.promql.engine import Engine
from api.promql.options import EngineOptions
from api.sources.queriers import QuerierSource, ReplicaDefaults
from api.sources.query_limits import QueryLimits
from receiver.ruling.asking import EngineAsking
from rules.evaluation.rows import rows_of
from rules.ruler.ports import NotAnswered, Question
from storage.database import Database
from tests.makers.databases import opened, write

AT = 100_000


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with opened(tmp_path_factory.mktemp("data")) as database:
        for tenant, value in (("t", 1.0), ("u", 2.0)):
            series = [
                ({"__name__": "m", "i": str(i), "replica": replica}, [(AT, value)])
                for i in range(2)
                for replica in "ab"
            ]
            write(database, series, tenant=tenant)
        yield database


def asking(database: Database, *, stopped: bool = False, **limits: int) -> EngineAsking:
    source = QuerierSource(
        database, ReplicaDefaults(("replica",)), lambda tenant: QueryLimits(**limits)
    )
    return EngineAsking(source, Engine(EngineOptions(threads=1)), stopped=lambda: stopped)


def test_replicas_are_one(database: Database) -> None:
    answer = asking(database).ask(Question(("t",), "m", AT))
    rows = rows_of(answer.result)
    assert [dict(row.labels) for row in rows] == [{"__name__": "m", "i": i} for i in "01"]
    assert answer.series == 2
    assert answer.samples > 0


def test_several_tenants(database: Database) -> None:
    question = Question(("t", "u"), "sum by (__tenant_id__) (m)", AT)
    rows = rows_of(asking(database).ask(question).result)
    assert [(row.labels["__tenant_id__"], row.value) for row in rows] == [("t", 2.0), ("u", 4.0)]


@pytest.mark.parametrize(("lookback_ms", "count"), [(None, 2), (1_000, 0)])
def test_how_far_is_looked_back(database: Database, lookback_ms: int | None, count: int) -> None:
    question = Question(("t",), "m", AT + 5_000, lookback_ms=lookback_ms)
    assert len(rows_of(asking(database).ask(question).result)) == count


@pytest.mark.parametrize(
    ("limits", "question", "error"),
    [
        ({"series": 1}, Question(("t",), "m", AT), "max_series_per_query=1 in limits.file"),
        ({"samples": 1}, Question(("t",), "m", AT), "max_samples_per_query=1 in limits.file"),
        ({}, Question(("t",), "m +", AT), "parse error"),
        ({}, Question(("t",), "m", AT, cancelled=lambda: True), "canceled"),
    ],
)
def test_what_is_not_answered(
    database: Database, limits: dict[str, int], question: Question, error: str
) -> None:
    with pytest.raises(NotAnswered, match=error):
        asking(database, **limits).ask(question)


def test_the_end_of_the_program_ends_queries(database: Database) -> None:
    with pytest.raises(NotAnswered, match="canceled"):
        asking(database, stopped=True).ask(Question(("t",), "m", AT))
