"""Comparing what is about to be read of segments with its checksums, each piece of a file once.

Wrong bytes may decode, to other samples than were written. So before anything of a file is decoded,
the pieces that it lies in are compared with their checksums. What is right is not compared again as
long as it is remembered; the scrub does that. If a piece is wrong, all of the file is examined, and
what is found is noted as damaged.

Segments of older programs have no checksums of pieces: their files are compared by the scrub only.
What comes from another place is compared when it comes.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import xxhash

from storage.errors import FormatError
from storage.files import AGGREGATES_FILE, HISTOGRAMS_FILE, SAMPLES_FILE, SERIES_FILE
from storage.kernels.arrays import Bools, Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.segments.access.places import HERE, Places, Wanted
from storage.segments.caches import BoundedCache
from storage.segments.damage import Damages
from storage.segments.examination import FOOTER_TAIL_BYTES, examine_file, extent_of
from storage.segments.segment import PIECE_BYTES, read_meta

# Of one shard: nine bytes for each piece, so files of 60 GB together.
REMEMBERED_BYTES = 8 << 20
PARTS = {SAMPLES_FILE: 0, HISTOGRAMS_FILE: 1, SERIES_FILE: 2, AGGREGATES_FILE: 3}


@dataclass(slots=True)
class Pieces:
    """A file's size, the checksums of its pieces, and which of them were found to be right."""

    size: int
    sums: UInt64s
    right: Bools
    is_done: bool

    @property
    def held_bytes(self) -> int:
        return 64 + 9 * len(self.sums)

    def note_right(self, numbers: Int64s) -> None:
        self.right[numbers] = True
        self.is_done = bool(self.right.all())


class Comparing:
    """Compares files of the segments of one shard. Thread-safe: a piece may be compared twice."""

    def __init__(self, damages: Damages, places: Places = HERE) -> None:
        """damages: where what is wrong is noted; places: where the files are."""
        self._damages = damages
        self._places = places
        self._pieces: BoundedCache[Pieces] = BoundedCache(
            REMEMBERED_BYTES, lambda pieces: pieces.held_bytes
        )

    def is_done(self, path: Path) -> bool:
        """Whether nothing of the file has to be compared any more."""
        return self._of(path).is_done

    def compare(self, path: Path, begins: Int64s, ends: Int64s) -> None:
        """Compare the bytes begins[i] up to ends[i]. Raises FormatError if the file is missing."""
        if not len(begins) or not self._places.is_here(path):
            return
        pieces = self._of(path)
        if pieces.is_done:
            return
        if are_marked(pieces.right, begins, ends, PIECE_BYTES):
            return
        numbers = np.flatnonzero(covered(begins, ends, len(pieces.sums)) & ~pieces.right)
        if ends.max() <= pieces.size and are_right(path, pieces, numbers):
            pieces.note_right(numbers)
            return
        meta = read_meta(path.parent)
        wrong = examine_file(path.parent, path.name, meta, lambda size: None)
        if wrong is not None:
            self._damages.note(path, wrong.groups, wrong.reason)
        pieces.note_right(np.arange(len(pieces.sums)))  # all that is not is known

    def compare_from(self, path: Path, start: int) -> None:
        """Compare the bytes from `start` to the end. Raises FormatError if the file is missing."""
        pieces = self._of(path)
        if not pieces.is_done:
            end = max(start + 1, pieces.size)
            self.compare(path, np.array([start]), np.array([end]))

    def compare_groups(self, path: Path, parquet: pq.FileMetaData, groups: Int64s) -> None:
        """Compare row groups and the footer, after they were brought if need be. Raises FormatError
        if the file is missing."""
        pieces = self._of(path)
        if pieces.is_done and self._places.is_here(path):
            return
        extents = [extent_of(parquet.row_group(number)) for number in groups.tolist()]
        footer = pieces.size - parquet.serialized_size - FOOTER_TAIL_BYTES
        extents.append((max(0, footer), pieces.size))
        begins, ends = np.array(extents, np.int64).T
        self._places.bring([Wanted(path, begins, ends)])
        self.compare(path, begins, ends)

    def forget(self, ulids: Collection[str]) -> None:
        """Remember nothing of these segments any more."""
        self._pieces.forget(ulids)

    def _of(self, path: Path) -> Pieces:
        key = (path.parts[-2], PARTS[path.parts[-1]])
        pieces = self._pieces.get(key)
        if pieces is None:
            pieces = read_pieces(path)
            self._pieces.put(key, pieces)
        return pieces


def read_pieces(path: Path) -> Pieces:
    """What meta.json says of a file; nothing to compare if that does not say it."""
    try:
        expected = read_meta(path.parent).files[path.name]
        sums = expected.piece_sums
    except (FormatError, KeyError, ValueError):
        return Pieces(0, np.zeros(0, np.uint64), np.zeros(0, np.bool_), is_done=True)
    is_known = len(sums) == -(-expected.bytes // PIECE_BYTES)
    return Pieces(expected.bytes, sums, np.zeros(len(sums), np.bool_), is_done=not is_known)


@kernel
def are_marked(marks: Bools, begins: Int64s, ends: Int64s, size: int) -> bool:
    """Whether all pieces of so many bytes with bytes of begins[i] up to ends[i] are marked; pieces
    that there are no marks for are not."""
    for i in range(len(begins)):
        piece = begins[i] // size
        while piece * size < ends[i]:
            if piece < 0 or piece >= len(marks) or not marks[piece]:
                return False
            piece += 1
    return True


def covered(begins: Int64s, ends: Int64s, count: int) -> Bools:
    """Which of so many pieces have bytes of begins[i] up to ends[i]."""
    first = np.minimum(begins // PIECE_BYTES, count)
    behind = np.minimum(-(-ends // PIECE_BYTES), count)
    begun = np.bincount(first, minlength=count + 1) - np.bincount(behind, minlength=count + 1)
    inside: Bools = np.cumsum(begun)[:count] > 0
    return inside


def are_right(path: Path, pieces: Pieces, numbers: Int64s) -> bool:
    """Whether these pieces are as they were written. Raises FormatError if the file is missing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise FormatError(f"cannot read {path}: {error}") from error
    try:
        for number in numbers.tolist():
            content = os.pread(descriptor, PIECE_BYTES, number * PIECE_BYTES)
            if xxhash.xxh3_64_intdigest(content) != int(pieces.sums[number]):
                return False
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
