"""Counting equal values."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.aggregations.counting_kernels import count_cells, number_words


def test_count_cells() -> None:
    got = np.zeros((2, 3), np.int64)
    count_cells(np.array([0, 1, 1, 0]), np.array([0, 2, 2, 1]), got)
    assert got.tolist() == [[1, 1, 0], [0, 0, 2]]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([0, 1, 2, 1 << 63, (1 << 64) - 1]), max_size=12))
def test_number_words(words: list[int]) -> None:
    distinct, numbers = number_words(np.array(words, np.uint64))
    assert distinct.tolist() == list(dict.fromkeys(words))
    assert distinct[numbers].tolist() == words


def test_number_words_grows() -> None:
    words = np.arange(5000, dtype=np.uint64) % 3000
    distinct, numbers = number_words(words)
    assert distinct.tolist() == list(range(3000))
    assert (distinct[numbers] == words).all()
