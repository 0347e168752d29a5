"""Windows of time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.downsampling.windows import count_windows, window_ends, window_of
from tests.twins.storage.aggregates import end_of

times = st.lists(st.integers(-50, 50), max_size=20)


@given(times, st.integers(1, 9))
def test_ends_of_windows(moments: list[int], width: int) -> None:
    expected = [end_of(t, width) for t in moments]
    assert window_ends(np.array(moments, np.int64), width).tolist() == expected
    assert [(window_of(t, width) + 1) * width for t in moments] == expected


@given(st.lists(times, min_size=1, max_size=3), st.integers(1, 9))
def test_counting_windows(series: list[list[int]], width: int) -> None:
    flat = [t for own in series for t in sorted(own)]
    offsets = np.cumsum([0] + [len(own) for own in series]).astype(np.int64)
    expected = sum(len({end_of(t, width) for t in own}) for own in series)
    assert count_windows(offsets, np.array(flat, np.int64), width) == expected
