"""Pieces of files in the bucket, kept on the local disk: what was fetched last, within a bound.

A file is kept as one of its full length, of which only the pieces that were fetched take space; a
piece is as long as those that meta.json has checksums of, and nothing is kept or given that is not
as it was written. What is missing of several files is fetched at once: neighbours, and what is
nearly that, with one request, and the requests side by side.

Invariant: what was brought of a file stays as long as its segment is held; beyond the bound only
what is held stays.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash

from storage.bucket.metrics import BucketMetrics
from storage.errors import MustFetch, StoreFailed
from storage.kernels.arrays import Bools, Int64s, UInt64s
from storage.objects.store import ObjectStore, Range
from storage.segments.comparing import covered
from storage.segments.segment import PIECE_BYTES, FileSum

# Of pieces that are as near as that, those in between are fetched, too: it is less than a request.
GAP_PIECES = 4
# A longer run is cut, so that its parts come side by side.
RUN_PIECES = 16


@dataclass(slots=True)
class PieceFile:
    """A file of which some pieces are there. used: the greater, the later."""

    ulid: str
    name: str
    place: Path
    size: int
    sums: UInt64s
    there: Bools
    used: int = 0

    @property
    def held_bytes(self) -> int:
        return int(self.there.sum()) * PIECE_BYTES

    def range_of(self, first: int, behind: int) -> Range:
        return Range(self.name, first * PIECE_BYTES, min(behind * PIECE_BYTES, self.size))

    def missing(self, begins: Int64s, ends: Int64s) -> Int64s:
        """The pieces with some of these bytes that are not there."""
        return np.flatnonzero(covered(begins, ends, len(self.sums)) & ~self.there)


# A file, and the first of its pieces that are to be fetched and the one behind the last.
Run = tuple[PieceFile, int, int]


# Of each thread: whether it must not wait for the bucket.
_calling = threading.local()


@contextmanager
def without_fetching() -> Iterator[None]:
    """For a while in which the calling thread must not wait for the bucket: MustFetch is raised in
    place of that."""
    _calling.must_not_wait = True
    try:
        yield
    finally:
        _calling.must_not_wait = False


def must_not_wait() -> bool:
    """Whether the calling thread is in such a while."""
    return bool(getattr(_calling, "must_not_wait", False))


class Pieces:
    """The kept pieces of all files of a data directory. Thread-safe."""

    def __init__(
        self,
        store: ObjectStore,
        directory: Path,
        bytes_max: int,
        is_held: Callable[[str], bool],
        metrics: BucketMetrics,
    ) -> None:
        """directory: where they are kept, and nothing else is; is_held: whether nothing may be
        dropped of a segment, by ULID."""
        self._store = store
        self._directory = directory
        self._bytes_max = bytes_max
        self._is_held = is_held
        self._metrics = metrics
        self._lock = threading.Lock()
        self._files: dict[str, PieceFile] = {}
        self._uses = 0
        self.bytes = 0

    def file(self, ulid: str, name: str, expected: FileSum) -> PieceFile:
        """The file of that name in the bucket; expected: what meta.json says of it. Raises
        StoreFailed if that does not say enough."""
        with self._lock:
            if name not in self._files:
                self._files[name] = self._new(ulid, name, expected)
            return self._used(self._files[name])

    def known(self, name: str) -> PieceFile | None:
        """The file, if something of it is kept."""
        with self._lock:
            file = self._files.get(name)
            return None if file is None else self._used(file)

    def _used(self, file: PieceFile) -> PieceFile:
        self._uses += 1
        file.used = self._uses
        return file

    def bring(self, wanted: Sequence[tuple[PieceFile, Int64s, Int64s]]) -> None:
        """Have the bytes begins[i] up to ends[i] of files there. Raises StoreFailed, and MustFetch
        within without_fetching()."""
        runs: list[Run] = []
        found = missing = 0
        for file, begins, ends in wanted:
            numbers = file.missing(begins, ends)
            found += int(covered(begins, ends, len(file.sums)).sum()) - len(numbers)
            missing += len(numbers)
            runs += [(file, first, behind) for first, behind in runs_of(numbers)]
        self._metrics.cache_pieces.labels("found").inc(found)
        self._metrics.cache_pieces.labels("fetched").inc(missing)
        if not runs:
            return
        if must_not_wait():
            raise MustFetch(f"{runs[0][0].name} is in the bucket only")
        self.make_room(sum(behind - first for _, first, behind in runs) * PIECE_BYTES)
        contents = self._store.get_ranges([file.range_of(*run) for file, *run in runs])
        for (file, first, behind), content in zip(runs, contents, strict=True):
            self._take(file, first, behind, content)

    def drop(self, ulids: Sequence[str]) -> None:
        """Keep nothing of these segments, unless they are held."""
        with self._lock:
            for file in list(self._files.values()):
                if file.ulid in ulids and not self._is_held(file.ulid):
                    self._drop(file)

    def segments(self) -> set[str]:
        """Those of which something is kept, by ULID."""
        with self._lock:
            return {file.ulid for file in self._files.values()}

    def _new(self, ulid: str, name: str, expected: FileSum) -> PieceFile:
        sums = expected.piece_sums
        if len(sums) != -(-expected.bytes // PIECE_BYTES):
            raise StoreFailed(f"{name} has no checksums of its pieces, so it cannot be read there")
        place = self._directory / name.replace("/", "-")
        try:
            with open(place, "wb") as file:
                file.truncate(expected.bytes)
        except OSError as error:
            raise StoreFailed(f"{place} cannot be made: {error} (objstore.cache-size)") from error
        return PieceFile(ulid, name, place, expected.bytes, sums, np.zeros(len(sums), np.bool_))

    def _take(self, file: PieceFile, first: int, behind: int, content: memoryview) -> None:
        """Write pieces that were fetched, once they are known to be right."""
        wrong = [
            (number, piece)
            for number, piece in pieces_of(first, content)
            if xxhash.xxh3_64_intdigest(piece) != int(file.sums[number])
        ]
        if wrong:
            repaired = bytearray(content)
            for number, piece in wrong:
                start = (number - first) * PIECE_BYTES
                repaired[start : start + len(piece)] = self._again(file, number)
            content = memoryview(repaired)
        self._write(file, first, content)
        with self._lock:
            fresh = int((~file.there[first:behind]).sum())
            file.there[first:behind] = True
            self.bytes += fresh * PIECE_BYTES
            self._metrics.cached_bytes.set(self.bytes)

    def _again(self, file: PieceFile, number: int) -> memoryview:
        """A piece that came with a wrong checksum once."""
        piece = self._store.get_range(file.range_of(number, number + 1))
        if xxhash.xxh3_64_intdigest(piece) != int(file.sums[number]):
            raise StoreFailed(
                f"{file.name} is damaged in {self._store.place}: the checksum of its bytes from "
                f"{number * PIECE_BYTES} on is wrong"
            )
        return piece

    def _write(self, file: PieceFile, first: int, content: memoryview) -> None:
        descriptor = os.open(file.place, os.O_WRONLY | os.O_CLOEXEC)
        try:
            written = 0
            while written < len(content):
                place = first * PIECE_BYTES + written
                written += os.pwrite(descriptor, content[written:], place)
        except OSError as error:
            raise StoreFailed(
                f"{file.place} cannot be written: {error} (objstore.cache-size)"
            ) from error
        finally:
            os.close(descriptor)

    def make_room(self, size: int) -> None:
        """What was not used for longest gives way to so many bytes; what is held does not."""
        if self.bytes + size <= self._bytes_max:
            return
        with self._lock:
            for file in sorted(self._files.values(), key=lambda file: file.used):
                if self.bytes + size <= self._bytes_max:
                    break
                if not self._is_held(file.ulid):
                    self._drop(file)

    def _drop(self, file: PieceFile) -> None:
        del self._files[file.name]
        self.bytes -= file.held_bytes
        file.place.unlink(missing_ok=True)
        self._metrics.cached_bytes.set(self.bytes)


def pieces_of(first: int, content: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The pieces of a run, and their numbers."""
    for start in range(0, len(content), PIECE_BYTES):
        yield first + start // PIECE_BYTES, content[start : start + PIECE_BYTES]


def runs_of(numbers: Int64s) -> Iterator[tuple[int, int]]:
    """Ascending numbers as runs: the first and the one behind the last."""
    if not len(numbers):
        return
    breaks = np.flatnonzero(np.diff(numbers) > GAP_PIECES) + 1
    for part in np.split(numbers, breaks):
        first, behind = int(part[0]), int(part[-1]) + 1
        for start in range(first, behind, RUN_PIECES):
            yield start, min(start + RUN_PIECES, behind)
