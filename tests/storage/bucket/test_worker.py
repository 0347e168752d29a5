"""Rounds: what is sealed gets into the bucket, what is replaced leaves it, and a kill at any moment
loses nothing and leaves nothing behind."""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path

import pytest

from storage.bucket.names import segment_of
from storage.bucket.uploading import NotOurs
from storage.bucket.worker import SWEEP_MS
from storage.database import Database
from storage.errors import FormatError, StoreFailed
from storage.labels.matchers import Matcher
from storage.objects.store import ObjectStore
from storage.options import DAY_MS, HOUR_MS
from storage.rebuild import read_contents, rebuild
from tests.makers.buckets.databases import DyingStore, bucket_at, store_at, with_bucket, worker_of
from tests.makers.compaction import compact
from tests.makers.databases import Points, key, opened, read, seal, series, write

ANY = Matcher("__name__", "=", "a")
NOW = 1_800_000_000_000  # long after all objects were written
POINTS = [(0, 0.0), (1, 1.0)]


def points(database: Database, tenant: str = "t") -> Points:
    return read(database, ANY, tenant=tenant)[key("a")]


def fill(database: Database) -> None:
    for point in POINTS:
        write(database, [series("a", [point])])
        seal(database)


def segments_in(store: ObjectStore) -> set[str]:
    """Those that have some file, by ULID."""
    places = [segment_of(listed.name) for listed in store.listed("segments")]
    return {place[1] for place in places if place is not None}


def live(database: Database) -> set[str]:
    return {segment.ulid for segment in database._shards[0].view().segments}


def test_what_is_sealed_gets_into_the_bucket(tmp_path: Path) -> None:
    store = store_at(tmp_path / "bucket")
    bucket = bucket_at(store)
    with with_bucket(tmp_path / "data", bucket) as database:
        fill(database)
        worker = worker_of(database)
        assert not worker.round(NOW)
        contents = read_contents(store)
        assert contents.ulids == segments_in(store) == live(database)
        moments = store.moments
        assert not worker.round(NOW + 1)
        assert store.moments == moments, "a round without news wrote something"
        write(database, [series("a", [(9, 9.0)])], tenant="other")
        seal(database)
        worker.round(NOW + 2)
        assert [t.name for t in read_contents(store).tenants] == ["t", "other"]
        assert read_contents(store).sequence == contents.sequence + 1
    store = store_at(tmp_path / "bucket")
    found = rebuild(store, tmp_path / "new")
    assert (found.segments, found.bytes) == (3, found.fetched_bytes)
    store.close()
    with opened(tmp_path / "new") as database:
        assert points(database) == POINTS
        assert points(database, "other") == [(9, 9.0)]


def test_what_was_replaced_leaves_after_a_while(tmp_path: Path) -> None:
    store = store_at(tmp_path / "bucket")
    with with_bucket(tmp_path / "data", bucket_at(store)) as database:
        fill(database)
        worker = worker_of(database)
        worker.round(NOW)
        before = live(database)
        compact(database)
        assert len(live(database)) == 1
        worker.round(NOW)
        assert read_contents(store).ulids == live(database)
        worker.round(NOW + HOUR_MS - 1)
        assert segments_in(store) == before | live(database)
        worker.round(NOW + HOUR_MS)
        assert segments_in(store) == live(database)


def test_another_bucket_gets_everything(tmp_path: Path) -> None:
    with with_bucket(tmp_path / "data", bucket_at(store_at(tmp_path / "bucket"))) as database:
        fill(database)
        worker_of(database).round(NOW)
    store = store_at(tmp_path / "other")
    with with_bucket(tmp_path / "data", bucket_at(store)) as database:
        worker_of(database).round(NOW)
        assert read_contents(store).ulids == segments_in(store) == live(database) != set()


def test_a_bucket_has_one_owner_in_its_newest_state(tmp_path: Path) -> None:
    store = store_at(tmp_path / "bucket")
    with with_bucket(tmp_path / "data", bucket_at(store)) as database:
        fill(database)
        worker_of(database).round(NOW)
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    with with_bucket(tmp_path / "data", bucket_at(store_at(tmp_path / "bucket"))) as database:
        write(database, [series("a", [(9, 9.0)])])
        seal(database)
        worker_of(database).round(NOW)
        ulids = live(database)
    for name, reason in (("copy", "is newer than this data"), ("new", "belongs to another data")):
        store = store_at(tmp_path / "bucket")
        with with_bucket(tmp_path / name, bucket_at(store)) as database:
            write(database, [series("a", [(8, 8.0)])])
            seal(database)
            with pytest.raises(NotOurs, match=reason):
                worker_of(database).round(NOW + 9 * DAY_MS)
            assert read_contents(store).ulids == segments_in(store) == ulids


def test_the_thread_does_rounds_again_that_fail(tmp_path: Path) -> None:
    def fail(number: int) -> None:
        if number in (3, 5):
            raise StoreFailed("the bucket is away")

    store = DyingStore(tmp_path / "bucket", fail)
    with with_bucket(tmp_path / "data", bucket_at(store, interval_ms=50)) as database:
        fill(database)
        deadline = time.monotonic() + 120
        while not is_written(store, live(database)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert store.moments > 5


def is_written(store: ObjectStore, ulids: set[str]) -> bool:
    try:
        return read_contents(store).ulids == ulids
    except FormatError:
        return False


class Killed(BaseException):
    """The process ends here."""


def history(data: Path, store: ObjectStore) -> None:
    """Uploads, a compaction, and deletions."""
    with with_bucket(data, bucket_at(store)) as database:
        worker = worker_of(database)
        try:
            fill(database)
            worker.round(NOW)
            compact(database)
            worker.round(NOW)
            worker.round(NOW + HOUR_MS)
        except Killed:
            shutil.copytree(data, data.with_name("dead"))


def moments_of_history(tmp_path: Path) -> int:
    store = DyingStore(tmp_path / "all-bucket", lambda number: None)
    history(tmp_path / "all", store)
    return store.moments


def test_a_kill_before_and_after_every_change(tmp_path: Path) -> None:
    every = moments_of_history(tmp_path)
    assert every > 24
    for number in range(1, every + 1):
        place = tmp_path / str(number)
        history(place / "data", DyingStore(place / "bucket", partial(die, number)))
        recover(place)
        shutil.rmtree(place)


def die(at: int, moment: int) -> None:
    if moment == at:
        raise Killed


def recover(place: Path) -> None:
    """A new process on what the killed one left: nothing is lost, in the bucket neither; and what
    the bucket says counts is whole before and after."""
    check_bucket(place, "before", allow_none=True)
    store = store_at(place / "bucket")
    with with_bucket(place / "dead", bucket_at(store)) as database:
        assert points(database) == POINTS
        worker = worker_of(database)
        for late in (0, HOUR_MS, 3 * DAY_MS, 3 * DAY_MS + SWEEP_MS):
            worker.round(NOW + late)
        assert points(database) == POINTS
        store = store_at(place / "bucket")
        assert segments_in(store) == live(database) == read_contents(store).ulids
    check_bucket(place, "after")


def check_bucket(place: Path, name: str, *, allow_none: bool = False) -> None:
    store = store_at(place / "bucket")
    names = {listed.name for listed in store.listed("")} if allow_none else {"contents.json"}
    if "contents.json" in names:
        rebuild(store, place / name)
        with opened(place / name) as database:
            assert points(database) == POINTS
    store.close()
