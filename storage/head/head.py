"""The head of a shard: its recent samples, in memory and in the log.

Samples that come in time order lie in a pool of small chunks; those that are older than their
series' newest sample lie in a side buffer, in order of arrival, and are merged in when read or
sealed.

Invariants:
* Chunks, side samples and histograms are only ever added, so a snapshot of (chunk, fill) per series
  and of the side's length stays valid while the writer goes on.
* The caller holds the shard's lock in append() and snapshot(), and in nothing else.
"""

from dataclasses import dataclass, replace

import numpy as np

from storage.batch import Batch
from storage.head.exemplars import ExemplarPool
from storage.head.extras import (
    NO_PLACES,
    ExtrasView,
    HeadExtras,
    Slots,
    accepted_histograms,
    content_keys,
    first_places,
    has_extras,
)
from storage.head.kernels import (
    CHUNKS_USED,
    EXAMPLES_MAX,
    SAMPLES,
    SIDE_SAMPLES,
    append_samples,
    copy_chunks,
    copy_near,
    count_chunks,
    count_near,
    select_side,
)
from storage.kernels.arrays import Int32s, Int64s, UInt64s
from storage.kernels.memory import reserve
from storage.options import StorageOptions
from storage.reasons import SAMPLE_REASONS
from storage.samples.merge import clip, merge_all, sort_rows, take_rows
from storage.samples.samples import Samples, empty_samples
from storage.series.table import SeriesTable

# 32 samples keep the waste of short-lived series small; 128 gained nothing at read or append.
CHUNK_SIZE = 32
SPARE_CHUNKS = 64
GROUP_SAMPLES_MAX = 4_000_000
GROUP_BUCKETS_MAX = 16_000_000


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """What requests that are written together may hold; a single one may not have more.

    A head below its limits has room for one more group, whatever is in it.
    """

    samples: int = GROUP_SAMPLES_MAX
    buckets: int = GROUP_BUCKETS_MAX  # and custom bounds


GROUP_LIMITS = GroupLimits()


@dataclass(frozen=True, slots=True)
class Appended:
    """What append() refused: counts by reason, and for each up to EXAMPLES_MAX positions.

    Histograms with a problem are not among these. histograms: how many were accepted.
    """

    counts: Int64s
    examples: Int64s
    histograms: int = 0


