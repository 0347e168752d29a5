"""Segments are listed without a change to the catalog, whatever its version."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from storage.catalog.catalog import Catalog
from storage.catalog.listing import listed_segments
from storage.errors import FormatError
from tests.storage.catalog.test_catalog import segment


def test_segments_of_an_open_catalog(tmp_path: Path) -> None:
    path = tmp_path / "it's 100% ?.sqlite"
    catalog = Catalog.open(path, shards=4)
    metas = [segment(2, rank=4), segment(1, rank=2), segment(1, rank=3)]
    for meta in metas:
        catalog.seal(meta.shard, [meta], 5)
    catalog.set_aside(metas[1].ulid, "why")
    found = listed_segments(path)
    assert [entry.segment for entry in found] == [metas[1], metas[2], metas[0]]
    assert [entry.reason for entry in found] == ["why", "", ""]
    assert found[0].since_ms > 0
    catalog.close()
    assert listed_segments(path) == found


def test_an_older_catalog_is_read_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    Catalog.open(path, shards=1).close()
    connection = sqlite3.connect(path)
    connection.executescript(
        "ALTER TABLE segments DROP COLUMN exemplars; ALTER TABLE segments DROP COLUMN histograms;"
        "ALTER TABLE segments DROP COLUMN rank; ALTER TABLE segments DROP COLUMN set_aside;"
        "ALTER TABLE segments DROP COLUMN set_aside_ms; ALTER TABLE segments DROP COLUMN from_ms;"
        "ALTER TABLE segments DROP COLUMN to_ms; ALTER TABLE segments DROP COLUMN late_ms;"
        "INSERT INTO segments VALUES"
        " (3, '01M7XPQ3QGEP6R1HX9JHSNFCD4', 0, -5, 9, 2, 1, 7, 8, 0, 0);"
    )
    connection.close()
    before = path.read_bytes()
    (entry,) = listed_segments(path)
    assert (entry.segment.samples, entry.segment.rank, entry.reason) == (2, 0, "")
    assert path.read_bytes() == before


@pytest.mark.parametrize("contents", [None, b"noise " * 1000, b""])
def test_what_is_no_catalog_is_an_error(tmp_path: Path, contents: bytes | None) -> None:
    path = tmp_path / "c.sqlite"
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(FormatError, match="cannot read the catalog"):
        listed_segments(path)
    assert path.exists() == (contents is not None), "none is made"
