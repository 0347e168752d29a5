"""Following a bucket: the same answers as the process that writes it, at each of its states."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from storage.database import Database
from storage.errors import FormatError, ReadOnly
from storage.files import SAMPLES_FILE
from storage.following import FollowedBucket
from storage.labels.matchers import Matcher
from storage.metrics import StorageMetrics
from storage.options import HOUR_MS
from storage.policy import Policy
from tests.makers.batches import batch_of
from tests.makers.buckets.databases import bucket_at, store_at, with_bucket, worker_of
from tests.makers.compaction import compact
from tests.makers.databases import key, options, read, seal, series, write

ANY = Matcher("__name__", "=~", ".+")
NOW = 1_800_000_000_000


@contextmanager
def following(place: Path, **changes: Any) -> Iterator[FollowedBucket]:
    bucket = bucket_at(store_at(place / "bucket"), **{"refresh_ms": HOUR_MS} | changes)
    metrics = StorageMetrics(CollectorRegistry())
    followed = FollowedBucket.open(options(place / "cache"), bucket, metrics, Policy())
    try:
        yield followed
    finally:
        followed.close()


@contextmanager
def writing(place: Path) -> Iterator[Database]:
    with with_bucket(place / "data", bucket_at(store_at(place / "bucket"))) as database:
        yield database


def seen(database: Database | FollowedBucket, tenant: str = "t") -> dict[Any, Any]:
    found = read(database, ANY, tenant=tenant)  # type: ignore[arg-type]
    return {labels: points for labels, points in found.items() if points}


def delete(database: Database, name: str) -> None:
    matchers = ((Matcher("__name__", "=", name),),)
    database.deletions.delete_series("t", matchers, -(1 << 60), 1 << 60)


def test_each_state_of_the_writer_is_seen(tmp_path: Path) -> None:
    with writing(tmp_path) as database:
        worker = worker_of(database)
        write(database, [series("a", [(1, 1.0)]), series("b", [(1, 2.0)])])
        seal(database)
        worker.round(NOW)
        with following(tmp_path) as followed:
            assert seen(followed) == seen(database)
            assert not followed.refresh()
            write(database, [series("a", [(2, 2.0)]), series("c", [(2, 3.0)])])
            seal(database)
            write(database, [series("d", [(5, 5.0)])], tenant="other")
            seal(database)
            worker.round(NOW)
            assert followed.refresh()
            assert seen(followed) == seen(database)
            assert seen(followed, "other") == {key("d"): [(5, 5.0)]}
            delete(database, "b")
            worker.round(NOW)
            assert followed.refresh()
            assert key("b") not in seen(followed)
            compact(database)
            worker.round(NOW)
            assert followed.refresh()
            assert seen(followed) == seen(database) != {}
            (state,) = followed.segment_report().states
            assert state.is_remote
            assert followed.segment_report().progress is None
        assert not list((tmp_path / "cache").rglob(SAMPLES_FILE))
        with following(tmp_path) as followed:
            assert seen(followed) == seen(database)


def test_a_series_that_comes_back_under_another_id(tmp_path: Path) -> None:
    with writing(tmp_path) as database:
        write(database, [series("z", [(1, 1.0)]), series("a", [(1, 1.0)])])
        seal(database)
        worker_of(database).round(NOW)
        with following(tmp_path) as followed:
            assert len(seen(followed)) == 2
            with with_bucket(tmp_path / "new", bucket_at(store_at(tmp_path / "other"))) as other:
                # The same series in another order: each has the number that the other had.
                write(other, [series("a", [(2, 2.0)])])
                seal(other)
                write(other, [series("z", [(2, 2.0)])])
                seal(other)
                worker_of(other).round(NOW)
                expected = seen(other)
            followed._bucket.store.close()
            swapped = bucket_at(store_at(tmp_path / "other"), refresh_ms=HOUR_MS)
            followed._bucket = swapped
            followed._places._store = followed._places._pieces._store = swapped.store
            followed._contents = None
            assert followed.refresh()
            assert seen(followed) == expected


def test_it_looks_for_news_by_itself(tmp_path: Path) -> None:
    with writing(tmp_path) as database:
        write(database, [series("a", [(1, 1.0)])])
        seal(database)
        worker_of(database).round(NOW)
        with following(tmp_path, refresh_ms=100) as followed:
            write(database, [series("a", [(2, 2.0)])])
            seal(database)
            worker_of(database).round(NOW)
            deadline = time.monotonic() + 120
            while seen(followed) != seen(database):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            (tmp_path / "bucket").rename(tmp_path / "away")
            metrics = followed._bucket.metrics
            deadline = time.monotonic() + 120
            while not metrics.failures._value.get():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert set(seen(followed)) == {key("a")}, "what was known is not seen any more"
            (tmp_path / "away").rename(tmp_path / "bucket")


def test_it_does_not_write(tmp_path: Path) -> None:
    with writing(tmp_path) as database:
        worker_of(database).round(NOW)
    with following(tmp_path) as followed:
        with pytest.raises(ReadOnly, match=r"takes no samples: it only reads file://.*role"):
            asyncio.run(followed.append("t", batch_of([series("a", [(1, 1.0)])]), 0))
        with pytest.raises(ReadOnly, match="knows of no deletions"):
            _ = followed.deletions
        with pytest.raises(ReadOnly, match="takes no snapshots"):
            _ = followed.snapshots
        assert seen(followed) == {}


def test_a_bucket_without_data(tmp_path: Path) -> None:
    with (
        pytest.raises(FormatError, match=r"has no contents.json: nothing was uploaded"),
        following(tmp_path),
    ):
        pass
