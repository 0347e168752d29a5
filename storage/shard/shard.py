"""The state of one shard: a log, a series table, heads and segments, and the lock that guards them.

Its writer changes it (storage.shard.writer), queries read it: view() under the lock, then
everything outside of it.

    seal    freeze the head, new log file -> segments on disk -> catalog, with the log position
            -> delete the log files before it -> release the frozen head

Invariants:
* `lock` guards heads, segments and indexes. Kernels that change or snapshot a head run under it,
  nothing that waits does.
* Every synced sample is in a registered segment, or in the log from the catalog's position on.
* A query keeps to the table and index that it began with; heads know which table is theirs.
* What changes what queries see of a time is noted in `records` under the same hold of the lock.
* `changes` is held by whoever drops or replaces segments or deletes from them, from before the
  transaction of the catalog until the view shows it, so that the two never differ for others.
"""

import threading
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from storage.catalog.deletions import Deletion
from storage.catalog.metadata import MetadataTable
from storage.head.head import GROUP_LIMITS, GroupLimits, Head
from storage.kernels.arrays import NO_SERIES
from storage.log.rules import RuleLog
from storage.log.wal import Wal
from storage.metrics import StorageMetrics
from storage.options import StorageOptions
from storage.revisions.records import Records
from storage.segments.aggregates.reader import AggregateReader
from storage.segments.damage import Damages
from storage.segments.exemplars import ExemplarReader
from storage.segments.reader import SegmentReader
from storage.segments.segment import SegmentMeta, by_rank, marked_late
from storage.segments.series import SeriesReader
from storage.series.index import TenantIndex
from storage.series.matches import Matches
from storage.series.table import SeriesTable, Succession
from storage.shard.active_series import ActiveSeries
from storage.shard.doomed import Leavers
from storage.shard.elections import Elections
from storage.tenants.tenant import Tenant

SEAL_FULLNESS = 0.5


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """What a shard has on disk. wal: None where it is only read; segments: those of the catalog at
    start, by rank; log_position: the first log file whose records are not all in segments;
    deletions: those that are pending; damages: what of them is passed over."""

    wal: Wal | None
    samples: SegmentReader
    aggregates: AggregateReader
    series: SeriesReader
    exemplars: ExemplarReader
    segments: Sequence[SegmentMeta]
    log_position: int
    deletions: Sequence[Deletion] = ()
    damages: Damages = field(default_factory=Damages)


@dataclass(frozen=True, slots=True)
class ShardView:
    """What a query sees: segments by rank, and heads, the frozen one first. Of equal (series, time)
    the first sample counts. deletions: what it does not see of the segments. aggregates: segments
    that were downsampled; the others are `segments`."""

    segments: tuple[SegmentMeta, ...]
    heads: tuple[Head, ...]
    deletions: tuple[Deletion, ...] = ()
    aggregates: tuple[SegmentMeta, ...] = ()

    @property
    def every_segment(self) -> tuple[SegmentMeta, ...]:
        """Those with samples as they came, and those with aggregates."""
        return (*self.segments, *self.aggregates)


