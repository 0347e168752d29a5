"""Matched series as they are stored, which are to be read at one span of time or another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from storage.head.head import HeadSnapshot
from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame
from storage.read.selection import StoredSelection

# Reads series of some refs: snapshots of the heads, labels and the span.
Reader = Callable[
    [Int64s, Sequence[HeadSnapshot], tuple[LabelFrame, tuple[int, int]]], StoredSelection
]


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """Series as one query found them: labels, refs, and what the heads had of them then."""

    labels: LabelFrame
    refs: Int64s
    snapshots: Sequence[HeadSnapshot]
    reader: Reader

    def open(self, rows: Int64s, span: tuple[int, int]) -> StoredSelection:
        """Some of them, in the order of `rows`, with their samples of a span. Raises
        LimitExceeded."""
        picked = [snapshot.pick(rows) for snapshot in self.snapshots]
        return self.reader(self.refs[rows], picked, (self.labels.take(rows), span))

    def whole(self, span: tuple[int, int]) -> StoredSelection:
        """All of them, in their order."""
        return self.reader(self.refs, self.snapshots, (self.labels, span))
