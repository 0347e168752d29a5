"""A catalog and a data directory that do not belong together are refused, whichever is new."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from storage.catalog.catalog import Catalog
from storage.catalog.owning.installation import INSTALLATION_FILE, read_number
from storage.errors import FormatError, Overloaded
from storage.files import SHARDS_DIRECTORY, catalog_file, log_file_name, wal_directory
from tests.makers.postgresql.catalogs import owned
from tests.makers.postgresql.shared import shared_server


@pytest.fixture
def url() -> str:
    return shared_server().new_database()


def test_both_know_each_other(url: str, tmp_path: Path) -> None:
    catalog = owned(url, tmp_path / "a", shards=3)
    assert catalog.installation() == read_number(tmp_path / "a")
    catalog.close()
    catalog = owned(url, tmp_path / "a", shards=7)
    assert catalog.shards == 3
    catalog.close()


def test_an_empty_catalog_beside_data(url: str, tmp_path: Path) -> None:
    for number in (None, "17\n"):
        (tmp_path / SHARDS_DIRECTORY).mkdir(exist_ok=True)
        if number:
            (tmp_path / INSTALLATION_FILE).write_text(number)
        with pytest.raises(
            FormatError, match=r"holds data \(storage.path\), but the catalog .* is"
        ):
            owned(url, tmp_path)


def test_a_start_that_was_broken_off_goes_on(url: str, tmp_path: Path) -> None:
    (tmp_path / INSTALLATION_FILE).write_text("17\n")
    catalog = owned(url, tmp_path)
    assert catalog.installation() == 17
    catalog.close()


def test_directories_of_others(url: str, tmp_path: Path) -> None:
    owned(url, tmp_path / "a").close()
    with pytest.raises(FormatError, match="belongs to installation [0-9]+, and .*/new to none"):
        owned(url, tmp_path / "new")
    owned(shared_server().new_database(), tmp_path / "b").close()
    with pytest.raises(FormatError, match="belongs to installation [0-9]+, and .*/b to [0-9]+"):
        owned(url, tmp_path / "b")


def test_a_directory_with_a_catalog_of_its_own(url: str, tmp_path: Path) -> None:
    Catalog.open(catalog_file(tmp_path), shards=1).close()
    with pytest.raises(FormatError, match="has a catalog of its own"):
        owned(url, tmp_path)


def test_a_catalog_that_is_older_than_the_log(url: str, tmp_path: Path) -> None:
    catalog = owned(url, tmp_path)
    catalog.seal(1, [], 5)
    catalog.close()
    wal_directory(tmp_path, 1).mkdir(parents=True)
    (wal_directory(tmp_path, 1) / log_file_name(5)).touch()
    owned(url, tmp_path).close()
    (wal_directory(tmp_path, 1) / log_file_name(5)).rename(
        wal_directory(tmp_path, 1) / log_file_name(6)
    )
    with pytest.raises(
        FormatError, match="older than .*log of shard 1 begins with file 6, .* on 5"
    ):
        owned(url, tmp_path)


def test_newer_tables_are_refused(url: str, tmp_path: Path) -> None:
    owned(url, tmp_path).close()
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(FormatError, match="version that this program does not know"):
        owned(url, tmp_path)


def test_a_server_that_is_away(url: str, tmp_path: Path) -> None:
    with pytest.raises(Overloaded, match="failed"):
        owned(f"{url}_not_there", tmp_path)
    assert not (tmp_path / INSTALLATION_FILE).exists()
