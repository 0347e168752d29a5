"""What a database has of a bucket: the places of its segments, and the thread that uploads them.

Without a bucket all files have to be here.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from storage.bucket.eviction import LocalCopies
from storage.bucket.metrics import BucketMetrics
from storage.bucket.places import BucketPlaces
from storage.bucket.uploading import Uploading
from storage.bucket.worker import BucketWorker
from storage.catalog.catalog import Catalog
from storage.errors import FormatError
from storage.files import is_remote, segments_directory
from storage.objects.options import ObjectOptions
from storage.objects.store import ObjectStore
from storage.segments.access.places import HERE, Places
from storage.segments.segment import SegmentMeta


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, and how it is used."""

    store: ObjectStore
    options: ObjectOptions
    metrics: BucketMetrics


class Attached(Protocol):
    """What the parts of a database ask for."""

    @property
    def places(self) -> Places: ...

    def adopt(self, segments: Sequence[SegmentMeta]) -> None:
        """Know where these segments are. Raises FormatError if some cannot be had."""
        ...

    def whole(self, segments: Iterable[SegmentMeta]) -> AbstractContextManager[None]:
        """Have all files of segments here meanwhile. Raises StoreFailed, FormatError."""
        ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


class WithBucket:
    """A data directory with a bucket."""

    def __init__(self, bucket: Bucket, catalog: Catalog, data: Path) -> None:
        options, metrics = bucket.options, bucket.metrics
        self.places = BucketPlaces(bucket.store, data, options.cache_bytes, metrics)
        uploading = Uploading(bucket.store, catalog, data, options, metrics)
        copies = LocalCopies(self.places, data, options.local_bytes)
        self.worker = BucketWorker(uploading, self.places, copies, options, metrics)
        self.adopt = self.places.adopt
        self.whole = self.places.whole
        self.start = self.worker.start
        self._store = bucket.store

    def stop(self) -> None:
        self.worker.stop()
        self._store.close()


class BucketOfOthers:
    """A data directory that another process may have open, and its bucket, which are only read.

    cache: a directory for what is fetched.
    """

    def __init__(self, bucket: Bucket, data: Path, cache: Path) -> None:
        size = bucket.options.cache_bytes
        self.places = BucketPlaces(bucket.store, data, size, bucket.metrics, cache=cache)
        self.adopt = self.places.adopt


class WithoutBucket:
    """A data directory of which everything is here."""

    places = HERE

    def __init__(self, data: Path) -> None:
        self._data = data

    def adopt(self, segments: Sequence[SegmentMeta]) -> None:
        directories = (segments_directory(self._data, s.shard) / s.ulid for s in segments)
        remote = [path.name for path in directories if is_remote(path)]
        if remote:
            raise FormatError(
                f"samples of {len(remote)} of {len(segments)} segments, the first of {remote[0]}, "
                "are in a bucket only, and none is configured (objstore.config-file)"
            )

    def whole(self, segments: Iterable[SegmentMeta]) -> AbstractContextManager[None]:
        return nullcontext()

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


def looked_at(bucket: Bucket | None, data: Path, cache: Path) -> BucketOfOthers | WithoutBucket:
    """The places of a directory that is only read."""
    return WithoutBucket(data) if bucket is None else BucketOfOthers(bucket, data, cache)


def attach(bucket: Bucket | None, catalog: Catalog, data: Path) -> Attached:
    return WithoutBucket(data) if bucket is None else WithBucket(bucket, catalog, data)
