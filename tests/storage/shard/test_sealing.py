"""Heads become plain Parquet that others read, and series come back from it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from storage.files import META_FILE, SAMPLES_FILE, SERIES_FILE, segments_directory
from storage.kernels.stale import STALE_NAN, is_stale
from storage.options import DAY_MS, HOUR_MS
from storage.segments.segment import SegmentMeta, verify_segment
from storage.segments.writer import SegmentWriter
from storage.shard.shard import now_ms
from storage.shard.writer import WriterLimits
from tests.makers.bodies.exemplars import Exemplars, batch
from tests.makers.bodies.mixed import Mixed
from tests.makers.databases import (
    WHOLE,
    append,
    key,
    opened,
    read,
    read_mixed,
    seal,
    series,
    write,
    write_mixed,
)
from tests.makers.histograms import EXAMPLES
from tests.storage.read.test_querier import wait_for_seals


def bits_of(value: float) -> int:
    return int(np.float64(value).view(np.uint64))


def exemplars_at(times: Sequence[int]) -> Exemplars:
    return [(time, 1.0, {"id": str(time)}) for time in times]


def test_a_sealed_head_is_plain_parquet(tmp_path: Path) -> None:
    with opened(tmp_path, head_samples_max=14) as database:
        for tenant in ("one", "two"):
            points = [(30, 3.0), (10, 1.0), (20, float(STALE_NAN)), (40, 4.0)]
            write(database, [series("up", points, x="é")], tenant=tenant)
        wait_for_seals(database)
        (segment,) = database._shards[0].view().segments
    directory = segments_directory(tmp_path, 0) / segment.ulid
    assert verify_segment(directory) == segment
    assert (segment.samples, segment.series) == (8, 2)
    assert (segment.min_ms, segment.max_ms) == (10, 40)
    samples = pq.read_table(directory / SAMPLES_FILE)
    assert samples["ts"].to_pylist() == [10, 20, 30, 40] * 2
    assert is_stale(samples["value"].to_numpy()).tolist() == [False, True, False, False] * 2
    columns = "tenant, labels, min_ts, max_ts, samples"
    rows = duckdb.sql(f"select {columns} from '{directory / SERIES_FILE}' order by 1").fetchall()
    labels = {"__name__": "up", "x": "é"}
    assert rows == [("one", labels, 10, 40, 4), ("two", labels, 10, 40, 4)]
    assert json.loads((directory / META_FILE).read_text())["segment"]["samples"] == 8


def test_a_head_becomes_a_segment_for_each_window(tmp_path: Path) -> None:
    """Of the second series some samples are late, histograms, or have start timestamps."""
    hour, day = HOUR_MS, DAY_MS
    now = now_ms() // day * day
    old = now - 30 * day
    times = [now, now + hour, now - 4 * hour, now - 3 * day, old, old + hour, -5]
    name, histogram = {"__name__": "up"}, EXAMPLES[0]
    late: Mixed = [
        (name | {"x": "1"}, [(t, bits_of(t), 0) for t in sorted(times)]),
        (name | {"x": "2"}, [(now, 1, 0), (now + 1, histogram, 0), (now + 2, 2, now - hour)]),
        (name | {"x": "2"}, [(old, histogram, 7), (now - 1, 3, 0)]),
    ]
    with opened(tmp_path) as database:
        write_mixed(database, late)
        expected = read_mixed(database)
        seal(database)
        segments = database._shards[0].view().segments
        assert read_mixed(database) == expected
    spans = sorted((s.min_ms, s.max_ms, s.samples, s.histograms) for s in segments)
    assert spans == [
        (-5, -5, 1, 0),
        (old, old + hour, 3, 1),
        (now - 3 * day, now - 3 * day, 1, 0),
        (now - 4 * hour, now - 4 * hour, 1, 0),
        (now - 1, now - 1, 1, 0),
        (now, now + hour, 5, 1),
    ]
    assert {segment.rank for segment in segments} == {1}
    starts = {}
    for segment in segments:
        path = segments_directory(tmp_path, 0) / segment.ulid
        assert verify_segment(path) == segment
        starts[segment.min_ms] = "start_ts" in pq.read_schema(path / SAMPLES_FILE).names
    assert [at for at, has in starts.items() if has] == [now], "only where a float has a start"
    with opened(tmp_path) as database:
        assert read_mixed(database) == expected
        write(database, [series("up", [(now, 9.0), (now - 1, 9.0)], x="1")])
        seal(database)
        assert {s.rank for s in database._shards[0].view().segments} == {1, 2}
        points = dict(read(database)[key("up", x="1")])
        assert (points[now], points[now - 1]) == (float(now), 9.0)


def test_exemplars_go_to_the_window_of_their_time(tmp_path: Path) -> None:
    at = 1_000 * 8 * DAY_MS
    times = [at - 1, at, at + 40 * DAY_MS]
    with opened(tmp_path) as database:
        write(database, [series("up", [(at, 1.0), (at - 16 * DAY_MS, 1.0)])])
        append(database, batch([({"__name__": "up"}, [], exemplars_at(times))]))
        seal(database)
        found = {s.min_ms: s.exemplars for s in database._shards[0].view().segments}
        assert found == {at - 16 * DAY_MS: 1, at: 2}
        append(database, batch([({"__name__": "up"}, [], exemplars_at([at + 1, at + 9 * DAY_MS]))]))
        seal(database)
        querier = database.querier("t", replica_labels=(), dedup=True)
        selected = querier.exemplars([], *WHOLE)
        assert selected.timestamps.tolist() == sorted([*times, at + 1, at + 9 * DAY_MS])


def test_a_seal_that_fails_leaves_no_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files = SegmentWriter._write_files
    calls = []

    def fail_second(self: SegmentWriter, *args: Any) -> SegmentMeta:
        calls.append(1)
        if len(calls) == 2:
            raise OSError("no space left")
        return write_files(self, *args)

    limits = WriterLimits(seal_retry_seconds=0)
    with opened(tmp_path, limits=limits) as database:
        write(database, [series("up", [(0, 1.0), (8 * DAY_MS, 1.0)])])
        expected = read(database)
        monkeypatch.setattr(SegmentWriter, "_write_files", fail_second)
        seal(database)
        names = {path.name for path in segments_directory(tmp_path, 0).iterdir()}
        segments = database._shards[0].view().segments
        assert names == {segment.ulid for segment in segments}
        assert (len(calls), len(names)) == (4, 2)
        assert read(database) == expected


def test_series_come_back_from_many_segments(tmp_path: Path) -> None:
    with opened(tmp_path, head_samples_max=4) as database:
        for i in range(6):
            write(database, [series("up", [(i * 10 + t, 1.0) for t in range(3)], x=str(i % 3))])
            wait_for_seals(database)
        expected = read(database)
        assert len(database._shards[0].view().segments) == 6
    with opened(tmp_path) as database:
        assert len(database._shards[0].table) == 3
        assert read(database) == expected
        assert set(expected) == {key("up", x=str(x)) for x in range(3)}
