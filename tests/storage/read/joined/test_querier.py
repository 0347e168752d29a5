"""Several sources answer as one storage with all that they have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.catalog.metadata import GAUGE
from storage.database import Database
from storage.dedup.algorithm import Algorithm
from storage.errors import LimitExceeded
from storage.kernels.stale import STALE_NAN
from storage.labels.matchers import Matcher
from storage.read.joined.querier import JoinedQuerier, ReplicaRule
from storage.samples.hint import NO_HINT, OF_COUNTER, SelectHint
from tests.makers.batches import Written, batch_of
from tests.makers.databases import WHOLE, append, opened, series, write
from tests.makers.metadata import raw_metadata
from tests.makers.sources.joined import MemorySource, local_source

REPLICAS = ("replica",)
MINUTE, HOUR = 60_000, 3_600_000
TENANTS = count()
Answer = dict[tuple[tuple[str, str], ...], list[tuple[int, int]]]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Of three shards, which intern their texts in different orders."""
    with opened(tmp_path_factory.mktemp("data"), shards=3, tenants_max=100_000) as made:
        yield made


def answer(
    querier: Any, matchers: list[Matcher], span: tuple[int, int], hint: SelectHint
) -> Answer:
    """What a querier selects: label sets, and their samples bit for bit, read in two blocks."""
    selection = querier.select(matchers, *span, hint)
    rows, found = selection.labels.rows, {}
    for first, end in ((0, rows // 2), (rows // 2, rows)):
        samples = selection.read(first, end)
        bits = samples.values.view(np.uint64)
        for row in range(first, end):
            own = slice(int(samples.offsets[row - first]), int(samples.offsets[row - first + 1]))
            labels = tuple(selection.labels.labelset(row).items())
            assert labels not in found
            found[labels] = list(
                zip(samples.timestamps[own].tolist(), bits[own].tolist(), strict=True)
            )
    return found


# How one replica of a series went: its name, scrape interval, delay, which scrapes are missing, and
# where its values fall.
@st.composite
def histories(draw: st.DrawFn) -> list[tuple[dict[str, str], list[tuple[int, float]]]]:
    written = []
    for name in draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)):
        step_ms = draw(st.sampled_from([15_000, MINUTE, 10 * MINUTE]))
        for replica in draw(
            st.lists(st.sampled_from(["", "0", "1", "2"]), min_size=1, unique=True)
        ):
            rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
            ticks = np.flatnonzero(rng.random(60) > draw(st.sampled_from([0.0, 0.2, 0.6])))
            times = ticks * step_ms + draw(st.integers(0, step_ms - 1))
            values = np.cumsum(rng.integers(0, 9, len(times))).astype(float)
            values[rng.integers(0, 61) :] -= draw(st.sampled_from([0.0, 40.0]))
            points = list(zip(times.tolist(), values.tolist(), strict=True))
            if points and draw(st.booleans()):
                points[rng.integers(len(points))] = (points[-1][0] + 1, STALE_NAN)
            labels = {"__name__": name} | ({"replica": replica} if replica else {})
            written.append((labels, sorted(points)))
    return written


def split(written: Written, parts: int, rng: np.random.Generator) -> list[Written]:
    """Each sample in one part or in several, whole series and stretches of them among others."""
    found: list[Any] = [[] for _ in range(parts)]
    for labels, points in written:
        ways = rng.integers(3)
        cut = (
            rng.integers(parts, size=len(points))
            if ways
            else np.full(len(points), rng.integers(parts))
        )
        if ways == 1:
            cut = np.sort(cut)
        for part in range(parts):
            own = [p for p, owner in zip(points, cut, strict=True) if owner == part]
            twice = [p for p in points if rng.random() < 0.1] if ways == 2 else []
            if own or twice:
                found[part].append((labels, sorted(dict([*own, *twice]).items())))
    return found


@settings(max_examples=40, deadline=None)
@given(
    histories(),
    st.integers(1, 4),
    st.integers(0, 1 << 30),
    st.sampled_from([WHOLE, (0, 10 * MINUTE), (7 * MINUTE, 45 * MINUTE), (2 * HOUR, 9 * HOUR)]),
    st.sampled_from([NO_HINT, OF_COUNTER]),
)
def test_a_split_history_is_answered_as_a_whole_one(
    database: Database,
    written: Written,
    parts: int,
    seed: int,
    span: tuple[int, int],
    hint: SelectHint,
) -> None:
    rng = np.random.default_rng(seed)
    number = next(TENANTS)
    write(database, written, tenant=f"whole{number}")
    shares = split(written, parts, rng)
    in_memory = rng.integers(parts + 1)  # this one, or none
    for part, share in enumerate(shares):
        write(database, share, tenant=f"part{number}-{part}")
    for algorithm in Algorithm:
        for labels in ((), REPLICAS):
            sources = [
                MemorySource(share)
                if part == in_memory
                else local_source(database, f"part{number}-{part}")
                for part, share in enumerate(shares)
            ]
            joined = JoinedQuerier(sources, ReplicaRule(labels, algorithm), series_max=100)
            whole = database.querier(
                f"whole{number}", replica_labels=labels, dedup=True, algorithm=algorithm
            )
            matchers = [Matcher("__name__", "!=", "b")]
            assert answer(joined, matchers, span, hint) == answer(whole, matchers, span, hint)
            found, wanted = joined.series([matchers], *span), whole.series([matchers], *span)
            assert rows(found) == rows(wanted)


