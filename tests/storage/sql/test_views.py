"""Views against what queries answer, over segments that overlap, beside an open database."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from storage.dedup.algorithm import PairRule
from storage.labels.matchers import Matcher
from storage.policy import Policy
from storage.sql.listing import ListedSegment, read_listing
from storage.sql.views import by_overlap, connect
from tests.makers.bodies.mixed import mixed_batch_of
from tests.makers.databases import append, opened, read, seal, series, write
from tests.makers.downsampling.databases import downsample
from tests.makers.histograms import EXAMPLES

HOUR = 3_600_000
# Three seals: the second has times of the first and a value that contradicts it, the third neither.
FIRST = [series("a", [(1000, 1.0), (2000, 2.0)], l="x"), series("b", [(1500, 5.0)])]
SECOND = [series("a", [(1000, 9.0), (2500, 2.5)], l="x")]
THIRD = [series("a", [(9 * HOUR, 3.0)], l="x"), series("c", [(9 * HOUR, float("nan"))])]


def asked(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with connect(read_listing(path), memory_bytes=1 << 28, threads=1) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data directory of three seals, with its database open."""
    path = tmp_path_factory.mktemp("data")
    with opened(path) as database:
        for written in (FIRST, SECOND, THIRD):
            write(database, written)
            if written is SECOND:
                write(database, [series("a", [(1, 1.0)], l="y")], tenant="u")
            seal(database)
        write(database, [series("unsealed", [(1, 1.0)])])
        yield path


def test_samples_are_those_of_queries_and_not_doubled(path: Path) -> None:
    found: dict[Any, list[tuple[int, float]]] = {}
    rows = asked(path, "SELECT tenant, labels, ts, value FROM samples ORDER BY series_id, ts")
    for tenant, labels, ts, value in rows:
        found.setdefault((tenant, tuple(sorted(labels.items()))), []).append((ts, value))
    with pytest.raises(Exception, match="is in use"), opened(path):
        pass
    assert str(found[("t", (("__name__", "c"),))]) == str([(9 * HOUR, float("nan"))])
    del found[("t", (("__name__", "c"),))]
    assert found == {
        ("t", (("__name__", "a"), ("l", "x"))): [
            (1000, 1.0), (2000, 2.0), (2500, 2.5), (9 * HOUR, 3.0),
        ],
        ("t", (("__name__", "b"),)): [(1500, 5.0)],
        ("u", (("__name__", "a"), ("l", "y"))): [(1, 1.0)],
    }  # fmt: skip


def test_series_metadata_and_segments(path: Path) -> None:
    rows = asked(path, "SELECT tenant, labels['__name__'], min_ts, max_ts FROM series ORDER BY ALL")
    assert rows == [
        ("t", "a", 1000, 9 * HOUR), ("t", "b", 1500, 1500), ("t", "c", 9 * HOUR, 9 * HOUR),
        ("u", "a", 1, 1),
    ]  # fmt: skip
    assert asked(path, "FROM metadata") == []
    assert asked(path, "SELECT count(*), sum(samples) FROM segments") == [(3, 8)]
    assert asked(path, "SELECT time FROM samples WHERE ts = 1500")[0][0].timestamp is not None


def test_filters_of_time_and_of_labels_reach_the_files(path: Path) -> None:
    select = "SELECT sum(value) FROM samples WHERE"
    with connect(read_listing(path), memory_bytes=1 << 28, threads=1) as connection:
        plans = [
            connection.execute(f"{how} {select} {condition}").fetchall()[0][1]
            for how, condition in (
                ("EXPLAIN", "ts BETWEEN 100 AND 3000"),
                ("EXPLAIN ANALYZE", "labels['__name__'] = 'b'"),
            )
        ]
    times, labels = (" ".join(plan.replace("│", " ").split()) for plan in plans)
    # The segment of other times is not read at all, the overlapping ones with a filter.
    assert times.count("READ_PARQUET") == 1
    assert "Filters: ts >= 100" in times
    # The series that match are looked up first, and their ids choose row groups of all segments.
    assert len(re.findall(r"series_id = \d+", labels)) == 2


