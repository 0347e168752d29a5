"""Selections with replicas made one: windows that agree, and where samples came from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.catalog.metadata import GAUGE
from storage.database import Database
from storage.dedup.algorithm import Algorithm
from storage.kernels.stale import STALE_NAN, is_stale
from storage.read.federation import FederatedQuerier
from storage.read.selection import DedupSelection
from storage.samples.hint import NO_HINT, OF_COUNTER, SelectHint
from tests.makers.batches import batch_of
from tests.makers.databases import WHOLE, append, opened, seal, series, write
from tests.makers.metadata import raw_metadata

HOUR = 3_600_000
REPLICAS = ("replica",)


def scraped(offset: int, *, without: range = range(0)) -> list[tuple[int, float]]:
    """A counter scraped each 15 s for an hour, at `offset` ms; scrapes `without` are missing."""
    times = [i * 15_000 + offset for i in range(240) if i not in without]
    return [(t, float(t // 1000)) for t in times]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    with opened(tmp_path_factory.mktemp("data")) as made:
        write(made, [series("up", scraped(0, without=range(100, 120)), replica="a")])
        write(made, [series("up", scraped(7_000, without=range(180, 240)), replica="b")])
        behind = [(t, v - 100.0) for t, v in scraped(3_000)]
        late = [series("late", scraped(0, without=range(50, 70)), replica="a")]
        write(made, [*late, series("late", behind, replica="b")])
        ended = [*scraped(0)[:10], (150_000, STALE_NAN)]
        write(made, [series("gone", ended, replica="a"), series("one", ended, other="x")])
        yield made


def select(
    database: Database,
    span: tuple[int, int],
    algorithm: Algorithm = Algorithm.AUTO,
    hint: SelectHint = NO_HINT,
) -> DedupSelection:
    querier = database.querier("t", replica_labels=REPLICAS, dedup=True, algorithm=algorithm)
    selection = querier.select([], *span, hint)
    assert isinstance(selection, DedupSelection)
    return selection


def points(selection: DedupSelection) -> list[tuple[int, int, int]]:
    samples = selection.read(0, selection.labels.rows)
    rows = np.repeat(np.arange(samples.series_count), np.diff(samples.offsets))
    bits = samples.values.view(np.uint64)
    return list(zip(rows.tolist(), samples.timestamps.tolist(), bits.tolist(), strict=True))


@settings(max_examples=40)
@given(st.integers(-10_000, HOUR), st.integers(0, HOUR))
def test_auto_gives_the_same_in_every_window(
    database: Database, start_ms: int, length_ms: int
) -> None:
    span = (start_ms, start_ms + length_ms)
    whole = points(select(database, WHOLE))
    assert points(select(database, span)) == [p for p in whole if span[0] <= p[1] <= span[1]]


STEPS_S = (1, 60, 100, 300, 600, 3_600)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Pairs of many scrape intervals, some scrapes missing; the older half is in a segment."""
    rng = np.random.default_rng(5)
    with opened(tmp_path_factory.mktemp("data")) as made:
        for half in range(2):
            for step_s in STEPS_S:
                ticks = np.arange(60 * half, 60 * half + 60)
                for replica, later in (("a", 0.0), ("b", 0.4)):
                    kept = ticks[rng.random(60) > 0.15]
                    times = (60 * HOUR + (kept - 60 + later) * step_s * 1_000).astype(int).tolist()
                    points = [(t, 1.0) for t in times]
                    write(made, [series(f"every_{step_s}", points, replica=replica)])
                    # One is scraped more often than the other.
                    points = points[:: 5 if replica == "b" else 1]
                    write(made, [series(f"mixed_{step_s}", points, replica=replica)])
            if not half:
                seal(made)
        yield made


@settings(max_examples=60, deadline=None)
@given(st.integers(-400_000, 400_000), st.integers(0, 3_000), st.sampled_from([1, 60, 3_600]))
def test_windows_agree_at_any_interval(
    slow: Database, start: int, length: int, unit_s: int
) -> None:
    start_ms = 60 * HOUR + start * unit_s
    span = (start_ms, start_ms + length * unit_s)
    whole = points(select(slow, WHOLE))
    selection = select(slow, span)
    assert points(selection) == [p for p in whole if span[0] <= p[1] <= span[1]]
    samples = selection.read(0, selection.labels.rows)
    origins = selection.read_origins(0, selection.labels.rows)
    assert origins.timestamps.tolist() == samples.timestamps.tolist()


def test_pairs_are_not_denser_at_any_interval(slow: Database) -> None:
    selection = select(slow, WHOLE)
    for row in range(selection.labels.rows):
        labels = selection.labels.labelset(row)["__name__"].split("_")
        if labels[0] == "every":
            times = selection.read(row, row + 1).timestamps
            assert 110 <= len(times) <= 125
            assert np.diff(times).min() >= 390 * int(labels[1])


