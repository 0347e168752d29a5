"""Rebuilding: a data directory out of a bucket alone, verified, to be started as any other.

It is put together in a directory of its own within the target, where no server looks, and goes on
from there if it was broken off. Samples and histograms may stay in the bucket: then only what
queries ask for is fetched, once a server runs. The new directory takes the place of the one that
wrote the bucket, which must not run any more.
"""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from storage.bucket.contents import Contents, decode, decode_families
from storage.bucket.names import CONTENTS, metadata_object, segment_file
from storage.bucket.places import download, mark_remote
from storage.catalog.catalog import Catalog
from storage.catalog.uploads import UPLOADED, Upload
from storage.errors import FormatError, ObjectMissing, StorageError
from storage.files import (
    EVICTABLE,
    META_FILE,
    TEMPORARY_SUFFIX,
    catalog_file,
    make_directory,
    segments_directory,
    sync_directory,
    sync_file,
)
from storage.objects.store import ObjectStore
from storage.restore import UNFINISHED, put_in_place, refuse_data
from storage.segments.segment import SegmentMeta, file_sum, read_meta
from storage.tenants.tenant import Tenant

SEGMENTS_AT_ONCE = 8
PROGRESS_STEPS = 10
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many segments there are, how large they are, and how much of them was fetched."""

    segments: int
    bytes: int
    fetched_bytes: int


def rebuild(
    store: ObjectStore, target: Path, *, samples: bool = True, report: Report = lambda line: None
) -> Rebuilt:
    """Make `target`, which is empty or not there, a data directory with what the bucket has.

    samples: whether samples and histograms are fetched, too. Raises StoreFailed, FormatError if
    the bucket is damaged or has no data, and StorageError; what was fetched by then stays, and
    counts when it is called again.
    """
    refuse_data(target)
    contents = read_contents(store)
    unfinished = target / UNFINISHED
    try:
        make_directory(unfinished)
        fetched = fetch_segments(store, contents, unfinished, samples, report)
        write_catalog(store, contents, unfinished)
        put_in_place(unfinished, target)
        unfinished.rmdir()
    except OSError as error:
        raise StorageError(f"cannot rebuild {store.place} in {target}: {error}") from error
    size = sum(segment.bytes for segment in contents.segments)
    return Rebuilt(len(contents.segments), size, fetched)


def read_contents(store: ObjectStore) -> Contents:
    """Raises StoreFailed, and FormatError if the bucket has no data."""
    try:
        return decode(store.get(CONTENTS).content, store.place)
    except ObjectMissing as error:
        raise FormatError(f"{store.place} has no {CONTENTS}: nothing was uploaded") from error


def fetch_segments(
    store: ObjectStore, contents: Contents, data: Path, samples: bool, report: Report
) -> int:
    """Fetch the files of all segments; how many bytes they have."""
    total, done, shown, fetched = len(contents.segments), 0, 0, 0

    def fetch(segment: SegmentMeta) -> int:
        return fetch_segment(store, segment, data, samples=samples)

    with ThreadPoolExecutor(SEGMENTS_AT_ONCE, thread_name_prefix="fetch") as pool:
        futures = [pool.submit(fetch, segment) for segment in contents.segments]
        try:
            for future in futures:
                fetched += future.result()
                done += 1
                if done * PROGRESS_STEPS // total > shown:
                    shown = done * PROGRESS_STEPS // total
                    report(f"{done} of {total} segments, {fetched} bytes fetched")
        finally:
            for future in futures:
                future.cancel()
    return fetched


def fetch_segment(store: ObjectStore, segment: SegmentMeta, data: Path, *, samples: bool) -> int:
    """Fetch the files of a segment that are not here yet; how many bytes they have. A directory
    has its name when all is there. Raises StoreFailed."""
    final = segments_directory(data, segment.shard) / segment.ulid
    if (final / META_FILE).exists():
        return 0
    directory = final.with_name(final.name + TEMPORARY_SUFFIX)
    make_directory(directory)
    meta_name = segment_file(segment.shard, segment.ulid, META_FILE)
    (directory / META_FILE).write_bytes(store.get(meta_name).content)
    files = read_meta(directory).files
    fetched = 0
    for name, expected in files.items():
        place = directory / name
        if name in EVICTABLE and not samples:
            continue
        if not (place.exists() and file_sum(place).is_of(expected)):
            download(store, segment_file(segment.shard, segment.ulid, name), place, expected)
            fetched += expected.bytes
    if not samples and not EVICTABLE.isdisjoint(files):
        mark_remote(directory)
    sync_file(directory / META_FILE)
    sync_directory(directory)
    directory.rename(final)
    sync_directory(final.parent)
    return fetched


def write_catalog(store: ObjectStore, contents: Contents, data: Path) -> None:
    """Write the catalog of the new data directory."""
    shutil.rmtree(data / "catalog", ignore_errors=True)
    (data / "catalog").mkdir()
    path = catalog_file(data / "catalog")
    catalog = Catalog.open(path, shards=contents.shards)
    try:
        tenants = [Tenant(each.name, each.number, each.shard) for each in contents.tenants]
        catalog.fill(tenants, contents.segments)
        for stored in contents.deletions:
            catalog.deletions.add(stored.deletion)
        for shard in range(contents.shards):
            try:
                found = store.get(metadata_object(shard))
            except ObjectMissing:
                continue
            catalog.save_metadata(decode_families(found.content, store.place))
        catalog.uploads.become(contents.writer, contents.sequence)
        catalog.uploads.note(
            Upload(segment.ulid, segment.shard, UPLOADED, contents.written_ms)
            for segment in contents.segments
        )
    finally:
        catalog.close()
    path.rename(catalog_file(data))
    shutil.rmtree(data / "catalog")
