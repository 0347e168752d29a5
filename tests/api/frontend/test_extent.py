"""Grids of steps, and what extents are worth; more is in test_ranges.py."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from api.frontend.extent import (
    Extent,
    Grid,
    are_current,
    basis_of,
    natives_bytes,
    order_changed,
    reached,
    standing,
    watches_of,
)
from api.frontend.reach import Reach
from api.promql.vectors.value import Vector
from storage.histograms.columns import Natives
from storage.labels.frames import LabelFrame, Symbols
from storage.revisions.records import Records
from storage.revisions.watch import Mark, Watch
from tests.makers.histograms import Plain, columns
from tests.makers.memory_store import MemoryStore

NOW = 1_700_000_000_000
MINUTE = 60_000
GRID = Grid(NOW - 9 * MINUTE, MINUTE, 10)
PLAIN = Reach(back_ms=MINUTE, ahead_ms=0, fixed=(), selectors=((),), ordered=False)


class Storage:
    """What a watch shows, to be changed."""

    def __init__(self) -> None:
        self.records = Records()
        self.about: dict[str, Any] = {
            "oldest_ms": 0, "rule": "a", "generation": 0, "series": 5, "replicated": False,
        }  # fmt: skip
        self.matches = 3
        self.reached: int | None = 0

    def watch(self) -> Watch:
        record = self.records.of(1, NOW)
        return Watch(
            1, self.records, threading.Lock(), Mark(record, record.revision),
            matched=lambda matchers: self.matches, reached_ms=lambda: self.reached, **self.about,
        )  # fmt: skip

    def extent(self, reach: Reach = PLAIN, around_ms: int = 0) -> Extent:
        labels = LabelFrame.from_dicts(Symbols(), [{"a": "b"}])
        values = np.zeros((1, GRID.count))
        vector = Vector(labels, values, np.ones((1, GRID.count), np.bool_))
        basis = basis_of(reach, [self.watch()], around_ms)
        return Extent(GRID, vector, basis, np.full(GRID.count, around_ms), (), (), 1.0)


def valid(storage: Storage, extent: Extent, reach: Reach = PLAIN, grid: Grid = GRID) -> str:
    found = standing(extent, grid, reach, [storage.watch()])
    return "".join("01"[each] for each in found.valid.astype(int)) + found.reason


@pytest.mark.parametrize(
    ("span", "places"),
    [
        ((0, 90), (0, 10)), ((1, 89), (1, 9)), ((10, 10), (1, 2)), ((11, 19), (2, 2)),
        ((-50, -10), (0, 0)), ((95, 200), (10, 10)), ((-50, 200), (0, 10)),
    ],
)  # fmt: skip
def test_places(span: tuple[int, int], places: tuple[int, int]) -> None:
    found = Grid.of(0, 99, 10).places(span)
    assert (found.start, found.stop) == places


def test_a_grid() -> None:
    grid = Grid.of(5, 34, 10)
    assert (grid.count, grid.last_ms, grid.steps.tolist()) == (3, 25, [5, 15, 25])


def test_nothing_changed() -> None:
    storage = Storage()
    extent = storage.extent()
    assert valid(storage, extent) == "1" * 10
    assert valid(storage, extent, grid=replace(GRID, first_ms=NOW - 4 * MINUTE)) == "1111100000"
    assert valid(storage, extent, grid=replace(GRID, first_ms=NOW - 12 * MINUTE)) == "0001111111"
    assert valid(storage, extent, grid=replace(GRID, first_ms=NOW + MINUTE)) == "0" * 10


@pytest.mark.parametrize(
    ("reach", "around_ms", "found"),
    [
        (PLAIN, 0, "1110011111x"),
        (replace(PLAIN, ahead_ms=MINUTE), 0, "1100011111x"),
        (PLAIN, MINUTE, "1100001111x"),
        (replace(PLAIN, fixed=((NOW - 6 * MINUTE, NOW),)), 0, "0000000000x"),
        (replace(PLAIN, fixed=((0, 100),)), 0, "1110011111x"),
    ],
)
def test_a_change_takes_what_reaches_it(reach: Reach, around_ms: int, found: str) -> None:
    storage = Storage()
    extent = storage.extent(reach, around_ms)
    at_ms = NOW - 6 * MINUTE
    storage.records.note_span((at_ms, at_ms), "x")
    assert valid(storage, extent, reach) == found


def test_steps_that_looked_further_go_alone() -> None:
    storage = Storage()
    extent = storage.extent()
    extent.around_ms[8:] = 60 * MINUTE
    storage.records.note_span((NOW - 60 * MINUTE, NOW - 60 * MINUTE), "x")
    assert valid(storage, extent) == "1111111100x"


def test_what_may_not_be_seen_any_more_goes() -> None:
    storage = Storage()
    extent = storage.extent()
    storage.about["oldest_ms"] = NOW - 6 * MINUTE
    assert valid(storage, extent) == "0000111111"
    fixed = replace(PLAIN, fixed=((NOW - 7 * MINUTE, NOW),))
    assert valid(storage, extent, fixed) == "0000000000retention"
    late = storage.extent()
    storage.about["oldest_ms"] = 0  # more is kept from now on, but the answer did not have it
    assert valid(storage, late) == "0000111111"


def test_another_rule_is_another_answer() -> None:
    storage = Storage()
    extent = storage.extent()
    storage.about["rule"] = "b"
    assert valid(storage, extent) == "0000000000rules"


@pytest.mark.parametrize(
    ("ordered", "replicated", "changes", "changed"),
    [
        (None, False, {"series": 6}, False),
        (None, True, {}, False),
        (None, True, {"series": 6}, False),
        (None, True, {"series": 6, "matches": 4}, True),
        (None, True, {"generation": 1}, True),
        (True, False, {"series": 6, "matches": 4}, True),
        (True, False, {"matches": 4}, False),
    ],
)
def test_order(
    ordered: bool | None, replicated: bool, changes: dict[str, Hashable], changed: bool
) -> None:
    storage, reach = Storage(), replace(PLAIN, ordered=ordered)
    storage.about["replicated"] = replicated
    basis = basis_of(reach, [storage.watch()], 0)
    several = basis_of(reach, [storage.watch()] * 2, 0)
    for name, value in changes.items():
        if name == "matches":
            storage.matches = 4
        else:
            storage.about[name] = value
    assert order_changed(basis, reach, [storage.watch()]) is changed
    if changes and "series" in changes and (ordered or replicated):
        assert order_changed(several, reach, [storage.watch()] * 2)


def test_how_far_around_it_looked() -> None:
    storage = Storage()
    basis = basis_of(PLAIN, [storage.watch()], 7)
    storage.reached = 5
    found = reached(basis, [storage.watch()])
    assert found is not None and found.around_ms == 12
    storage.reached = None
    assert reached(basis, [storage.watch()]) is None


def test_its_size_grows_with_its_cells_and_histograms() -> None:
    extent = Storage().extent()
    assert 2_000 < extent.size < 3_000
    big = replace(extent, vector=replace(extent.vector, values=np.zeros((1, 10_000))))
    assert big.size > extent.size + 70_000
    plain = Plain(
        count=1.0, sum_bits=0, schema=0, zero_threshold=0.0, zero_count=0.0, negative=[],
        positive=[(1, 1.0)], hint=0, bounds=[],
    )  # fmt: skip
    natives = Natives(columns([plain] * 3), np.zeros((1, 10), np.int32))
    assert natives_bytes(None) == 0
    assert natives_bytes(natives) == 40 + 3 * 80 + 3 * 12


def test_nothing_has_changed_until_something_did() -> None:
    storage = Storage()
    watches = [storage.watch()]
    assert are_current(watches)
    storage.records.note_span((NOW, NOW), "x")
    assert not are_current(watches)
    assert are_current([storage.watch()])
    assert not are_current([])  # nothing is known


def test_queriers_without_watches_have_none() -> None:
    assert watches_of(MemoryStore()) == ()
