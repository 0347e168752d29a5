"""Choosing the histograms of samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.histograms.columns import Natives
from storage.histograms.rows import few_of
from tests.makers.histograms import EXAMPLES, columns, plain


@given(st.lists(st.integers(-1, len(EXAMPLES) - 1), max_size=8))
def test_rows_refer_to_the_same_histograms_among_few(rows: list[int]) -> None:
    found = few_of(Natives(columns(EXAMPLES), np.array(rows, np.int32)))
    if found is None:
        assert set(rows) <= {-1}
        return
    count = sum(row >= 0 for row in rows)
    assert len(found.histograms) == count or 2 * count >= len(EXAMPLES) == len(found.histograms)
    for row, chosen in zip(rows, found.rows.tolist(), strict=True):
        assert (row < 0) == (chosen < 0)
        assert row < 0 or plain(found.histograms, chosen) == EXAMPLES[row]


@pytest.mark.parametrize(("rows", "shared"), [([2, 3, -1, 4], True), ([2, 4], False)])
def test_what_lies_together_is_shared(rows: list[int], shared: bool) -> None:
    every = columns(EXAMPLES)
    found = few_of(Natives(every, np.array(rows, np.int32)))
    assert found is not None
    assert np.shares_memory(found.histograms.positive.counts, every.positive.counts) == shared
