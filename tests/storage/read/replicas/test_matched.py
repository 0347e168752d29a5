"""Kept replica groups against reading anew, while series are added."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from storage.database import Database
from storage.labels.matchers import Matcher
from storage.read.querier import StorageQuerier
from storage.series.index import TenantIndex
from tests.makers.databases import WHOLE, opened, series, write

TENANTS = ("t", "u")
REPLICA_LABELS = ((), ("r",), ("r", "s"))
SELECTORS = (
    (),
    (Matcher("__name__", "=", "up"),),
    (Matcher("r", "=", "a"),),
    (Matcher("x", "=~", "1|2"), Matcher("s", "!=", "b")),
)


def querier(database: Database, tenant: str, labels: tuple[str, ...], *, anew: bool) -> Any:
    made = database.querier(tenant, replica_labels=labels, dedup=True)
    if anew and isinstance(made, StorageQuerier):
        made._index = TenantIndex(made._shard.table, made._tenant)
    return made


def seen(reading: Any, matchers: tuple[Matcher, ...]) -> list[object]:
    """All that queries get to see, in its order."""
    selection = reading.select(matchers, *WHOLE)
    samples = selection.read(0, selection.labels.rows)
    shown = reading.series([matchers], *WHOLE)
    return [
        [selection.labels.labelset(row) for row in range(selection.labels.rows)],
        selection.labels.order().tolist(),
        samples.offsets.tolist(),
        samples.timestamps.tolist(),
        samples.values.tolist(),
        [shown.labelset(row) for row in range(shown.rows)],
        reading.series([matchers, matchers], *WHOLE).names,
        shown.values_of("x"),
        [row.labelset(0) for row in (selection.labels.drop(["x"]),) if row.rows],
    ]


@pytest.mark.parametrize("seed", range(4))
def test_queries_see_what_reading_anew_gives(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    with opened(tmp_path) as database:
        for at in range(12):
            labels = {name: chance.choice(("", "a", "b")) for name in "rs"}
            labels |= {"x": chance.choice("123")}
            labels = {name: text for name, text in labels.items() if text}
            points = [(1_000 * at + t, float(t)) for t in range(3)]
            name = chance.choice(("up", "down"))
            write(database, [series(name, points, **labels)], tenant=chance.choice(TENANTS))
            for tenant in TENANTS:
                for replica_labels in REPLICA_LABELS:
                    kept = querier(database, tenant, replica_labels, anew=False)
                    anew = querier(database, tenant, replica_labels, anew=True)
                    for matchers in SELECTORS:
                        assert seen(kept, matchers) == seen(anew, matchers)


def test_groups_are_made_once_for_all_queries(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        write(database, [series("up", [(1, 1.0)], r=r, x=x) for r in "ab" for x in "12"])
        selections = [
            querier(database, "t", ("r",), anew=False).select([], *WHOLE) for _ in range(2)
        ]
        first, second = selections
        assert first.members is second.members
        assert first.labels.symbols is not second.labels.symbols
        assert [first.labels.labelset(row)["x"] for row in range(2)] == ["1", "2"]
        assert first.labels.order() is second.labels.order()
