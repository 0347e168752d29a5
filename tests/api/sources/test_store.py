"""The storage and the fake of the tests offer what the API's port promises."""

import inspect
from typing import Any

import pytest

from api.sources.store import Querier, SourcedSelection, Store, TenantQuerier
from receiver.late_database import LateDatabase
from storage.database import Database
from storage.read.federation import FederatedQuerier, FederatedSelection
from storage.read.querier import EmptyQuerier, StorageQuerier
from storage.read.selection import DedupSelection, StoredSelection
from tests.makers.fake_store import FakeQuerier, FakeStore


def promised(port: Any) -> list[str]:
    return [name for name, _ in inspect.getmembers(port, inspect.isfunction) if name[0] != "_"]


def parameters(owner: Any, name: str) -> list[str]:
    return list(inspect.signature(getattr(owner, name)).parameters)


@pytest.mark.parametrize("store", [Database, LateDatabase, FakeStore])
def test_stores(store: Any) -> None:
    assert promised(Store) == ["querier"]
    assert parameters(store, "querier") == parameters(Store, "querier")


@pytest.mark.parametrize("querier", [StorageQuerier, EmptyQuerier])
@pytest.mark.parametrize("name", promised(TenantQuerier))
def test_queriers(querier: Any, name: str) -> None:
    assert parameters(querier, name) == parameters(TenantQuerier, name)


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


def test_a_tenant_that_never_wrote_has_nothing() -> None:
    for querier in (EmptyQuerier(), FakeQuerier()):
        assert querier.label_names([], 0, 1) == []
        assert querier.label_values("job", [], 0, 1) == []
        assert querier.series([], 0, 1).rows == 0
        assert querier.symbols is not None
    report = EmptyQuerier().replica_report([], 0, 1, cluster_labels=(), stopped=lambda: False)
    assert report == []
