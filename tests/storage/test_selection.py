"""Selections with replicas made one: windows that agree, and where samples came from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.database import Database
from storage.dedup_algorithm import Algorithm
from storage.labels import LabelFrame, Symbols
from storage.samples import STALE_NAN, is_stale
from storage.selection import DedupSelection, replica_groups
from tests.databases import WHOLE, opened, series, write

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
    database: Database, span: tuple[int, int], algorithm: Algorithm = Algorithm.AUTO, **more: bool
) -> DedupSelection:
    querier = database.querier("t", replica_labels=REPLICAS, dedup=True, algorithm=algorithm)
    selection = querier.select([], *span, **more)
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
        counted = points(select(database, (0, HOUR), algorithm, counter=True))
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


def test_groups_come_in_the_order_of_their_first_row() -> None:
    labelsets = [{"n": n, "r": r} for n, r in ("2b", "1a", "2a", "1b", "3a")]
    frame = LabelFrame.from_dicts(Symbols(), labelsets)
    order, members = replica_groups(frame, ["r"])
    assert order.tolist() == [2, 0, 1, 3, 4]
    assert members.tolist() == [0, 2, 4, 5]
