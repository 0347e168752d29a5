"""Recovery of one shard at start: series from its segments, samples from its log.

Replay is the ingest path without the log. A log that holds more than the head takes is sealed on
the way; the position in the catalog moves on only when all of it was read, because the records that
are replayed again after another crash change nothing.

While one record is taken, a thread decodes the next ones, never more than RECORDS_AHEAD.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from storage.batch import (
    KIND_ELECTIONS,
    KIND_SERIES_LEFT_OUT,
    KIND_TENANT_RULES,
    Batch,
    Decoder,
)
from storage.catalog.catalog import Catalog
from storage.errors import CorruptBatch, FormatError
from storage.files import make_directory
from storage.kernels.arrays import NO_SERIES, Int64s
from storage.log.record import Record
from storage.log.rules import split_left_out
from storage.segments.segment import SegmentMeta, clean_directory, missing_segments
from storage.shard.ingest import begin_log_file, replay, take_elections, take_rules
from storage.shard.newest import forget_newest
from storage.shard.sealing import Sealer, restore_series
from storage.shard.shard import Shard
from storage.tenants.rules import decode_rules
from storage.tenants.tenant import Tenant

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 5.0
RECORDS_AHEAD = 2
NO_REQUESTS = (KIND_TENANT_RULES, KIND_ELECTIONS)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record of the log and its batch, None if it holds no request. left_out: as
    storage.log.rules."""

    record: Record
    batch: Batch | None
    left_out: Int64s


def registered_segments(catalog: Catalog, shard: int, directory: Path) -> list[SegmentMeta]:
    """The segments of a shard that are in use, by rank. Removes what a crash has left in their
    directory; raises FormatError if one of them is missing."""
    make_directory(directory)
    segments = catalog.segments(shard)
    known = {segment.ulid for segment in segments}
    missing = missing_segments(directory, known)
    if missing:
        raise FormatError(
            f"{directory} lacks {len(missing)} of the {len(known)} segments that the catalog "
            f"knows, the first is {missing[0]}; put them back from a copy"
        )
    aside = catalog.set_aside_segments(shard)
    clean_directory(directory, known | {entry.segment.ulid for entry in aside})
    return segments


def recover_shard(
    shard: Shard,
    tenants: Mapping[str, Tenant],
    decode: Decoder,
    seal: Sealer,
    set_aside: Callable[[SegmentMeta, str], None],
) -> None:
    """Bring a fresh shard to the state of everything acknowledged.

    set_aside: takes segments that cannot be used any more, and why.
    """
    damaged = shard.files.series.note_damaged(shard.view().every_segment)
    # Its ids may be given to new series, so its samples must not be read any more.
    for segment, reason in damaged:
        set_aside(segment, reason)
    shard.drop_segments({segment.ulid for segment, _ in damaged})
    restore_all(shard, tenants)
    for deletion in shard.deletions:
        forget_newest(shard, deletion)
    position = shard.files.log_position
    progress = Progress(shard)
    sealed = False
    for decoded in decoded_ahead(shard.number, shard.wal.replay(position), decode):
        if shard.fullness >= 1:
            seal_now(shard, seal, position)
            sealed = True
        replay_record(shard, tenants, decoded)
        progress.note(decoded.record)
    if sealed:
        position = begin_log_file(shard)
        seal_now(shard, seal, position)
        shard.wal.truncate(position)
    progress.finish()


def restore_all(shard: Shard, tenants: Mapping[str, Tenant]) -> None:
    """Take over the series of all segments; those that are there already stay as they are."""
    numbers = {name: tenant.number for name, tenant in tenants.items()}
    for stored in shard.files.series.read(shard.view().every_segment):
        restore_series(shard.table, stored, numbers)


def decoded_ahead(shard: int, records: Iterable[Record], decode: Decoder) -> Iterator[Decoded]:
    """The records in their order, up to RECORDS_AHEAD of them decoded before they are asked for.

    Raises FormatError if one cannot be decoded.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="replay") as thread:
        waiting: deque[Future[Decoded]] = deque()
        for record in records:
            waiting.append(thread.submit(decode_record, shard, record, decode))
            if len(waiting) > RECORDS_AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def decode_record(shard: int, record: Record, decode: Decoder) -> Decoded:
    """The batch of a record. Raises FormatError."""
    if record.kind in NO_REQUESTS:
        return Decoded(record, None, NO_SERIES)
    try:
        kind, payload, left_out = record.kind, record.payload, NO_SERIES
        if kind == KIND_SERIES_LEFT_OUT:
            kind, payload, left_out = split_left_out(payload)
        return Decoded(record, decode(kind, payload), left_out)
    except ValueError as error:
        raise unreadable(shard, record, error) from error


def replay_record(shard: Shard, tenants: Mapping[str, Tenant], decoded: Decoded) -> None:
    """Take one record; the batch was accepted once, so nothing about it may fail now."""
    record, batch = decoded.record, decoded.batch
    tenant = tenants.get(record.tenant)
    if tenant is None:
        raise FormatError(
            f"the log of shard {shard.number} names tenant {record.tenant!r}, which the catalog "
            "does not know; are log and catalog of the same data directory?"
        )
    try:
        if record.kind == KIND_ELECTIONS:
            take_elections(shard, tenant, record.payload)
        elif batch is None:
            take_rules(shard, tenant, decode_rules(record.payload))
        else:
            replay(shard, tenant, batch, record.arrival_ms, decoded.left_out)
    except (ValueError, CorruptBatch) as error:
        raise unreadable(shard.number, record, error) from error
    finally:
        if batch is not None:
            batch.release()


def unreadable(shard: int, record: Record, error: Exception) -> FormatError:
    return FormatError(
        f"a record in the log of shard {shard} cannot be read by this version "
        f"(kind {record.kind}): {error}"
    )


def seal_now(shard: Shard, seal: Sealer, position: int) -> None:
    """Seal the head while no one writes."""
    head = shard.freeze()
    shard.thaw(seal(shard.number, shard.table, head, position))


class Progress:
    """Reports how far the replay of a log is, every PROGRESS_SECONDS."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._total = shard.wal.size_bytes(shard.files.log_position)
        self._done = 0
        self._records = 0
        self._started = self._told = time.monotonic()

    def note(self, record: Record) -> None:
        self._done += len(record.payload)
        self._records += 1
        if time.monotonic() - self._told >= PROGRESS_SECONDS:
            self._told = time.monotonic()
            logger.info(
                "replaying log shard=%d percent=%.0f records=%d",
                self._shard.number, 100 * self._done / max(1, self._total), self._records,
            )  # fmt: skip

    def finish(self) -> None:
        if self._records:
            logger.info(
                "log replayed shard=%d records=%d samples=%d series=%d seconds=%.2f",
                self._shard.number, self._records, self._shard.head_samples,
                len(self._shard.table), time.monotonic() - self._started,
            )  # fmt: skip
