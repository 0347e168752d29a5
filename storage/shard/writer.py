"""The writer of one shard: a thread that brings requests from the queue to the log and the head.

    queue   the longest run of waiting requests that fits makes a group
    log     series are resolved, the group is written to the log, one sync is begun for all of it
    head    once that has ended, the group is visible, and its requests are answered

A group is in flight from its sync to its landing. Where syncs take long, the next group is resolved
and logged meanwhile, so at most one is in flight, and groups land in the order of the log.

Invariants:
* A batch is visible to queries only after the record that carries it has been synced.
* Every request is answered once, whatever fails.
* Taking the same records twice changes nothing that a query can see.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from storage.errors import CorruptBatch, Overloaded, StorageError
from storage.head.head import GROUP_LIMITS, GroupLimits, Head
from storage.kernels.arrays import Int32s, UInt64s
from storage.log.rules import loggable
from storage.series.table import Succession
from storage.shard.elections import NO_COPIES
from storage.shard.forgetting import Forgetting
from storage.shard.ingest import (
    Logged,
    PendingWrite,
    append,
    begin_log_file,
    fresh_metadata,
    judge,
    log_rules,
    resolve,
)
from storage.shard.sealing import Sealer
from storage.shard.seals import seal
from storage.shard.shard import Shard

logger = logging.getLogger(__name__)

# Of the mean time of a sync: the weight of the last one.
SYNC_WEIGHT = 0.1
IDLE_CHECK_SECONDS = 1.0
# Of the requests that share a sync; the log takes more (storage.log.wal.PENDING_BYTES_MAX).
GROUP_BYTES_MAX = 128 << 20


@dataclass(frozen=True, slots=True)
class WriterLimits:
    """When a group is full, and how long the writer waits for what.

    group_bytes: of the payloads of a group; a larger request is one by itself.
    inline_sync_seconds: syncs that took no longer than this are not worth another thread; handing
    short ones over took an eighth of the time under the interpreter's lock.
    seal_wait_seconds: how long writes wait for a seal before they are asked to come again.
    """

    group: GroupLimits = GROUP_LIMITS
    group_bytes: int = GROUP_BYTES_MAX
    inline_sync_seconds: float = 0.001
    seal_wait_seconds: float = 1.0
    seal_retry_seconds: float = 10.0


WRITER_LIMITS = WriterLimits()


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    """A group between the log and the head. synced: when its records are durable, or LogFailed."""

    group: list[Logged]
    synced: Future[None]


class Writer:
    """Thread and queue. start(), submit() and stop() are for others, all else is for the thread."""

    def __init__(self, shard: Shard, sealer: Sealer, limits: WriterLimits = WRITER_LIMITS) -> None:
        self.shard = shard
        self._sealer = sealer
        self._limits = limits
        # Guards what others leave here for the thread: _queue, _tasks, _seals_asked, _stopping.
        self._wake = threading.Condition()
        self._queue: list[PendingWrite] = []
        self._tasks: list[tuple[Callable[[], None], Future[None]]] = []
        self._seals_asked: list[Future[None]] = []
        self._stopping = False
        self._thread = threading.Thread(
            target=self._run, name=f"writer-{shard.number}", daemon=True
        )
        self._flight: Flight | None = None
        self._syncs = ThreadPoolExecutor(1, thread_name_prefix=f"sync-{shard.number}")
        self._sync_seconds = 0.0  # in the mean, of the last ones
        self._sealing: threading.Thread | None = None
        self.forgetting = Forgetting(shard)

    def start(self) -> None:
        """Begin to write; the shard was recovered before."""
        self._thread.start()

    @property
    def queue_length(self) -> int:
        return len(self._queue)

    def submit(self, write: PendingWrite) -> None:
        """Queue a write. Raises Overloaded if too many wait or the shard is stopping."""
        allowed = self.shard.options.queue_requests_max
        with self._wake:
            if self._stopping:
                raise Overloaded("the server is stopping")
            if len(self._queue) >= allowed:
                raise Overloaded(
                    f"{len(self._queue)} requests wait for shard {self.shard.number}, at most "
                    f"{allowed} may (storage.write-queue.max-requests)"
                )
            self._queue.append(write)
            self._wake.notify()

    def between_groups(self, task: Callable[[], None]) -> Future[None]:
        """Have a short task done by the writer's thread while nothing is being written."""
        done = Future[None]()
        self._leave(lambda: self._tasks.append((task, done)), done)
        return done

    def seal(self) -> Future[None]:
        """Seal what is in the head; done once everything visible before this call is in segments.
        Fails with Overloaded if the shard stops before, or StorageError if it cannot be begun."""
        done = Future[None]()
        self._leave(lambda: self._seals_asked.append(done), done)
        return done

    def _leave(self, leave: Callable[[], None], done: Future[None]) -> None:
        with self._wake:
            if self._stopping:
                done.set_exception(Overloaded("the server is stopping"))
                return
            leave()
            self._wake.notify()

    def stop(self) -> None:
        """Write what waits, finish a seal under way, close the log. The head stays in the log."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join()
        self._syncs.shutdown()
        if self._sealing is not None:
            self._sealing.join()
        for done in [done for _, done in self._tasks] + self._seals_asked:
            done.set_exception(Overloaded("the server is stopping"))
        self.shard.wal.close()

    # The order of a write, from top to bottom.

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._has_work():
                    self._wake.wait(IDLE_CHECK_SECONDS)
                if not self._queue and self._stopping and self._flight is None:
                    return
                group = self._take_group()
            self._write(group)
            self._run_tasks()
            if self._stopping:
                continue
            if self._seals_asked and self.shard.frozen is None:
                self._seal_as_asked()
            elif self.shard.seal_is_due:
                self._start_seal()

    def _has_work(self) -> bool:
        if self._flight is None and self._stopping:
            return True
        can_seal = bool(self._seals_asked) and self.shard.frozen is None
        return bool(self._queue or self._tasks) or can_seal or self._is_synced()

    def _run_tasks(self) -> None:
        with self._wake:
            tasks, self._tasks = self._tasks, []
        if tasks:
            self._land()
        for task, done in tasks:
            try:
                task()
                done.set_result(None)
            except Exception as error:
                done.set_exception(error)

    def _is_synced(self) -> bool:
        """Whether what is in flight can land without waiting."""
        return self._flight is not None and self._flight.synced.done()

    def _take_group(self) -> list[PendingWrite]:
        """The longest run of waiting writes that, together with those in flight, fits into a head
        below its limits, and into what the log remembers until it is written."""
        limits = self._limits
        flying = [] if self._flight is None else [logged.write for logged in self._flight.group]
        samples = sum(write.batch.sample_count for write in flying)
        buckets = sum(write.batch.bucket_count for write in flying)
        count, size = 0, 0
        for write in self._queue:
            samples += write.batch.sample_count
            buckets += write.batch.bucket_count
            size += len(write.batch.payload)
            full = samples > limits.group.samples or buckets > limits.group.buckets
            if (count or flying) and (full or size > limits.group_bytes):
                break
            count += 1
        group, self._queue = self._queue[:count], self._queue[count:]
        return group

    def _write(self, group: list[PendingWrite]) -> None:
        """Bring a group from the queue to the log, and meanwhile the one before it to the head."""
        unanswered = deque(group)
        logged: list[Logged] = []
        try:
            resolved = self._resolve_group(unanswered)
            if resolved:
                self._make_room()
            logged = [self._log(*each) for each in resolved]
            self.shard.wal.write()
        except Exception as error:
            self._give_up(unanswered, error)
            logged = []
        flight = Flight(logged, self._begin_sync()) if logged else None
        # Without anything to write, what comes next is better waited for than the sync.
        if group or self._queue or self._is_synced():
            self._land()
            self._flight = flight
        if self._is_synced():
            self._land()

    def _resolve_group(
        self, unanswered: deque[PendingWrite]
    ) -> list[tuple[PendingWrite, Int32s, UInt64s]]:
        """The writes with their refs and replicas; corrupt ones are answered."""
        resolved = []
        for write in list(unanswered):
            try:
                resolved.append((write, *resolve(self.shard, write)))
            except CorruptBatch as error:
                unanswered.remove(write)
                write.finish(error)
        return resolved

    def _make_room(self) -> None:
        """See to it that the head can take a group: if it is full, seal it, if that can be done."""
        shard = self.shard
        if shard.fullness < 1:
            return
        self._land()
        if self._sealing is not None:
            self._sealing.join(self._limits.seal_wait_seconds)
        if shard.frozen is not None:
            raise Overloaded(
                f"the head of shard {shard.number} is full while another is being sealed; it holds "
                f"at most {shard.options.head_samples_max} samples (storage.head.max-samples) and "
                f"{shard.options.head_buckets_max} buckets of native histograms "
                "(storage.head.max-histogram-buckets)"
            )
        self._start_seal(may_renew=False)

    def _log(self, write: PendingWrite, refs: Int32s, replicas: UInt64s) -> Logged:
        """Log a write, unless none of it is to be kept."""
        shard, batch, name = self.shard, write.batch, write.tenant.name
        fresh = fresh_metadata(shard, write)
        all_accepted = bool(refs.min(initial=0) >= 0)
        if not len(fresh) and not (len(refs) if all_accepted else refs.max() >= 0):
            return Logged(write, refs, all_accepted, fresh, NO_COPIES)
        log_rules(shard, write.tenant, write.arrival_ms, write.rules)
        copies = judge(shard, write, refs, replicas)
        if len(fresh) or not copies.are_all_of(batch):
            kind, payload = (batch.kind, batch.payload) if all_accepted else loggable(batch, refs)
            shard.wal.append(kind, write.arrival_ms, name, payload)
        return Logged(write, refs, all_accepted, fresh, copies)

    def _begin_sync(self) -> Future[None]:
        """Sync the log: beside the next group, or at once where that is done sooner than handed
        over."""
        if self._sync_seconds > self._limits.inline_sync_seconds:
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
        self.shard.wal.make_durable()
        self._sync_seconds += SYNC_WEIGHT * (time.perf_counter() - started - self._sync_seconds)

    def _wake_up(self, _: Future[None] | None) -> None:
        with self._wake:
            self._wake.notify()

    def _land(self) -> None:
        """Make what is in flight visible once it is durable, and answer it."""
        flight, self._flight = self._flight, None
        if flight is None:
            return
        unanswered = deque(logged.write for logged in flight.group)
        try:
            flight.synced.result()
            for logged in flight.group:
                outcome = append(self.shard, logged)
                unanswered.popleft().finish(outcome)
        except Exception as error:
            self._give_up(unanswered, error)

    def _give_up(self, writes: Sequence[PendingWrite], error: Exception) -> None:
        """Answer writes that failed together. A bug must not end the writer, or every later request
        would wait for ever."""
        self.shard.rule_log.start_anew()
        self.shard.wal.forget()
        if not isinstance(error, StorageError):
            logger.error("write failed shard=%d", self.shard.number, exc_info=error)
            error = StorageError(f"internal error: {error!r}")
        for write in writes:
            write.finish(error)

    # Sealing: it is begun between two groups, and goes on in a thread of its own.

    def _seal_as_asked(self) -> None:
        """Seal for all who wait for it, also where the head is empty: the log may have samples that
        were refused, and that a replay would take once what they contradict is deleted."""
        self._land()
        with self._wake:
            asked, self._seals_asked = self._seals_asked, []
        self._start_seal(asked)

    def _start_seal(self, asked: Sequence[Future[None]] = (), *, may_renew: bool = True) -> None:
        """asked: answered once the seal has ended. may_renew: no refs are held anywhere here."""
        self._land()  # its records come before the position, so it belongs to the frozen head
        shard = self.shard
        try:
            position = begin_log_file(shard)
        except StorageError as error:
            shard.rule_log.start_anew()
            shard.wal.forget()
            logger.error("seal not started shard=%d error=%r", shard.number, str(error))
            for done in asked:
                done.set_exception(error)
            return
        head = shard.freeze(self._renewed() if may_renew else None)
        self._sealing = threading.Thread(
            target=self._seal_for, args=(asked, head, position), name=f"seal-{shard.number}",
            daemon=True,
        )  # fmt: skip
        self._sealing.start()

    def _seal_for(self, asked: Sequence[Future[None]], head: Head, position: int) -> None:
        """Seal, and let those go on who wait for it."""
        is_sealed = seal(
            self.shard,
            self._sealer,
            (head, position),
            retry_seconds=self._limits.seal_retry_seconds,
            is_stopping=lambda: self._stopping,
        )
        for done in asked:
            if is_sealed:
                done.set_result(None)
            else:
                done.set_exception(Overloaded("the server is stopping"))
        self._wake_up(None)

    def _renewed(self) -> Succession | None:
        """What takes the place of the series table, if series are to be forgotten now."""
        try:
            return self.forgetting.renewed()
        except Exception:
            logger.exception("series not forgotten shard=%d", self.shard.number)
            return None
