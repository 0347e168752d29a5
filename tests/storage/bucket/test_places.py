"""Segments that are in the bucket only: they answer as before, by parts, and errors have names."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from storage.bucket.attached import WithBucket
from storage.bucket.metrics import BucketMetrics
from storage.bucket.pieces import Pieces, runs_of
from storage.bucket.places import BucketPlaces, mark_remote
from storage.database import Database
from storage.errors import FormatError, StoreFailed
from storage.files import REMOTE_MARK, SAMPLES_FILE, remote_directory
from storage.labels.matchers import Matcher
from storage.objects.options import ObjectOptions
from storage.objects.store import ObjectStore
from storage.segments.segment import PIECE_BYTES, FileSum, file_sum
from tests.makers.buckets.databases import bucket_at, store_at, with_bucket, worker_of
from tests.makers.buckets.faults import Fault, FaultProxy
from tests.makers.buckets.servers import s3_server, store_of
from tests.makers.compaction import compact
from tests.makers.databases import (
    Points,
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

ANY = Matcher("__name__", "=~", "a|h")
NOW = 1_800_000_000_000
STEP_MS = 15_000
SERIES, SAMPLES = 40, 2_500
LARGE = {"head_samples_max": 1_000_000}


def places_of(database: Database) -> BucketPlaces:
    assert isinstance(database._bucket, WithBucket)
    return database._bucket.places


def noise(number: int, first: int) -> Points:
    values = np.random.default_rng(number).random(SAMPLES)
    return [(STEP_MS * (first + i), float(value)) for i, value in enumerate(values)]


def fill(database: Database) -> None:
    """Two segments of 40 series whose values do not compress: more than a megabyte each."""
    for first in (0, SAMPLES):
        write(database, [series("a", noise(n, first), n=f"{n:02d}") for n in range(SERIES)])
        seal(database)


def one(database: Database, number: int) -> Points:
    found = read(database, Matcher("n", "=", f"{number:02d}"))
    return found[key("a", n=f"{number:02d}")]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory that was uploaded and evicted, beside its bucket."""
    place = tmp_path_factory.mktemp("filled")
    with with_bucket(
        place / "data", bucket_at(store_at(place / "bucket"), local_bytes=1), **LARGE
    ) as db:
        fill(db)
        worker_of(db).round(NOW)
    assert not list((place / "data").rglob(SAMPLES_FILE))
    assert len(list((place / "data").glob(f"shards/*/segments/*/{REMOTE_MARK}"))) == 2
    return place


@pytest.fixture
def copied(filled: Path, tmp_path: Path) -> Path:
    for name in ("data", "bucket"):
        shutil.copytree(filled / name, tmp_path / name)
    return tmp_path


def counted(store: ObjectStore, operation: str) -> int:
    return int(store._metrics.requests.labels(operation)._value.get())


def test_only_what_is_asked_for_is_fetched(copied: Path) -> None:
    store = store_at(copied / "bucket")
    with with_bucket(copied / "data", bucket_at(store)) as database:
        for number in (3, 7):  # of one row group in each segment
            assert one(database, number) == noise(number, 0) + noise(number, SAMPLES)
        fetched = store._metrics.read_bytes._value.get()
        assert 0 < fetched < 2 * SERIES * SAMPLES * 8 / 2
        requests = counted(store, "get_range")
        database._caches.forget([s.ulid for s in database._shards[0].view().segments])
        assert one(database, 3) == noise(3, 0) + noise(3, SAMPLES)
        assert counted(store, "get_range") == requests, "what is on the disk was fetched again"


def test_the_disk_for_what_was_fetched_is_bounded(copied: Path) -> None:
    bucket = bucket_at(store_at(copied / "bucket"), cache_bytes=12 * PIECE_BYTES)
    with with_bucket(copied / "data", bucket, segment_cache_bytes=0) as database:
        for number in range(SERIES):
            assert one(database, number) == noise(number, 0) + noise(number, SAMPLES)
            files = list(remote_directory(copied / "data").iterdir())
            assert sum(file.stat().st_blocks for file in files) * 512 <= 12 * PIECE_BYTES


def test_a_server_without_the_bucket_does_not_start(copied: Path) -> None:
    with (
        pytest.raises(FormatError, match=r"samples of 2 of 2 segments, .*objstore.config-file"),
        opened(copied / "data"),
    ):
        pass


def test_a_damaged_object_is_named(copied: Path) -> None:
    for path in (copied / "bucket").rglob(SAMPLES_FILE):
        content = bytearray(path.read_bytes())
        content[PIECE_BYTES + 5] ^= 1
        path.write_bytes(content)
    with with_bucket(copied / "data", bucket_at(store_at(copied / "bucket"))) as database:
        with pytest.raises(
            StoreFailed, match=r"samples.parquet is damaged in file://.* bytes from 65536 on"
        ):
            read(database, Matcher("__name__", "=", "a"))
        assert one(database, 39) == noise(39, 0) + noise(39, SAMPLES)


def test_a_job_has_all_files_here(copied: Path) -> None:
    store = store_at(copied / "bucket")
    with with_bucket(copied / "data", bucket_at(store, local_bytes=1)) as database:
        assert compact(database) == 1
        worker_of(database).round(NOW)
        (segment,) = database._shards[0].view().segments
        assert places_of(database).is_remote(segment)
        assert one(database, 7) == noise(7, 0) + noise(7, SAMPLES)