def rows(labels: Any) -> list[dict[str, str]]:
    frame = labels.in_order()
    return [frame.labelset(row) for row in range(frame.rows)]


def joined(
    *sources: Any, labels: tuple[str, ...] = REPLICAS, series_max: int = 100
) -> JoinedQuerier:
    return JoinedQuerier(sources, ReplicaRule(labels), series_max=series_max)


def test_the_first_source_wins_and_rows_come_in_order() -> None:
    first = MemorySource([series("up", [(10, 1.0), (20, 2.0)], job="x"), series("z", [(1, 0.0)])])
    second = MemorySource([series("up", [(10, 9.0), (30, 3.0)], job="x"), series("a", [(5, 5.0)])])
    selection = joined(first, second).select([], *WHOLE)
    assert [row["__name__"] for row in rows(selection.labels)] == ["a", "up", "z"]
    assert [selection.labels.labelset(row)["__name__"] for row in range(3)] == ["a", "up", "z"]
    samples = selection.read(0, 3)
    assert samples.timestamps.tolist() == [5, 10, 20, 30, 1]
    assert samples.values.tolist() == [5.0, 1.0, 2.0, 3.0, 0.0]
    assert selection.read(1, 2).values.tolist() == [1.0, 2.0, 3.0]
    assert selection.read_origins(0, 3).values.tolist() == [0.0] * 5
    assert selection.replicas().rows == 1
    assert selection.expected_samples == 6


def test_what_is_asked_for_again_reaches_further() -> None:
    """Of three replicas, more is needed around the span than of two."""
    written = [series("up", [(t * MINUTE, 1.0) for t in range(100)], replica=r) for r in "abc"]
    source = MemorySource(written[:2]), MemorySource(written[2:])
    selection = joined(*source).select([], 50 * MINUTE, 60 * MINUTE)
    assert selection.read(0, 1).timestamps.tolist() == [t * MINUTE for t in range(50, 61)]
    assert [span[0] for span in source[0].spans] == [40 * MINUTE, 36 * MINUTE]


def test_lists_of_series_and_losses_are_joined() -> None:
    first = MemorySource([series("up", [(10, 1.0)], replica="a")], losses=("x", "y"))
    second = MemorySource(
        [series("up", [(50, 1.0)], replica="b"), series("old", [(1, 1.0)])], ("y",)
    )
    querier = joined(first, second)
    assert rows(querier.series([], 5, 60)) == [{"__name__": "up"}]
    assert rows(querier.series([[Matcher("replica", "=", "b")]], 5, 60)) == [{"__name__": "up"}]
    both = [{"__name__": "up", "replica": "a"}, {"__name__": "up", "replica": "b"}]
    assert rows(joined(first, second, labels=()).series([], 5, 60)) == both
    assert querier.losses == ("x", "y")
    assert not querier.counters_differ


def test_too_many_series_are_refused() -> None:
    sources = [MemorySource([series(name, [(1, 1.0)])]) for name in ("a", "b", "c")]
    joined(*sources, series_max=3).select([], *WHOLE)
    with pytest.raises(LimitExceeded, match=r"3 series .* at most 2 .*storage\.select\.max-series"):
        joined(*sources, series_max=2).select([], *WHOLE)


@pytest.mark.parametrize("describes", [True, False])
def test_a_gauge_that_any_source_describes_may_fall(database: Database, describes: bool) -> None:
    """A hole of one replica, filled by the other, whose values are lower throughout."""
    tenant = f"described{describes}"
    if describes:
        told = raw_metadata([("temp", GAUGE, "warm", "C")])
        append(database, replace(batch_of([]), metadata=told), tenant=tenant)
    high = [(t * 15_000, 50.0) for t in range(40) if not 19 < t < 22]
    low = [(t * 15_000, 20.0) for t in range(40)]
    first = MemorySource([series("temp", high, replica="a")])
    second = MemorySource([series("temp", low, replica="b")])
    querier = joined(local_source(database, tenant), first, second)
    described = querier.metadata().get("temp", ())
    assert [each.help for each in described] == (["warm"] if describes else [])
    values = querier.select([], 200_000, 400_000).read(0, 1).values.tolist()
    assert values.count(20.0) == (2 if describes else 0)
