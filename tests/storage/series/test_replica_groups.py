"""Replica groups that grow with the series, against plain Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.labels.frames import Symbols
from storage.options import StorageOptions
from storage.series.index import GROUPINGS_KEPT_MAX, TenantIndex
from storage.series.table import SeriesTable
from tests.makers.batches import batch_of
from tests.twins.storage.groups import replica_groups

Labelset = dict[str, str]
LABELSETS = st.dictionaries(st.sampled_from("abrs"), st.sampled_from(["x", "y", "xy", "ä"]))
ROUNDS = st.lists(st.lists(LABELSETS, max_size=12), min_size=1, max_size=3)


def table_of(series_max: int = 256) -> SeriesTable:
    return SeriesTable(StorageOptions(series_max=series_max, symbol_bytes_max=1 << 16))


def register(table: SeriesTable, tenant: int, labelsets: list[Labelset]) -> None:
    table.resolve(batch_of([({"__name__": "m", **labels}, []) for labels in labelsets]), tenant)


def groups_of(index: TenantIndex, refs: np.ndarray, names: tuple[str, ...]) -> list[list[int]]:
    grouping = index.group(refs, names)
    if grouping is None:
        return [[row] for row in range(len(refs))]
    cuts = grouping.members.tolist()
    order = grouping.order.tolist()
    return [order[a:b] for a, b in zip(cuts, cuts[1:], strict=False)]


@settings(max_examples=60, deadline=None)
@given(ROUNDS, st.booleans(), st.data())
def test_groups_are_those_of_plain_python(
    rounds: list[list[Labelset]], shared: bool, data: st.DataObject
) -> None:
    table = table_of()
    index = TenantIndex(table, 2)
    for labelsets in rounds:
        if shared:
            register(table, 1, labelsets[::-1])
        register(table, 2, labelsets)
        chosen = index.match([]).refs
        if len(chosen):
            chosen = np.array(data.draw(st.lists(st.sampled_from(chosen.tolist()), unique=True)))
        chosen = chosen.astype(np.int64)
        frame = index.frame(chosen, Symbols(table.symbols))
        seen = [frame.labelset(row) for row in range(frame.rows)]
        for names in (("r",), ("s", "r"), ("nowhere",)):
            assert groups_of(index, chosen, names) == replica_groups(seen, names)
            grouping = index.group(chosen, names)
            some = tuple(name for name in names if any(name in labels for labels in seen))
            assert (() if grouping is None else grouping.names) == some


def test_many_series_are_numbered_in_grown_tables() -> None:
    table = table_of(4096)
    index = TenantIndex(table, 1)
    for part in range(4):
        register(
            table, 1, [{"n": str(n), "r": str(r)} for n in range(part * 100, (part + 1) * 100)
                       for r in range(3)],
        )  # fmt: skip
        refs = index.match([]).refs
        assert groups_of(index, refs, ("r",)) == [
            [3 * n, 3 * n + 1, 3 * n + 2] for n in range(len(refs) // 3)
        ]


def test_few_sets_of_names_are_kept() -> None:
    table = table_of()
    register(table, 1, [{"r": "x"}, {"r": "y"}])
    index = TenantIndex(table, 1)
    for i in range(2 * GROUPINGS_KEPT_MAX):
        assert index.group(index.match([]).refs, (f"r{i}",)) is None
    assert len(index._groupings) == GROUPINGS_KEPT_MAX
    assert groups_of(index, index.match([]).refs, ("r",)) == [[0, 1]]
