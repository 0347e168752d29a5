"""Logs for tests: some records, and ways to write them."""

from __future__ import annotations

from pathlib import Path

from storage.log.file import Damage
from storage.log.record import Record
from storage.log.wal import WAL_LIMITS, Wal, WalLimits

RECORDS = [Record(1, 1000 + i, f"tenant-{i}", b"p" * i) for i in range(6)]


def append(wal: Wal, record: Record) -> None:
    wal.append(record.kind, record.arrival_ms, record.tenant, record.payload)


def append_all(wal: Wal, records: list[Record], *, sync_every: int = 1) -> None:
    for i, r in enumerate(records):
        append(wal, r)
        if (i + 1) % sync_every == 0:
            wal.sync()
    wal.sync()


def opened(
    directory: Path, first_file: int = 1, limits: WalLimits = WAL_LIMITS
) -> tuple[Wal, list[Damage]]:
    """A log, and the list that the damage is added to which it finds."""
    damage: list[Damage] = []
    wal = Wal.open(directory, first_file=first_file, on_damage=damage.append, limits=limits)
    return wal, damage
