"""One shard: a log, a series table, heads and segments, and the one writer that changes them.

    write   queue -> writer takes all that waits -> resolve series -> log, one sync for all -> head
            Where a sync takes long, the next group is resolved and written to the log meanwhile.
    seal    freeze the head, new log file -> segment on disk -> catalog, with the log position
            -> delete the log files before it -> let go of the frozen head
    read    view() under the lock, then everything outside of it

Invariants:
* A batch is visible to queries only after the record that carries it has been synced.
* Every synced sample is in a registered segment, or in the log from the catalog's position on.
* Taking the same records twice changes nothing that a query can see.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from storage.batch import Batch, Outcome
from storage.catalog.metadata import MetadataTable
from storage.errors import CorruptBatch, Overloaded, StorageError
from storage.head.extras import first_places
from storage.head.head import GROUP_SAMPLES_MAX, Head
from storage.head.histograms import GROUP_BUCKETS_MAX, bucket_count
from storage.kernels.arrays import NOBODY, Int32s, Int64s, UInt64s
from storage.log.rules import RuleLog, loggable
from storage.log.wal import Wal
from storage.options import StorageOptions
from storage.refusals.exemplars import exemplar_rejects
from storage.refusals.samples import (
    dropped_samples,
    histogram_rejects,
    refused_points,
    sample_rejects,
    series_rejects,
)
from storage.segments.exemplars import ExemplarReader
from storage.segments.reader import SegmentReader
from storage.segments.segment import SegmentMeta
from storage.segments.series import SeriesReader
from storage.series.hash_cache import NO_REPLICAS
from storage.series.index import TenantIndex
from storage.series.table import Entry, SeriesTable
from storage.shard.active_series import ActiveSeries
from storage.shard.elections import NO_COPIES, Copies, Elections
from storage.tenants.rules import NO_RULES, TenantRules
from storage.tenants.tenant import Tenant

logger = logging.getLogger(__name__)

SEAL_FULLNESS = 0.5
# Handing short syncs to another thread took an eighth of the time under the interpreter's lock.
INLINE_SYNC_SECONDS_MAX = 0.001
# Of the mean time of a sync: the weight of the last one.
SYNC_WEIGHT = 0.1
# Of the requests that share a sync; the log takes more (storage.log.wal.PENDING_BYTES_MAX).
GROUP_BYTES_MAX = 128 << 20
IDLE_CHECK_SECONDS = 1.0
SEAL_RETRY_SECONDS = 10.0
# How long writes wait for a seal before they are told to come again.
SEAL_WAIT_SECONDS = 1.0
INT64 = np.iinfo(np.int64)


def nobody_waits(_: Outcome | StorageError) -> None:
    """The finish() of a write that comes from the log."""


@dataclass(frozen=True, slots=True, eq=False)
class PendingWrite:
    """A batch for the writer. finish() is called once, from the writer's thread."""

    tenant: Tenant
    batch: Batch
    arrival_ms: int
    finish: Callable[[Outcome | StorageError], None] = nobody_waits
    rules: TenantRules = NO_RULES


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """A write that is in the log, with the refs of its series and what of it is copies."""

    write: PendingWrite
    refs: Int32s
    copies: Copies


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    """A group between the log and the head. synced: when its records are durable, or LogFailed."""

    group: list[Logged]
    synced: Future[None]


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """What a shard has on disk. segments: those of the catalog at start, oldest first;
    log_position: the first log file whose records are not all in segments."""

    wal: Wal
    samples: SegmentReader
    series: SeriesReader
    exemplars: ExemplarReader
    segments: Sequence[SegmentMeta]
    log_position: int


@dataclass(frozen=True, slots=True)
class ShardView:
    """What a query sees: segments, oldest first, and heads, the frozen one first."""

    segments: tuple[SegmentMeta, ...]
    heads: tuple[Head, ...]


# Makes a frozen head durable as a segment of a shard and registers it in the catalog, together with
# the log position that follows it. None: the head had no samples.
Sealer = Callable[[int, SeriesTable, Head, int], SegmentMeta | None]


