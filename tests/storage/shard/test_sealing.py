"""Heads become plain Parquet that others read, and series come back from it."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from storage.files import META_FILE, SAMPLES_FILE, SERIES_FILE, segments_directory
from storage.kernels.stale import STALE_NAN, is_stale
from storage.segments.segment import verify_segment
from tests.makers.databases import key, opened, read, series, write
from tests.storage.read.test_querier import wait_for_seals


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
