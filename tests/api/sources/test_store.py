"""The storage and the fake of the tests offer what the API's port promises."""

import inspect
from pathlib import Path
from typing import Any

import pytest

from api.sources.store import Querier, SourcedSelection, Store, TenantQuerier
from receiver.late_database import LateDatabase
from storage.database import Database
from storage.read.federation import FederatedQuerier, FederatedSelection
from storage.read.querier import StorageQuerier
from storage.read.selection import DedupSelection, StoredSelection
from tests.makers.databases import opened, series, write
from tests.makers.fake_store import FakeQuerier, FakeStore


def promised(port: Any) -> list[str]:
    return [name for name, _ in inspect.getmembers(port, inspect.isfunction) if name[0] != "_"]


def parameters(owner: Any, name: str) -> list[str]:
    return list(inspect.signature(getattr(owner, name)).parameters)


@pytest.mark.parametrize("store", [Database, LateDatabase, FakeStore])
def test_stores(store: Any) -> None:
    assert promised(Store) == ["querier", "segment_report", "tenant_names"]
    for name in promised(Store):
        assert parameters(store, name) == parameters(Store, name)


@pytest.mark.parametrize("name", promised(TenantQuerier))
def test_queriers(name: str) -> None:
    assert parameters(StorageQuerier, name) == parameters(TenantQuerier, name)


@pytest.mark.parametrize("name", promised(Querier))
def test_queriers_of_several_tenants(name: str) -> None:
    assert parameters(FederatedQuerier, name) == parameters(Querier, name)


@pytest.mark.parametrize("selection", [StoredSelection, DedupSelection, FederatedSelection])
@pytest.mark.parametrize("name", promised(SourcedSelection))
def test_selections(selection: Any, name: str) -> None:
    assert parameters(selection, name) == parameters(SourcedSelection, name)


@pytest.mark.parametrize("name", promised(TenantQuerier))
def test_the_fake_has_every_method(name: str) -> None:
    assert callable(getattr(FakeQuerier, name))


@pytest.mark.parametrize("dedup", [True, False])
def test_a_tenant_that_never_wrote_has_nothing(tmp_path: Path, dedup: bool) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0)], replica="a")])
        nobody = database.querier("nobody", replica_labels=("replica",), dedup=dedup)
        for querier in (nobody, FakeQuerier()):
            assert querier.series([], 0, 1).names == ()
            assert querier.series([], 0, 1).values_of("job") == []
            assert querier.series([], 0, 1).rows == 0
            assert querier.select([], 0, 1).labels.rows == 0
            assert querier.symbols is not None
        assert nobody.replica_report([], 0, 1, cluster_labels=(), stopped=lambda: False) == []
        assert nobody.exemplars([], 0, 1).labels.rows == 0
        assert nobody.metadata() == nobody.metadata("up") == {}
        assert not nobody.counters_differ
