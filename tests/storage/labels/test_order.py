"""The order of label sets against a comparison pair by pair."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.labels.order import order_of

ROWS = st.integers(1, 4).flatmap(
    lambda names: st.lists(st.lists(st.integers(0, 3), min_size=names, max_size=names), max_size=9)
)


def expected(rows: list[list[int]], ranks: list[int]) -> list[int]:
    """Stable, by (name, rank of the value) of the labels that a row has."""
    return sorted(
        range(len(rows)), key=lambda i: [(n, ranks[v]) for n, v in enumerate(rows[i]) if v]
    )


@settings(deadline=None)  # the first call may compile
@given(ROWS, st.permutations([1, 2, 3, 4]))
def test_rows_are_ordered_as_label_sets_are(rows: list[list[int]], ranks: list[int]) -> None:
    numbers = np.array(rows, np.int32).reshape(len(rows), -1 if rows else 0)
    got = order_of(numbers, np.array(ranks, np.int32))
    assert got.tolist() == expected(rows, ranks)


@pytest.mark.parametrize("names", [1, 12, 40])
def test_more_digits_than_a_word_has(names: int) -> None:
    """64 values of each of 12 names are 2**72 combinations."""
    rng = np.random.default_rng(names)
    numbers = rng.integers(0, 65, (200, names)).astype(np.int32)
    numbers[::3, : names // 2] = numbers[0, : names // 2]
    ranks = np.concatenate([[0], rng.permutation(64) + 1]).astype(np.int32)
    got = order_of(numbers, ranks)
    assert got.tolist() == expected(numbers.tolist(), ranks.tolist())
