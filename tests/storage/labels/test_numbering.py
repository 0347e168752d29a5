"""Codes numbered by first appearance, beside dictionaries."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.labels.numbering import DISTINCT_SLOTS, distinct_codes, number_codes


@given(st.lists(st.integers(0, 50), max_size=40))
def test_distinct_codes(codes: list[int]) -> None:
    assert sorted(distinct_codes(np.array(codes, np.int32)).tolist()) == sorted(set(codes))


def test_many_distinct_codes() -> None:
    codes = np.arange(100_000, dtype=np.int32)
    assert distinct_codes(codes).tolist() == codes.tolist()
    sparse = codes[:5_000] * 100_000
    assert distinct_codes(sparse[::-1].copy()).tolist() == sparse.tolist()


@settings(deadline=None)  # the first call may compile
@given(st.lists(st.integers(0, 2**31 - 1) | st.integers(0, 3), max_size=30))
def test_codes_are_numbered_by_first_appearance(codes: list[int]) -> None:
    distinct, numbers = number_codes(np.array(codes, np.int32))
    assert distinct.tolist() == list(dict.fromkeys([0, *codes]))
    assert distinct[numbers].tolist() == codes


def test_more_codes_than_there_is_room_for_at_first() -> None:
    codes = np.arange(2 * DISTINCT_SLOTS, dtype=np.int32)[::-1] * 3
    distinct, numbers = number_codes(codes.reshape(2, -1))
    assert numbers.shape == (2, DISTINCT_SLOTS)
    np.testing.assert_array_equal(distinct[numbers].reshape(-1), codes)
