"""Snapshots: what was acknowledged is in them, and nothing that came later."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from storage import snapshot
from storage.errors import FormatError, Overloaded, StorageError
from storage.files import snapshots_directory
from storage.labels.matchers import Matcher
from storage.snapshot import Snapshots, read_positions, take_snapshot
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


def test_reading_it_leaves_nothing_beside_its_catalog(tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "snapshot"
    with opened(data) as database:
        write(database, [series("a", [(1, 1.0)])])
        seal(database)
        take_snapshot(data, target)
        names = sorted(path.name for path in target.iterdir())
        assert names == ["catalog.sqlite", "shards"]
        assert read_positions(target) == read_positions(data)
        assert sorted(path.name for path in target.iterdir()) == names


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


def test_without_the_head_only_what_is_sealed(tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "snapshot"
    with opened(data) as database:
        write(database, [series("a", [(1, 1.0)])])
        seal(database)
        write(database, [series("a", [(2, 2.0)])])
        take_snapshot(data, target, skip_head=True)
    with opened(target) as copy:
        assert read(copy, ANY)[key("a")] == [(1, 1.0)]
        write(copy, [series("a", [(3, 3.0)])])
    assert points_of(target) == [(1, 1.0), (3, 3.0)]


def test_those_of_a_database_lie_in_it_and_change_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with opened(data) as database:
        write(database, [series("a", [(1, 1.0)])])
        first = database.snapshots.take()
        write(database, [series("a", [(2, 2.0)])])
        second = database.snapshots.take(skip_head=True)
        third = database.snapshots.take()
    directory = snapshots_directory(data)
    assert {path.name for path in directory.iterdir()} == {first, second, third}
    assert not list(directory.glob("*/snapshots")), "none is in another one"
    assert points_of(data) == [(1, 1.0), (2, 2.0)]
    assert points_of(directory / first) == [(1, 1.0)]
    assert points_of(directory / third) == [(1, 1.0), (2, 2.0)]


def test_names_and_what_a_crash_left(tmp_path: Path) -> None:
    with opened(tmp_path):
        directory = snapshots_directory(tmp_path)
        unfinished = directory / "20260101T000000Z-0123456789abcdef.tmp"
        unfinished.mkdir(parents=True)
        (directory / "mine.tmp").mkdir()
        name = Snapshots(tmp_path, lambda: 1_787_220_672.9).take()
    assert re.fullmatch("20260820T101112Z-[0-9a-f]{16}", name)
    assert {path.name for path in directory.iterdir()} == {name, "mine.tmp"}


def test_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshots = Snapshots(tmp_path)
    refusals = []

    def again(*_: object, **__: object) -> None:
        with pytest.raises(Overloaded, match="at most 1 at a time") as refusal:
            snapshots.take()
        refusals.append(refusal)

    monkeypatch.setattr(snapshot, "take_snapshot", again)
    snapshots.take()
    snapshots.take()
    assert len(refusals) == 2