class Shard:
    """What a shard holds. Only its writer appends, and freezes and thaws its head."""

    def __init__(
        self,
        number: int,
        options: StorageOptions,
        files: ShardFiles,
        group: GroupLimits = GROUP_LIMITS,
    ) -> None:
        """group: what its heads have to have room for behind their limits."""
        self.number = number
        self.options = options
        # It refers to no segments itself, so that it is known when nothing else does.
        self.files = replace(files, segments=())
        self.leavers = Leavers()
        self.lock = threading.Lock()
        self.changes = threading.Lock()
        self.table = SeriesTable(options)
        self.metadata = MetadataTable(options)
        self.records = Records()
        self.group = group
        self.segments, self.aggregates = by_kind(files.segments)
        self.deletions = tuple(files.deletions)
        self.active = self._empty_head()
        self.frozen: Head | None = None
        self._begin_indexes()
        # The writer's, rebuilt from the log at start.
        self.rule_log = RuleLog()
        self.elections = Elections(options.series_max)
        self.judged: dict[str, Tenant] = {}  # those that have elections, by name
        self.active_series = ActiveSeries(self.table, lambda: self.view().heads)
        # Ids of series, ascending, that a segment is being written for; the writer's.
        self.held = NO_SERIES

    @property
    def wal(self) -> Wal:
        assert self.files.wal is not None, "BUG: a shard that is only read is written to"
        return self.files.wal

    def _begin_indexes(self) -> None:
        self._indexes: dict[int, TenantIndex] = {}
        self._matches = Matches()

    def view(self) -> ShardView:
        with self.lock:
            heads = (self.active,) if self.frozen is None else (self.frozen, self.active)
            return ShardView(self.segments, heads, self.deletions, self.aggregates)

    def index(self, tenant: int) -> TenantIndex:
        with self.lock:
            index = self._indexes.get(tenant)
            if index is None:
                index = self._indexes[tenant] = TenantIndex(self.table, tenant, self._matches)
            return index

    @property
    def head_samples(self) -> int:
        return sum(head.sample_count for head in self.view().heads)

    @property
    def fullness(self) -> float:
        return self.active.fullness

    @property
    def seal_is_due(self) -> bool:
        """Whether the active head is full or old enough, and no other one is being sealed."""
        head = self.active
        if self.frozen is not None or head.is_empty:
            return False
        # Staggered, so that shards which were opened together do not all seal at once.
        age_max = self.options.head_age_ms * (1 + self.number / (2 * self.options.shards))
        return head.fullness >= SEAL_FULLNESS or now_ms() - head.opened_ms >= age_max

    def freeze(self, successor: Succession | None = None) -> Head:
        """Replace the head by an empty one; the old one is read from until thaw(). successor: the
        series go on with it, and series that it does not have are forgotten."""
        with self.lock:
            assert self.frozen is None, f"BUG: shard {self.number} is sealing already"
            if successor is not None:
                self._succeed(successor)
            self.frozen = self.active
            self.active = self._empty_head()
            return self.frozen

    def _succeed(self, successor: Succession) -> None:
        self.table.succession = successor
        self.table = successor.table
        self.elections = self.elections.renewed(successor.old_refs)
        self.active_series = ActiveSeries(self.table, lambda: self.view().heads)
        self._begin_indexes()

    @property
    def next_rank(self) -> int:
        """The rank of segments whose samples give way to those of all others."""
        return 1 + max((segment.rank for segment in self.view().every_segment), default=0)

    def thaw(self, sealed: Sequence[SegmentMeta]) -> None:
        """The frozen head is in these segments now; none if it had no samples."""
        with self.lock:
            self.frozen = None
            before = self.aggregates
            self.segments = by_rank((*self.segments, *sealed))
            self._mark_late(sealed, now_ms())
            self.leavers.note(before, self.aggregates)

    def replace_segments(
        self,
        gone: Collection[str],
        added: Sequence[SegmentMeta],
        applied: Collection[int] = (),
        *,
        is_same: bool = True,
        late_ms: int = 0,
    ) -> None:
        """Let new queries see other segments in the place of these (by ULID). applied: the
        deletions, by number, that the others obey; what else is pending for these moves to them.
        is_same: whether the others show the same samples, if there are any. late_ms: what is made
        of the others may lack something since then; 0: it does not."""
        successors = [segment.ulid for segment in added]
        with self.lock:
            if not (is_same and added) or any(each.resolution_ms for each in added):
                self._note_gone(gone)
            for segment in added:
                if not segment.is_raw:
                    self.records.note_span(segment.times, "segments")
            before = (*self.segments, *self.aggregates)
            kept = (s for s in before if s.ulid not in gone)
            self.segments, self.aggregates = by_kind((*kept, *added))
            if late_ms:
                self._mark_late(added, late_ms)
            self.leavers.note(before, (*self.segments, *self.aggregates))
            moved = [
                each.moved(gone, () if each.number in applied else successors)
                for each in self.deletions
            ]
            self.deletions = tuple(each for each in moved if each.pending)
        self.files.samples.forget(gone)
        self.files.aggregates.forget(gone)

    def drop_segments(self, gone: Collection[str]) -> None:
        """Let no new query see these segments (by ULID)."""
        self.replace_segments(gone, ())

    def show(self, segments: Sequence[SegmentMeta], deletions: Sequence[Deletion]) -> None:
        """Let new queries see these segments and deletions in the place of all that there are."""
        with self.lock:
            self.leavers.note((*self.segments, *self.aggregates), segments)
            before, after = {*self.segments, *self.aggregates}, {*segments}
            for segment in before ^ after:
                self.records.note_span(segment.times, "segments")
            for deletion in {*self.deletions} ^ {*deletions}:
                self.records.note_deletion(deletion.tenant, deletion.span, "deletion")
            self.segments, self.aggregates = by_kind(segments)
            self.deletions = tuple(deletions)
        gone = {segment.ulid for segment in before} - {segment.ulid for segment in after}
        self.files.samples.forget(gone)
        self.files.aggregates.forget(gone)

    def add_deletion(self, deletion: Deletion) -> None:
        """Hide samples from new queries."""
        with self.lock:
            self.deletions = (*self.deletions, deletion)
            span = (deletion.start_ms, deletion.end_ms)
            self.records.note_deletion(deletion.tenant, span, "deletion")

    def _mark_late(self, added: Sequence[SegmentMeta], at_ms: int) -> None:
        """Times that may lack something are read at another resolution from now on."""
        marked = tuple(marked_late(self.aggregates, added, at_ms))
        for before, after in zip(self.aggregates, marked, strict=True):
            if after is not before:
                self.records.note_span(after.times, "segments")
        self.aggregates = marked

    def _note_gone(self, gone: Collection[str]) -> None:
        for segment in (*self.segments, *self.aggregates):
            if segment.ulid in gone:
                self.records.note_span(segment.times, "segments")

    def _empty_head(self) -> Head:
        return Head(self.options, self.table, now_ms(), self.group)


def by_kind(
    segments: Iterable[SegmentMeta],
) -> tuple[tuple[SegmentMeta, ...], tuple[SegmentMeta, ...]]:
    """Those with samples as they came, and those with aggregates, each by rank."""
    ordered = by_rank(segments)
    raw = tuple(segment for segment in ordered if segment.is_raw)
    return raw, tuple(segment for segment in ordered if not segment.is_raw)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def update_gauges(metrics: StorageMetrics, shard: Shard, queue_length: int) -> None:
    """Say how much a shard holds; queue_length: of its writer."""
    label = str(shard.number)
    metrics.series.labels(label).set(len(shard.table))
    metrics.head_samples.labels(label).set(shard.head_samples)
    metrics.metadata_families.labels(label).set(len(shard.metadata))
    metrics.queue.labels(label).set(queue_length)
    metrics.segments.labels(label).set(len(shard.view().every_segment))
    metrics.wal_bytes.labels(label).set(shard.wal.size_bytes())
