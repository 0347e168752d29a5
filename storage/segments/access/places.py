"""Where the bytes of a segment's files come from: its own directory, or another place.

A file is named by its path in the directory of its segment, whether it is there or not. Whoever
reads one holds its segment, has the bytes brought that are going to be read, and opens the place
that the file has; nothing else in this room asks where that is.

Invariants:
* Bytes that were brought are there, and are what was written, for as long as the segment is held.
* A file that is here has all its bytes here, and stays here for as long as its segment is held.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NamedTuple, Protocol

from storage.kernels.arrays import Int64s
from storage.segments.segment import SegmentMeta


class Wanted(NamedTuple):
    """The bytes begins[i] up to ends[i] of a file."""

    path: Path
    begins: Int64s
    ends: Int64s


class Places(Protocol):
    """Where the files of a shard's segments are. Thread-safe."""

    def held(self, segments: Iterable[SegmentMeta]) -> AbstractContextManager[None]:
        """Let nothing of these segments go away meanwhile."""
        ...

    def is_here(self, path: Path) -> bool:
        """Whether nothing of the file has to be brought."""
        ...

    def bring(self, wanted: Sequence[Wanted]) -> None:
        """Return when these bytes are there. Raises StoreFailed."""
        ...

    def bring_ends(self, paths: Sequence[Path]) -> None:
        """As bring(), of the footers of Parquet files."""
        ...

    def place(self, path: Path) -> Path:
        """What is to be opened to read the file."""
        ...


class Here:
    """All files are where their names say."""

    def held(self, segments: Iterable[SegmentMeta]) -> AbstractContextManager[None]:
        return nullcontext()

    def is_here(self, path: Path) -> bool:
        return True

    def bring(self, wanted: Sequence[Wanted]) -> None:
        pass

    def bring_ends(self, paths: Sequence[Path]) -> None:
        pass

    def place(self, path: Path) -> Path:
        return path


HERE = Here()
