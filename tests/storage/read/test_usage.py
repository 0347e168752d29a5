"""What series take, against their samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storage.database import Database
from storage.read.federation import FederatedQuerier
from storage.read.usage import Usage
from tests.makers.databases import opened, seal, series, write

MINUTE = 60_000
POINTS = [(k * MINUTE, 1.5) for k in range(100)]


def fill(database: Database) -> None:
    """One that is there all the time, one that ends, one that begins later."""
    write(database, [series("all", POINTS), series("ends", POINTS[:50])])
    seal(database)
    write(database, [series("begins", POINTS[60:])])
    write(database, [series("other", POINTS[:3])], tenant="u")


def rows(usage: Usage) -> dict[str, Any]:
    columns = (usage.samples, usage.began, usage.ended)
    return {
        usage.labels.labelset(row)["__name__"]: tuple(column[row].item() for column in columns)
        for row in range(usage.labels.rows)
    }


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((0, 99), {"all": (100, 0, 0), "ends": (50, 0, 1), "begins": (40, 1, 0)}),
        ((40, 70), {"all": (31, 0, 0), "ends": (10, 0, 1), "begins": (11, 1, 0)}),
        ((90, 200), {"all": (10, 0, 1), "begins": (10, 0, 1)}),
        ((200, 300), {}),
    ],
)
def test_samples_and_ends(
    sealed: bool, span: tuple[int, int], expected: dict[str, Any], tmp_path: Path
) -> None:
    with opened(tmp_path) as database:
        fill(database)
        if sealed:
            seal(database)
        querier = database.querier("t", replica_labels=(), dedup=False)
        usage = querier.usage([], span[0] * MINUTE, span[1] * MINUTE)
        found = rows(usage)
        assert found.keys() == expected.keys()
        for name, (samples, began, ended) in expected.items():
            # Of a segment that reaches over an end, it is a share.
            assert abs(found[name][0] - samples) <= 1, name
            assert found[name][1:] == (began, ended), name
        if sealed and expected:
            assert (usage.bytes > 0).all()


def test_several_tenants(tmp_path: Path) -> None:
    with opened(tmp_path) as database:
        fill(database)
        members = [(t, database.querier(t, replica_labels=(), dedup=False)) for t in "tu"]
        usage = FederatedQuerier(members).usage([], 0, 99 * MINUTE)
        assert rows(usage)["other"] == (3, False, True)
        assert len(rows(usage)) == 4
        none = FederatedQuerier(members).usage([], 1 << 40, 1 << 41)
        assert (none.labels.rows, len(none.samples)) == (0, 0)
