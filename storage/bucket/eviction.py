"""Eviction: samples that the bucket has leave the local disk where there are too many.

What was read least lately goes first; of what was never read since the start, the oldest times.
"""

from collections.abc import Sequence
from pathlib import Path

from storage.bucket.places import BucketPlaces
from storage.errors import FormatError
from storage.files import EVICTABLE, segments_directory
from storage.segments.segment import PIECE_BYTES, SegmentMeta, read_meta


class LocalCopies:
    """The local copies of what may be evicted. For one thread."""

    def __init__(self, places: BucketPlaces, data: Path, bytes_max: int) -> None:
        """bytes_max: 0: any number."""
        self._places = places
        self._data = data
        self._bytes_max = bytes_max
        self._sizes: dict[str, int] = {}

    def trim(self, live: Sequence[SegmentMeta], listed: frozenset[str]) -> int:
        """Evict segments that the bucket lists (by ULID) until all local copies of those in use are
        small enough; returns how many."""
        if not self._bytes_max:
            return 0
        self._sizes = {s.ulid: self._sizes.get(s.ulid, -1) for s in live}
        local = [segment for segment in live if not self._places.is_remote(segment)]
        excess = sum(self._size(segment) for segment in local) - self._bytes_max
        evicted = 0
        for segment in sorted(local, key=lambda s: (self._places.last_use(s), s.max_ms)):
            if excess <= 0:
                break
            size = self._size(segment)
            if size and segment.ulid in listed and self._places.evict(segment):
                excess -= size
                evicted += 1
        return evicted

    def _size(self, segment: SegmentMeta) -> int:
        """Of the files of a segment that may be evicted; 0 if it has to stay."""
        size = self._sizes[segment.ulid]
        if size < 0:
            size = self._sizes[segment.ulid] = self._evictable_bytes(segment)
        return size

    def _evictable_bytes(self, segment: SegmentMeta) -> int:
        directory = segments_directory(self._data, segment.shard) / segment.ulid
        try:
            files = read_meta(directory).files
        except FormatError:  # it has gone, or is damaged
            return 0
        sums = [expected for name, expected in files.items() if name in EVICTABLE]
        known = all(len(s.piece_sums) == -(-s.bytes // PIECE_BYTES) for s in sums)
        return sum(each.bytes for each in sums) if known else 0
