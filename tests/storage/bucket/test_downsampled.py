"""Windows of downsampled data that are in the bucket only: seen by all who read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.bucket.attached import Bucket
from storage.database import Database
from storage.files import AGGREGATES_FILE, HISTOGRAMS_FILE, SAMPLES_FILE
from storage.rebuild import rebuild
from storage.samples.hint import Purpose
from tests.makers.bodies.mixed import Mixed
from tests.makers.buckets.databases import NOW, bucket_at, store_at, with_bucket, worker_of
from tests.makers.compaction import compact
from tests.makers.databases import opened, seal, series, write, write_mixed
from tests.makers.downsampling.asking import at_resolution
from tests.makers.downsampling.databases import downsample
from tests.makers.histograms import EXAMPLES
from tests.storage.test_following import following
from tests.storage.test_read_only import looked_at

M5, H1 = 300_000, 3_600_000
DAY = 24 * H1
LARGE = {"head_samples_max": 1_000_000}
COUNTER = [(60_000 * k, float(k % 700)) for k in range(1, 2 * 24 * 60)]
HISTOGRAMS: Mixed = [({"__name__": "h"}, [(H1 + k, EXAMPLES[k % 3], 0) for k in range(9)])]


def fill(database: Database) -> None:
    """Two days, at 5 m and at 1 h."""
    write(database, [series("c", COUNTER, n=f"{n}") for n in range(3)])
    write_mixed(database, HISTOGRAMS)
    seal(database)
    compact(database)
    assert {*downsample(database)} == {"downsample 300", "downsample 3600"}


def answers(database: Any) -> list[Any]:
    return [
        at_resolution(database, resolution_ms, purpose)
        for resolution_ms in (0, M5, H1)
        for purpose in (Purpose.TOTALS, Purpose.RISES, Purpose.HIGHEST)
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory whose samples and windows were evicted, beside its bucket."""
    place = tmp_path_factory.mktemp("place")
    bucket = bucket_at(store_at(place / "bucket"), local_bytes=1)
    with with_bucket(place / "data", bucket, **LARGE) as database:
        fill(database)
        worker_of(database).round(NOW)
    for name in (AGGREGATES_FILE, SAMPLES_FILE, HISTOGRAMS_FILE):
        assert list((place / "bucket").rglob(name))
        assert not list((place / "data").rglob(name))
    return place


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What a database answers of which everything is here."""
    with opened(tmp_path_factory.mktemp("plain"), **LARGE) as database:
        fill(database)
        found = answers(database)
    # Windows were read indeed: they are fewer.
    sizes = [sum(map(len, answer.values())) for answer in found]
    assert sizes[0] > 4 * sizes[3] > 16 * sizes[6] > 0
    return found


def bucket_of(place: Path) -> Bucket:
    return bucket_at(store_at(place / "bucket"))


def by_its_owner(place: Path) -> list[Any]:
    with with_bucket(place / "data", bucket_of(place), **LARGE) as database:
        return answers(database)


def by_one_that_looks(place: Path) -> list[Any]:
    bucket = bucket_of(place)
    with looked_at(place / "data", bucket=bucket) as database:
        found = answers(database)
    bucket.store.close()
    return found


def by_one_that_follows(place: Path) -> list[Any]:
    with following(place) as followed:
        found = answers(followed)
    assert not list((place / "cache").rglob(AGGREGATES_FILE))
    return found


def by_one_that_was_rebuilt(place: Path) -> list[Any]:
    store = store_at(place / "bucket")
    rebuild(store, place / "new", samples=False)
    store.close()
    assert not list((place / "new").rglob(AGGREGATES_FILE))
    with with_bucket(place / "new", bucket_of(place), **LARGE) as database:
        return answers(database)


@pytest.mark.parametrize(
    "reader", [by_its_owner, by_one_that_looks, by_one_that_follows, by_one_that_was_rebuilt]
)
def test_windows_are_seen_as_from_the_disk(
    reader: Callable[[Path], list[Any]], place: Path, wanted: list[Any]
) -> None:
    assert reader(place) == wanted


def late(database: Database) -> list[int]:
    return sorted(s.late_ms for shard in database._shards for s in shard.view().aggregates)


def test_what_came_late_is_known_to_all(tmp_path: Path) -> None:
    """Windows that lack late samples are not read, whoever reads."""
    bucket = bucket_at(store_at(tmp_path / "bucket"))
    with with_bucket(tmp_path / "data", bucket, **LARGE) as database:
        fill(database)
        worker_of(database).round(NOW)
        with following(tmp_path) as followed:
            before = at_resolution(followed, H1)
            write(database, [series("c", [(DAY + 1, 1e6)], n="0")])
            seal(database)
            marked = late(database)
            assert sum(map(bool, marked)) == len(marked) > 0
            worker_of(database).round(NOW)
            assert followed.refresh()
            after = at_resolution(followed, H1)
            assert after == at_resolution(database, H1) != before
        with following(tmp_path) as followed:
            assert at_resolution(followed, H1) == after
    store = store_at(tmp_path / "bucket")
    rebuild(store, tmp_path / "new")
    store.close()
    with opened(tmp_path / "new", **LARGE) as database:
        assert all(late(database)) and len(late(database)) == len(marked)
        assert at_resolution(database, H1) == after
        assert downsample(database), "what lacks samples is not made again"
