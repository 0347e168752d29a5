"""What a catalog lists, read without writing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.errors import FormatError
from storage.sql.listing import read_listing
from tests.makers.databases import opened, seal, series, write


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path / "catalog.sqlite")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def filled(path: Path) -> None:
    with opened(path) as database:
        for k in range(3):
            write(database, [series("a", [(k, 1.0)])])
            seal(database)


def test_segments_in_their_order_without_those_set_aside(tmp_path: Path) -> None:
    filled(tmp_path)
    assert [s.columns["number"] for s in read_listing(tmp_path).segments] == [1, 2, 3]
    change(
        tmp_path,
        "UPDATE segments SET rank = 9 WHERE number = 1",
        "UPDATE segments SET set_aside = 'damaged' WHERE number = 2",
    )
    listing = read_listing(tmp_path)
    assert [s.columns["number"] for s in listing.segments] == [3, 1]
    assert all((s.directory / "samples.parquet").exists() for s in listing.segments)


def test_a_catalog_without_newer_columns(tmp_path: Path) -> None:
    filled(tmp_path)
    change(tmp_path, "ALTER TABLE segments DROP COLUMN rank",
           "ALTER TABLE segments DROP COLUMN set_aside")  # fmt: skip
    assert [s.columns["rank"] for s in read_listing(tmp_path).segments] == [1, 2, 3]


def test_metadata_has_names_of_types(tmp_path: Path) -> None:
    filled(tmp_path)
    change(
        tmp_path,
        "INSERT INTO metric_metadata (tenant, family, kind, help, unit) "
        "VALUES (1, 'f', 1, 'h', 'u'), (1, 'g', 99, '', '')",
    )
    assert read_listing(tmp_path).metadata == [
        ("t", "f", "counter", "h", "u"), ("t", "g", "unknown", "", ""),
    ]  # fmt: skip


def test_what_is_no_data_directory(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="is no data directory"):
        read_listing(tmp_path)
    (tmp_path / "catalog.sqlite").write_text("nothing of the kind" * 100)
    with pytest.raises(FormatError, match="cannot be read"):
        read_listing(tmp_path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    change(tmp_path, "UPDATE settings SET value = 99 WHERE name = 'format_version'")
    with pytest.raises(FormatError, match="version 99; only 1 is read"):
        read_listing(tmp_path)
