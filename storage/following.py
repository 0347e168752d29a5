"""Following a bucket: a database that only reads what another process writes there.

Its directory is a cache: labels, exemplars and checksums of the segments that count, and parts of
samples that queries asked for. It may be deleted at any time while no process runs. There is no log
and no head: what the other process has not sealed and uploaded is not seen here.

Invariant: queries see what one state of the bucket's contents names, and never less than that.
"""

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from storage.batch import Batch, Outcome
from storage.bucket.attached import Bucket
from storage.bucket.contents import Contents, decode_families
from storage.bucket.names import metadata_object
from storage.bucket.places import BucketPlaces
from storage.compaction.status import Outlook, SegmentReport, SegmentState, segment_states
from storage.dedup.algorithm import Algorithm
from storage.deletion.requests import DeletionRequests
from storage.errors import ObjectMissing, ReadOnly, StorageError
from storage.files import lock_directory, make_directory, segments_directory
from storage.kernels.arrays import Int64s
from storage.metrics import StorageMetrics
from storage.options import StorageOptions
from storage.policy import Policy
from storage.read.kept import Kept
from storage.read.querier import StorageQuerier
from storage.rebuild import fetch_segments, read_contents
from storage.segments.aggregates.reader import AggregateReader
from storage.segments.caches import SegmentCaches
from storage.segments.damage import Damages
from storage.segments.duck import Duck
from storage.segments.exemplars import ExemplarReader
from storage.segments.reader import SegmentReader
from storage.segments.segment import SegmentMeta, clean_directory
from storage.segments.series import SeriesReader
from storage.shard.doomed import DoomedFiles
from storage.shard.sealing import restore_series
from storage.shard.shard import Shard, ShardFiles, now_ms
from storage.snapshot import Snapshots
from storage.tenants.tenant import Tenant

logger = logging.getLogger(__name__)

TEMPORARY_DIRECTORY = "tmp"
NO_TENANT = Tenant("", 0, 0)  # has no series; numbers of tenants begin with 1


