"""Where the files of segments are that may be in the bucket only: the port of the readers.

The samples and histograms of a segment that is whole in the bucket may be evicted: then its
directory has a mark, and of these files only what queries ask for is fetched
(storage.bucket.pieces). Everything else of a segment stays here: labels, exemplars, checksums.

Invariants:
* A segment is evicted only while nothing holds it, so a file that is here stays while it is read.
* The mark is durable before the first file goes, and goes after the last one has come back.
"""

import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from storage.bucket.metrics import BucketMetrics
from storage.bucket.names import segment_file
from storage.bucket.pieces import PieceFile, Pieces
from storage.errors import FormatError, StoreFailed
from storage.files import (
    EVICTABLE,
    REMOTE_MARK,
    TEMPORARY_SUFFIX,
    is_remote,
    make_directory,
    remote_directory,
    segments_directory,
    sync_directory,
    sync_file,
)
from storage.objects.fetching import fetch
from storage.objects.store import ObjectStore
from storage.segments.access.places import Wanted
from storage.segments.segment import PIECE_BYTES, FileSum, SegmentMeta, file_sum, read_meta

TAIL_BYTES = 8  # the footer's length and the magic number
# A footer takes a twentieth of a file of samples; what is fetched at first is bounded.
FOOTER_SHARE, FOOTER_BYTES = 16, 2 << 20


class BucketPlaces:
    """The places of all segments of a data directory with a bucket. Thread-safe."""

    def __init__(
        self,
        store: ObjectStore,
        data: Path,
        cache_bytes: int,
        metrics: BucketMetrics,
        *,
        cache: Path | None = None,
    ) -> None:
        """cache: where pieces are kept if the data directory is another process' and has to stay
        as it is; nothing may be evicted then, and nothing be made whole."""
        self._store = store
        self._data = data
        self._owned = cache is None
        self._metrics = metrics
        self._lock = threading.Lock()
        self._holders: dict[str, int] = {}
        self._remote: set[str] = set()
        self._uses: dict[str, int] = {}
        self._use = 0
        cache = cache or remote_directory(data)
        shutil.rmtree(cache, ignore_errors=True)
        make_directory(cache)
        self._pieces = Pieces(store, cache, cache_bytes, self._holders.__contains__, metrics)

    def adopt(self, segments: Iterable[SegmentMeta]) -> None:
        """Know which of these segments are not here."""
        found = {s.ulid: self._directory(s) for s in segments if is_remote(self._directory(s))}
        for directory in found.values() if self._owned else ():
            remove_evictable(directory)  # a crash may have left something
        with self._lock:
            self._remote = self._remote | found.keys()
            self._metrics.remote_segments.set(len(self._remote))

    def retain(self, ulids: set[str]) -> None:
        """Know nothing any more of other segments than these."""
        with self._lock:
            self._remote = self._remote & ulids
            self._uses = {ulid: use for ulid, use in self._uses.items() if ulid in ulids}
            self._metrics.remote_segments.set(len(self._remote))
        self._pieces.drop(list(self._pieces.segments() - ulids))

    @contextmanager
    def held(self, segments: Iterable[SegmentMeta]) -> Iterator[None]:
        ulids = [segment.ulid for segment in segments]
        with self._lock:
            self._use += 1
            for ulid in ulids:
                self._holders[ulid] = self._holders.get(ulid, 0) + 1
                self._uses[ulid] = self._use
        try:
            yield
        finally:
            with self._lock:
                for ulid in ulids:
                    self._holders[ulid] -= 1
                    if not self._holders[ulid]:
                        del self._holders[ulid]
            self._pieces.make_room(0)

    def is_here(self, path: Path) -> bool:
        return path.parent.name not in self._remote or path.name not in EVICTABLE

    def place(self, path: Path) -> Path:
        return path if self.is_here(path) else self._piece_file(path).place

    def bring(self, wanted: Sequence[Wanted]) -> None:
        files = [
            (self._piece_file(each.path), each.begins, each.ends)
            for each in wanted
            if len(each.begins) and not self.is_here(each.path)
        ]
        if files:
            self._pieces.bring(files)

    def bring_ends(self, paths: Sequence[Path]) -> None:
        files = [self._piece_file(path) for path in paths if not self.is_here(path)]
        if not files:
            return
        ends = [np.array([file.size], np.int64) for file in files]
        near = [np.array([tail_start(file)], np.int64) for file in files]
        self._pieces.bring(list(zip(files, near, ends, strict=True)))
        footers = [np.array([footer_start(file)], np.int64) for file in files]
        self._pieces.bring(list(zip(files, footers, ends, strict=True)))

    def last_use(self, segment: SegmentMeta) -> int:
        """When a segment was read last, as a number that grows; 0: never since the start."""
        return self._uses.get(segment.ulid, 0)

    def is_remote(self, segment: SegmentMeta) -> bool:
        return segment.ulid in self._remote

    def evict(self, segment: SegmentMeta) -> bool:
        """Delete what the bucket has; False if the segment is being read, or has gone."""
        directory = self._directory(segment)
        try:
            mark_remote(directory)
        except FileNotFoundError:
            return False
        with self._lock:
            is_free = segment.ulid not in self._holders
            if is_free:
                self._remote.add(segment.ulid)
                self._metrics.remote_segments.set(len(self._remote))
        if is_free:
            remove_evictable(directory)
        else:
            (directory / REMOTE_MARK).unlink(missing_ok=True)
        return is_free

    @contextmanager
    def whole(self, segments: Iterable[SegmentMeta]) -> Iterator[None]:
        """Have all files of segments here meanwhile. Raises StoreFailed, FormatError."""
        segments = list(segments)
        with self.held(segments):
            for segment in segments:
                if self.is_remote(segment):
                    self._fetch(segment)
            yield

    def _fetch(self, segment: SegmentMeta) -> None:
        directory = self._directory(segment)
        for name, expected in read_meta(directory).files.items():
            if name in EVICTABLE and not (directory / name).exists():
                self.download(segment, name, expected)
        sync_directory(directory)
        (directory / REMOTE_MARK).unlink(missing_ok=True)
        with self._lock:
            self._remote.discard(segment.ulid)
            self._metrics.remote_segments.set(len(self._remote))

    def download(self, segment: SegmentMeta, name: str, expected: FileSum) -> None:
        """Put a file of a segment into its directory, durably, if it is what meta.json says."""
        source = segment_file(segment.shard, segment.ulid, name)
        download(self._store, source, self._directory(segment) / name, expected)

    def _piece_file(self, path: Path) -> PieceFile:
        shard, ulid = int(path.parents[2].name), path.parent.name
        name = segment_file(shard, ulid, path.name)
        known = self._pieces.known(name)
        if known is not None:
            return known
        try:
            expected = read_meta(path.parent).files[path.name]
        except KeyError as error:
            raise FormatError(f"{path.parent} has no {path.name}") from error
        return self._pieces.file(ulid, name, expected)

    def _directory(self, segment: SegmentMeta) -> Path:
        return segments_directory(self._data, segment.shard) / segment.ulid


