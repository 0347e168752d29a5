"""A data directory as it was at one moment, for queries of a process that does not own it.

Nothing is written, locked or waited for, so it may be the directory of a running server, or one
that this process may only read. Series come from the segments and samples also from the log, by the
same code as at the start of a server, but only of the shards of tenants that are asked for.

What was acknowledged before a tenant's shard was opened is seen. Segments are read later, and may
be gone by then: that is a FormatError, and `is_current` says whether opening anew helps.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from storage.batch import Decoder
from storage.bucket.attached import Bucket, looked_at
from storage.catalog.catalog import Catalog
from storage.catalog.deletions import Deletion
from storage.catalog.owning.installation import refuse_without_url
from storage.dedup.algorithm import NO_PAIRS, Algorithm, PairsSource
from storage.errors import StorageError
from storage.files import catalog_file, is_remote, segments_directory, wal_directory
from storage.head.head import Head
from storage.log.reading import LogReader
from storage.options import StorageOptions
from storage.read.kept import Kept
from storage.read.querier import StorageQuerier
from storage.segments.aggregates.reader import AggregateReader
from storage.segments.caches import SegmentCaches
from storage.segments.damage import Damages
from storage.segments.duck import Duck
from storage.segments.exemplars import ExemplarReader
from storage.segments.reader import SegmentReader
from storage.segments.segment import SegmentMeta
from storage.segments.series import SeriesReader
from storage.shard.newest import forget_newest
from storage.shard.periods import NO_PERIODS
from storage.shard.recovery import decoded_ahead, replay_record, restore_all
from storage.shard.shard import Shard, ShardFiles, ShardView, now_ms
from storage.tenants.tenant import Tenant

# A seal between two looks is rare, and many in a row are not a server's.
ATTEMPTS = 10
# A server seals a head before it is full, so that its log holds two of them at most.
HEADS_MAX = 8
NO_TENANT = Tenant("", 0, 0)  # has no series; numbers of tenants begin with 1


@dataclass(frozen=True, slots=True)
class ShardState:
    """What the catalog says of a shard, and which samples are in a bucket only, by ULID."""

    log_position: int
    segments: list[SegmentMeta]
    deletions: list[Deletion]
    remote: frozenset[str]


class ReadOnlyShard(Shard):
    """A shard that is never sealed: heads that are full stay."""

    full: tuple[Head, ...] = ()

    def begin_head(self) -> None:
        """Go on with an empty head. Raises StorageError if there are many already."""
        if len(self.full) + 1 >= HEADS_MAX:
            raise StorageError(
                f"the log of shard {self.number} has more than {HEADS_MAX} heads take "
                f"(storage.head.max-samples={self.options.head_samples_max})"
            )
        with self.lock:
            self.full = (*self.full, self.active)
            self.active = self._empty_head()

    def view(self) -> ShardView:
        with self.lock:
            heads = (*self.full, self.active)
            return ShardView(self.segments, heads, self.deletions, self.aggregates)


class ReadOnlyDatabase:
    """The tenants of a directory. Queriers may be used in any thread, open ones until close()."""

    def __init__(
        self,
        options: StorageOptions,
        decode: Decoder,
        pairs: PairsSource = lambda tenant: NO_PAIRS,
        bucket: Bucket | None = None,
    ) -> None:
        """pairs: how the replicas of a tenant were made one before they were downsampled; bucket:
        where samples may be that are not here, which is the caller's to close. Raises FormatError
        if the path is none of a data directory of this version."""
        self._pairs = pairs
        self._path = Path(options.path)
        refuse_without_url(self._path)
        self._catalog = Catalog.look(catalog_file(self._path))
        self._options = replace(options, shards=self._catalog.shards)
        self._decode = decode
        self._caches = SegmentCaches(options.segment_cache_bytes)
        self._damages = Damages()
        self._spill = tempfile.TemporaryDirectory(prefix="cupola-")
        self._duck = Duck(
            memory_bytes=options.duckdb_memory_bytes,
            threads=options.duckdb_threads,
            temporary=Path(self._spill.name),
        )
        self._attached = looked_at(bucket, self._path, Path(self._spill.name) / "remote")
        self._tenants = self._read_tenants()
        self._shards: dict[int, ReadOnlyShard] = {}
        self._states: dict[int, ShardState] = {}

    def querier(
        self,
        tenant: str,
        *,
        replica_labels: tuple[str, ...],
        dedup: bool,
        algorithm: Algorithm = Algorithm.AUTO,
    ) -> StorageQuerier:
        """A view of one tenant, as that of `Database.querier`. The first one of a shard opens it,
        which may take seconds. Raises FormatError, StorageError."""
        known = self._tenants.get(tenant, NO_TENANT)
        if known.shard not in self._shards:
            self._shards[known.shard] = self._open_shard(known.shard)
        kept = Kept.of(self._options, NO_PERIODS, now_ms())
        labels = replica_labels if dedup else ()
        return StorageQuerier(
            self._shards[known.shard],
            known.number,
            self._options,
            labels,
            algorithm,
            kept=kept,
            aggregated=set(labels) == set(self._pairs(tenant).replica_labels),
        )

    def is_current(self) -> bool:
        """Whether the catalog still says what it said of the shards that are open."""
        return all(self._state(number) == state for number, state in self._states.items())

    def close(self) -> None:
        self._duck.close()
        self._catalog.close()
        self._spill.cleanup()

    def _read_tenants(self) -> dict[str, Tenant]:
        return {tenant.name: tenant for tenant in self._catalog.tenants()}

    def _state(self, number: int) -> ShardState:
        segments = self._catalog.segments(number)
        directory = segments_directory(self._path, number)
        return ShardState(
            self._catalog.log_position(number),
            segments,
            self._catalog.deletions.pending(number),
            frozenset(s.ulid for s in segments if is_remote(directory / s.ulid)),
        )

    def _open_shard(self, number: int) -> ReadOnlyShard:
        state, log = self._open_log(number)
        self._states[number] = state
        try:
            # Whoever is named in the log was in the catalog before.
            self._tenants |= self._read_tenants()
            shard = self._restored(number, state)
            for decoded in decoded_ahead(number, log.replay(), self._decode):
                if shard.fullness >= 1:
                    shard.begin_head()
                replay_record(shard, self._tenants, decoded)
        finally:
            log.close()
        return shard

    def _open_log(self, number: int) -> tuple[ShardState, LogReader]:
        """The log files that belong to a state of the catalog: it was the same after they were
        opened as before, so none that counts was missing."""
        directory = wal_directory(self._path, number)
        for _ in range(ATTEMPTS):
            state = self._state(number)
            try:
                log = LogReader(directory, state.log_position)
            except FileNotFoundError:
                continue
            if self._state(number) == state:
                return state, log
            log.close()
        raise StorageError(
            f"{self._path} changed during each of {ATTEMPTS} attempts to read it (storage.path)"
        )

    def _restored(self, number: int, state: ShardState) -> ReadOnlyShard:
        """A shard with what is in segments."""
        directory = segments_directory(self._path, number)
        self._attached.adopt(state.segments)
        places = self._attached.places
        files = ShardFiles(
            wal=None,
            samples=SegmentReader(directory, self._caches, damages=self._damages, places=places),
            aggregates=AggregateReader(directory, self._caches, self._damages, places),
            series=SeriesReader(self._duck, directory, damages=self._damages),
            exemplars=ExemplarReader(directory, self._damages),
            segments=state.segments,
            log_position=state.log_position,
            deletions=state.deletions,
            damages=self._damages,
        )
        shard = ReadOnlyShard(number, self._options, files)
        # Without its series, a segment's ids may be given to new ones.
        damaged = files.series.note_damaged(state.segments)
        shard.drop_segments({segment.ulid for segment, _ in damaged})
        shard.metadata.load(self._catalog.metadata(number), now_ms())
        restore_all(shard, self._tenants)
        for deletion in shard.deletions:
            forget_newest(shard, deletion)
        return shard
