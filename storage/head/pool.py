"""The columns that a head's samples lie in, and how they are read out again.

Samples of a series that come in time order lie in a chain of small chunks of one pool; those that
are older than their series' newest, out-of-order samples, lie aside as they arrive. Each has a
place: slot p of the chunks is times.flat[p], and out-of-order samples follow beyond the slots.

Invariants:
* Chunks and out-of-order samples are only ever added, so a snapshot of (chunk, fill) per series and
  of their number stays valid while more come.
"""

from dataclasses import dataclass

import numpy as np

from storage.head.kernels import (
    CHUNKS_USED,
    OOO_SAMPLES,
    SAMPLES,
    copy_chunks,
    copy_near,
    count_chunks,
    count_near,
    newest_within,
    select_ooo,
)
from storage.head.late import LateIndex, OutOfOrder, append_late
from storage.kernels.arrays import Float64s, Int32s, Int64s, UInt64s
from storage.kernels.memory import reserve
from storage.samples.merge import sort_rows
from storage.samples.samples import Samples

# 32 samples keep the waste of short-lived series small; 128 gained nothing at read or append.
CHUNK_SIZE = 32
NO_PLACES = np.zeros(0, np.int64)


class ChunkPool:
    """Room for so many chunks, out-of-order samples and series. append_samples() fills in the
    columns of the chunks, append_late() the others.

    previous: of each chunk the one before it in its series; current, fill: of each series its
    newest chunk and how much of it is filled. Chunk numbers are kept plus one: 0 means none.
    """

    def __init__(self, *, chunks: int, ooo: int, series: int) -> None:
        self.times: Int64s = reserve((chunks, CHUNK_SIZE), np.int64)
        self.bits: UInt64s = reserve((chunks, CHUNK_SIZE), np.uint64)
        self.previous: Int32s = reserve(chunks, np.int32)
        self.current: Int32s = reserve(series, np.int32)
        self.fill: Int32s = reserve(series, np.int32)
        self.ooo = OutOfOrder(
            reserve(ooo, np.int32), reserve(ooo, np.int64), reserve(ooo, np.uint64)
        )
        self._late = LateIndex(self.ooo)
        self.state = np.zeros(3, np.int64)

    @property
    def places(self) -> int:
        """How many places there are, used or not."""
        return self.times.size + len(self.ooo.times)

    @property
    def sample_count(self) -> int:
        return int(self.state[SAMPLES] + self.state[OOO_SAMPLES])

    @property
    def chunks_used(self) -> int:
        return int(self.state[CHUNKS_USED])

    def append_late(
        self, late: Int64s, refs: Int32s, timestamps: Int64s, bits: UInt64s, places: Int64s
    ) -> Int64s:
        """Append the late samples of a batch, as append_samples() reports them, unless their moment
        is taken; returns of each the place of the sample that has it already, or -1.

        timestamps, bits: of all samples of the batch; places: empty, or theirs, which it notes.
        """
        standing = np.empty(len(late), np.int64)
        if len(late):
            slots = self._late.with_room(int(self.state[OOO_SAMPLES]), len(late))
            append_late(
                late, refs, timestamps, bits, places,
                self.times, self.previous, self.current, self.fill,
                self.ooo.refs, self.ooo.times, self.ooo.bits, slots, self.state, standing,
            )  # fmt: skip
        return standing

    def snapshot(self, refs: Int64s) -> "PoolSnapshot":
        """Freeze what there is of these series now. Under the shard's lock."""
        return PoolSnapshot(
            self, refs, self.current[refs], self.fill[refs], int(self.state[OOO_SAMPLES])
        )

    def newest_within(self, last_ms: Int64s, refs: Int64s, span: tuple[int, int]) -> bool:
        """Whether each series has samples in order, and the newest of them, last_ms[ref], is of the
        span, both ends inclusive. Under the shard's lock."""
        return newest_within(last_ms, self.current, refs, span)

    def refs_with_samples(self, count: int) -> Int64s:
        """Which of the first `count` series have a sample, ascending. For a pool that is not
        appended to."""
        has = self.current[:count] > 0
        has[self.ooo.refs[: int(self.state[OOO_SAMPLES])]] = True
        return np.flatnonzero(has).astype(np.int64)

    def before(self, places: Int64s) -> Int64s:
        """The slot of the sample before each one in its series; -1 if there is none in a chunk."""
        inside = places < self.times.size
        chunks, slots = np.divmod(np.where(inside, places, 0), CHUNK_SIZE)
        last_of_previous = self.previous[chunks].astype(np.int64) * CHUNK_SIZE - 1
        return np.where(inside, np.where(slots > 0, places - 1, last_of_previous), -1)

    def times_at(self, places: Int64s) -> Int64s:
        """The times in these slots; of an out-of-order place, any time."""
        times: Int64s = self.times.reshape(-1)[np.minimum(places, self.times.size - 1)]
        return times

    def bits_at(self, places: Int64s) -> UInt64s:
        """The values at these places, as bits."""
        slots = self.times.size
        is_ooo = places >= slots
        return np.where(
            is_ooo,
            self.ooo.bits[np.where(is_ooo, places - slots, 0)],
            self.bits.reshape(-1)[np.where(is_ooo, 0, places)],
        )


