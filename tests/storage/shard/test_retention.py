"""Retention drops whole segments, first from sight and later from disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from storage.files import segments_directory
from storage.policy import Policy
from storage.shard.doomed import GRACE_MS, DoomedFiles
from storage.shard.periods import TenantPeriods
from storage.shard.retention import Retention, too_large
from tests.makers.databases import key, opened, options, read, seal, series, write
from tests.storage.read.test_querier import wait_for_seals

HOUR = 3_600_000


def test_expired_segments_go(tmp_path: Path) -> None:
    now = 1_000 * HOUR
    small: dict[str, Any] = {"head_samples_max": 4, "retention_ms": 10 * HOUR}
    small["policy"] = Policy(clock=lambda: now)
    with opened(tmp_path, **small) as database:
        for hour in (-9, -5):
            points = [(now + hour * HOUR + t, 1.0) for t in range(3)]
            write(database, [series("up", points)], arrival_ms=now)
            wait_for_seals(database)
        shard = database._shards[0]
        retention = Retention(database._options, database._catalog, DoomedFiles())
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


def test_the_longest_period_of_a_tenant_counts_and_0_is_for_ever(tmp_path: Path) -> None:
    with opened(tmp_path, retention_ms=10 * HOUR, policy=Policy(clock=lambda: 0)) as database:
        write(database, [series("up", [(0, 1.0)])], arrival_ms=0)
        seal(database)
        shard = database._shards[0]
        cases: list[tuple[tuple[int | None, ...], int]] = [
            ((None, 3), 10), ((None,), 10), ((12,), 12), ((2,), 10), ((2, 15), 15),
        ]  # fmt: skip
        for hours, longest in cases:
            own = [TenantPeriods(h if h is None else h * HOUR) for h in hours]
            retention = Retention(
                database._options, database._catalog, DoomedFiles(), {0: own}.__getitem__
            )
            assert retention.run(shard, longest * HOUR) == 0
        forever = Retention(
            database._options, database._catalog, DoomedFiles(), lambda shard: [TenantPeriods(0)]
        )
        assert forever.run(shard, 1_000 * HOUR) == 0
        assert (
            Retention(database._options, database._catalog, DoomedFiles()).run(shard, 10 * HOUR + 1)
            == 1
        )


@pytest.mark.parametrize(("resolution_ms", "hours"), [(0, 10), (300_000, 20), (3_600_000, 30)])
def test_each_resolution_has_its_period(tmp_path: Path, resolution_ms: int, hours: int) -> None:
    periods = {"retention_ms": 10, "retention_5m_ms": 20, "retention_1h_ms": 30}
    changes = {name: value * HOUR for name, value in periods.items()}
    with opened(tmp_path, policy=Policy(clock=lambda: 0), **changes) as database:
        write(database, [series("up", [(0, 1.0)])], arrival_ms=0)
        seal(database)
        shard = database._shards[0]
        (segment,) = shard.view().segments
        coarse = msgspec.structs.replace(segment, resolution_ms=resolution_ms)
        shard.replace_segments({segment.ulid}, [coarse])
        retention = Retention(database._options, database._catalog, DoomedFiles())
        assert retention.run(shard, hours * HOUR) == 0
        assert retention.run(shard, hours * HOUR + 1) == 1


def test_the_oldest_segments_go_until_all_are_small_enough(tmp_path: Path) -> None:
    with opened(tmp_path, shards=3) as database:
        for start in (20, 0, 10):
            for tenant in ("a", "b", "c", "d"):
                write(database, [series("up", [(start, 1.0)])], tenant=tenant)
            for writer in database._writers:
                writer.seal().result(30)
        shards = database._shards

        def stored() -> list[tuple[int, int]]:
            return sorted((s.max_ms, s.bytes) for shard in shards for s in shard.view().segments)

        before = stored()
        total = sum(size for _, size in before)
        oldest = [size for time, size in before if time == 0]
        segments = [segment for shard in shards for segment in shard.view().segments]
        assert too_large(segments, 0) == too_large(segments, total) == []
        changed = options(tmp_path, retention_bytes=total - sum(oldest))
        retention = Retention(changed, database._catalog, DoomedFiles())
        assert retention.shrink(shards, 0) == len(oldest)
        assert stored() == [entry for entry in before if entry[0] > 0]
        assert retention.shrink(shards, 0) == 0
        registered = [s.ulid for n in range(3) for s in database._catalog.segments(n)]
        assert len(registered) == len(before) - len(oldest)
        retention.run(shards[0], GRACE_MS + 1)
        kept = [path for n in range(3) for path in segments_directory(tmp_path, n).iterdir()]
        assert len(kept) == len(before) - len(oldest)


def test_without_retention_nothing_goes(tmp_path: Path) -> None:
    with opened(tmp_path, head_samples_max=4) as database:
        write(database, [series("up", [(t, 1.0) for t in range(3)])])
        wait_for_seals(database)
        retention = Retention(options(tmp_path), database._catalog, DoomedFiles())
        assert retention.run(database._shards[0], 1 << 60) == 0