class Shard:
    """State and writer of one shard. `lock` guards heads and segments; kernels that change or
    snapshot a head run under it, nothing that waits does."""

    def __init__(self, number: int, options: StorageOptions, files: ShardFiles) -> None:
        self.number = number
        self.files = files
        self.lock = threading.Lock()
        self.table = SeriesTable(options)
        self.metadata = MetadataTable(options)
        self.wal = files.wal
        self.rule_log = RuleLog()
        self._elections = Elections(options.series_max)
        self._options = options
        self._segments = tuple(files.segments)
        self._active = Head(options, self.table, now_ms())
        self._frozen: Head | None = None
        self._series = ActiveSeries(self.table, lambda: self.view().heads)
        self._indexes: dict[int, TenantIndex] = {}
        self._queue: list[PendingWrite] = []
        self._wake = threading.Condition()
        self._stopping = False
        self._writer: threading.Thread | None = None
        self._flight: Flight | None = None  # the writer's
        self._syncs = ThreadPoolExecutor(1, thread_name_prefix=f"sync-{number}")
        self._sync_seconds = 0.0  # in the mean, of the last ones
        self._sealing: threading.Thread | None = None
        self._sealer: Sealer | None = None

    # Reading.

    def view(self) -> ShardView:
        with self.lock:
            heads = (self._active,) if self._frozen is None else (self._frozen, self._active)
            return ShardView(self._segments, heads)

    def index(self, tenant: int) -> TenantIndex:
        with self.lock:
            index = self._indexes.get(tenant)
            if index is None:
                index = self._indexes[tenant] = TenantIndex(self.table, tenant)
            return index

    @property
    def head_samples(self) -> int:
        return sum(head.sample_count for head in self.view().heads)

    @property
    def queue_length(self) -> int:
        return len(self._queue)

    # Writing.

    def start(self, sealer: Sealer) -> None:
        """Start the writer; the shard was recovered before."""
        self._sealer = sealer
        self._writer = threading.Thread(target=self._run, name=f"writer-{self.number}", daemon=True)
        self._writer.start()

    def submit(self, write: PendingWrite) -> None:
        """Queue a write. Raises Overloaded if too many wait or the shard is stopping."""
        with self._wake:
            if self._stopping:
                raise Overloaded("the server is stopping")
            if len(self._queue) >= self._options.queue_requests_max:
                raise Overloaded(
                    f"{len(self._queue)} requests wait for shard {self.number}, at most "
                    f"{self._options.queue_requests_max} may (storage.write-queue.max-requests)"
                )
            self._queue.append(write)
            self._wake.notify()

    def stop(self) -> None:
        """Write what waits, finish a seal under way, close the log. The head stays in the log."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._writer is not None:
            self._writer.join()
        self._syncs.shutdown()
        if self._sealing is not None:
            self._sealing.join()
        self.wal.close()

    def replay(
        self, tenant: Tenant, batch: Batch, arrival_ms: int, left_out: Int64s = NOBODY
    ) -> None:
        """Take a batch from the log: what a write does, without the log. Before start() only.

        left_out: the series that were refused then, as storage.log.rules keeps them.
        """
        rules = self.rule_log.of(tenant.name)
        entry = Entry(rules, left_out=left_out, replicas=replicas_for(batch, rules))
        refs = self.table.resolve(batch, tenant.number, entry)
        write = PendingWrite(tenant, batch, arrival_ms, rules=rules)
        self._append(Logged(write, refs, self._judge(write, refs, entry.replicas)))

    def take_rules(self, tenant: Tenant, rules: TenantRules) -> None:
        """Take the rules of a tenant from the log. Before start() only."""
        self.rule_log.take(tenant.name, rules)
        self._elections.begin_term(tenant.number)

    def freeze(self) -> Head:
        """Replace the head by an empty one; the old one is read from until thaw()."""
        with self.lock:
            assert self._frozen is None, f"BUG: shard {self.number} is sealing already"
            self._frozen = self._active
            self._active = Head(self._options, self.table, now_ms())
            return self._frozen

    def thaw(self, segment: SegmentMeta | None) -> None:
        """The frozen head is in a segment now (None: it had no samples)."""
        with self.lock:
            self._frozen = None
            if segment is not None:
                self._segments = (*self._segments, segment)

    def drop_segments(self, gone: set[str]) -> None:
        """Let no new query see these segments (by ULID)."""
        with self.lock:
            self._segments = tuple(s for s in self._segments if s.ulid not in gone)

    @property
    def fullness(self) -> float:
        return self._active.fullness

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._has_work():
                    self._wake.wait(IDLE_CHECK_SECONDS)
                if not self._queue and self._stopping and self._flight is None:
                    return
                group = self._take_group()
            self._write_group(group)
            if self._seal_is_due() and not self._stopping:
                self._start_seal()

    def _has_work(self) -> bool:
        if self._flight is None and self._stopping:
            return True
        return bool(self._queue) or self._is_synced()

    def _is_synced(self) -> bool:
        """Whether what is in flight can land without waiting."""
        return self._flight is not None and self._flight.synced.done()

    def _take_group(self) -> list[PendingWrite]:
        """The longest run of waiting writes that, together with those in flight, fits into a head
        below its limits, and into what the log remembers until it is written."""
        flying = [] if self._flight is None else [logged.write for logged in self._flight.group]
        samples = sum(write.batch.sample_count for write in flying)
        buckets = sum(bucket_count(write.batch.histograms) for write in flying)
        count, size = 0, 0
        for write in self._queue:
            samples += write.batch.sample_count
            buckets += bucket_count(write.batch.histograms)
            size += len(write.batch.payload)
            full = samples > GROUP_SAMPLES_MAX or buckets > GROUP_BUCKETS_MAX
            if (count or flying) and (full or size > GROUP_BYTES_MAX):
                break
            count += 1
        group, self._queue = self._queue[:count], self._queue[count:]
        return group

    def _write_group(self, group: list[PendingWrite]) -> None:
        """Log a group and begin its sync; meanwhile the one before it lands."""
        logged = self._log_group(group)
        flight = Flight(logged, self._begin_sync()) if logged else None
        # Without anything to write, what comes next is better waited for than the sync.
        if group or self._queue or self._is_synced():
            self._land()
            self._flight = flight
        if self._is_synced():
            self._land()

    def _begin_sync(self) -> Future[None]:
        """Sync the log: beside the next group, or at once where that is sooner done than told."""
        if self._sync_seconds > INLINE_SYNC_SECONDS_MAX:
            synced = self._syncs.submit(self._sync)
            synced.add_done_callback(self._wake_up)
            return synced
        synced = Future[None]()
        try:
            self._sync()
            synced.set_result(None)
        except Exception as error:  # whatever it is, _land() answers with it
            synced.set_exception(error)
        return synced

    def _sync(self) -> None:
        """Make what was written durable, and learn how long that takes."""
        started = time.perf_counter()
        self.wal.make_durable()
        self._sync_seconds += SYNC_WEIGHT * (time.perf_counter() - started - self._sync_seconds)

    def _wake_up(self, _: Future[None]) -> None:
        with self._wake:
            self._wake.notify()

    def _log_group(self, group: list[PendingWrite]) -> list[Logged]:
        """Resolve, judge and log the group; what cannot be kept is answered here and left out."""
        unanswered = deque(group)
        try:
            resolved = self._resolve_group(unanswered)
            if resolved:
                self._make_room()
            logged = [
                Logged(write, refs, self._log(write, refs, replicas))
                for write, refs, replicas in resolved
            ]
            self.wal.write()
        except Exception as error:
            self._give_up(unanswered, error)
            return []
        return logged

    def _land(self) -> None:
        """Make what is in flight visible once it is durable, and answer it."""
        flight, self._flight = self._flight, None
        if flight is None:
            return
        unanswered = deque(logged.write for logged in flight.group)
        try:
            flight.synced.result()
            for logged in flight.group:
                outcome = self._append(logged)
                unanswered.popleft().finish(outcome)
        except Exception as error:
            self._give_up(unanswered, error)

    def _give_up(self, writes: Sequence[PendingWrite], error: Exception) -> None:
        """Answer writes that failed together. A bug must not end the writer, or every later request
        would wait for ever."""
        self.rule_log.start_anew()
        self.wal.forget()
        if not isinstance(error, StorageError):
            logger.error("write failed shard=%d", self.number, exc_info=error)
            error = StorageError(f"internal error: {error!r}")
        for write in writes:
            write.finish(error)

    def _resolve_group(
        self, unanswered: deque[PendingWrite]
    ) -> list[tuple[PendingWrite, Int32s, UInt64s]]:
        """The writes with their refs and replicas; corrupt ones are answered."""
        resolved = []
        for write in list(unanswered):
            try:
                resolved.append((write, *self._resolve(write)))
            except CorruptBatch as error:
                unanswered.remove(write)
                write.finish(error)
        return resolved

    def _resolve(self, write: PendingWrite) -> tuple[Int32s, UInt64s]:
        """The refs of a write, and the replicas that they come from."""
        number, rules = write.tenant.number, write.rules
        allowed = rules.series_max
        room = partial(self._series.room, number, allowed=allowed, now_ms=write.arrival_ms)
        entry = Entry(
            rules,
            room if allowed else None,
            clusters_max=0 if rules.ha is None else rules.ha.clusters_max,
            replicas=replicas_for(write.batch, rules),
        )
        return self.table.resolve(write.batch, number, entry), entry.replicas

    def _log(self, write: PendingWrite, refs: Int32s, replicas: UInt64s) -> Copies:
        """Log a write, unless nothing of it is to be kept; returns what is copies of others."""
        metadata = len(self._fresh_metadata(write)) > 0
        if refs.max(initial=-1) < 0 and not metadata:
            return NO_COPIES
        append, tenant = self.wal.append, write.tenant
        if self.rule_log.append(append, write.arrival_ms, tenant.name, write.rules):
            self._elections.begin_term(tenant.number)
        copies = self._judge(write, refs, replicas)
        if metadata or not copies.are_all_of(write.batch):
            kind, payload = loggable(write.batch, refs)
            append(kind, write.arrival_ms, tenant.name, payload)
        return copies

    def _judge(self, write: PendingWrite, refs: Int32s, replicas: UInt64s) -> Copies:
        ha = write.rules.ha
        if ha is None:
            return NO_COPIES
        return self._elections.judge(
            write.tenant.number,
            write.batch,
            refs,
            replicas,
            accepted_ms=accepted_times(self._options, write.arrival_ms, write.rules),
            failover_ms=ha.failover_ms,
        )

    def _fresh_metadata(self, write: PendingWrite) -> Int64s:
        raw = write.batch.metadata
        if raw is None:
            return NOBODY
        return self.metadata.fresh(write.tenant.number, raw, write.arrival_ms)

    def _make_room(self) -> None:
        if self._active.fullness < 1:
            return
        self._land()
        if self._sealing is not None:
            self._sealing.join(SEAL_WAIT_SECONDS)
        if self._frozen is not None:
            raise Overloaded(
                f"the head of shard {self.number} is full while another is being sealed; it holds "
                f"at most {self._options.head_samples_max} samples (storage.head.max-samples) and "
                f"{self._options.head_buckets_max} buckets of native histograms "
                "(storage.head.max-histogram-buckets)"
            )
        self._start_seal()

    def _append(self, logged: Logged) -> Outcome:
        write, refs, copies = logged.write, logged.refs, logged.copies
        batch, rules = write.batch, write.rules
        options = self._options
        oldest, newest = accepted_times(options, write.arrival_ms, rules)
        places = copies.places
        if places is None and batch.points is not None:
            places = first_places(batch)
        with self.lock:
            appended = self._active.append(refs, batch, oldest, newest, places)
        rejects = (
            *sample_rejects(batch, appended, (oldest, newest), options, rules),
            *histogram_rejects(batch, refs),
        )
        dropped = 0
        if refs.min(initial=0) < 0:
            rejects = (*series_rejects(batch, refs, options, rules), *rejects)
            dropped = dropped_samples(batch, refs)
        refused = sum(reject.count for reject in rejects)
        outcome = Outcome(
            batch.sample_count - refused,
            rejects,
            histograms=appended.histograms,
            dropped=dropped,
            copies=copies.count,
            refused_points=refused_points(batch, refs, places) if refused else 0,
        )
        if batch.exemplars is not None:
            raw = batch.exemplars
            kept = copies.refs_of_exemplars(refs)
            codes = self._active.exemplars.add(kept, raw, oldest, newest, rules)
            refusals = exemplar_rejects(batch, raw, codes, options)
            accepted = len(raw) - sum(reject.count for reject in refusals)
            outcome = replace(outcome, exemplars=accepted, exemplar_rejects=refusals)
        if batch.metadata is not None:
            fresh = self._fresh_metadata(write)
            not_kept = self.metadata.add(
                write.tenant.number, batch.metadata, fresh, write.arrival_ms
            )
            outcome = replace(outcome, metadata_not_kept=not_kept)
        return outcome

    # Sealing.

    def _seal_is_due(self) -> bool:
        head = self._active
        if self._frozen is not None or not (head.sample_count or len(head.exemplars)):
            return False
        # Staggered, so that shards which were opened together do not all seal at once.
        age_max = self._options.head_age_ms * (1 + self.number / (2 * self._options.shards))
        return head.fullness >= SEAL_FULLNESS or now_ms() - head.opened_ms >= age_max

    def _start_seal(self) -> None:
        self._land()  # its records come before the position, so it belongs to the frozen head
        try:
            position = self.wal.rotate()
            self.rule_log.start_anew()
        except StorageError as error:
            logger.error("seal not started shard=%d error=%r", self.number, str(error))
            return
        head = self.freeze()
        self._sealing = threading.Thread(
            target=self._seal, args=(head, position), name=f"seal-{self.number}", daemon=True
        )
        self._sealing.start()

    def _seal(self, head: Head, position: int) -> None:
        """Seal until it works: the samples are safe in the log meanwhile."""
        assert self._sealer is not None, "BUG: the shard was not started"
        while True:
            try:
                segment = self._sealer(self.number, self.table, head, position)
                break
            except Exception:
                logger.exception("seal failed, will be tried again shard=%d", self.number)
                if self._stopping:
                    return
                time.sleep(SEAL_RETRY_SECONDS)
        self.thaw(segment)
        self.wal.truncate(position)


def replicas_for(batch: Batch, rules: TenantRules) -> UInt64s:
    """Room for the replicas of a batch's series, where they are asked for."""
    return NO_REPLICAS if rules.ha is None else np.zeros(batch.series_count, np.uint64)


def accepted_times(
    options: StorageOptions, arrival_ms: int, rules: TenantRules = NO_RULES
) -> tuple[int, int]:
    """The oldest and newest timestamp accepted from a request that came at arrival_ms.

    The smallest int64 itself stands for "never" and is not accepted.
    """
    grace_ms = options.creation_grace_period_ms if rules.grace_ms is None else rules.grace_ms
    oldest, newest = arrival_ms - options.retention_ms, arrival_ms + grace_ms
    if options.retention_ms == 0:
        oldest = int(INT64.min) + 1
        newest = int(INT64.max) if rules.grace_ms is None else newest
    if rules.out_of_order_ms:
        oldest = max(oldest, arrival_ms - rules.out_of_order_ms)
    return oldest, newest


def now_ms() -> int:
    return time.time_ns() // 1_000_000
