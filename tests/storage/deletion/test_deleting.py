"""Deleting: at once, exactly, and either whole or not at all."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from storage.catalog.deletions import DeletionTable
from storage.errors import LimitExceeded, Overloaded, StorageError
from storage.labels.matchers import Matcher
from storage.shard.shard import Shard
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


def test_samples_are_gone_for_the_next_query_and_for_every_later_one(tmp_path: Path) -> None:
    left = {key("up", i="1"): [(1, 1.0)], key("up", i="2"): [(1, 3.0), (2, 4.0)]}
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0), (2, 2.0), (3, 3.0)], i="1")])
        write(database, [series("up", [(1, 3.0), (2, 4.0)], i="2")])
        write(database, [series("up", [(2, 9.0)], i="1")], tenant="other")
        deletion = database.deletions.delete_series("t", (ONE,), 2, 3, author="alice")
        assert deletion is not None
        assert (deletion.series, deletion.author, len(deletion.pending)) == (1, "alice", 1)
        assert read(database) == left
        assert read(database, tenant="other") == {key("up", i="1"): [(2, 9.0)]}
    with opened(tmp_path) as database:
        assert read(database) == left
        assert read(database, tenant="other") == {key("up", i="1"): [(2, 9.0)]}


def test_several_sets_are_deleted_together_and_both_ends_belong_to_it(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for i in range(3):
            write(database, [series("up", [(t, 1.0) for t in range(5)], i=str(i))])
        two = (UP, Matcher("i", "=", "2"))
        database.deletions.delete_series("t", (ONE, two), 1, 3)
        points = {k: [t for t, _ in found] for k, found in read(database).items()}
        assert [points[key("up", i=str(i))] for i in range(3)] == [[0, 1, 2, 3, 4], [0, 4], [0, 4]]


@pytest.mark.parametrize("restart", [False, True])
def test_what_is_written_after_a_deletion_is_there(tmp_path: Path, restart: bool) -> None:
    points = [(1, 1.0), (2, 2.0), (3, 3.0)]
    with opened(tmp_path) as database:
        write(database, [series("up", points, i="1")])
        database.deletions.delete_series("t", (ONE,), *WHOLE)
        assert read(database) == {key("up", i="1"): []}
        if not restart:
            # The newest one, too, although it looks like a repetition; and another value.
            write(database, [series("up", [(1, 7.0), (3, 3.0)], i="1")])
    with opened(tmp_path) as database:
        if restart:
            write(database, [series("up", [(1, 7.0), (3, 3.0)], i="1")])
        assert read(database) == {key("up", i="1"): [(1, 7.0), (3, 3.0)]}
        seal(database)
        assert read(database) == {key("up", i="1"): [(1, 7.0), (3, 3.0)]}
        database.deletions.clean("t")
        assert read(database) == {key("up", i="1"): [(1, 7.0), (3, 3.0)]}


def test_writes_that_come_meanwhile_stay_and_keep_their_order(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0)], i="1")])
        stop = threading.Event()
        written: list[int] = []

        def keep_writing() -> None:
            t = 1_000
            while not stop.is_set():
                write(database, [series("up", [(t, 1.0)], i="1")])
                written.append(t)
                t += 1

        thread = threading.Thread(target=keep_writing)
        thread.start()
        for _ in range(5):
            database.deletions.delete_series("t", (ONE,), 0, 999)
            write(database, [series("up", [(1, 1.0)], i="1")])
        stop.set()
        thread.join()
        expected = [(1, 1.0), *((t, 1.0) for t in written)]
        assert read(database) == {key("up", i="1"): expected}


def test_histograms_and_exemplars_go_too(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write_mixed(database, [({"__name__": "up"}, [(t, EXAMPLES[0], 0) for t in range(3)])])
        append(database, batch([of("a", (3, 2.0, "p"), (5, 2.0, "q"), points=3, x="1")]))
        append(database, batch([of("a", (3, 2.0, "p"), points=3, x="2")]))
        database.deletions.delete_series("t", ((UP,),), 1, 1)
        database.deletions.delete_series("t", ((A, Matcher("x", "=", "1")),), 2, 4)
        for cleaned in range(2):
            if cleaned:
                database.deletions.clean("t")
            times = [point[0] for point in read_mixed(database, UP)[key("up")]]
            assert times == [0, 2]
            assert select(database, [A]) == {
                key("a", x="1"): [(5, 2.0, {"id": "q"})],
                key("a", x="2"): [(3, 2.0, {"id": "p"})],
            }
    with opened(tmp_path) as database:
        assert len(select(database, [A])[key("a", x="1")]) == 1


def test_replicas_are_deleted_one_by_one(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        for replica in "ab":
            points = [(t * 1_000, 1.0) for t in range(5)]
            write(database, [series("up", points, r=replica)])
        database.deletions.delete_series("t", ((UP, Matcher("r", "=", "a")),), *WHOLE)
        found = read(database, UP, replica_labels=("r",))
        assert found == {key("up"): [(t * 1_000, 1.0) for t in range(5)]}
        assert read(database)[key("up", r="a")] == []


@pytest.mark.parametrize(
    ("owner", "name", "deleted"),
    [(DeletionTable, "add", False), (Shard, "add_deletion", True)],
)
def test_a_kill_leaves_all_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, deleted: bool
) -> None:
    def kill(*_: object) -> None:
        raise Killed

    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0)], i="1")])
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(owner, name, kill)
            database.deletions.delete_series("t", (ONE,), *WHOLE)
    with opened(tmp_path) as database:
        assert read(database) == {key("up", i="1"): [] if deleted else [(1, 1.0)]}
        assert len(database.deletions.receipts("t")) == deleted


def test_without_a_seal_nothing_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0)], i="1")])

        def fail(*_: object) -> int:
            raise StorageError("no space")

        monkeypatch.setattr("storage.shard.writer.begin_log_file", fail)
        with pytest.raises(StorageError, match="no space"):
            database.deletions.delete_series("t", (ONE,), *WHOLE)
        assert read(database) == {key("up", i="1"): [(1, 1.0)]}
        (writer,) = database._writers
        monkeypatch.setattr(writer, "_stopping", True)
        with pytest.raises(Overloaded, match="stopping"):
            database.deletions.delete_series("t", (ONE,), *WHOLE)
        monkeypatch.setattr(writer, "_stopping", False)


def test_pending_deletions_are_limited_for_each_tenant(tmp_path: Path) -> None:
    with opened(tmp_path, deletions_pending_max=2) as database:
        for tenant in ("t", "other"):
            write(database, [series("up", [(1, 1.0)], i="1")], tenant=tenant)
        for _ in range(2):
            database.deletions.delete_series("t", (ONE,), *WHOLE)
        with pytest.raises(LimitExceeded, match=r"2 deletions .*storage\.max-pending-deletions"):
            database.deletions.delete_series("t", (ONE,), *WHOLE)
        database.deletions.delete_series("other", (ONE,), *WHOLE)
        database.deletions.clean("t")
        database.deletions.delete_series("t", (ONE,), *WHOLE)


def test_what_was_refused_stays_away_when_what_it_contradicts_is_deleted(tmp_path: Path) -> None:
    """The log has it, and a replay would find nothing any more that it contradicts."""
    up = Matcher("__name__", "=", "up")
    with opened(tmp_path) as database:
        write(database, [series("up", [(2, 0.0)])])
        seal(database)
        assert write(database, [series("up", [(2, 8.0)])]).accepted == 0
        database.deletions.delete_series("t", ((up,),), 0, 9)
        assert read(database, up) in ({}, {key("up"): []})
    with opened(tmp_path) as database:
        assert read(database, up) in ({}, {key("up"): []})
