"""Databases with a bucket, whose rounds are done by hand; and buckets in which a process dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from storage.bucket.attached import Bucket, WithBucket
from storage.bucket.metrics import BucketMetrics
from storage.bucket.worker import BucketWorker
from storage.database import Database
from storage.files import REMOTE_MARK
from storage.objects.config import parse_config
from storage.objects.metrics import ObjectMetrics
from storage.objects.options import ObjectOptions
from storage.objects.providers import open_client
from storage.objects.store import ObjectStore
from storage.options import HOUR_MS
from storage.policy import Policy
from tests.makers.buckets.servers import directory_text
from tests.makers.databases import opened

# Nothing is done that is not asked for.
BY_HAND = ObjectOptions(interval_ms=HOUR_MS, delete_delay_ms=HOUR_MS)
OTHERS = ("meta.json", "series.parquet", "exemplars.parquet")


def store_at(directory: Path) -> ObjectStore:
    """The bucket of a directory."""
    return DyingStore(directory, lambda number: None)


def bucket_at(store: ObjectStore, **changes: Any) -> Bucket:
    return Bucket(store, replace(BY_HAND, **changes), BucketMetrics(CollectorRegistry()))


@contextmanager
def with_bucket(
    path: Path, bucket: Bucket, policy: Policy | None = None, **changes: Any
) -> Iterator[Database]:
    """As opened(); the store of the bucket is closed with it."""
    with opened(path, policy=replace(policy or Policy(), bucket=bucket), **changes) as database:
        yield database


def worker_of(database: Database) -> BucketWorker:
    assert isinstance(database._bucket, WithBucket)
    return database._bucket.worker


NOW = 1_800_000_000_000


def evict(place: Path, fill: Callable[[Database], object], **changes: Any) -> str:
    """Fill place/data, upload it to place/bucket and evict what can be: an objstore.yml of it."""
    bucket = bucket_at(store_at(place / "bucket"), local_bytes=1)
    with with_bucket(place / "data", bucket, **changes) as database:
        fill(database)
        worker_of(database).round(NOW)
    assert list((place / "data").glob(f"shards/*/segments/*/{REMOTE_MARK}"))
    return directory_text(place / "bucket")


class DyingStore(ObjectStore):
    """A bucket in a directory. moment: is given a number before and after each change, and may
    raise."""

    def __init__(self, directory: Path, moment: Callable[[int], object]) -> None:
        config = parse_config(directory_text(directory), "test")
        metrics = ObjectMetrics(CollectorRegistry())
        super().__init__(open_client(config, 30_000), config.place, ObjectOptions(), metrics)
        self._moment = moment
        self.moments = 0

    @contextmanager
    def _change(self) -> Iterator[None]:
        self.moments += 1
        self._moment(self.moments)
        yield
        self.moments += 1
        self._moment(self.moments)

    def put(self, name: str, content: bytes | Path) -> None:
        with self._change():
            super().put(name, content)

    def put_version(self, name: str, content: bytes, tag: str | None) -> str:
        with self._change():
            return super().put_version(name, content, tag)

    def delete(self, names: Sequence[str]) -> None:
        for name in names:
            with self._change():
                super().delete([name])