def mark_remote(directory: Path) -> None:
    """Say that what is evictable of a segment is in the bucket only."""
    (directory / REMOTE_MARK).touch()
    sync_directory(directory)


def remove_evictable(directory: Path) -> None:
    for name in EVICTABLE:
        (directory / name).unlink(missing_ok=True)


def tail_start(file: PieceFile) -> int:
    """From where on the footer of a Parquet file most likely is."""
    share = file.size // FOOTER_SHARE
    return max(0, file.size - min(max(share, PIECE_BYTES), FOOTER_BYTES))


def footer_start(file: PieceFile) -> int:
    """Where the footer of a Parquet file begins whose last bytes are there."""
    with open(file.place, "rb") as stream:
        stream.seek(max(0, file.size - TAIL_BYTES))
        length = int.from_bytes(stream.read(TAIL_BYTES)[:4], "little")
    return max(0, file.size - TAIL_BYTES - length)


def download(store: ObjectStore, source: str, target: Path, expected: FileSum) -> None:
    """Write an object to a file, durably; the name of the file is the caller's to sync. Raises
    StoreFailed, also if it is not as it was written."""
    temporary = target.with_name(target.name + TEMPORARY_SUFFIX)
    try:
        fetch(store, source, expected.bytes, temporary)
        found = file_sum(temporary)
        if not found.is_of(expected):
            raise StoreFailed(
                f"{source} in {store.place} is damaged: it has {found.short}, not {expected.short}"
            )
        sync_file(temporary)
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)
