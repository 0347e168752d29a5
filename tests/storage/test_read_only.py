"""Directories that are only read: what is seen of them, and that nothing is written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from storage import read_only
from storage.bucket.attached import Bucket
from storage.dedup.algorithm import PairRule
from storage.errors import FormatError, StorageError
from storage.files import wal_directory
from storage.labels.matchers import Matcher
from storage.options import DAY_MS
from storage.read_only import ReadOnlyDatabase
from storage.snapshot import take_snapshot
from tests.makers.batches import DECODER
from tests.makers.databases import (
    key,
    opened,
    options,
    read,
    read_mixed,
    seal,
    series,
    write,
    write_mixed,
)
from tests.makers.downsampling.databases import downsample
from tests.makers.histograms import EXAMPLES

ANY = Matcher("__name__", "=", "a")


@contextmanager
def looked_at(
    path: Path, bucket: Bucket | None = None, **changes: Any
) -> Iterator[ReadOnlyDatabase]:
    database = ReadOnlyDatabase(options(path, **changes), DECODER.decode, bucket=bucket)
    try:
        yield database
    finally:
        database.close()


def contents(directory: Path, *, shared: bool = False) -> dict[str, tuple[int, int, bytes]]:
    """Every file: when it was changed, and what is in it. shared: without the one by which
    connections know of each other; those of one process share it whatever they may do."""
    return {
        str(path.relative_to(directory)): (
            path.stat().st_mtime_ns,
            path.stat().st_ino,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in [directory, *directory.rglob("*")]
        if not (shared and path.name.endswith("-shm"))
    }


def test_sealed_and_recent_samples_beside_an_open_database(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("a", [(1, 1.0)])])
        seal(database)
        write(database, [series("a", [(2, 2.0)], job="x"), series("a", [(2, 2.5)])])
        before = contents(tmp_path, shared=True)
        with looked_at(tmp_path) as looked:
            found = read(looked, ANY)
            assert contents(tmp_path, shared=True) == before
            # What comes later is not seen by one that is open, and is by the next.
            write(database, [series("a", [(3, 3.0)])])
            assert read(looked, ANY) == found
            assert looked.is_current()
        assert found == {key("a"): [(1, 1.0), (2, 2.5)], key("a", job="x"): [(2, 2.0)]}
        with looked_at(tmp_path) as looked:
            assert read(looked, ANY)[key("a")] == [(1, 1.0), (2, 2.5), (3, 3.0)]


def test_nothing_is_written_where_no_one_has_it_open(tmp_path: Path) -> None:
    with opened(tmp_path, shards=3) as database:
        write(database, [series("a", [(1, 1.0)])])
        seal(database)
        write(database, [series("a", [(2, 2.0)])])
        write(database, [series("a", [(9, 9.0)])], tenant="other")
    before = contents(tmp_path)
    with looked_at(tmp_path) as looked:
        assert read(looked, ANY) == {key("a"): [(1, 1.0), (2, 2.0)]}
        assert read(looked, ANY, tenant="other") == {key("a"): [(9, 9.0)]}
        assert read(looked, ANY, tenant="nobody") == {}
    assert contents(tmp_path) == before


def test_a_crash_leaves_nothing_that_disturbs(tmp_path: Path) -> None:
    """A copy of what is on disk while the database is open is what a crash leaves."""
    data, copy = tmp_path / "data", tmp_path / "copy"
    with opened(data) as database:
        write(database, [series("a", [(1, 1.0)])])
        shutil.copytree(data, copy)
    (log,) = sorted(wal_directory(copy, 0).iterdir())
    with log.open("ab") as file:
        file.write(b"half a record")
    before = contents(copy)
    with looked_at(copy) as looked:
        assert read(looked, ANY) == {key("a"): [(1, 1.0)]}
    assert contents(copy) == before


def test_replicas_are_made_one_and_histograms_are_there(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        pair = [series("a", [(1_000, 1.0)], r="1"), series("a", [(1_000, 1.0)], r="2")]
        write(database, pair)
        write_mixed(database, [({"__name__": "h"}, [(5, EXAMPLES[0], 0), (6, EXAMPLES[1], 0)])])
        with looked_at(tmp_path) as looked:
            assert read(looked, ANY, replica_labels=["r"]) == {key("a"): [(1_000, 1.0)]}
            assert len(read(looked, ANY)) == 2
            named = Matcher("__name__", "=", "h")
            assert read_mixed(looked, named) == read_mixed(database, named)


def test_what_was_deleted_is_not_seen(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("a", [(1, 1.0), (2, 2.0)]), series("b", [(1, 1.0)])])
        seal(database)
        database.deletions.delete_series("t", ((ANY,),), 2, 2)
        want = read(database, ANY)
        with looked_at(tmp_path) as looked:
            assert read(looked, ANY) == want == {key("a"): [(1, 1.0)]}


def test_a_log_that_is_longer_than_a_head(tmp_path: Path) -> None:
    """As one that was written under larger limits."""
    points = [(k, float(k)) for k in range(1, 400)]
    with opened(tmp_path) as database:
        for point in points:
            write(database, [series("a", [point])])
        with looked_at(tmp_path, head_samples_max=60) as looked:
            assert read(looked, ANY) == {key("a"): points}
        with (
            looked_at(tmp_path, head_samples_max=20) as looked,
            pytest.raises(StorageError, match=r"storage\.head\.max-samples=20"),
        ):
            read(looked, ANY)


def test_it_is_known_when_the_directory_went_on(tmp_path: Path) -> None:
    with opened(tmp_path) as database, looked_at(tmp_path) as looked:
        write(database, [series("a", [(1, 1.0)])])
        seal(database)
        assert looked.is_current()  # nothing of it is open yet
        assert read(looked, ANY, tenant="t") == {}  # it came with a tenant of its own
    with opened(tmp_path) as database, looked_at(tmp_path) as looked:
        assert read(looked, ANY) == {key("a"): [(1, 1.0)]}
        assert looked.is_current()
        write(database, [series("a", [(2, 2.0)])])
        seal(database)
        assert not looked.is_current()


def test_a_seal_while_the_log_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log files that were opened before are not those that belong to the catalog after."""
    with opened(tmp_path) as database:
        write(database, [series("a", [(1, 1.0)])])
        real, tries = read_only.LogReader, []

        def reader(directory: Path, first_file: int) -> Any:
            tries.append(first_file)
            log = real(directory, first_file)
            if len(tries) == 1:
                seal(database)
                write(database, [series("a", [(2, 2.0)])])
            return log

        monkeypatch.setattr(read_only, "LogReader", reader)
        with looked_at(tmp_path) as looked:
            assert read(looked, ANY) == {key("a"): [(1, 1.0), (2, 2.0)]}
        assert len(tries) == 2 and tries[0] < tries[1]

        def always(directory: Path, first_file: int) -> Any:
            write(database, [series("a", [(len(tries) + 9, 1.0)])])
            seal(database)
            tries.append(first_file)
            return real(directory, first_file)

        monkeypatch.setattr(read_only, "LogReader", always)
        with looked_at(tmp_path) as looked, pytest.raises(StorageError, match="10 attempts"):
            read(looked, ANY)


