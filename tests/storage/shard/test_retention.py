"""Retention drops whole segments, first from sight and later from disk."""

from __future__ import annotations

from pathlib import Path

from storage.files import segments_directory
from storage.shard.doomed import GRACE_MS, DoomedFiles
from storage.shard.retention import Retention
from tests.makers.databases import key, opened, options, read, series, write
from tests.storage.read.test_querier import wait_for_seals

HOUR = 3_600_000


def test_expired_segments_go(tmp_path: Path) -> None:
    now = 1_000 * HOUR
    small = {"head_samples_max": 4, "retention_ms": 10 * HOUR}
    with opened(tmp_path, **small) as database:
        for hour in (-9, -5):
            points = [(now + hour * HOUR + t, 1.0) for t in range(3)]
            write(database, [series("up", points)], arrival_ms=now)
            wait_for_seals(database)
        shard = database._shards[0]
        retention = Retention(options(tmp_path, **small), database._catalog, DoomedFiles())
        directory = segments_directory(tmp_path, 0)
        assert retention.run(shard, now) == 0
        later = now + 2 * HOUR
        assert retention.run(shard, later) == 1
        assert len(read(database)[key("up")]) == 3
        assert len(list(directory.iterdir())) == 2
        assert retention.run(shard, later + GRACE_MS) == 0
        assert [path.name for path in directory.iterdir()] == [
            segment.ulid for segment in shard.view().segments
        ]
    with opened(tmp_path, **small) as database:
        assert len(read(database)[key("up")]) == 3


def test_without_retention_nothing_goes(tmp_path: Path) -> None:
    with opened(tmp_path, head_samples_max=4) as database:
        write(database, [series("up", [(t, 1.0) for t in range(3)])])
        wait_for_seals(database)
        retention = Retention(options(tmp_path), database._catalog, DoomedFiles())
        assert retention.run(database._shards[0], 1 << 60) == 0
