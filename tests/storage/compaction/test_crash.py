"""A process may end before any step on disk of a seal or a compaction: nothing is lost or doubled.

The directory is copied before and after each of these steps, as a killed process would leave it,
and every copy is opened. What is written here has no sample twice, so counts tell of doubles.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

from storage.catalog.catalog import Catalog
from storage.compaction.merging import MERGE_LIMITS
from storage.database import Database
from storage.dedup.algorithm import PairRule
from storage.downsampling.aggregates import RESOLUTIONS_MS
from storage.files import SAMPLES_FILE, segments_directory
from storage.options import DAY_MS
from storage.policy import Policy
from storage.segments.segment import verify_segment
from storage.shard.doomed import GRACE_MS
from storage.shard.shard import now_ms
from tests.makers.bodies.exemplars import batch
from tests.makers.compaction import compact, worker_of
from tests.makers.databases import WHOLE, append, opened, read, seal, series, write
from tests.makers.downsampling.databases import downsample, stored

# What changes a disk, or says that it did.
STEPS: list[tuple[Any, str]] = [
    (os, "fsync"),
    (os, "rename"),
    (os, "unlink"),
    (Path, "rename"),
    (Path, "mkdir"),
    (shutil, "rmtree"),
    (Catalog, "seal"),
    (Catalog, "replace"),
    (Catalog, "replace_windows"),
]


class Copies:
    """Copies of a data directory, one for each moment at which its process may end."""

    def __init__(self, live: Path, dead: Path) -> None:
        self._live = live
        self._dead = dead
        self._busy = False
        self.names: list[str] = []

    def take(self, moment: str) -> None:
        if self._busy:
            return
        self._busy = True
        name = f"{len(self.names):03d} {moment}"
        shutil.copytree(self._live, self._dead / name)
        self.names.append(name)
        self._busy = False

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def copied(*args: Any, **kwargs: Any) -> Any:
            self.take(f"before {name}")
            result = function(*args, **kwargs)
            self.take(f"after {name}")
            return result

        return copied

    def __iter__(self) -> Iterator[Path]:
        return (self._dead / name for name in self.names)


@contextmanager
def copied_at_each_step(live: Path, dead: Path) -> Iterator[Copies]:
    copies = Copies(live, dead)
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in STEPS:
            patch.setattr(owner, name, copies.around(name, getattr(owner, name)))
        yield copies


def fill(database: Database, number: int) -> None:
    """Samples of two windows, and an exemplar, that no other call writes."""
    at = 100 * number
    points = [(at + t, float(t)) for t in range(7)]
    late = [(9 * DAY_MS + at + t, float(t)) for t in range(5)]
    write(database, [series("up", points, x="1"), series("up", late, x="2")])
    append(database, batch([({"__name__": "up", "x": "1"}, [], [(at, 1.0, {"id": str(number)})])]))


def exemplars(database: Database) -> list[int]:
    querier = database.querier("t", replica_labels=(), dedup=True)
    times: list[int] = querier.exemplars([], *WHOLE).timestamps.tolist()
    return times


def check(dead: Path, expected: Any, *, samples: int, times: list[int]) -> None:
    """Some twice: the first opening may have swept what a crash left."""
    for _ in range(1 + dead.name.startswith(("010", "020", "030"))):
        with opened(dead) as database:
            assert read(database) == expected, dead.name
            assert exemplars(database) == times, dead.name
            shard = database._shards[0]
            raw, segments = shard.view().segments, shard.view().every_segment
            assert sum(s.samples for s in raw) + shard.head_samples == samples, dead.name
            aside = database._catalog.set_aside_segments(0)
            names = {path.name for path in segments_directory(dead, 0).iterdir()}
            assert names == {s.ulid for s in segments} | {e.segment.ulid for e in aside}
            for segment in segments:
                assert verify_segment(segments_directory(dead, 0) / segment.ulid) == segment


def test_at_any_step_of_a_seal(tmp_path: Path) -> None:
    live, dead = tmp_path / "live", tmp_path / "dead"
    with opened(live) as database:
        fill(database, 0)
        seal(database)
        fill(database, 1)
        expected, times = read(database), exemplars(database)
        with copied_at_each_step(live, dead) as copies:
            seal(database)
        assert len(database._shards[0].view().segments) == 4
    assert len(copies.names) > 40
    assert {name.split()[-1] for name in copies.names} >= {"fsync", "rename", "mkdir", "seal"}
    for copy in copies:
        check(copy, expected, samples=24, times=times)


def test_at_any_step_of_a_compaction(tmp_path: Path) -> None:
    """Two windows are compacted, and the files of the inputs deleted."""
    live, dead = tmp_path / "live", tmp_path / "dead"
    with opened(live) as database:
        for number in range(3):
            fill(database, number)
            seal(database)
        fill(database, 3)
        expected, times = read(database), exemplars(database)
        with copied_at_each_step(live, dead) as copies:
            assert compact(database) == 2
            database._doomed.delete_due(now_ms() + GRACE_MS)
        assert len(database._shards[0].view().segments) == 2
    assert {name.split()[-1] for name in copies.names} >= {"fsync", "rename", "replace", "rmtree"}
    for copy in copies:
        check(copy, expected, samples=48, times=times)


def test_at_any_step_of_a_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live, dead = tmp_path / "live", tmp_path / "dead"
    with opened(live) as database:
        fill(database, 0)
        with monkeypatch.context() as patch:
            whole = [(-(1 << 62), 1 << 62)]
            patch.setattr("storage.shard.sealing.seal_windows", lambda slots, now_ms: whole)
            seal(database)
        expected, times = read(database), exemplars(database)
        with copied_at_each_step(live, dead) as copies:
            assert compact(database) == 1
        assert len(database._shards[0].view().segments) == 2
    for copy in copies:
        check(copy, expected, samples=12, times=times)


def test_at_any_step_of_a_salvage(tmp_path: Path) -> None:
    """Of a damaged segment everything is seen, or what is readable; the others stay in any case."""
    live, dead = tmp_path / "live", tmp_path / "dead"
    with opened(live) as database:
        for number in range(2):
            fill(database, number)
            seal(database)
        before, *_ = database._shards[0].view().segments
        path = segments_directory(live, 0) / before.ulid / SAMPLES_FILE
        contents = bytearray(path.read_bytes())
        contents[len(contents) // 3] ^= 255
        path.write_bytes(contents)
        worker = worker_of(database, scrub_interval_ms=1)
        with copied_at_each_step(live, dead) as copies:
            worker.round(now_ms() + 10)
            assert worker.round(now_ms()) == 1
        expected = read(database)
    assert sum(map(len, expected.values())) == 24 - before.samples
    for copy in copies:
        with opened(copy) as database:
            worker = worker_of(database, scrub_interval_ms=1)
            worker.round(now_ms() + 10)
            worker.round(now_ms())
            assert read(database) == expected
            ((kept, *_),) = database._catalog.set_aside_segments(0)
            assert kept == before


def test_at_any_step_of_downsampling(tmp_path: Path) -> None:
    """Of a day, of what came late, and of hours: it comes to the same in the end."""
    live, dead = tmp_path / "live", tmp_path / "dead"
    policy = Policy(pairs=lambda tenant: PairRule(("x",)))
    points = [(t, float(t)) for t in range(1, 7)]
    at_ms = 11 * DAY_MS
    with opened(live, policy=policy) as database:
        write(database, [series("up", points, x="1"), series("up", points[3:], x="2")])
        seal(database)
        with copied_at_each_step(live, dead) as copies:
            assert downsample(database, at_ms=3 * DAY_MS, limits=MERGE_LIMITS) == ["downsample 300"]
        write(database, [series("up", [(9, 9.0)], x="2")])
        seal(database)
        expected = read(database)
        early = len(copies.names)
        with copied_at_each_step(live, dead) as others:
            others.names = copies.names
            later = 1 << 42  # the day of the late samples, by the clock, is long past
            done = downsample(database, at_ms=later, kinds=["renew"], limits=MERGE_LIMITS)
            done += downsample(database, at_ms=at_ms, limits=MERGE_LIMITS)
            assert done == ["renew 300", "downsample 3600"]
            database._doomed.delete_due(now_ms() + GRACE_MS)
        whole = {r: stored(database, r) for r in RESOLUTIONS_MS}
    assert {name.split()[-1] for name in copies.names} >= {"rename", "replace_windows", "rmtree"}
    for number, copy in enumerate(copies):
        with opened(copy, policy=policy) as database:
            segments = database._shards[0].view().every_segment
            names = {path.name for path in segments_directory(copy, 0).iterdir()}
            assert names == {s.ulid for s in segments}, copy.name
            if number < early:
                continue
            assert read(database) == expected, copy.name
            downsample(database, at_ms=later, kinds=["renew"], limits=MERGE_LIMITS)
            downsample(database, at_ms=at_ms, limits=MERGE_LIMITS)
            assert {r: stored(database, r) for r in RESOLUTIONS_MS} == whole, copy.name
