"""What the samples of series are sent as: chunks, each of which has one or more parts.

A chunk of samples as they came has one part, RAW_PART. A chunk of windows has a part for each
aggregate of them that is asked for, all over the same windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from storage.chunks.encoder import EncodedSeries
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Bytes, Int64s
from storage.labels.frames import LabelFrame
from storage.labels.matchers import Matcher
from storage.samples.samples import Samples

# The fields of AggrChunk that hold parts.
RAW_PART, COUNT_PART, SUM_PART, MIN_PART, MAX_PART, COUNTER_PART = range(3, 9)


@dataclass(frozen=True, slots=True)
class ChunkColumns:
    """The chunks of n series: those of series i are offsets[i]:offsets[i+1], in order of time.

    first_ms, last_ms: of each chunk. Its parts are firsts[k]:firsts[k+1]; of each part: the field
    that it is, how it is encoded, and where its bytes are in `data`.
    """

    offsets: Int64s
    first_ms: Int64s
    last_ms: Int64s
    firsts: Int64s
    fields: Int64s
    encodings: Int64s
    starts: Int64s
    ends: Int64s
    data: Bytes

    @classmethod
    def raw(cls, encoded: EncodedSeries) -> "ChunkColumns":
        """Chunks of samples as they came."""
        count = len(encoded.starts)
        return cls(
            encoded.offsets,
            encoded.first_ms,
            encoded.last_ms,
            np.arange(count + 1, dtype=np.int64),
            np.full(count, RAW_PART, np.int64),
            encoded.encodings,
            encoded.starts,
            encoded.ends,
            encoded.data,
        )

    @classmethod
    def merged(cls, parts: Sequence[tuple[Int64s, "ChunkColumns"]], rows: int) -> "ChunkColumns":
        """The chunks of several, in the order of their first times; series i of a part is the row
        that its numbers say."""
        owners = np.concatenate([np.repeat(own, np.diff(c.offsets)) for own, c in parts])
        first_ms = np.concatenate([c.first_ms for _, c in parts])
        order = np.lexsort((first_ms, owners))
        sizes = np.concatenate([np.diff(c.firsts) for _, c in parts])
        shifts = offsets_of([len(c.data) for _, c in parts])[:-1].tolist()
        places = np.repeat(offsets_of(sizes)[:-1][order], sizes[order]) + within(sizes[order])
        moved = list(zip((c for _, c in parts), shifts, strict=True))
        starts = np.concatenate([c.starts + by for c, by in moved])
        ends = np.concatenate([c.ends + by for c, by in moved])
        return cls(
            np.searchsorted(owners[order], np.arange(rows + 1)),
            first_ms[order],
            np.concatenate([c.last_ms for _, c in parts])[order],
            offsets_of(sizes[order]),
            np.concatenate([c.fields for _, c in parts])[places],
            np.concatenate([c.encodings for _, c in parts])[places],
            starts[places],
            ends[places],
            np.concatenate([c.data for _, c in parts]),
        )


@runtime_checkable
class EncodedSelection(Protocol):
    """Series of which chunks are at hand, so that nothing has to be decoded to send them."""

    @property
    def labels(self) -> LabelFrame: ...

    def read(self, first_row: int, end_row: int) -> Samples: ...

    def chunks(self, first_row: int, end_row: int) -> tuple[ChunkColumns, int]:
        """The chunks of rows [first_row, end_row), and how many samples they have."""
        ...


@runtime_checkable
class EncodedQuerier(Protocol):
    """A querier that has chunks."""

    def encoded(
        self,
        matchers: Sequence[Matcher],
        span: tuple[int, int],
        resolution_ms: int,
        parts: Sequence[int],
    ) -> EncodedSelection:
        """The series that pass all matchers, replicas apart. resolution_ms: the coarsest that may
        be sent; parts: what is wanted of windows, as requests number it."""
        ...


def within(counts: Int64s) -> Int64s:
    """For each of counts[i] things its number among them."""
    found: Int64s = np.arange(int(counts.sum())) - np.repeat(offsets_of(counts)[:-1], counts)
    return found
