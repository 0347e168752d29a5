"""A bucket's chunks as they are sent by the StoreAPI: nothing is decoded on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from api.thanos.chunks import ChunkColumns
from api.thanos.requests import COUNT
from receiver.gateway.store import SourcesQuerier
from receiver.stores.bucket.encoded import EncodedChunks, stacked
from receiver.stores.bucket.source import BucketSource
from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame
from storage.labels.matchers import Matcher
from storage.read.federation import stack_frames
from storage.read.joined.series import ABSENT
from storage.samples.hint import SelectHint
from storage.samples.samples import Samples


@dataclass(frozen=True, slots=True)
class BlocksSelection:
    """Series of several blocks. members: the chunks of a block's series, and which of them each row
    is there, ABSENT where it is none."""

    labels: LabelFrame
    members: Sequence[tuple[EncodedChunks, Int64s]]
    # All is in memory, and any row can be read alone.
    is_plain: bool = True
    expected_samples: int = 0

    def pick(self, rows: Int64s) -> BlocksSelection:
        members = [(chunks, row_of[rows]) for chunks, row_of in self.members]
        return BlocksSelection(self.labels.take(rows), members)

    def read(self, first_row: int, end_row: int) -> Samples:
        raise AssertionError("BUG: chunks are sent as they are")

    def chunks(self, first_row: int, end_row: int) -> tuple[ChunkColumns, int]:
        """The chunks of rows, and how many samples they have."""
        parts = [(np.zeros(0, np.int64), columns_of(stacked([])))]
        samples = 0
        for chunks, row_of in self.members:
            own = row_of[first_row:end_row]
            there = np.flatnonzero(own != ABSENT)
            if len(there):
                taken = chunks.take(own[there])
                samples += taken.samples
                parts.append((there, columns_of(taken)))
        return ChunkColumns.merged(parts, end_row - first_row), samples


def columns_of(chunks: EncodedChunks) -> ChunkColumns:
    return ChunkColumns(
        chunks.offsets, chunks.first_ms, chunks.last_ms, chunks.firsts, chunks.fields,
        chunks.encodings, chunks.bounds[:-1], chunks.bounds[1:], chunks.data,
    )  # fmt: skip


class BlocksQuerier(SourcesQuerier):
    """A querier over a bucket alone, which has chunks."""

    def encoded(
        self,
        matchers: Sequence[Matcher],
        span: tuple[int, int],
        resolution_ms: int,
        parts: Sequence[int],
    ) -> BlocksSelection:
        """The series of the bucket with their chunks. Raises LimitExceeded."""
        (source,) = self._sources
        assert isinstance(source, BucketSource), "BUG: only buckets have chunks"
        hint = SelectHint(resolution_ms=resolution_ms)
        found = source.encoded(matchers, span, hint, [part - COUNT for part in parts])
        frame = stack_frames(self.symbols, [labels for labels, _ in found])
        numbers, firsts = frame.group(frame.names)
        self._check(len(firsts))
        members, start = [], 0
        for labels, chunks in found:
            own = numbers[start : start + labels.rows]
            start += labels.rows
            rest = np.arange(labels.rows)
            while len(rest):  # again only where external labels made series of a block the same
                first = np.sort(np.unique(own[rest], return_index=True)[1])
                row_of = np.full(len(firsts), ABSENT)
                row_of[own[rest[first]]] = rest[first]
                members.append((chunks, row_of))
                rest = np.delete(rest, first)
        return BlocksSelection(frame.take(firsts), members)
