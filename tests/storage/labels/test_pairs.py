"""Flat label pairs."""

from __future__ import annotations

import numpy as np

from storage.labels.pairs import LabelPairs, take_pairs


def test_pairs_of_chosen_rows() -> None:
    pairs = LabelPairs(
        np.array([0, 2, 2, 3]), np.array([1, 2, 3], np.int32), np.array([4, 5, 6], np.int32)
    )
    taken = take_pairs(pairs, np.array([2, 1, 0]))
    assert taken.offsets.tolist() == [0, 1, 1, 3]
    assert taken.names.tolist() == [3, 1, 2]
    assert taken.values.tolist() == [6, 4, 5]
