"""Refs of one table in terms of another one, however many came in between."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.series.refs import refs_in
from storage.series.table import SeriesTable
from tests.makers.batches import batch_of
from tests.storage.series.test_table import OPTIONS, labelset_of


def register(table: SeriesTable, names: list[int]) -> None:
    if names:
        table.resolve(batch_of([({"__name__": f"m{n}"}, [(1, 1.0)]) for n in names]), 1)


def names_of(table: SeriesTable) -> list[str]:
    return [labelset_of(table, ref)["__name__"] for ref in range(len(table))]


rounds = st.lists(
    st.tuples(st.lists(st.integers(0, 9), max_size=5), st.sets(st.integers(0, 9))), max_size=4
)


@given(rounds)
def test_refs_name_the_same_series_in_every_table(given: list[tuple[list[int], set[int]]]) -> None:
    tables = [SeriesTable(OPTIONS)]
    for added, forgotten in given:
        register(tables[-1], added)
        kept = [k for k, name in enumerate(names_of(tables[-1])) if int(name[1:]) not in forgotten]
        tables[-1].succession = tables[-1].renewed(np.array(kept, np.int64))
        tables.append(tables[-1].succession.table)
    register(tables[-1], [3, 99])
    for i, source in enumerate(tables):
        refs = np.arange(len(source))
        for k, target in enumerate(tables):
            found = refs_in(target, source, refs).tolist()
            through = tables[min(i, k) : max(i, k) + 1]
            for ref, name in enumerate(names_of(source)):
                there_all_along = all(name in names_of(table) for table in through)
                if there_all_along and found[ref] >= 0:
                    assert names_of(target)[found[ref]] == name
                if not all(name in names_of(table) for table in (source, target)):
                    assert found[ref] == -1
    assert refs_in(tables[0], tables[-1], np.array([-1])).tolist() == [-1]
