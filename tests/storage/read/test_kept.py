"""Queries are cut at the retention to the millisecond: of all, of the tenant, and by rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.database import Database
from storage.labels.matchers import Matcher
from storage.policy import Policy
from storage.read.kept import NO_TIME, Kept
from storage.shard.periods import PeriodRule, TenantPeriods
from tests.makers.bodies.exemplars import batch
from tests.makers.databases import append, key, opened, read, seal, series, write
from tests.storage.read.test_exemplars import A, of, select

UP = Matcher("__name__", "=", "up")
POINTS = [(t, 1.0) for t in range(0, 100, 10)]
SHORT = PeriodRule((Matcher("i", "=", "1"),), 30)
SHORTER = PeriodRule((Matcher("i", "=~", "1|2"),), 15)
LONG = PeriodRule((UP,), 1_000)
PERIODS = {
    "own": TenantPeriods(40),
    "forever": TenantPeriods(0),
    "ruled": TenantPeriods(rules=(SHORT, LONG)),
    "twice": TenantPeriods(rules=(SHORT, SHORTER)),
}


def oldest(database: Database, tenant: str) -> dict[str, int | None]:
    """The oldest sample of each series that is seen, by label i."""
    found = read(database, UP, tenant=tenant, replica_labels=("r",))
    return {dict(k)["i"]: points[0][0] if points else None for k, points in found.items()}


@pytest.mark.parametrize("sealed", [False, True])
def test_nothing_past_is_seen(tmp_path: Path, sealed: bool) -> None:
    now = 50
    policy = Policy(periods=lambda name: PERIODS.get(name, TenantPeriods()), clock=lambda: now)
    with opened(
        tmp_path, policy=policy, retention_ms=60, creation_grace_period_ms=1_000
    ) as database:
        for tenant in ("plain", *PERIODS):
            for i in "123":
                write(database, [series("up", POINTS, i=i)], tenant=tenant)
            write(database, [series("up", POINTS, i="r", r="a")], tenant=tenant)
        if sealed:
            seal(database)
        now = 90
        every = dict.fromkeys(("1", "2", "3", "r"), 30)
        assert oldest(database, "plain") == every
        assert oldest(database, "own") == dict.fromkeys(every, 50)
        assert oldest(database, "forever") == dict.fromkeys(every, 0)
        assert oldest(database, "ruled") == every | {"1": 60}
        assert oldest(database, "twice") == every | {"1": 80, "2": 80}
        now = 145
        assert oldest(database, "own") == dict.fromkeys(every, None)
        frame = database.querier("own", replica_labels=(), dedup=True).series([], 0, 1_000)
        assert frame.rows == 0
        assert oldest(database, "ruled") == every | {"1": None} | dict.fromkeys("23r", 90)
        if sealed:
            ruled = database.querier("ruled", replica_labels=(), dedup=True)
            assert ruled.series([], 0, 1_000).values_of("i") == ["2", "3", "r"]


def test_exemplars_are_cut_too(tmp_path: Path) -> None:
    policy = Policy(periods=lambda name: TenantPeriods(30), clock=lambda: 50)
    with opened(
        tmp_path, policy=policy, retention_ms=60, creation_grace_period_ms=1_000
    ) as database:
        append(database, batch([of("a", (19, 1.0, "p"), (20, 1.0, "q"))]))
        for _ in range(2):
            assert select(database, [A]) == {key("a"): [(20, 1.0, {"id": "q"})]}
            seal(database)


def test_the_part_of_a_span_that_is_kept() -> None:
    kept = Kept(oldest_ms=10)
    assert kept.part_of((0, 20)) == (10, 20)
    assert kept.part_of((15, 20)) == (15, 20)
    assert kept.part_of((0, 9)) == NO_TIME
    assert Kept().part_of((-5, 9)) == (-5, 9)
