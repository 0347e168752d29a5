"""What a querier says of its answers: all that changes what it sees makes a new revision."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.catalog.deletions import Deletion
from storage.database import Database, Policy
from storage.dedup.algorithm import Algorithm
from storage.deletion.deleting import delete
from storage.labels.matchers import Matcher
from storage.read.federation import FederatedQuerier
from storage.read.querier import StorageQuerier
from storage.revisions.records import Records
from storage.revisions.watch import FORGOTTEN, Mark, Watch
from storage.shard.periods import PeriodRule, TenantPeriods
from tests.makers.databases import opened, read, seal, series, write

NOW = 1_700_000_000_000
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
UP = (Matcher("__name__", "=", "up"),)
EVER = (NOW - 100 * DAY, NOW + DAY)


def querier(database: Database, **how: Any) -> StorageQuerier:
    wanted: dict[str, Any] = {"replica_labels": (), "dedup": False}
    return database.querier("t", **(wanted | how))


def watch_of(database: Database, **how: Any) -> Watch:
    (watch,) = querier(database, **how).watches()
    return watch


def clocked(**more: Any) -> Policy:
    return Policy(clock=lambda: NOW, **more)


def test_a_tenant_that_never_wrote_has_none(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        assert querier(database).watches() == ()
        write(database, [series("up", [(NOW, 1.0)])], tenant="other")
        known = database.querier("other", replica_labels=(), dedup=False)
        assert len(known.watches()) == 1
        assert FederatedQuerier([("other", known), ("t", querier(database))]).watches() == ()
        assert len(FederatedQuerier([("other", known)]).watches()) == 1


def test_a_record_that_went_counts_as_changed() -> None:
    records = Records(records_max=1)
    mark = Mark(records.of(1, 0), 0)
    watch = Watch(
        1, records, threading.Lock(), mark,
        oldest_ms=0, rule=(), generation=0, series=0, matched=len, reached_ms=lambda: 0,
    )  # fmt: skip
    assert watch.changed(mark, (1, 2)) == ([], "")
    records.of(2, 0)
    assert watch.changed(mark, (1, 2)) == ([(1, 2)], FORGOTTEN)


def test_what_is_not_kept_for_ever_is_not_watched(tmp_path: Path) -> None:
    rule = PeriodRule((Matcher("job", "=", "x"),), HOUR)
    cases: list[tuple[TenantPeriods, int]] = [
        (TenantPeriods(0), NOW - 1_000 * DAY),
        (TenantPeriods(DAY), NOW - DAY),
        (TenantPeriods(DAY, rules=(rule,)), NOW - HOUR),
    ]
    for number, (periods, oldest) in enumerate(cases):
        policy = clocked(periods=lambda tenant, periods=periods: periods)
        with opened(tmp_path / str(number), policy=policy) as database:
            write(database, [series("up", [(NOW, 1.0)])], arrival_ms=NOW)
            found = watch_of(database).oldest_ms
            assert found == oldest or found < oldest == NOW - 1_000 * DAY


def test_rules_and_series_are_told_apart(tmp_path: Path) -> None:
    with opened(tmp_path, policy=clocked()) as database:
        write(database, [series("up", [(NOW, 1.0)], r="a")], arrival_ms=NOW)
        plain = watch_of(database)
        assert plain.rule == watch_of(database).rule and plain.series == watch_of(database).series
        assert plain.rule != watch_of(database, replica_labels=("r",), dedup=True).rule
        assert plain.matched(UP) == 1
        write(database, [series("up", [(NOW, 1.0)], r="b")], arrival_ms=NOW)
        assert watch_of(database).series != plain.series
        assert watch_of(database).matched(UP) == 2


@pytest.mark.parametrize(
    ("algorithm", "reach"), [(Algorithm.AUTO, 10 * MINUTE), (Algorithm.PENALTY, None)]
)
def test_how_far_replicas_were_looked_at(
    tmp_path: Path, algorithm: Algorithm, reach: int | None
) -> None:
    with opened(tmp_path, policy=clocked()) as database:
        points = [(NOW + k * 15 * SECOND, 1.0) for k in range(20)]
        write(database, [series("up", points, r=r) for r in "ab"], arrival_ms=NOW)
        merged = querier(database, replica_labels=("r",), dedup=True, algorithm=algorithm)
        (watch,) = merged.watches()
        assert watch.reached_ms() == (None if reach is None else 0)
        merged.select(UP, NOW, NOW + MINUTE)
        assert watch.reached_ms() == reach


def test_a_wider_look_at_replicas_is_noted(tmp_path: Path) -> None:
    with opened(tmp_path, policy=clocked()) as database:
        points = [(NOW + k * 10 * MINUTE, 1.0) for k in range(20)]
        write(database, [series("up", points, r=r) for r in "ab"], arrival_ms=NOW)
        merged = querier(database, replica_labels=("r",), dedup=True)
        (watch,) = merged.watches()
        selection = merged.select(UP, NOW + HOUR, NOW + 2 * HOUR)
        before = watch.reached_ms()
        selection.read(0, 1)
        assert before is not None and (watch.reached_ms() or 0) > before


@pytest.mark.parametrize("seed", range(6))
def test_no_change_of_what_is_read_goes_unnoticed(tmp_path: Path, seed: int) -> None:
    """Whatever happens: samples that differ afterwards are of times that were reported."""
    choice = random.Random(seed)
    with opened(tmp_path, head_samples_max=10_000, policy=clocked()) as database:
        write(database, [series("up", [(NOW - DAY, 1.0)], i="0")], arrival_ms=NOW)
        for _ in range(14):
            before, watch = read(database), watch_of(database)
            happen(database, choice)
            after = read(database)
            found, _ = watch.changed(watch.mark, EVER)
            for name in before.keys() | after.keys():
                points = set(before.get(name, [])) ^ set(after.get(name, []))
                for time_ms, _ in points:
                    assert any(start <= time_ms <= end for start, end in found), (name, time_ms)


def happen(database: Database, choice: random.Random) -> None:
    """One thing that happens to a database: a write in order or late, a seal, or a deletion."""
    shard, writer = database._shards[0], database._writers[0]
    what = choice.randrange(6)
    if what < 4:
        back = choice.choice([MINUTE, HOUR, DAY, 40 * DAY])
        times = sorted(NOW - choice.randrange(back) for _ in range(choice.randint(1, 4)))
        points = [(t, float(choice.randint(0, 3))) for t in times]
        write(database, [series("up", points, i=str(choice.randint(0, 2)))], arrival_ms=NOW)
    elif what == 4:
        seal(database)
        assert watch_of(database).changed(watch_of(database).mark, EVER) == ([], "")
    else:
        start = NOW - choice.randrange(2 * DAY)
        wish = Deletion(1, (UP,), start, start + choice.randrange(DAY), NOW)
        delete(shard, writer, database._catalog, replace(wish))
