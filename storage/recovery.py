"""Recovery of one shard at start: series from its segments, samples from its log.

Replay is the ingest path without the log. A log that holds more than the head takes is sealed on
the way; the position in the catalog moves on only when all of it was read, because the records that
are replayed again after another crash change nothing.
"""

import logging
import time
from collections.abc import Mapping

from storage.batch import KIND_SERIES_LEFT_OUT, KIND_TENANT_RULES, Batch, Decoder
from storage.errors import CorruptBatch, FormatError
from storage.record import Record
from storage.rule_log import split_left_out
from storage.sealing import restore_series
from storage.series_table import NOBODY
from storage.shard import Sealer, Shard, Tenant
from storage.tenant_rules import decode_rules

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 5.0


def recover_shard(
    shard: Shard, tenants: Mapping[str, Tenant], decode: Decoder, seal: Sealer
) -> None:
    """Bring a fresh shard to the state of everything acknowledged."""
    numbers = {name: tenant.number for name, tenant in tenants.items()}
    for stored in shard.files.series.read(shard.files.segments):
        restore_series(shard.table, stored, numbers)
    position = shard.files.log_position
    progress = Progress(shard)
    sealed = False
    for record in shard.wal.replay(position):
        if shard.fullness >= 1:
            seal_now(shard, seal, position)
            sealed = True
        replay_record(shard, tenants, decode, record)
        progress.note(record)
    if sealed:
        position = shard.wal.rotate()
        seal_now(shard, seal, position)
        shard.wal.truncate(position)
    progress.finish()


def replay_record(
    shard: Shard, tenants: Mapping[str, Tenant], decode: Decoder, record: Record
) -> None:
    """Take one record; the batch was accepted once, so nothing about it may fail now."""
    tenant = tenants.get(record.tenant)
    if tenant is None:
        raise FormatError(
            f"the log of shard {shard.number} names tenant {record.tenant!r}, which the catalog "
            "does not know; are log and catalog of the same data directory?"
        )
    batch: Batch | None = None
    try:
        if record.kind == KIND_TENANT_RULES:
            shard.take_rules(tenant, decode_rules(record.payload))
            return
        kind, payload, left_out = record.kind, record.payload, NOBODY
        if kind == KIND_SERIES_LEFT_OUT:
            kind, payload, left_out = split_left_out(payload)
        batch = decode(kind, payload)
        shard.replay(tenant, batch, record.arrival_ms, left_out)
    except (ValueError, CorruptBatch) as error:
        raise FormatError(
            f"a record in the log of shard {shard.number} cannot be read by this version "
            f"(kind {record.kind}): {error}"
        ) from error
    finally:
        if batch is not None:
            batch.release()


def seal_now(shard: Shard, seal: Sealer, position: int) -> None:
    """Seal the head while nobody writes."""
    head = shard.freeze()
    shard.thaw(seal(shard.number, shard.table, head, position))


class Progress:
    """Tells how far the replay of a log is, every PROGRESS_SECONDS."""

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
