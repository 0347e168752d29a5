"""Kernels whose twins are too small for a module of their own."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.aggregations import kernels
from tests.twins.promql.vectors import naive_quantile, show

GROUPS = 4
ROWS = st.lists(
    st.tuples(st.integers(0, GROUPS - 1), st.lists(st.booleans(), min_size=3, max_size=3)),
    max_size=9,
)


def columns(rows: list[tuple[int, list[bool]]]) -> tuple[np.ndarray, np.ndarray]:
    group = np.array([g for g, _ in rows], np.int64)
    return group, np.array([there for _, there in rows], np.bool_).reshape(-1, 3)


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_presence_by_group(rows: list[tuple[int, list[bool]]]) -> None:
    group, present = columns(rows)
    got = kernels.present_groups(group, GROUPS, present)
    for g in range(GROUPS):
        for k in range(3):
            assert got[g, k] == any(there[k] for h, there in rows if h == g)


@settings(max_examples=200, deadline=None)
@given(ROWS, st.lists(st.booleans(), min_size=3, max_size=3))
def test_first_clash(rows: list[tuple[int, list[bool]]], counts: list[bool]) -> None:
    group, present = columns(rows)
    got = kernels.first_clash(group, GROUPS, present, np.array(counts))
    assert got == naive_first_clash(rows, counts)


def naive_first_clash(rows: list[tuple[int, list[bool]]], counts: list[bool]) -> tuple[int, int]:
    for k in range(3):
        seen: dict[int, int] = {}
        for i, (g, there) in enumerate(rows):
            if counts[k] and there[k]:
                if g in seen:
                    return seen[g], i
                seen[g] = i
    return -1, -1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, GROUPS - 1), max_size=12))
def test_rows_by_group(groups: list[int]) -> None:
    rows, offsets = kernels.rows_by_group(np.array(groups, np.int64), GROUPS)
    for g in range(GROUPS):
        expected = [i for i, h in enumerate(groups) if h == g]
        assert rows[offsets[g] : offsets[g + 1]].tolist() == expected


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_join_rows(rows: list[tuple[int, list[bool]]]) -> None:
    group, present = columns(rows)
    values = np.arange(len(rows) * 3, dtype=np.float64).reshape(-1, 3)
    joined, there = kernels.join_rows(group, GROUPS, values, present)
    for g in range(GROUPS):
        for k in range(3):
            own = [values[i, k] for i in range(len(rows)) if group[i] == g and present[i, k]]
            assert there[g, k] == bool(own)
            assert not own or joined[g, k] == own[-1]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(width=16), min_size=1, max_size=9),
    st.floats(0, 1) | st.sampled_from([-0.5, 1.5, math.nan]),
)
def test_quantile_of(values: list[float], q: float) -> None:
    got, expected = kernels.quantile_of(np.array(values), q), naive_quantile(values, q)
    assert got == expected or (math.isnan(got) and math.isnan(expected))


def test_quantile_of_nothing() -> None:
    assert math.isnan(kernels.quantile_of(np.zeros(0), 0.5))


INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("a", "b", "larger", "smaller"),
    [
        (1.0, 2.0, 2.0, 1.0),
        (NAN, 1.0, NAN, NAN),
        (NAN, INF, INF, NAN),
        (-INF, NAN, NAN, -INF),
        (0.0, -0.0, 0.0, -0.0),
        (-0.0, 0.0, 0.0, -0.0),
        (-0.0, -0.0, -0.0, -0.0),
        (INF, -INF, INF, -INF),
    ],
)
def test_larger_and_smaller(a: float, b: float, larger: float, smaller: float) -> None:
    assert show(kernels.larger(a, b)) == show(larger)
    assert show(kernels.smaller(a, b)) == show(smaller)


@pytest.mark.parametrize(
    ("value", "lower", "upper", "expected"),
    [
        (5.0, 0.0, 3.0, 3.0),
        (-5.0, 0.0, 3.0, 0.0),
        (NAN, 0.0, 3.0, NAN),
        (NAN, INF, INF, INF),
        (1.0, NAN, 3.0, NAN),
        (-INF, -INF, NAN, -INF),
    ],
)
def test_clamp_values(value: float, lower: float, upper: float, expected: float) -> None:
    got = kernels.clamp_values(np.array([[value]]), np.array([lower]), np.array([upper]))
    assert show(got[0, 0]) == show(expected)


def test_count_cells() -> None:
    got = kernels.count_cells(np.array([0, 1, 1, 0]), np.array([0, 2, 2, 1]), 2, 3)
    assert got.tolist() == [[1, 1, 0], [0, 0, 2]]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(0, 11))
def test_select_rank(values: list[int], rank: int) -> None:
    rank %= len(values)
    array = np.array(values, np.float64)
    assert kernels.select_rank(array, rank) == sorted(values)[rank]
    assert array[:rank].max(initial=-1) <= array[rank] <= array[rank:].min()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([0, 1, 2, 1 << 63, (1 << 64) - 1]), max_size=12))
def test_number_words(words: list[int]) -> None:
    distinct, numbers = kernels.number_words(np.array(words, np.uint64))
    assert distinct.tolist() == list(dict.fromkeys(words))
    assert distinct[numbers].tolist() == words


def test_number_words_grows() -> None:
    words = np.arange(5000, dtype=np.uint64) % 3000
    distinct, numbers = kernels.number_words(words)
    assert distinct.tolist() == list(range(3000))
    assert (distinct[numbers] == words).all()
