"""Reads over head and segments: selectors, dedup, label queries, limits."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from storage.database import Database
from storage.errors import LimitExceeded
from storage.labels.matchers import Matcher
from tests.makers.databases import WHOLE, key, opened, read, series, write

REPLICAS = ("replica",)


def wait_for_seals(database: Database) -> None:
    """Until no head is being sealed and no head is due."""
    deadline = time.monotonic() + 30
    shard = database._shards[0]
    while len(shard.view().heads) > 1 or shard.seal_is_due:
        assert time.monotonic() < deadline, "the head was not sealed"
        time.sleep(0.01)


def fill(database: Database) -> None:
    """Three rounds of two metrics; the first two go to segments where heads are small."""
    for start in (0, 100, 200):
        points = [(start + t, float(start + t)) for t in range(10)]
        write(database, [series("a", points, x=str(x)) for x in range(5)])
        write(database, [series("b", points, only=str(start))])
        wait_for_seals(database)


@pytest.mark.parametrize("head_samples", [100_000, 80])
def test_selectors_over_head_and_segments(tmp_path: Path, head_samples: int) -> None:
    with opened(tmp_path, head_samples_max=head_samples) as database:
        fill(database)
        assert bool(database._shards[0].view().segments) is (head_samples == 80)
        whole = [(s + t, float(s + t)) for s in (0, 100, 200) for t in range(10)]
        assert read(database, Matcher("__name__", "=", "a"), Matcher("x", "=~", "[13]")) == {
            key("a", x="1"): whole,
            key("a", x="3"): whole,
        }
        part = read(database, Matcher("x", "!=", ""), span=(105, 201))
        assert set(part) == {key("a", x=str(x)) for x in range(5)}
        assert part[key("a", x="0")] == [(t, float(t)) for t in (*range(105, 110), 200, 201)]
        assert read(database, Matcher("__name__", "=", "nothing")) == {}


@pytest.mark.parametrize("head_samples", [100_000, 80])
def test_label_queries_go_by_time(tmp_path: Path, head_samples: int) -> None:
    a, b = [Matcher("__name__", "=", "a")], [Matcher("__name__", "=", "b")]
    with opened(tmp_path, head_samples_max=head_samples) as database:
        fill(database)
        querier = database.querier("t", replica_labels=(), dedup=True)
        assert list(querier.series([], *WHOLE).names) == ["__name__", "only", "x"]
        assert list(querier.series([a], *WHOLE).names) == ["__name__", "x"]
        assert querier.series([a, b], *WHOLE).values_of("only") == ["0", "100", "200"]
        assert querier.series([a, b], 100, 109).values_of("only") == ["100"]
        assert querier.series([b], *WHOLE).values_of("x") == []
        found = querier.series([b, a], 205, 300)
        assert found.rows == 6
        assert querier.series([], 500, 600).rows == 0


@pytest.mark.parametrize("head_samples", [100_000, 80])
def test_label_queries_of_all_spans(tmp_path: Path, head_samples: int) -> None:
    """Series end one after another, the last of them in another head."""
    ends = {"a": 20, "b": 30, "c": 50}
    with opened(tmp_path, head_samples_max=head_samples) as database:
        for name, end in ends.items():
            write(database, [series(name, [(t, 1.0) for t in range(0, end)])])
        wait_for_seals(database)
        write(database, [series("c", [(60, 1.0)])])
        querier = database.querier("t", replica_labels=("r",), dedup=True)
        for start in range(10, 70):
            expected = [name for name, end in ends.items() if start < end or name == "c"]
            if start > 60:
                expected = []
            for names in ("a|b|c", "c", "b|c"):
                found = querier.series([[Matcher("__name__", "=~", names)]], start, 90)
                assert found.values_of("__name__") == [n for n in expected if n in names]


def test_replicas_become_one_series(tmp_path: Path) -> None:
    one = [(t, 1.0) for t in range(0, 100, 10)]
    two = [(t + 3, 2.0) for t in range(0, 200, 10)]
    with opened(tmp_path) as database:
        write(database, [series("up", two, replica="b"), series("up", one, replica="a")])
        write(database, [series("alone", one, replica="b"), series("none", one)])
        joined = read(database, replica_labels=REPLICAS)
        assert set(joined) == {key("up"), key("alone"), key("none")}
        after = [(t + 3, 2.0) for t in range(100, 200, 10)]
        assert joined[key("up")] == one + after
        assert joined[key("alone")] == joined[key("none")] == one
        chosen = read(database, Matcher("replica", "=", "b"), replica_labels=REPLICAS)
        assert chosen == {key("up"): two, key("alone"): one}
        apart = read(database)
        assert set(apart) == {
            key("up", replica="a"),
            key("up", replica="b"),
            key("alone", replica="b"),
            key("none"),
        }
        querier = database.querier("t", replica_labels=REPLICAS, dedup=True)
        assert list(querier.series([], *WHOLE).names) == ["__name__"]
        assert querier.series([], *WHOLE).rows == 3
        both = database.querier("t", replica_labels=REPLICAS, dedup=False)
        assert both.series([], *WHOLE).values_of("replica") == ["a", "b"]


def test_rows_can_be_read_in_any_blocks(tmp_path: Path) -> None:
    with opened(tmp_path, head_samples_max=80) as database:
        fill(database)
        selection = database.querier("t", replica_labels=(), dedup=True).select([], *WHOLE)
        whole = selection.read(0, selection.labels.rows)
        for first in range(selection.labels.rows):
            part = selection.read(first, selection.labels.rows)
            assert part.values.tolist() == whole.values[whole.offsets[first] :].tolist()
            assert part.offsets.tolist() == (whole.offsets[first:] - whole.offsets[first]).tolist()


@pytest.mark.parametrize(
    ("limit", "name"),
    [("select_series_max", "storage.select.max-series"),
     ("select_samples_max", "storage.select.max-samples")],
)  # fmt: skip
def test_limits_are_named(tmp_path: Path, limit: str, name: str) -> None:
    with opened(tmp_path, head_samples_max=80, **{limit: 4}) as database:
        fill(database)
        assert len(read(database, Matcher("x", "=", "0"), span=(0, 3))) == 1
        with pytest.raises(LimitExceeded, match=name.replace(".", r"\.")):
            read(database)