def test_downsampled_data_is_read_where_pairs_became_one_the_same_way(tmp_path: Path) -> None:
    minutes = [(minute * 60_000, 1.0) for minute in range(1, 48 * 60)]
    with opened(tmp_path) as database:
        write(database, [series("a", minutes)])
        seal(database)
        downsample(
            database, at_ms=2 * DAY_MS, downsampling_5m_after_ms=0, downsampling_1h_after_ms=0
        )
    with looked_at(tmp_path) as looked:
        assert looked.querier("t", replica_labels=(), dedup=True).has_aggregates
        assert not looked.querier("t", replica_labels=("r",), dedup=True).has_aggregates
    pairs = ReadOnlyDatabase(
        options(tmp_path), DECODER.decode, pairs=lambda tenant: PairRule(("r",))
    )
    assert pairs.querier("t", replica_labels=("r",), dedup=True).has_aggregates
    assert not pairs.querier("t", replica_labels=("r",), dedup=False).has_aggregates
    pairs.close()


def test_a_directory_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no data directory"):
        ReadOnlyDatabase(options(tmp_path), DECODER.decode)
    assert os.listdir(tmp_path) == []


def test_a_snapshot_is_read_like_any_directory(tmp_path: Path) -> None:
    data, target = tmp_path / "data", tmp_path / "snapshot"
    with opened(data) as database:
        write(database, [series("a", [(1, 1.0)])])
        take_snapshot(data, target)
    before = contents(target)
    with looked_at(target) as looked:
        assert read(looked, ANY) == {key("a"): [(1, 1.0)]}
    assert contents(target) == before


def test_a_segment_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("a", [(1, 1.0)])])
        seal(database)
    (segment,) = tmp_path.glob("shards/*/segments/*")
    with looked_at(tmp_path) as looked:
        (selected,) = [looked.querier("t", replica_labels=(), dedup=True)]
        shutil.rmtree(segment)
        with pytest.raises(FormatError):
            selected.select([ANY], 0, 9).read(0, 1)
