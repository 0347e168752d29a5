"""The database: all shards of one data directory behind append, querier and close.

Opening recovers: the catalog states which segments and which part of each log count, series come
back from the segments, samples from the log. One process at a time may have a data directory open.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

from storage.batch import Batch, Decoder, Outcome
from storage.bucket.attached import attach
from storage.catalog.catalog import Catalog
from storage.catalog.owning.choice import open_catalog
from storage.compaction.compactor import Tools
from storage.compaction.status import SegmentReport
from storage.compaction.worker import CompactionWorker
from storage.dedup.algorithm import Algorithm
from storage.deletion.deleting import wait
from storage.deletion.requests import DeletionRequests
from storage.deletion.rewriting import DeletionTools
from storage.errors import StorageError
from storage.files import (
    lock_directory,
    lock_shard,
    make_directory,
    segments_directory,
    wal_directory,
)
from storage.head.head import Head
from storage.log.file import Damage, warn_of_damage
from storage.log.wal import Wal
from storage.metrics import StorageMetrics
from storage.options import StorageOptions
from storage.policy import DEFAULT_POLICY, Policy
from storage.read.kept import Kept
from storage.read.preloading import Preloading
from storage.read.querier import StorageQuerier
from storage.read.replicas.watch import ReplicaWatch
from storage.segments.aggregates.reader import AggregateReader
from storage.segments.caches import SegmentCaches
from storage.segments.damage import Damages
from storage.segments.duck import Duck
from storage.segments.exemplars import ExemplarReader
from storage.segments.reader import SegmentReader
from storage.segments.segment import SegmentMeta
from storage.segments.series import SeriesReader
from storage.segments.writer import SegmentWriter
from storage.series.table import SeriesTable
from storage.shard.doomed import DoomedFiles
from storage.shard.ingest import PendingWrite, count_outcome, settle
from storage.shard.known_tenants import KnownTenants
from storage.shard.owned import Owned
from storage.shard.periods import NO_PERIODS, TenantPeriods, complete_since
from storage.shard.recovery import recover_shard, registered_segments
from storage.shard.retention import Retention
from storage.shard.sealed_heads import SealedHeads
from storage.shard.sealing import SealMoment, seal_head
from storage.shard.shard import Shard, ShardFiles, now_ms, update_gauges
from storage.shard.writer import WRITER_LIMITS, Writer, WriterLimits
from storage.snapshot import Snapshots

logger = logging.getLogger(__name__)

TEMPORARY_DIRECTORY = "tmp"
UPKEEP_SECONDS = 10.0
NO_TENANT = 0  # has no series; numbers of tenants begin with 1


class Database:
    """Tenants on shards. append() belongs to an event loop; queriers may be used in any thread."""

    def __init__(
        self,
        options: StorageOptions,
        catalog: Catalog,
        duck: Duck,
        metrics: StorageMetrics,
        policy: Policy,
        *,
        limits: WriterLimits,
    ) -> None:
        """Use open()."""
        self._options = options
        self._path = Path(options.path)
        self._catalog = catalog
        self._duck = duck
        self._caches = SegmentCaches(
            options.segment_cache_bytes, index_bytes=options.segment_index_bytes
        )
        self._caches.watched_by(metrics.segment_cache_bytes)
        self._damages = Damages(lambda _, groups: metrics.damaged_groups.inc(groups))
        self._metrics = metrics
        self._share = policy.share
        self._known = KnownTenants(options, catalog, policy.share)
        self._tenants = self._known.by_name
        self._limits = limits
        self._shards: Owned[Shard] = Owned()
        self._writers: Owned[Writer] = Owned()
        self._locks: list[int] = []
        self._bucket = attach(policy.bucket, catalog, self._path)
        self._sealed = SealedHeads()
        self._closing = threading.Event()
        self._upkeep = threading.Thread(target=self._keep_up, name="upkeep", daemon=True)
        self._doomed = DoomedFiles()
        self._retention = Retention(
            options, catalog, self._doomed, self._periods_of_shard, self._share
        )
        self.deletions = DeletionRequests(
            DeletionTools(
                catalog,
                directory=lambda shard: segments_directory(self._path, shard),
                segment_writer=self._segment_writer,
                tenants=self._tenants,
                doom=self._retention.doom,
                save_metadata=self._save_metadata,
                whole=self._bucket.whole,
                pairs=policy.pairs,
            ),
            self._shards,
            self._writers,
            policy.periods,
        )
        self.snapshots = Snapshots(self._path)
        self.rule_states = catalog.rule_states
        self.configured_rules = catalog.configured_rules
        self._rules_of, self._periods_of = policy.rules, policy.periods
        self._clock, self._refused = policy.clock, policy.refused
        self._pairs = policy.pairs
        self._compaction = CompactionWorker(options, self._tools(), lambda: list(self._shards))
        self._preloading = Preloading(options, lambda: list(self._shards))
        self._watch = ReplicaWatch(metrics, policy.replicas)

    @classmethod
    def open(
        cls,
        options: StorageOptions,
        decode: Decoder,
        registry: CollectorRegistry,
        policy: Policy = DEFAULT_POLICY,
        *,
        limits: WriterLimits = WRITER_LIMITS,
    ) -> "Database":
        """Open or make a data directory and recover everything acknowledged. Blocks; may take
        minutes for a large log. Raises FormatError if the directory cannot be read."""
        path = Path(options.path)
        make_directory(path)
        # Processes that share the shards have a parent, which holds the directory.
        lock_descriptor = lock_directory(path) if policy.share.count == 1 else -1
        catalog = open_catalog(path, options.shards, policy.share, policy.catalog)
        duck = Duck(
            memory_bytes=options.duckdb_memory_bytes,
            threads=options.duckdb_threads,
            temporary=path / TEMPORARY_DIRECTORY / str(policy.share.number),
        )
        database = cls(options, catalog, duck, StorageMetrics(registry), policy, limits=limits)
        database._locks += [lock_descriptor] if lock_descriptor >= 0 else []
        database._recover(decode)
        return database

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        """Make a batch durable and visible; returns after both. Releases the batch.

        Raises Overloaded, LogFailed (nothing was kept), CorruptBatch, LimitExceeded or TenantError.
        Raises Fenced if another server has taken over: it may have been kept, but for nobody.
        """
        try:
            self._catalog.check_owner()
            self._limits.group.check(batch)
        except StorageError:
            batch.release()
            raise
        if batch.is_empty:
            batch.release()
            return Outcome(0)
        known = self._tenants.get(tenant)
        if known is None:
            try:
                self._shards[self._known.shard_of(tenant)]
                known = await asyncio.to_thread(self._known.add, tenant)
            except StorageError:
                batch.release()
                raise
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Outcome] = loop.create_future()

        def finish(result: Outcome | StorageError) -> None:
            loop.call_soon_threadsafe(settle, answer, batch, result)

        try:
            write = PendingWrite(known, batch, arrival_ms, finish, self._rules_of(tenant))
            self._writers[known.shard].submit(write)
        except StorageError:
            batch.release()
            raise
        outcome = await answer
        self._catalog.check_owner()  # it may have been taken over while that took its time
        return count_outcome(self._metrics, tenant, outcome)

    def querier(
        self,
        tenant: str,
        *,
        replica_labels: tuple[str, ...],
        dedup: bool,
        algorithm: Algorithm = Algorithm.AUTO,
    ) -> StorageQuerier:
        """A view of one tenant. With dedup, series that are equal without the replica labels are
        one, made by the algorithm. A tenant that never wrote has no series. Raises Elsewhere,
        and Fenced."""
        self._catalog.check_owner()
        known = self._tenants.get(tenant)
        shard = self._shards[self._known.shard_of(tenant) if known is None else known.shard]
        labels = replica_labels if dedup else ()
        rules = self._rules_of(tenant)
        kept = Kept.of(self._options, self._periods_of(tenant), self._clock())
        pairs = self._pairs(tenant)
        return StorageQuerier(
            shard,
            NO_TENANT if known is None else known.number,
            self._options,
            labels,
            algorithm,
            rules=rules,
            kept=kept,
            aggregated=set(labels) == set(pairs.replica_labels),
        )

    def tenant_names(self) -> list[str]:
        """Of the shards that are here."""
        return [t.name for t in list(self._tenants.values()) if t.shard in self._shards]

    def segment_report(self) -> SegmentReport:
        """The segments of all shards, and the job of compaction under way. For any thread."""
        at_ms = now_ms()
        states = [
            state for shard in self._shards for state in self._compaction.states(shard, at_ms)
        ]
        return SegmentReport(states, self._compaction.progress())

    def close(self) -> None:
        """Write what waits, finish seals under way, keep the heads in the log."""
        self._closing.set()
        self._catalog.stop_waiting()
        self.deletions.stop()
        self._compaction.stop()
        self._preloading.stop()
        if self._upkeep.is_alive():
            self._upkeep.join()
        for writer in self._writers:
            writer.stop()
        self._bucket.stop()
        self._duck.close()
        self._catalog.close()
        for descriptor in self._locks:
            os.close(descriptor)

    def _recover(self, decode: Decoder) -> None:
        self._known.load()
        started = time.monotonic()
        for number in self._share.shards(self._catalog.shards):
            self._locks.append(lock_shard(self._path, number))
            shard = self._open_shard(number)
            shard.metadata.load(self._catalog.metadata(number), now_ms())
            self._shards.add(number, shard)
            recover_shard(shard, self._tenants, decode, self._seal, self._set_aside)
            writer = Writer(shard, self._seal, self._limits)
            self._writers.add(number, writer)
            writer.start()
        self._upkeep.start()
        self.deletions.start()
        self._compaction.start()
        self._bucket.start()
        self._preloading.start()
        logger.info(
            "database open path=%s shards=%d tenants=%d series=%d head_samples=%d seconds=%.1f",
            self._path, len(self._shards), len(self._tenants),
            sum(len(shard.table) for shard in self._shards),
            sum(shard.head_samples for shard in self._shards), time.monotonic() - started,
        )  # fmt: skip

    def _open_shard(self, number: int) -> Shard:
        directory = segments_directory(self._path, number)
        segments = registered_segments(self._catalog, number, directory)
        self._bucket.adopt(segments)
        position = self._catalog.log_position(number)
        files = ShardFiles(
            wal=Wal.open(
                wal_directory(self._path, number), first_file=position, on_damage=self._note_damage
            ),
            samples=SegmentReader(
                directory, self._caches, damages=self._damages, places=self._bucket.places
            ),
            aggregates=AggregateReader(directory, self._caches, self._damages, self._bucket.places),
            series=SeriesReader(self._duck, directory, damages=self._damages),
            exemplars=ExemplarReader(directory, self._damages),
            segments=segments,
            log_position=position,
            deletions=self._catalog.deletions.pending(number),
            damages=self._damages,
        )
        shard = Shard(number, self._options, files, self._limits.group)
        self._doomed.leavers.append(shard.leavers)
        return shard

    def _set_aside(self, segment: SegmentMeta, reason: str) -> None:
        self._catalog.set_aside(segment.ulid, reason)
        logger.error(
            "set a segment aside, its samples are not read any more shard=%d ulid=%s samples=%d "
            "reason=%r", segment.shard, segment.ulid, segment.samples, reason,
        )  # fmt: skip

    def _note_damage(self, damage: Damage) -> None:
        self._metrics.log_damage.inc()
        warn_of_damage(damage)

    def _seal(
        self, shard: int, table: SeriesTable, head: Head, position: int
    ) -> Sequence[SegmentMeta]:
        """Write a frozen head as segments and register them; the log before `position` is done."""
        with self._metrics.seal_seconds.time():
            writer = self._segment_writer(shard)
            self._save_metadata(shard)
            moment = SealMoment(now_ms(), self._shards[shard].next_rank)
            names = self._known.names_of(shard)
            sealed = self._sealed.write(
                head, shard, lambda: seal_head(writer, table, head, names, moment)
            )
            self._sealed.register(self._catalog, shard, position)
        samples = sum(segment.samples for segment in sealed)
        logger.info("sealed shard=%d segments=%d samples=%d", shard, len(sealed), samples)
        return sealed

    def _tools(self) -> Tools:
        return Tools(
            self._catalog, self._duck, self._metrics, self._damages, self._doomed,
            lambda shard: segments_directory(self._path, shard), self._known.names_of,
            self._refused,
            pairs=self._pairs, in_writer=self._in_writer, complete_since=self._complete_since,
            whole=self._bucket.whole,
        )  # fmt: skip

    def _in_writer(self, shard: int, task: Callable[[], None]) -> None:
        """Have the writer's thread of a shard do something, and wait for it."""
        wait(self._writers[shard].between_groups(task))

    def _complete_since(self, shard: int, resolution_ms: int) -> int:
        periods = [NO_PERIODS, *self._periods_of_shard(shard)]
        return complete_since(self._options, periods, resolution_ms, self._clock())

    def _periods_of_shard(self, shard: int) -> list[TenantPeriods]:
        return [self._periods_of(name) for name in self._known.names_of(shard).values()]

    def _segment_writer(self, shard: int) -> SegmentWriter:
        return SegmentWriter(self._duck, segments_directory(self._path, shard), shard)

    def _save_metadata(self, shard: int) -> None:
        """Put what is new about metric families into the catalog, before the log drops it."""
        metadata = self._shards[shard].metadata
        unsaved = metadata.take_unsaved()
        try:
            self._catalog.save_metadata(unsaved)
        except BaseException:
            metadata.put_back(unsaved)
            raise

    def _keep_up(self) -> None:
        """Metrics and retention, every UPKEEP_SECONDS until the database closes."""
        while not self._closing.wait(UPKEEP_SECONDS):
            for shard in self._shards:
                writer = self._writers[shard.number]
                try:
                    update_gauges(self._metrics, shard, writer.queue_length)
                    dropped = self._retention.run(shard, self._clock())
                    dropped += self._retention.shrink(list(self._shards), now_ms())
                    self._metrics.segments_dropped.inc(dropped)
                    self.deletions.expire(shard, self._clock())
                    writer.forgetting.survey(now_ms())
                except (StorageError, OSError) as error:
                    logger.error("upkeep failed shard=%d error=%r", shard.number, error)
            self.watch_replicas(now_ms())

    def watch_replicas(self, now_ms: int) -> None:
        """Bring the metrics of replicas up to date. For the upkeep thread."""
        tables = [shard.table for shard in self._shards]
        self._watch.update(tables, self._known.name_of, now_ms)
