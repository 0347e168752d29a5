"""Rebuilding: a bucket alone is enough, and what was broken off goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storage.catalog.metadata import COUNTER, Description, FamilyMetadata
from storage.database import Database
from storage.errors import FormatError, StorageError, StoreFailed
from storage.files import CATALOG_FILE, REMOTE_MARK, SAMPLES_FILE
from storage.labels.matchers import Matcher
from storage.rebuild import read_contents, rebuild
from tests.makers.buckets.databases import bucket_at, store_at, with_bucket, worker_of
from tests.makers.databases import key, opened, read, seal, series, write

ANY = Matcher("__name__", "=~", ".+")
NOW = 1_800_000_000_000
FAMILY = FamilyMetadata(1, "a", (Description(COUNTER, "Counts.", ""),))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """With a bucket of three segments of two tenants, a deletion, and a metric family."""
    with with_bucket(tmp_path / "data", bucket_at(store_at(tmp_path / "bucket"))) as database:
        write(database, [series("a", [(1, 1.0)]), series("gone", [(1, 1.0)])])
        seal(database)
        write(database, [series("a", [(2, 2.0)])])
        seal(database)
        write(database, [series("b", [(3, 3.0)])], tenant="other")
        seal(database)
        database.deletions.stop()  # what is deleted stays hidden only
        gone = ((Matcher("__name__", "=", "gone"),),)
        database.deletions.delete_series("t", gone, 0, 10)
        database._catalog.save_metadata([FAMILY])
        worker_of(database).round(NOW)
    return tmp_path


def check(database: Database) -> None:
    found = {labels: points for labels, points in read(database, ANY).items() if points}
    assert found == {key("a"): [(1, 1.0), (2, 2.0)]}
    assert read(database, ANY, tenant="other") == {key("b"): [(3, 3.0)]}
    assert database._catalog.metadata(0) == [FAMILY]
    assert write(database, [series("c", [(9, 9.0)])], tenant="third").accepted == 1


def rebuilt(place: Path, **options: Any) -> list[str]:
    store, lines = store_at(place / "bucket"), list[str]()
    try:
        found = rebuild(store, place / "new", report=lines.append, **options)
        assert found.segments == 3
    finally:
        store.close()
    return lines


def test_all_of_it(place: Path) -> None:
    lines = rebuilt(place)
    assert lines[-1].startswith("3 of 3 segments, ")
    assert sorted(path.name for path in (place / "new").iterdir()) == [CATALOG_FILE, "shards"]
    with opened(place / "new") as database:
        check(database)


def test_samples_may_stay_in_the_bucket(place: Path) -> None:
    rebuilt(place, samples=False)
    assert not list((place / "new").rglob(SAMPLES_FILE))
    assert len(list((place / "new").rglob(REMOTE_MARK))) == 3
    store = store_at(place / "bucket")
    with with_bucket(place / "new", bucket_at(store)) as database:
        check(database)
        before = read_contents(store)
        worker_of(database).round(NOW)
        after = read_contents(store)
        assert (after.sequence, after.segments) == (before.sequence + 1, before.segments)


def test_what_was_broken_off_goes_on(place: Path) -> None:
    (path, *others) = sorted((place / "bucket").rglob(SAMPLES_FILE))
    content = path.read_bytes()
    path.write_bytes(bytes(len(content)))
    with pytest.raises(StoreFailed, match=r"samples.parquet in file://.* is damaged: it has "):
        rebuilt(place)
    assert not (place / "new" / CATALOG_FILE).exists()
    path.write_bytes(content)
    fetched = {file: file.stat().st_mtime_ns for file in (place / "new").rglob(SAMPLES_FILE)}
    assert len(fetched) == len(others)
    rebuilt(place)
    with opened(place / "new") as database:
        check(database)


def test_what_is_refused(place: Path, tmp_path: Path) -> None:
    (place / "new").mkdir()
    (place / "new" / "file").touch()
    with pytest.raises(StorageError, match="has 1 entries"):
        rebuilt(place)
    empty = store_at(tmp_path / "nothing")
    with pytest.raises(FormatError, match="nothing was uploaded"):
        rebuild(empty, place / "other")
    empty.put("contents.json", b"{")
    with pytest.raises(FormatError, match="cannot be read"):
        rebuild(empty, place / "other")
    empty.put("contents.json", b'{"format": 9, "writer": 1, "shards": 1}')
    with pytest.raises(FormatError, match="have format 9, this program reads 1"):
        rebuild(empty, place / "other")
    empty.close()
