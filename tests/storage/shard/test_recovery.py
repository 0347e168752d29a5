"""Recovery: what a killed process leaves behind, and logs larger than a head."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from storage.database import Database
from storage.errors import FormatError
from storage.files import SERIES_FILE, catalog_file, segments_directory
from tests.makers.databases import (
    key,
    opened,
    read,
    read_mixed,
    seal,
    series,
    write,
    write_mixed,
)
from tests.makers.histograms import EXAMPLES, Plain, without_hints
from tests.makers.tables import labelset_of

POINTS = [(t, float(t)) for t in range(200)]


def write_all(database: Database) -> None:
    for t, value in POINTS:
        write(database, [series("up", [(t, value)])])


def copied(source: Path, target: Path) -> Path:
    """The directory as a killed process would leave it: nothing is closed first."""
    shutil.copytree(source, target)
    return target


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "live") as database:
        write_all(database)
        dead = copied(tmp_path / "live", tmp_path / "dead")
    for _ in range(2):
        with opened(dead) as database:
            assert read(database) == {key("up"): POINTS}


def test_a_log_larger_than_the_head_is_sealed_on_the_way(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write_all(database)
    for _ in range(2):
        with opened(tmp_path, head_samples_max=30) as database:
            assert database._shards[0].view().segments
            assert read(database) == {key("up"): POINTS}
    with opened(tmp_path) as database:
        assert read(database) == {key("up"): POINTS}


def test_segments_that_were_not_registered_are_removed(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write_all(database)
        dead = copied(tmp_path, tmp_path.with_name("dead"))
    with opened(tmp_path, head_samples_max=30) as database:
        assert read(database) == {key("up"): POINTS}
    sealed = segments_directory(tmp_path, 0)
    shutil.copytree(sealed, segments_directory(dead, 0), dirs_exist_ok=True)
    (segments_directory(dead, 0) / "01JZZZZZZZZZZZZZZZZZZZZZZZ.tmp").mkdir()
    with opened(dead) as database:
        assert read(database) == {key("up"): POINTS}
        assert list(segments_directory(dead, 0).iterdir()) == []


def test_series_ids_stay(tmp_path: Path) -> None:
    with opened(tmp_path, head_samples_max=30) as database:
        write_all(database)
        ids = database._shards[0].table.ids[:1].tolist()
    with opened(tmp_path) as database:
        write(database, [series("new", [(1, 1.0)]), series("up", [(999, 1.0)])])
        table = database._shards[0].table
        names = [labelset_of(table, ref)["__name__"] for ref in range(len(table))]
        found = dict(zip(names, table.ids[: len(table)].tolist(), strict=True))
        assert found["up"] == ids[0]
        assert found["new"] != ids[0]


def test_a_conflict_with_a_sealed_newest_sample_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write_all(database)
    with opened(tmp_path, head_samples_max=30):
        pass
    with opened(tmp_path) as database:
        assert database._shards[0].head_samples == 0
        last, value = POINTS[-1]
        assert write(database, [series("up", [(last, value)])]).rejects == ()
        refused = write(database, [series("up", [(last, value + 1)])]).rejects
        assert [reject.reason for reject in refused] == ["duplicate"]


def test_log_and_catalog_must_belong_together(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0)])])
    with closing(sqlite3.connect(catalog_file(tmp_path))) as catalog, catalog:
        catalog.execute("DELETE FROM tenants")
    with pytest.raises(FormatError, match="which the catalog does not know"), opened(tmp_path):
        pass


def test_a_segment_that_is_gone_is_told(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write_all(database)
    with opened(tmp_path, head_samples_max=30):
        pass
    shutil.rmtree(next(segments_directory(tmp_path, 0).iterdir()))
    with pytest.raises(FormatError, match="lacks 1 of the"), opened(tmp_path):
        pass


MIXED = [(t, (t << 40) if t % 3 else EXAMPLES[t % len(EXAMPLES)], t % 2) for t in range(60)]


def write_all_mixed(database: Database) -> None:
    """One request for each sample, some of them late."""
    for t, content, start in sorted(MIXED, key=lambda point: point[0] + 7 * (point[0] % 5 == 0)):
        write_mixed(database, [({"__name__": "up"}, [(t, content, start)])])


def told(database: Database) -> object:
    return without_hints([read_mixed(database)[key("up")]])[0]


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def alter_labels(path: Path) -> None:
    """One bit, by which the labels are others and can still be read."""
    contents, labels = path.read_bytes(), pq.read_table(path)["labels"]
    for at in range(4, len(contents)):
        path.write_bytes(contents[:at] + bytes([contents[at] ^ 1]) + contents[at + 1 :])
        try:
            if not pq.read_table(path)["labels"].equals(labels):
                return
        except (OSError, ValueError):
            continue
    pytest.fail("no bit of the labels can be altered")


@pytest.mark.parametrize("damage", [cut_off, alter_labels])
def test_a_segment_with_a_damaged_series_table_is_set_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[Path], None]
) -> None:
    """Which series its samples belong to is not known any more; the others are."""
    with opened(tmp_path) as database:
        for x in range(2):
            write(database, [series("up", [(x, 1.0)], x=str(x)), series("up", [(x, 1.0)])])
            seal(database)
        first, second = database._shards[0].view().segments
    path = segments_directory(tmp_path, 0) / first.ulid / SERIES_FILE
    damage(path)
    expected = {key("up", x="1"): [(1, 1.0)], key("up"): [(1, 1.0)]}
    for _ in range(2):
        with opened(tmp_path) as database:
            assert read(database) == expected
            assert database._shards[0].view().segments == (second,)
            ((kept, reason, _),) = database._catalog.set_aside_segments(0)
            assert kept == first
            assert "series.parquet" in reason
    assert f"ulid={first.ulid}" in caplog.text
    assert path.exists()


def test_histograms_and_starts_survive_replay_and_seals(tmp_path: Path) -> None:
    expected = without_hints([MIXED])[0]
    with opened(tmp_path / "live") as database:
        write_all_mixed(database)
        assert told(database) == expected
        dead = copied(tmp_path / "live", tmp_path / "dead")
    for changes in ({}, {"head_buckets_max": 10}, {"head_samples_max": 25}, {}):
        with opened(dead, **changes) as database:
            if changes:
                assert len(database._shards[0].view().segments) > 1
            assert told(database) == expected
            write_all_mixed(database)  # changes nothing
            assert told(database) == expected


@pytest.mark.parametrize("sealed", [False, True])
def test_a_conflict_with_a_newest_histogram_is_refused(tmp_path: Path, sealed: bool) -> None:
    def tell(content: int | Plain) -> list[str]:
        outcome = write_mixed(database, [({"__name__": "up"}, [(9, content, 0)])])
        return [reject.reason for reject in outcome.rejects]

    with opened(tmp_path) as database:
        assert tell(EXAMPLES[0]) == tell(EXAMPLES[0]) == []  # two records, for the head to be full
    with opened(tmp_path, head_samples_max=1 if sealed else 100):
        pass
    with opened(tmp_path) as database:
        assert (database._shards[0].head_samples == 0) == sealed
        assert tell(EXAMPLES[0]._replace(hint=2)) == []
        assert tell(EXAMPLES[1]) == ["duplicate"]
        assert tell(EXAMPLES[0].sum_bits) == ["duplicate"]
        outcome = write_mixed(database, [({"__name__": "up"}, [(9, EXAMPLES[0], 0)])])
        assert (outcome.accepted, outcome.histograms) == (1, 1)