def test_histograms_and_exemplars(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        labels = {"__name__": "h"}
        points = [(1000 * (k + 1), EXAMPLES[k], 5 * k) for k in range(3)]
        append(database, mixed_batch_of([(labels, points)]))
        seal(database)
        append(database, mixed_batch_of([(labels, [(1000, EXAMPLES[0], 0)])]))
        seal(database)
    rows = asked(
        tmp_path,
        "SELECT ts, start_ts, labels['__name__'], count, positive_indexes, schema "
        "FROM histograms ORDER BY ts",
    )
    assert rows == [
        (1000 * (k + 1), 5 * k or None, "h", EXAMPLES[k].count,
         [index for index, _ in EXAMPLES[k].positive], 0)
        for k in range(3)
    ]  # fmt: skip
    assert asked(tmp_path, "FROM samples") == []
    assert asked(tmp_path, "FROM exemplars") == []


def test_an_empty_directory_has_all_views(tmp_path: Path) -> None:
    with opened(tmp_path):
        for view in ("samples", "histograms", "exemplars", "series", "metadata", "segments"):
            assert asked(tmp_path, f"FROM {view}") == []


def test_nothing_is_written(path: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in path.rglob("*.parquet")}
    with pytest.raises(duckdb.Error):
        asked(path, "DELETE FROM samples")
    assert {p: p.stat().st_mtime_ns for p in path.rglob("*.parquet")} == before


@pytest.mark.parametrize(
    ("matchers", "hides"),
    [
        ([("__name__", "=", "a")], True),
        ([("__name__", "=~", "a|z"), ("l", "!=", "y")], True),
        ([("__name__", "=~", ".*"), ("l", "!~", "x")], False),
        ([("none", "=", ""), ("l", "=~", "x.*")], True),
        ([("l", "=", "it's")], False),
    ],
)
def test_what_is_deleted_is_not_there_before_it_is_rewritten(
    tmp_path: Path, matchers: list[tuple[str, str, str]], hides: bool
) -> None:
    with opened(tmp_path) as database:
        for written in (FIRST, SECOND, THIRD):
            write(database, written)
            seal(database)
    first, second, third = read_listing(tmp_path).segments
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as connection, connection:
        connection.execute(
            "INSERT INTO deletions (number, tenant, matchers, start_ms, end_ms, created_ms) "
            "VALUES (1, 1, ?, 1000, 2200, 0)",
            [json.dumps([matchers])],
        )
        connection.executemany(
            "INSERT INTO pending_deletions VALUES (1, ?)",
            [(segment.columns["ulid"],) for segment in (first, third)],
        )
    rows = asked(tmp_path, "SELECT ts, value FROM samples WHERE labels['l'] = 'x' ORDER BY ts")
    # The second segment is not of those, so its sample of a deleted moment is there.
    kept = [(1000, 9.0)] if hides else [(1000, 1.0), (2000, 2.0)]
    assert rows == [*kept, (2500, 2.5), (9 * HOUR, 3.0)]


def listed(ulid: str, start: int, end: int, shard: int = 0) -> ListedSegment:
    columns = {"ulid": ulid, "shard": shard, "min_ms": start, "max_ms": end}
    return ListedSegment(Path(ulid), columns)


@pytest.mark.parametrize(
    ("segments", "crowded"),
    [
        ([("a", 0, 9), ("b", 10, 19)], ""),
        ([("a", 0, 10), ("b", 10, 19)], "ab"),
        ([("a", 0, 100), ("b", 10, 19), ("c", 50, 60), ("d", 101, 102)], "abc"),
        ([("a", 0, 9, 0), ("b", 0, 9, 1)], ""),
        ([("c", 20, 30), ("b", 5, 19), ("a", 0, 6)], "ba"),
        ([], ""),
    ],
)
def test_overlap(segments: list[tuple[Any, ...]], crowded: str) -> None:
    alone, others = by_overlap([listed(*segment) for segment in segments])
    assert "".join(s.columns["ulid"] for s in others) == crowded
    assert len(alone) + len(others) == len(segments)


def test_what_queries_answer(path: Path) -> None:
    """The same question of the database, for the table above."""
    with opened(path.with_name("copy")) as database:
        for written in (FIRST, SECOND, THIRD):
            write(database, written)
        found = read(database, Matcher("__name__", "=", "a"))
    assert found == {
        (("__name__", "a"), ("l", "x")): [
            (1000, 1.0), (2000, 2.0), (2500, 2.5), (9 * HOUR, 3.0),
        ]
    }  # fmt: skip


WINDOWS = """
    SELECT resolution_ms, window_ts, count, first_ts, first, last_ts, last, min, max, sum, falls,
           fallen, stale_ts
    FROM aggregates WHERE labels['__name__'] = 'a' ORDER BY ALL
"""
FIRST_WINDOW = (300_000, 300_000, 3, 1000, 4.0, 3000, 2.0, 1.0, 4.0, 7.0, 1, 4.0, None)


def test_windows_of_downsampled_segments(tmp_path: Path) -> None:
    points = [(1000, 4.0), (2000, 1.0), (3000, 2.0), (400_000, 5.0)]
    policy = Policy(pairs=lambda tenant: PairRule(("l",)))
    with opened(tmp_path, policy=policy) as database:
        assert asked(tmp_path, WINDOWS) == []
        write(database, [series("a", points, l="x"), series("a", points[:2], l="y")])
        seal(database)
        downsample(database)
        second = (300_000, 600_000, 1, 400_000, 5.0, 400_000, 5.0, 5.0, 5.0, 5.0, 0, 0.0, None)
        hour = (3_600_000, 3_600_000, 4, 1000, 4.0, 400_000, 5.0, 1.0, 5.0, 12.0, 1, 4.0, None)
        assert asked(tmp_path, WINDOWS) == [FIRST_WINDOW, second, hour]
        assert asked(tmp_path, "SELECT DISTINCT labels FROM aggregates") == [({"__name__": "a"},)]
        assert asked(tmp_path, "SELECT count(*) FROM samples") == [(6,)]
        covers = "SELECT DISTINCT from_ts, to_ts FROM segments WHERE resolution_ms > 0"
        assert asked(tmp_path, covers) == [(0, 32 * 24 * HOUR)]
        database.deletions.delete_series("t", ((),), 5000, 500_000)
        assert asked(tmp_path, WINDOWS) == [FIRST_WINDOW]