@settings(max_examples=40)
@given(st.integers(-10_000, HOUR), st.integers(0, HOUR), st.integers(0, 3), st.integers(1, 4))
def test_complete_replicas_and_others_are_put_together(
    database: Database, start_ms: int, length_ms: int, first: int, count: int
) -> None:
    selection = select(database, (start_ms, start_ms + length_ms))
    end = min(first + count, selection.labels.rows)
    samples, members = selection.members_of(first, end)
    wanted = selection.chosen(samples, members, np.arange(first, end)).samples
    found = selection._read_complete(first, end)
    assert found.offsets.tolist() == wanted.offsets.tolist()
    assert found.timestamps.tolist() == wanted.timestamps.tolist()
    assert found.values.tobytes() == wanted.values.tobytes()


def test_complete_replicas_are_looked_for_where_they_are_common(database: Database) -> None:
    assert select(database, (0, 600_000))._seems_complete(1, 2)
    assert not select(database, (0, HOUR))._seems_complete(0, 4)
    chained = select(database, (0, 600_000), Algorithm.CHAIN)
    assert not chained._seems_complete(1, 2)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_origins_belong_to_the_samples(database: Database, algorithm: Algorithm) -> None:
    selection = select(database, (0, HOUR), algorithm)
    samples = selection.read(0, selection.labels.rows)
    origins = selection.read_origins(0, selection.labels.rows)
    assert origins.offsets.tolist() == samples.offsets.tolist()
    assert origins.timestamps.tolist() == samples.timestamps.tolist()
    stale = is_stale(samples.values)
    assert is_stale(origins.values).tolist() == stale.tolist()
    assert stale.sum() == 2
    replicas = selection.replicas()
    names = [replicas.labelset(int(n)).get("replica", "") for n in origins.values[~stale]]
    phases = (samples.timestamps[~stale] % 15_000).tolist()
    rows = np.repeat(np.arange(samples.series_count), np.diff(samples.offsets))[~stale].tolist()
    metrics = [selection.labels.labelset(row)["__name__"] for row in rows]
    sent_by = {0: "a", 3_000: "b", 7_000: "b"}
    wanted = ["" if m == "one" else sent_by[p] for m, p in zip(metrics, phases, strict=True)]
    assert names == wanted
    assert set(names) == {"a", "b", ""}


def test_only_penalty_cares_for_counters(database: Database) -> None:
    for algorithm in Algorithm:
        querier = database.querier("t", replica_labels=REPLICAS, dedup=True, algorithm=algorithm)
        assert querier.counters_differ is (algorithm is Algorithm.PENALTY)
        plain = points(select(database, (0, HOUR), algorithm))
        counted = points(select(database, (0, HOUR), algorithm, OF_COUNTER))
        assert (plain == counted) is (algorithm is not Algorithm.PENALTY)
    apart = database.querier("t", replica_labels=(), dedup=False, algorithm=Algorithm.PENALTY)
    assert not apart.counters_differ


def test_stored_series_have_no_replica(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 5.0), (2, STALE_NAN)])])
        selection = database.querier("t", replica_labels=REPLICAS, dedup=True).select([], *WHOLE)
        origins = selection.read_origins(0, 1)
        assert origins.values[0] == 0.0
        assert is_stale(origins.values).tolist() == [False, True]
        assert selection.replicas().labelset(0) == {}


def test_known_gauges_may_fall_at_a_switch(tmp_path: Path) -> None:
    high = [(t, 100.0) for t in range(0, 600_000, 15_000) if t != 300_000]
    low = [(t + 7_000, 20.0) for t in range(0, 600_000, 15_000)]
    names = ("temperature", "unknown")
    with opened(tmp_path) as made:
        for replica, points in (("a", high), ("b", low)):
            write(made, [series(name, points, replica=replica) for name in names])
        told = raw_metadata([("temperature", GAUGE, "", "")])
        append(made, replace(batch_of([]), metadata=told))
        selection = select(made, (200_000, 400_000))
        filled = {}
        for row in range(2):
            values = selection.read(row, row + 1).values.tolist()
            assert np.isin(selection.read_origins(row, row + 1).values, [0, 1]).all()
            filled[selection.labels.labelset(row)["__name__"]] = values.count(20.0)
        assert filled == {"temperature": 1, "unknown": 0}
        federated = FederatedQuerier(
            [("t", made.querier("t", replica_labels=REPLICAS, dedup=True))]
        ).select([], 200_000, 400_000)
        assert federated.read(0, 2).values.tolist().count(20.0) == 1