class Head:
    """The chunk pool and side buffer of one stretch of the log."""

    def __init__(
        self,
        options: StorageOptions,
        table: SeriesTable,
        opened_ms: int,
        group: GroupLimits = GROUP_LIMITS,
    ) -> None:
        """opened_ms: wall-clock time from which the head's age counts."""
        self.opened_ms = opened_ms
        self._table = table
        self.exemplars = ExemplarPool(options, table)
        self._samples_max = options.head_samples_max
        # Each series may leave its newest chunk nearly empty, hence twice the chunks.
        self._chunks_max = 2 * (options.head_samples_max // CHUNK_SIZE) + SPARE_CHUNKS
        chunks = self._chunks_max + group.samples
        side = self._samples_max + group.samples
        self._times: Int64s = reserve((chunks, CHUNK_SIZE), np.int64)
        self._bits: UInt64s = reserve((chunks, CHUNK_SIZE), np.uint64)
        self._previous: Int32s = reserve(chunks, np.int32)
        self._current: Int32s = reserve(options.series_max, np.int32)
        self._fill: Int32s = reserve(options.series_max, np.int32)
        self._side_refs: Int32s = reserve(side, np.int32)
        self._side_times: Int64s = reserve(side, np.int64)
        self._side_bits: UInt64s = reserve(side, np.uint64)
        self._buckets_max = options.head_buckets_max
        self._extras = HeadExtras(
            Slots(self._times, self._previous),
            chunks * CHUNK_SIZE + side,
            series=options.series_max,
            histograms_max=side,
            buckets_max=self._buckets_max + group.buckets,
        )
        self._state = np.zeros(3, np.int64)

    @property
    def sample_count(self) -> int:
        return int(self._state[SAMPLES] + self._state[SIDE_SAMPLES])

    @property
    def fullness(self) -> float:
        """The used share of samples, chunks or buckets, whichever is largest. At 1 the head takes
        no more."""
        return max(
            int(self._state[CHUNKS_USED]) / self._chunks_max,
            self.sample_count / self._samples_max,
            self._extras.arena.bucket_count / self._buckets_max,
        )

    @property
    def floats_have_starts(self) -> bool:
        """Whether some float here has a start timestamp."""
        return self._extras.floats_have_starts

    def append(
        self,
        refs: Int32s,
        batch: Batch,
        oldest_ms: int,
        newest_ms: int,
        places: Int64s | None = None,
    ) -> Appended:
        """Take the batch's samples of [oldest_ms, newest_ms] whose series have a ref.

        places: those of first_places() with COPY for samples to be passed over, if there are any.
        """
        counts = np.zeros(SAMPLE_REASONS, np.int64)
        examples = np.zeros((SAMPLE_REASONS, EXAMPLES_MAX), np.int64)
        if places is None:
            places = first_places(batch) if has_extras(batch) else NO_PLACES
        append_samples(
            refs, batch.sample_offsets, batch.timestamps, batch.values.view(np.uint64),
            content_keys(batch), places,
            oldest_ms, newest_ms, self._table.last_ms, self._table.last_bits,
            self._times, self._bits, self._previous, self._current, self._fill,
            self._side_refs, self._side_times, self._side_bits, self._state, counts, examples,
        )  # fmt: skip
        if not len(places):
            return Appended(counts, examples)
        self._extras.put(refs, batch, places)
        return Appended(counts, examples, accepted_histograms(batch, places))

    def snapshot(self, refs: Int64s) -> "HeadSnapshot":
        """Freeze what the head has of these series now."""
        return HeadSnapshot(
            self, refs, self._current[refs], self._fill[refs], int(self._state[SIDE_SAMPLES]),
            self._extras.view(refs),
        )  # fmt: skip

    def refs_with_samples(self) -> Int64s:
        """The series that have a sample here, ascending by ref. For a head nobody appends to."""
        count = len(self._table)
        has = self._current[:count] > 0
        has[self._side_refs[: int(self._state[SIDE_SAMPLES])]] = True
        return np.flatnonzero(has).astype(np.int64)


@dataclass(frozen=True, slots=True)
class HeadSnapshot:
    """What a head had of some series at one moment; row i is series refs[i]."""

    head: Head
    refs: Int64s
    current: Int32s
    fill: Int32s
    side_count: int
    extras: ExtrasView | None

    def between(self, start_ms: int, end_ms: int) -> "HeadSamples":
        """The samples of [start_ms, end_ms], both inclusive."""
        side = self._side(start_ms, end_ms) if self.side_count else empty_samples(len(self.refs))
        return HeadSamples(self, start_ms, end_ms, side)

    def _side(self, start_ms: int, end_ms: int) -> Samples:
        head = self.head
        row_of_ref = np.zeros(int(self.refs.max(initial=-1)) + 1, np.int32)
        row_of_ref[self.refs] = np.arange(1, len(self.refs) + 1)
        rows = np.empty(self.side_count, np.int64)
        positions = np.empty(self.side_count, np.int64)
        found = select_side(
            head._side_refs, head._side_times, self.side_count, row_of_ref,
            start_ms, end_ms, rows, positions,
        )  # fmt: skip
        rows, positions = rows[:found], positions[:found]
        timestamps = head._side_times[positions]
        offsets, order = sort_rows(rows, timestamps, len(self.refs))
        timestamps, positions = timestamps[order], positions[order]
        values = head._side_bits[positions].view(np.float64)
        if self.extras is None:
            return Samples(offsets, timestamps, values)
        return self.extras.samples(offsets, timestamps, values, head._times.size + positions)


@dataclass(frozen=True, slots=True)
class HeadSamples:
    """A snapshot's samples of a time range. In-order samples are copied out only when read."""

    snapshot: HeadSnapshot
    start_ms: int
    end_ms: int
    side: Samples

    def counts(self) -> Int64s:
        """Samples per row; one that is in order and in the side buffer counts twice."""
        counts = np.empty(len(self.snapshot.refs), np.int64)
        self._count(0, len(counts), counts)
        return counts + np.diff(self.side.offsets)

    def sources(self, first_row: int, end_row: int) -> list[Samples]:
        """The samples of rows [first_row, end_row): in-order ones, then the side's."""
        found = [self._in_order(first_row, end_row)]
        if len(self.side):
            found.append(clip(self.side, first_row, end_row))
        return found

    @property
    def is_plain(self) -> bool:
        """Whether all samples are floats without start timestamps."""
        return self.snapshot.extras is None

    def near_sources(
        self, first_row: int, end_row: int, span: tuple[int, int], lead: int
    ) -> list[Samples]:
        """Like sources(), for plain samples; of what is out of the span, only `lead` samples on
        each side are certain to be there."""
        taken, head = self.snapshot, self.snapshot.head
        current, fill = taken.current[first_row:end_row], taken.fill[first_row:end_row]
        offsets = np.zeros(end_row - first_row + 1, np.int64)
        skips = np.empty(end_row - first_row, np.int64)
        reach = (self.start_ms, self.end_ms)
        count_near(
            head._times, head._previous, current, fill, reach, span, lead, skips, offsets[1:]
        )
        np.cumsum(offsets, out=offsets)
        timestamps, bits = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.uint64)
        copy_near(
            head._times, head._bits, head._previous, current, fill, skips, offsets,
            timestamps, bits,
        )  # fmt: skip
        found = [Samples(offsets, timestamps, bits.view(np.float64))]
        if len(self.side):
            found.append(clip(self.side, first_row, end_row))
        return found

    def pick(self, rows: Int64s) -> "HeadSamples":
        """The same of some rows, for plain samples."""
        old = self.snapshot
        snapshot = replace(old, refs=old.refs[rows], current=old.current[rows], fill=old.fill[rows])
        return replace(self, snapshot=snapshot, side=take_rows(self.side, rows))

    def _count(self, first_row: int, end_row: int, counts: Int64s) -> None:
        taken, head = self.snapshot, self.snapshot.head
        count_chunks(
            head._times, head._previous, taken.current[first_row:end_row],
            taken.fill[first_row:end_row], self.start_ms, self.end_ms, counts,
        )  # fmt: skip

    def _in_order(self, first_row: int, end_row: int) -> Samples:
        taken, head = self.snapshot, self.snapshot.head
        offsets = np.zeros(end_row - first_row + 1, np.int64)
        self._count(first_row, end_row, offsets[1:])
        np.cumsum(offsets, out=offsets)
        timestamps = np.empty(offsets[-1], np.int64)
        bits = np.empty(offsets[-1], np.uint64)
        places = NO_PLACES if taken.extras is None else np.empty(offsets[-1], np.int64)
        copy_chunks(
            head._times, head._bits, head._previous, taken.current[first_row:end_row],
            taken.fill[first_row:end_row], self.start_ms, self.end_ms, offsets, timestamps, bits,
            places,
        )  # fmt: skip
        if taken.extras is None:
            return Samples(offsets, timestamps, bits.view(np.float64))
        return taken.extras.samples(offsets, timestamps, bits.view(np.float64), places)


def sealed_samples(head: Head, refs: Int64s) -> Samples:
    """All samples that a head nobody appends to has of these series, in time order."""
    whole = np.iinfo(np.int64)
    found = head.snapshot(refs).between(int(whole.min), int(whole.max))
    return merge_all(found.sources(0, len(refs)), len(refs))
