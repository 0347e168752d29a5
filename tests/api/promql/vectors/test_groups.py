"""Rows in groups beside plain loops."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.vectors.groups import join_rows, pair_rows, present_groups, rows_by_group
from tests.makers.promql.grouped_rows import GROUPS, ROWS, columns

NUMBERS = st.lists(st.integers(0, 4), max_size=8)


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_presence_by_group(rows: list[tuple[int, list[bool]]]) -> None:
    group, present = columns(rows)
    got = present_groups(lambda: None, group, GROUPS, present)
    for g in range(GROUPS):
        for k in range(3):
            assert got[g, k] == any(there[k] for h, there in rows if h == g)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, GROUPS - 1), max_size=12))
def test_rows_by_group(groups: list[int]) -> None:
    rows, offsets = rows_by_group(np.array(groups, np.int64), GROUPS)
    for g in range(GROUPS):
        expected = [i for i, h in enumerate(groups) if h == g]
        assert rows[offsets[g] : offsets[g + 1]].tolist() == expected


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_join_rows(rows: list[tuple[int, list[bool]]]) -> None:
    group, present = columns(rows)
    values = np.arange(len(rows) * 3, dtype=np.float64).reshape(-1, 3)
    joined, there = join_rows(lambda: None, group, GROUPS, values, present)
    for g in range(GROUPS):
        for k in range(3):
            own = [values[i, k] for i in range(len(rows)) if group[i] == g and present[i, k]]
            assert there[g, k] == bool(own)
            assert not own or joined[g, k] == own[-1]


@given(NUMBERS, NUMBERS)
def test_pair_rows(many: list[int], one: list[int]) -> None:
    pairing = pair_rows(np.array(many, np.int64), np.array(one, np.int64), 5)
    got = list(zip(pairing.many.tolist(), pairing.one.tolist(), strict=True))
    assert got == [(i, j) for i, g in enumerate(many) for j, h in enumerate(one) if g == h]