# Samples, and the place of each, as far as places were asked for.
Placed = tuple[Int64s, Int64s, Float64s, Int64s]


@dataclass(frozen=True, slots=True)
class PoolSnapshot:
    """What a pool had of some series at one moment; row i is series refs[i]."""

    pool: ChunkPool
    refs: Int64s
    current: Int32s
    fill: Int32s
    ooo_count: int

    def rows(self, chosen: Int64s | slice) -> "PoolSnapshot":
        """The same of some rows."""
        return PoolSnapshot(
            self.pool, self.refs[chosen], self.current[chosen], self.fill[chosen], self.ooo_count
        )

    def chunk_count(self) -> int:
        """The chunks of all rows: as many steps as the longest chain has."""
        count, chunks = 0, self.current[self.current > 0]
        while len(chunks):
            count += len(chunks)
            chunks = self.pool.previous[chunks - 1]
            chunks = chunks[chunks > 0]
        return count

    def count(self, span: tuple[int, int], counts: Int64s) -> None:
        """counts[i] = samples of row i in the chunks, with times in span, both inclusive."""
        pool = self.pool
        count_chunks(pool.times, pool.previous, self.current, self.fill, *span, counts)

    def read(self, span: tuple[int, int], *, placed: bool) -> Placed:
        """The samples that count() counts: their offsets, times, values, and places if `placed`."""
        pool = self.pool
        offsets = np.zeros(len(self.refs) + 1, np.int64)
        self.count(span, offsets[1:])
        np.cumsum(offsets, out=offsets)
        timestamps = np.empty(offsets[-1], np.int64)
        bits = np.empty(offsets[-1], np.uint64)
        places = np.empty(offsets[-1], np.int64) if placed else NO_PLACES
        copy_chunks(
            pool.times, pool.bits, pool.previous, self.current, self.fill, *span, offsets,
            timestamps, bits, places,
        )  # fmt: skip
        return offsets, timestamps, bits.view(np.float64), places

    def read_near(self, reach: tuple[int, int], span: tuple[int, int], lead: int) -> Samples:
        """Of the samples in the chunks with times in reach: those in span, and `lead` at least on
        each side of it."""
        pool = self.pool
        offsets = np.zeros(len(self.refs) + 1, np.int64)
        skips = np.empty(len(self.refs), np.int64)
        count_near(
            pool.times, pool.previous, self.current, self.fill, reach, span, lead, skips,
            offsets[1:],
        )  # fmt: skip
        np.cumsum(offsets, out=offsets)
        timestamps, bits = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.uint64)
        copy_near(
            pool.times, pool.bits, pool.previous, self.current, self.fill, skips, offsets,
            timestamps, bits,
        )  # fmt: skip
        return Samples(offsets, timestamps, bits.view(np.float64))

    def read_ooo(self, start_ms: int, end_ms: int) -> Placed:
        """Offsets, times, values and places of the out-of-order samples in [start_ms, end_ms], each
        row's in time order."""
        pool = self.pool
        row_of_ref = np.zeros(int(self.refs.max(initial=-1)) + 1, np.int32)
        row_of_ref[self.refs] = np.arange(1, len(self.refs) + 1)
        rows = np.empty(self.ooo_count, np.int64)
        positions = np.empty(self.ooo_count, np.int64)
        found = select_ooo(
            pool.ooo.refs, pool.ooo.times, self.ooo_count, row_of_ref,
            start_ms, end_ms, rows, positions,
        )  # fmt: skip
        rows, positions = rows[:found], positions[:found]
        timestamps = pool.ooo.times[positions]
        offsets, order = sort_rows(rows, timestamps, len(self.refs))
        timestamps, positions = timestamps[order], positions[order]
        values = pool.ooo.bits[positions].view(np.float64)
        return offsets, timestamps, values, pool.times.size + positions
