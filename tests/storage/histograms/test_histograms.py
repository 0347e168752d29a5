"""Columns of native histograms: rows taken and columns put one behind the other."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.histograms.columns import Histograms
from storage.histograms.histograms import (
    Parts,
    columns_of,
    concat,
    empty_histograms,
    from_parts,
    histograms_of,
    parts_of,
    take,
)
from tests.makers.promql.histograms import flat, parts


def read(h: Histograms) -> list[object]:
    return [flat(parts_of(h, row)) for row in range(len(h))]


def test_empty_buckets_are_left_out_and_the_rest_is_sorted() -> None:
    h = from_parts([Parts(positive=[(3, 1.0), (1, 2.0), (2, 0.0)])])
    assert parts_of(h, 0).positive == [(1, 2.0), (3, 1.0)]


def test_nothing_at_all() -> None:
    assert len(empty_histograms()) == 0
    assert len(concat([])) == 0
    assert len(take(empty_histograms(), np.zeros(0, np.int32))) == 0


@given(st.lists(parts(), min_size=1, max_size=5), st.data())
def test_rows_are_taken_in_the_order_asked_for(items: list[Parts], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(items) - 1), max_size=8))
    taken = take(from_parts(items), np.array(rows, np.int32))
    assert read(taken) == read(from_parts([items[row] for row in rows]))


@given(st.lists(st.lists(parts(), max_size=3), max_size=4))
def test_columns_are_put_one_behind_the_other(groups: list[list[Parts]]) -> None:
    whole = concat([from_parts(group) for group in groups])
    assert read(whole) == read(from_parts([item for group in groups for item in group]))


@given(st.lists(parts(), max_size=3))
def test_kernels_get_what_is_there(items: list[Parts]) -> None:
    h = from_parts(items)
    assert read(histograms_of(columns_of(h))) == read(h)


def test_kernels_get_arrays_that_they_may_write_to() -> None:
    h = from_parts([Parts(count=1.0)])
    h.counts.flags.writeable = False
    assert columns_of(h).counts.flags.writeable
