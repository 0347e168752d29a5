"""Snapshots: what was acknowledged is in them, and nothing that came later."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage import snapshot
from storage.errors import FormatError, StorageError
from storage.labels.matchers import Matcher
from storage.snapshot import take_snapshot
from tests.makers.databases import Points, key, opened, read, seal, series, write

ANY = Matcher("__name__", "=", "a")


def points_of(path: Path) -> Points:
    with opened(path) as database:
        return read(database, ANY)[key("a")]


def test_sealed_and_recent_samples_beside_an_open_database(tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "snapshot"
    with opened(data) as database:
        write(database, [series("a", [(1, 1.0)])])
        seal(database)
        write(database, [series("a", [(2, 2.0)])])
        take_snapshot(data, target)
        write(database, [series("a", [(3, 3.0)])])
        seal(database)
        assert read(database, ANY)[key("a")] == [(1, 1.0), (2, 2.0), (3, 3.0)]
        assert points_of(target) == [(1, 1.0), (2, 2.0)]
    assert points_of(data) == [(1, 1.0), (2, 2.0), (3, 3.0)]


def test_segments_are_links_and_survive_their_original(tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "snapshot"
    with opened(data) as database:
        write(database, [series("a", [(1, 1.0)])])
        seal(database)
        take_snapshot(data, target)
    (file,) = target.rglob("samples.parquet")
    assert file.stat().st_nlink == 2
    for original in data.rglob("*.parquet"):
        original.unlink()
    assert points_of(target) == [(1, 1.0)]


def test_a_seal_in_between_begins_it_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, target = tmp_path / "data", tmp_path / "snapshot"
    link, seals = snapshot.link_segments, []
    with opened(data) as database:
        write(database, [series("a", [(1, 1.0)])])

        def linked_late(source: Path, copy: Path) -> None:
            if not seals:
                seals.append(1)
                seal(database)
            link(source, copy)

        monkeypatch.setattr(snapshot, "link_segments", linked_late)
        take_snapshot(data, target)
    assert points_of(target) == [(1, 1.0)]
    assert seals == [1]


def test_a_directory_that_never_rests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(source: Path, copy: Path) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(snapshot, "link_segments", gone)
    changing = pytest.raises(StorageError, match="changed during each of 10 attempts")
    with opened(tmp_path / "data"), changing:
        take_snapshot(tmp_path / "data", tmp_path / "snapshot")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_is_no_data_directory_and_what_exists(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="is no data directory"):
        take_snapshot(tmp_path, tmp_path / "snapshot")
    with opened(tmp_path / "data"):
        (tmp_path / "snapshot").mkdir()
        with pytest.raises(StorageError, match="exists already"):
            take_snapshot(tmp_path / "data", tmp_path / "snapshot")
