"""Rewriting: the files follow what queries see already, whatever happens in between."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from storage.catalog.catalog import Catalog
from storage.database import Database
from storage.deletion.rewriting import Rewriter, runs_of
from storage.files import SAMPLES_FILE, SERIES_FILE, segments_directory
from storage.labels.matchers import Matcher
from storage.segments.segment import verify_segment
from storage.segments.writer import SegmentWriter
from storage.shard.doomed import GRACE_MS
from storage.shard.shard import Shard, now_ms
from tests.makers.bodies.exemplars import batch
from tests.makers.databases import (
    WHOLE,
    append,
    key,
    opened,
    read,
    read_mixed,
    seal,
    series,
    write,
    write_mixed,
)
from tests.makers.histograms import EXAMPLES
from tests.storage.read.test_exemplars import A, of, select

UP = Matcher("__name__", "=", "up")
ONE = (UP, Matcher("i", "=", "1"))


class Killed(BaseException):
    """What a kill is to a test."""


def segments(database: Database) -> list[str]:
    return [segment.ulid for segment in database._shards[0].view().segments]


def stored_ids(path: Path, ulid: str) -> tuple[list[int], list[int]]:
    """The series ids in the two main files of a segment."""
    directory = segments_directory(path, 0) / ulid
    tables = [pq.read_table(directory / name) for name in (SERIES_FILE, SAMPLES_FILE)]
    series_ids, sample_ids = (table["series_id"].to_pylist() for table in tables)
    return series_ids, sample_ids


def test_what_is_deleted_leaves_the_files(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for i in range(3):
            write(database, [series("up", [(t, float(i)) for t in range(4)], i=str(i))])
        seal(database)
        write(database, [series("up", [(9, 1.0)], i="0")])
        database.deletions.delete_series("t", (ONE,), *WHOLE)
        database.deletions.delete_series("t", ((UP, Matcher("i", "=", "2")),), 1, 2)
        before, expected = segments(database), read(database, UP)
        assert database.deletions.clean("t") == 1
        after = segments(database)
        assert after[1:] == before[1:], "it has nothing of these series"
        assert after[0] != before[0]
        series_ids, sample_ids = stored_ids(tmp_path, after[0])
        assert [sample_ids.count(i) for i in series_ids] == [4, 2]
        verify_segment(segments_directory(tmp_path, 0) / after[0])
        assert {k: v for k, v in read(database, UP).items() if v} == {
            k: v for k, v in expected.items() if v
        }
        receipts = database.deletions.receipts("t")
        assert [(each.samples, each.segments) for each in receipts] == [(2, 1), (4, 1)]
        assert database.deletions.clean("t") == 0
        database._retention.run(database._shards[0], now_ms() + GRACE_MS + 1)
        names = {path.name for path in segments_directory(tmp_path, 0).iterdir()}
        assert names == set(segments(database))
    with opened(tmp_path) as database:
        assert read(database, UP) == {k: v for k, v in expected.items() if v}


def test_a_segment_with_nothing_left_is_dropped(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0)], i="1")])
        database.deletions.delete_series("t", ((UP,),), *WHOLE)
        assert database.deletions.clean("t") == 1
        assert segments(database) == []
        (receipt,) = database.deletions.receipts("t")
        assert (receipt.samples, receipt.segments, receipt.done_ms is None) == (1, 1, False)
    with opened(tmp_path) as database:
        assert read(database) == {}
        write(database, [series("up", [(1, 2.0)], i="1")])
        assert read(database) == {key("up", i="1"): [(1, 2.0)]}


def test_all_that_a_segment_can_hold_is_carried_along(tmp_path: Path) -> None:
    points = [(1, EXAMPLES[0], 0), (2, EXAMPLES[1], 1), (3, 5, 2), (4, 6, 0)]
    plain = [({"__name__": "up", "i": str(i), "ort": "Köln"}, points) for i in range(2)]
    with opened(tmp_path) as database:
        write_mixed(database, [*plain, ({"__name__": "down"}, points)])
        append(database, batch([of("a", (3, 2.0, "ü"), (5, 2.0, "q"), x="1")]))
        database.deletions.delete_series("t", ((UP, Matcher("i", "=", "0")),), 2, 2)
        database.deletions.delete_series("t", ((Matcher("__name__", "=", "down"),),), *WHOLE)
        expected, exemplars = read_mixed(database, UP), select(database, [A])
        assert len(exemplars[key("a", x="1")]) == 2
        assert database.deletions.clean("t") == 1
        assert read_mixed(database, UP) == expected
        assert select(database, [A]) == exemplars
        (segment,) = database._shards[0].view().segments
        assert (segment.exemplars, segment.histograms, segment.samples) == (2, 3, 7)
    with opened(tmp_path) as database:
        assert read_mixed(database, UP) == expected
        assert select(database, [A]) == exemplars


def test_the_order_of_precedence_stays(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0), (2, 1.0), (3, 1.0)], i="1")])
        seal(database)
        write(database, [series("up", [(2, 7.0)], i="1")])
        seal(database)
        database.deletions.delete_series("t", (ONE,), 1, 1)
        for _ in range(2):
            assert read(database) == {key("up", i="1"): [(2, 1.0), (3, 1.0)]}
            database.deletions.clean("t")
    with opened(tmp_path) as database:
        assert read(database) == {key("up", i="1"): [(2, 1.0), (3, 1.0)]}


def test_a_deletion_that_comes_meanwhile_is_pending_for_the_new_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0), (2, 2.0), (3, 3.0)], i="1")])
        database.deletions.delete_series("t", (ONE,), 1, 1)
        write_segment = SegmentWriter.write

        def delete_more(*given: object, **more: object) -> object:
            monkeypatch.setattr(SegmentWriter, "write", write_segment)
            database.deletions.delete_series("t", (ONE,), 2, 2)
            return write_segment(*given, **more)

        monkeypatch.setattr(SegmentWriter, "write", delete_more)
        assert database.deletions.clean("t") == 1
        assert read(database) == {key("up", i="1"): [(3, 3.0)]}
        (deletion,) = database._shards[0].view().deletions
        assert deletion.pending == set(segments(database))
        assert database._catalog.deletions.pending(0) == [deletion]
    with opened(tmp_path) as database:
        assert read(database) == {key("up", i="1"): [(3, 3.0)]}
        assert database.deletions.clean("t") == 1
        assert read(database) == {key("up", i="1"): [(3, 3.0)]}
        assert [each.samples for each in database.deletions.receipts("t")] == [1, 1]


STEPS: list[tuple[type, str]] = [
    (SegmentWriter, "_write_files"),
    (Rewriter, "_swap"),
    (Catalog, "replace"),
    (Shard, "replace_segments"),
]


@pytest.mark.parametrize(("owner", "name"), STEPS)
def test_a_kill_at_any_step_changes_nothing_that_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: type, name: str
) -> None:
    def kill(*_: object, **__: object) -> None:
        raise Killed

    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0), (2, 2.0)], i="1"), series("up", [(1, 3.0)])])
        database.deletions.delete_series("t", (ONE,), 1, 1)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(owner, name, kill)
            database.deletions.clean("t")
    expected = {key("up", i="1"): [(2, 2.0)], key("up"): [(1, 3.0)]}
    for _ in range(2):
        with opened(tmp_path) as database:
            assert read(database) == expected
            database.deletions.clean("t")
            assert read(database) == expected
            names = {path.name for path in segments_directory(tmp_path, 0).iterdir()}
            assert set(segments(database)) <= names
            (receipt,) = database.deletions.receipts("t")
            assert (receipt.samples, receipt.segments_pending) == (1, 0)


def test_what_retention_dropped_meanwhile_stays_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0), (2, 2.0)], i="1")])
        database.deletions.delete_series("t", (ONE,), 1, 1)
        (old,) = segments(database)
        write_segment: Callable[..., object] = SegmentWriter.write

        def drop(*given: object, **more: object) -> object:
            written = write_segment(*given, **more)
            database._catalog.drop_segments([old])
            database._shards[0].drop_segments({old})
            return written

        monkeypatch.setattr(SegmentWriter, "write", drop)
        assert database.deletions.clean("t") == 0
        assert segments(database) == []
        assert {path.name for path in segments_directory(tmp_path, 0).iterdir()} == {old}
        assert read(database) == {key("up", i="1"): []}


def test_a_damaged_segment_is_named_and_stays_hidden(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0)], i="1"), series("down", [(1, 1.0)])])
        database.deletions.delete_series("t", (ONE,), *WHOLE)
        (ulid,) = segments(database)
        shutil.move(segments_directory(tmp_path, 0) / ulid / SERIES_FILE, tmp_path / "aside")
        later = now_ms() + 7_200_000
        for _ in range(2):
            assert database.deletions.rewrite_due(later) == 0
        shutil.move(tmp_path / "aside", segments_directory(tmp_path, 0) / ulid / SERIES_FILE)
        assert database.deletions.rewrite_due(later) == 0, "set aside"
        assert read(database, UP) == {key("up", i="1"): []}
        assert database.deletions.rewrite_due(later + 7_200_000) == 1
        assert segments(database) != [ulid]


def test_series_are_read_in_runs_of_bounded_size() -> None:
    counts = np.array([3, 4, 2, 30, 1, 1, 8])
    runs = [rows.tolist() for rows in runs_of(counts, 9)]
    assert runs == [[0, 1, 2], [3], [4, 5], [6]]
    assert list(runs_of(np.zeros(0, np.int64), 9)) == []
