"""The head of a shard: its recent samples, in memory and in the log.

Samples that come in time order lie in a pool of small chunks; those that are older than their
series' newest, out-of-order samples, lie aside in order of arrival, and are merged in when read or
sealed (storage/head/pool.py).

Invariants:
* Samples and histograms are only ever added, so a snapshot stays valid while the writer goes on.
* The caller holds the shard's lock in append() and snapshot(), and in nothing else.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from storage.batch import Batch
from storage.errors import LimitExceeded
from storage.head.exemplars import ExemplarPool
from storage.head.extras import (
    ExtrasView,
    HeadExtras,
    accepted_histograms,
    content_keys,
    first_places,
    has_extras,
)
from storage.head.kernels import EXAMPLES_MAX, append_samples
from storage.head.pool import CHUNK_SIZE, NO_PLACES, ChunkPool, PoolSnapshot
from storage.kernels.arrays import Float64s, Int32s, Int64s, UInt64s
from storage.options import StorageOptions
from storage.reasons import SAMPLE_REASONS
from storage.samples.merge import clip, merge_all, take_rows
from storage.samples.samples import Samples, empty_samples
from storage.series.refs import refs_in
from storage.series.table import SeriesTable

SPARE_CHUNKS = 64
GROUP_SAMPLES_MAX = 4_000_000
GROUP_BUCKETS_MAX = 16_000_000
WHOLE = (int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max))


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """What requests that are written together may hold; a single one may not have more.

    A head below its limits has room for one more group, whatever is in it.
    """

    samples: int = GROUP_SAMPLES_MAX
    buckets: int = GROUP_BUCKETS_MAX  # and custom bounds

    def check(self, batch: Batch) -> None:
        """Raises LimitExceeded if a request alone has more than that."""
        if batch.sample_count > self.samples:
            raise LimitExceeded(
                f"{batch.sample_count} samples in one request, at most {self.samples} are "
                "allowed (GROUP_SAMPLES_MAX)"
            )
        if batch.bucket_count > self.buckets:
            raise LimitExceeded(
                f"{batch.bucket_count} histogram buckets in one request, at most "
                f"{self.buckets} are allowed (GROUP_BUCKETS_MAX)"
            )


GROUP_LIMITS = GroupLimits()


@dataclass(frozen=True, slots=True)
class Appended:
    """What append() refused: counts by reason, and for each up to EXAMPLES_MAX positions.

    Histograms with a reason are not among these. histograms: how many were accepted. kept_out:
    where samples are that were accepted, and are not stored: the head has another value of their
    moment, which is older than the newest of their series.
    """

    counts: Int64s
    examples: Int64s
    histograms: int = 0
    kept_out: Int64s = field(default_factory=lambda: NO_PLACES)


class Head:
    """The chunk pool and out-of-order samples of one stretch of the log."""

    def __init__(
        self,
        options: StorageOptions,
        table: SeriesTable,
        opened_ms: int,
        group: GroupLimits = GROUP_LIMITS,
    ) -> None:
        """opened_ms: wall-clock time from which the head's age counts."""
        self.opened_ms = opened_ms
        self.table = table
        self.exemplars = ExemplarPool(options, table)
        self._samples_max = options.head_samples_max
        # Each series may leave its newest chunk nearly empty, hence twice the chunks.
        self._chunks_max = 2 * (options.head_samples_max // CHUNK_SIZE) + SPARE_CHUNKS
        chunks = self._chunks_max + group.samples
        ooo = self._samples_max + group.samples
        self._no_ref = options.series_max  # of what the head has nothing of
        columns = options.series_max + 1
        self._pool = ChunkPool(chunks=chunks, ooo=ooo, series=columns)
        self._buckets_max = options.head_buckets_max
        self._extras = HeadExtras(
            self._pool,
            series=columns,
            histograms_max=ooo,
            buckets_max=self._buckets_max + group.buckets,
        )

    @property
    def sample_count(self) -> int:
        return self._pool.sample_count

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing here that a seal would keep."""
        return not (self.sample_count or len(self.exemplars))

    @property
    def fullness(self) -> float:
        """The used share of samples, chunks or buckets, whichever is largest. At 1 the head takes
        no more."""
        return max(
            self._pool.chunks_used / self._chunks_max,
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
        counts = np.zeros(len(SAMPLE_REASONS), np.int64)
        examples = np.zeros((len(SAMPLE_REASONS), EXAMPLES_MAX), np.int64)
        if places is None:
            places = first_places(batch) if has_extras(batch) else NO_PLACES
        pool, keys, bits = self._pool, content_keys(batch), batch.values.view(np.uint64)
        late = np.empty(batch.sample_count, np.int64)
        late_refs = np.empty(batch.sample_count, np.int32)
        late_count = append_samples(
            refs, batch.sample_offsets, batch.timestamps, bits, keys, places,
            oldest_ms, newest_ms, self.table.last_ms, self.table.last_bits,
            pool.times, pool.bits, pool.previous, pool.current, pool.fill,
            late, late_refs, pool.state, counts, examples,
        )  # fmt: skip
        late, late_refs = late[:late_count], late_refs[:late_count]
        standing = pool.append_late(late, late_refs, batch.timestamps, bits, places)
        histograms = 0
        if len(places):
            self._extras.put(refs, batch, places)
            histograms = accepted_histograms(batch, places)
        kept_out = self._kept_out(late, standing, batch, keys)
        return Appended(counts, examples, histograms, kept_out)

    def _kept_out(self, late: Int64s, standing: Int64s, batch: Batch, keys: UInt64s) -> Int64s:
        """Those of the late samples that contradict what is at their moment: at the place standing,
        unless that is -1. keys: of all samples of the batch."""
        found = standing >= 0
        if not found.any():
            return NO_PLACES
        late, standing = late[found], standing[found]
        known, of_histograms = self._extras.keys_at(standing, self._pool.bits_at(standing))
        sent = np.zeros(len(late), np.bool_)
        if batch.natives is not None:
            sent = batch.natives.at(late).mask
        kept_out: Int64s = late[(known != keys[late]) | (of_histograms != sent)]
        return kept_out

    def snapshot(self, refs: Int64s, table: SeriesTable | None = None) -> "HeadSnapshot":
        """Freeze what the head has of these series now. table: the one that the refs are of, if it
        may be another one than the head's."""
        if table is not None and table is not self.table:
            refs = refs_in(self.table, table, refs)
            refs = np.where(refs < 0, self._no_ref, refs)
        return HeadSnapshot(self._pool.snapshot(refs), self._extras.view(refs))

    def newest_within(self, refs: Int64s, span: tuple[int, int]) -> bool:
        """Whether it is plain that each series has a sample in the span, both ends inclusive: the
        newest that came in order. Under the shard's lock."""
        return self._pool.newest_within(self.table.last_ms, refs, span)

    def refs_held(self, table: SeriesTable) -> Int64s:
        """The refs in a table of the series that have a sample or an exemplar here. For a head no
        one appends to."""
        held = np.union1d(self.refs_with_samples(), self.exemplars.view().series)
        refs = refs_in(table, self.table, held)
        return refs[refs >= 0]

    def refs_with_samples(self) -> Int64s:
        """The series that have a sample here, ascending by ref. For a head no one appends to."""
        return self._pool.refs_with_samples(len(self.table))


@dataclass(frozen=True, slots=True)
class HeadSnapshot:
    """What a head had of some series at one moment; row i is series refs[i]."""

    pool: PoolSnapshot
    extras: ExtrasView | None

    def between(self, start_ms: int, end_ms: int) -> "HeadSamples":
        """The samples of [start_ms, end_ms], both inclusive."""
        ooo = empty_samples(len(self.pool.refs))
        if self.pool.ooo_count:
            ooo = with_extras(self.extras, *self.pool.read_ooo(start_ms, end_ms))
        return HeadSamples(self, (start_ms, end_ms), ooo)

    def pick(self, rows: Int64s) -> "HeadSnapshot":
        """The same of some rows."""
        return replace(self, pool=self.pool.rows(rows))


@dataclass(frozen=True, slots=True)
class HeadSamples:
    """A snapshot's samples of a time range. In-order samples are copied out only when read."""

    snapshot: HeadSnapshot
    span: tuple[int, int]
    ooo: Samples

    def counts(self) -> Int64s:
        """Samples per row; one that is both in the pool and aside counts twice."""
        counts = np.empty(len(self.snapshot.pool.refs), np.int64)
        self.snapshot.pool.count(self.span, counts)
        return counts + np.diff(self.ooo.offsets)

    def sources(self, first_row: int, end_row: int) -> list[Samples]:
        """The samples of rows [first_row, end_row): in-order ones, then the out-of-order ones."""
        extras = self.snapshot.extras
        rows = self.snapshot.pool.rows(slice(first_row, end_row))
        in_order = with_extras(extras, *rows.read(self.span, placed=extras is not None))
        return self._with_ooo(in_order, first_row, end_row)

    @property
    def is_plain(self) -> bool:
        """Whether all samples are floats without start timestamps."""
        return self.snapshot.extras is None

    def near_sources(
        self, first_row: int, end_row: int, span: tuple[int, int], lead: int
    ) -> list[Samples]:
        """Like sources(), for plain samples; of what is out of the span, only `lead` samples on
        each side are certain to be there."""
        rows = self.snapshot.pool.rows(slice(first_row, end_row))
        return self._with_ooo(rows.read_near(self.span, span, lead), first_row, end_row)

    def pick(self, rows: Int64s) -> "HeadSamples":
        """The same of some rows, for plain samples."""
        return replace(self, snapshot=self.snapshot.pick(rows), ooo=take_rows(self.ooo, rows))

    def _with_ooo(self, in_order: Samples, first_row: int, end_row: int) -> list[Samples]:
        if not len(self.ooo):
            return [in_order]
        return [in_order, clip(self.ooo, first_row, end_row)]


def with_extras(
    extras: ExtrasView | None,
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    places: Int64s,
) -> Samples:
    """Samples with what is kept for them at their places, if anything is."""
    if extras is None:
        return Samples(offsets, timestamps, values)
    return extras.samples(offsets, timestamps, values, places)


def sealed_samples(head: Head, refs: Int64s, span: tuple[int, int] = WHOLE) -> Samples:
    """The samples of a span, both ends inclusive, that a head no one appends to has of these
    series, in time order."""
    found = head.snapshot(refs).between(*span)
    return merge_all(found.sources(0, len(refs)), len(refs))
