"""A database with other sources behind it: what it answers by itself, and what is joined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from storage.database import Database
from storage.labels.matchers import Matcher
from storage.read.federation import FederatedQuerier
from storage.read.joined.home import HomeQuerier
from storage.read.joined.querier import ReplicaRule
from storage.read.selection import DedupSelection, StoredSelection
from tests.makers.databases import WHOLE, opened, series, write
from tests.makers.sources.joined import MemorySource

REPLICAS = ("replica",)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with opened(tmp_path_factory.mktemp("data")) as made:
        write(made, [series("up", [(10, 1.0), (15_010, 2.0)], replica="a")])
        write(made, [series("up", [(5_000, 5.0)], replica="b"), series("own", [(10, 1.0)])])
        yield made


def home(database: Database, *others: Any, labels: tuple[str, ...] = REPLICAS) -> HomeQuerier:
    def queriers(replica_labels: tuple[str, ...], algorithm: Any) -> Any:
        return database.querier("t", replica_labels=replica_labels, dedup=True, algorithm=algorithm)

    return HomeQuerier(queriers, others, ReplicaRule(labels), series_max=100)


def test_what_others_lack_the_database_answers(database: Database) -> None:
    other = MemorySource([series("up", [(900_000, 3.0)], replica="c")], losses=("half is missing",))
    querier = home(database, other)
    alone = querier.select([Matcher("__name__", "=", "own")], *WHOLE)
    assert isinstance(alone, StoredSelection)
    assert alone.labels.symbols is querier.symbols
    together = querier.select([Matcher("__name__", "=", "up")], *WHOLE)
    assert isinstance(together, DedupSelection)
    assert together.read(0, 1).timestamps.tolist() == [10, 15_010, 900_000]
    assert querier.losses == ("half is missing",)
    replicas = [together.replicas().labelset(row)["replica"] for row in range(3)]
    assert replicas == ["a", "b", "c"]


def test_nothing_is_kept_and_the_database_reports_of_itself(database: Database) -> None:
    querier = home(database, MemorySource([]))
    assert querier.watches() == ()
    assert querier.head_chunks() == 3
    assert querier.usage([], *WHOLE).labels.rows == 3
    groups = querier.replica_report([], *WHOLE, cluster_labels=(), stopped=lambda: False)
    assert [len(group.replicas) for group in groups] == [2]
    assert not querier.has_aggregates
    assert querier.aggregated_until_ms < 0
    names = querier.series([], *WHOLE)
    assert sorted(names.labelset(row)["__name__"] for row in range(names.rows)) == ["own", "up"]


@pytest.mark.parametrize("coarse", [False, True])
def test_what_others_have_downsampled_is_theirs(database: Database, coarse: bool) -> None:
    querier = home(database, MemorySource([]), MemorySource([], may_have_aggregates=coarse))
    assert querier.may_have_aggregates is coarse
    assert not querier.has_aggregates
    federated = FederatedQuerier([("t", querier), ("u", home(database, MemorySource([])))])
    assert federated.may_have_aggregates is coarse
    having = home(database, MemorySource([], has_aggregates=coarse))
    assert having.has_aggregates is coarse
    assert (having.aggregated_until_ms > 0) is coarse
