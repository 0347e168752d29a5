"""The catalog is where the settings say, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.catalog.owning.choice import open_catalog
from storage.catalog.owning.opening import OwnedCatalog
from storage.errors import FormatError
from storage.files import catalog_file
from storage.tenants.placement import WHOLE, Share
from tests.makers.postgresql.catalogs import server_of
from tests.makers.postgresql.shared import shared_server


def test_in_the_data_directory(tmp_path: Path) -> None:
    for share in (WHOLE, Share(1, 2)):
        catalog = open_catalog(tmp_path, 3, share, None)
        assert (catalog.shards, catalog.takes_changes) == (3, True)
        catalog.check_owner()
        catalog.stop_waiting()
        catalog.close()
    assert catalog_file(tmp_path).exists()


def test_on_a_server(tmp_path: Path) -> None:
    server = server_of(shared_server().new_database())
    catalog = open_catalog(tmp_path, 3, WHOLE, server)
    assert isinstance(catalog, OwnedCatalog)
    assert catalog.takes_changes
    catalog.close()
    assert not catalog_file(tmp_path).exists()
    with pytest.raises(FormatError, match="on a PostgreSQL server"):
        open_catalog(tmp_path, 3, WHOLE, None)
    assert not catalog_file(tmp_path).exists()
