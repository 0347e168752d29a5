"""Catalogs of both kinds; all tests of a run share one server of PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.catalog.catalog import Catalog
from storage.files import catalog_file
from tests.makers.postgresql.catalogs import owned
from tests.makers.postgresql.shared import shared_server

Opener = Callable[..., Catalog]


@pytest.fixture(params=["sqlite", "postgresql"])
def open_catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the catalog of the test, again and again; of either kind."""
    if request.param == "sqlite":
        return lambda shards=4: Catalog.open(catalog_file(tmp_path), shards=shards)
    url = shared_server().new_database()
    return lambda shards=4: owned(url, tmp_path, shards=shards)


@pytest.fixture
def catalog(open_catalog: Opener) -> Iterator[Catalog]:
    catalog = open_catalog()
    yield catalog
    catalog.close()