def test_what_is_read_is_not_evicted(copied: Path) -> None:
    with with_bucket(copied / "data", bucket_at(store_at(copied / "bucket"))) as database:
        places = places_of(database)
        (segment, _) = database._shards[0].view().segments
        with places.whole([segment]):
            assert not places.is_remote(segment)
            assert not places.evict(segment)
        assert places.last_use(segment) > 0
        assert places.evict(segment)
        assert places.is_remote(segment)
    with with_bucket(copied / "data", bucket_at(store_at(copied / "bucket"))) as database:
        assert one(database, 5) == noise(5, 0) + noise(5, SAMPLES)


def test_a_crash_while_samples_are_evicted(copied: Path) -> None:
    store = store_at(copied / "bucket")
    with with_bucket(copied / "data", bucket_at(store)) as database:
        (segment, _) = database._shards[0].view().segments
        with places_of(database).whole([segment]):
            pass
    (file,) = (copied / "data").rglob(SAMPLES_FILE)
    mark_remote(file.parent)
    with with_bucket(copied / "data", bucket_at(store_at(copied / "bucket"))) as database:
        assert not file.exists()
        assert one(database, 5) == noise(5, 0) + noise(5, SAMPLES)


def test_histograms(tmp_path: Path) -> None:
    written = {"h": [(at, EXAMPLES[at % len(EXAMPLES)], 0) for at in range(30)]}
    bucket = bucket_at(store_at(tmp_path / "bucket"), local_bytes=1)
    with with_bucket(tmp_path / "data", bucket) as database:
        write_mixed(database, [({"__name__": name}, points) for name, points in written.items()])
        seal(database)
        before = read_mixed(database, ANY)
        worker_of(database).round(NOW)
        assert not list((tmp_path / "data").rglob("histograms.parquet"))
        database._caches.forget([s.ulid for s in database._shards[0].view().segments])
        assert read_mixed(database, ANY) == before


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("s3")) as address:
        yield address


def test_everything_over_a_bad_network(address: str, tmp_path: Path) -> None:
    """Every third request fails in one of many ways: nothing is lost, and nothing is wrong."""
    faults = [
        Fault(status=500), Fault(half=True), Fault(lost_request=True), Fault(lost_answer=True),
        Fault(status=503),
    ]  # fmt: skip

    def plan(method: str, path: str, number: int) -> Fault | None:
        return faults[number // 3 % len(faults)] if number % 3 == 0 else None

    options = ObjectOptions(tries_max=20)
    with FaultProxy(address, plan).running() as proxy:
        bucket = bucket_at(store_of(proxy.address, options, tmp_path.name), local_bytes=1)
        with with_bucket(tmp_path / "data", bucket, **LARGE) as database:
            fill(database)
            worker_of(database).round(NOW)
            for number in (0, 21):
                assert one(database, number) == noise(number, 0) + noise(number, SAMPLES)
            assert compact(database) == 1
            worker_of(database).round(NOW)
            assert one(database, 11) == noise(11, 0) + noise(11, SAMPLES)
        assert proxy.faults > 10


def test_what_is_away_is_named(address: str, copied: Path) -> None:
    with FaultProxy(address, lambda *_: Fault(status=503)).running() as proxy:
        bucket = bucket_at(store_of(proxy.address, ObjectOptions(tries_max=2), copied.name))
        with (
            with_bucket(copied / "data", bucket) as database,
            pytest.raises(StoreFailed, match=r"get_range of segments/0000/.* failed 2 times.*503"),
        ):
            one(database, 3)


@pytest.mark.parametrize(
    ("numbers", "runs"),
    [
        ([], []),
        ([3], [(3, 4)]),
        ([1, 2, 6, 11], [(1, 7), (11, 12)]),
        (list(range(20)), [(0, 16), (16, 20)]),
    ],
)
def test_near_pieces_come_with_one_request(numbers: list[int], runs: list[tuple[int, int]]) -> None:
    assert list(runs_of(np.array(numbers, np.int64))) == runs


def test_a_piece_that_comes_wrong_once_is_fetched_again(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1_000
    (tmp_path / "file").write_bytes(content)
    store = store_at(tmp_path / "bucket")
    store.put("a", bytes(len(content)))
    get_ranges = store.get_ranges
    store.get_ranges = lambda wanted: (get_ranges(wanted), store.put("a", content))[0]  # type: ignore[method-assign]
    metrics = BucketMetrics(CollectorRegistry())
    (tmp_path / "cache").mkdir()
    pieces = Pieces(store, tmp_path / "cache", 1 << 20, lambda ulid: True, metrics)
    file = pieces.file("U", "a", file_sum(tmp_path / "file"))
    pieces.bring([(file, np.array([0]), np.array([len(content)]))])
    assert file.place.read_bytes() == content
    assert pieces.bytes == -(-len(content) // PIECE_BYTES) * PIECE_BYTES
    store.close()


def test_old_segments_have_no_checksums_of_pieces(tmp_path: Path) -> None:
    store = store_at(tmp_path / "bucket")
    pieces = Pieces(store, tmp_path, 1, lambda ulid: False, BucketMetrics(CollectorRegistry()))
    with pytest.raises(StoreFailed, match="no checksums of its pieces"):
        pieces.file("U", "a", FileSum(5, "0" * 16))
    (tmp_path / "b").mkdir()
    with pytest.raises(StoreFailed, match=r"b cannot be made: .*objstore.cache-size"):
        pieces.file("U", "b", FileSum(5, "0" * 16, "0" * 16))
    store.close()