class FollowedBucket:
    """The tenants of a bucket. Queriers may be used in any thread."""

    def __init__(
        self,
        options: StorageOptions,
        bucket: Bucket,
        metrics: StorageMetrics,
        policy: Policy,
    ) -> None:
        """Use open()."""
        self._options = options
        self._path = Path(options.path)
        self._bucket = bucket
        self._metrics = metrics
        self._rules_of, self._periods_of, self._pairs = policy.rules, policy.periods, policy.pairs
        self._lock_descriptor = lock_directory(self._path)
        self._places = BucketPlaces(
            bucket.store, self._path, bucket.options.cache_bytes, bucket.metrics
        )
        self._duck = Duck(
            memory_bytes=options.duckdb_memory_bytes,
            threads=options.duckdb_threads,
            temporary=self._path / TEMPORARY_DIRECTORY,
        )
        self._caches = SegmentCaches(
            options.segment_cache_bytes, index_bytes=options.segment_index_bytes
        )
        self._damages = Damages(lambda _, groups: metrics.damaged_groups.inc(groups))
        self._doomed = DoomedFiles()
        self._tenants: dict[str, Tenant] = {}
        self._shards: list[Shard] = []
        self._contents: Contents | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follow", daemon=True)

    @classmethod
    def open(
        cls,
        options: StorageOptions,
        bucket: Bucket,
        metrics: StorageMetrics,
        policy: Policy,
    ) -> "FollowedBucket":
        """Fetch the labels of everything; blocks for as long as that takes. Raises StoreFailed, and
        FormatError if the bucket has no data."""
        make_directory(Path(options.path))
        followed = cls(options, bucket, metrics, policy)
        try:
            followed.refresh()
        except BaseException:
            followed.close()
            raise
        followed._thread.start()
        return followed

    async def append(self, tenant: str, batch: Batch, arrival_ms: int) -> Outcome:
        """Raises ReadOnly."""
        batch.release()
        raise self._read_only("takes no samples")

    def querier(
        self,
        tenant: str,
        *,
        replica_labels: tuple[str, ...],
        dedup: bool,
        algorithm: Algorithm = Algorithm.AUTO,
    ) -> StorageQuerier:
        """As Database.querier."""
        known = self._tenants.get(tenant, NO_TENANT)
        labels = replica_labels if dedup else ()
        kept = Kept.of(self._options, self._periods_of(tenant), now_ms())
        return StorageQuerier(
            self._shards[known.shard], known.number, self._options, labels, algorithm,
            rules=self._rules_of(tenant), kept=kept,
            aggregated=set(labels) == set(self._pairs(tenant).replica_labels),
        )  # fmt: skip

    def tenant_names(self) -> list[str]:
        return list(self._tenants)

    def segment_report(self) -> SegmentReport:
        """The segments that the bucket lists; what comes next is for its writer to say."""
        damaged, at_ms = self._damages.segments(), now_ms()
        states: list[SegmentState] = []
        for shard in self._shards:
            segments = shard.view().segments
            remote = shard.files.samples.remote(segments)
            outlook = Outlook(at_ms, 0, None, damaged, remote=remote)
            states += segment_states(shard.view().every_segment, [], [], outlook, None)
        return SegmentReport(states, None)

    @property
    def deletions(self) -> DeletionRequests:
        """Raises ReadOnly."""
        raise self._read_only("knows of no deletions")

    @property
    def snapshots(self) -> Snapshots:
        """Raises ReadOnly."""
        raise self._read_only("takes no snapshots")

    def close(self) -> None:
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._bucket.store.close()
        self._duck.close()
        os.close(self._lock_descriptor)

    def refresh(self) -> bool:
        """Take over what counts in the bucket now; whether that is news. For one thread."""
        contents = read_contents(self._bucket.store)
        self._doomed.delete_due(now_ms())
        if self._contents is not None and contents.sequence == self._contents.sequence:
            return False
        fetch_segments(self._bucket.store, contents, self._path, False, logger.debug)
        self._places.adopt(contents.segments)
        self._tenants.update({t.name: Tenant(t.name, t.number, t.shard) for t in contents.tenants})
        for number in range(contents.shards):
            if number == len(self._shards):
                self._shards.append(self._open_shard(number, contents))
            elif not self._bring_up_to_date(self._shards[number], contents):
                self._shards[number] = self._open_shard(number, contents)
            self._load_metadata(self._shards[number])
            self._metrics.series.labels(str(number)).set(len(self._shards[number].table))
            listed = len(segments_of(contents, number))
            self._metrics.segments.labels(str(number)).set(listed)
        self._places.retain(set(contents.ulids))
        self._bucket.metrics.written_seconds.set(contents.written_ms / 1_000)
        self._contents = contents
        logger.info(
            "following bucket sequence=%d segments=%d tenants=%d series=%d", contents.sequence,
            len(contents.segments), len(self._tenants), sum(len(s.table) for s in self._shards),
        )  # fmt: skip
        return True

    def _open_shard(self, number: int, contents: Contents) -> Shard:
        """A shard with nothing in it but what the bucket lists."""
        directory = segments_directory(self._path, number)
        make_directory(directory)
        segments = segments_of(contents, number)
        if self._contents is None:  # else queries may be reading what has left
            clean_directory(directory, {segment.ulid for segment in segments})
        files = ShardFiles(
            wal=None,
            samples=SegmentReader(
                directory, self._caches, damages=self._damages, places=self._places
            ),
            aggregates=AggregateReader(directory, self._caches, self._damages, self._places),
            series=SeriesReader(self._duck, directory, damages=self._damages),
            exemplars=ExemplarReader(directory, self._damages),
            segments=segments,
            log_position=1,
            deletions=[d.deletion for d in contents.deletions if self._is_of(d.tenant, number)],
            damages=self._damages,
        )
        shard = Shard(number, self._options, files)
        self._doomed.leavers.append(shard.leavers)
        self._restore(shard, segments)
        return shard

    def _bring_up_to_date(self, shard: Shard, contents: Contents) -> bool:
        """Let queries see what counts now; False if the shard is to be opened anew, because a
        series that was forgotten has come back under another id."""
        listed = segments_of(contents, shard.number)
        known = {segment.ulid for segment in shard.view().every_segment}
        added = [segment for segment in listed if segment.ulid not in known]
        gone = known - {segment.ulid for segment in listed}
        self._restore(shard, added)
        if not np.isin(shard.files.series.ids(added), ids_of(shard)).all():
            return False
        deletions = [d.deletion for d in contents.deletions if self._is_of(d.tenant, shard.number)]
        shard.show(listed, deletions)
        directory = segments_directory(self._path, shard.number)
        self._doomed.add((directory / ulid for ulid in gone), now_ms())
        return True

    def _restore(self, shard: Shard, segments: Sequence[SegmentMeta]) -> None:
        numbers = {name: tenant.number for name, tenant in self._tenants.items()}
        for stored in shard.files.series.read(segments):
            restore_series(shard.table, stored, numbers)

    def _load_metadata(self, shard: Shard) -> None:
        try:
            found = self._bucket.store.get(metadata_object(shard.number))
        except ObjectMissing:
            return
        families = decode_families(found.content, self._bucket.store.place)
        shard.metadata.load(families, now_ms())

    def _is_of(self, tenant: int, shard: int) -> bool:
        return any(t.number == tenant and t.shard == shard for t in self._tenants.values())

    def _read_only(self, what: str) -> ReadOnly:
        return ReadOnly(f"this process {what}: it only reads {self._bucket.store.place} (role)")

    def _follow(self) -> None:
        while not self._closing.wait(self._bucket.options.refresh_ms / 1_000):
            try:
                self.refresh()
            except Exception as error:  # a bug must not end the thread, either
                self._bucket.metrics.failures.inc()
                expected = isinstance(error, StorageError | OSError)
                logger.error(
                    "bucket not looked at, what was known stays error=%r", str(error),
                    exc_info=None if expected else error,
                )  # fmt: skip


def segments_of(contents: Contents, shard: int) -> list[SegmentMeta]:
    """In the order in which their samples count."""
    return sorted((s for s in contents.segments if s.shard == shard), key=lambda s: s.rank)


def ids_of(shard: Shard) -> Int64s:
    ids: Int64s = shard.table.ids[: shard.table.numbered]
    return ids
