"""Binary searches beside a plain count."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.samples.search import end_at_most, first_at_least, first_near

small = st.integers(-3, 12)


@settings(deadline=None)
@given(st.lists(small), small)
def test_searches(values: list[int], wanted: int) -> None:
    values.sort()
    column = np.array(values, np.int64)
    assert first_at_least(column, 0, len(values), wanted) == sum(v < wanted for v in values)
    assert end_at_most(column, 0, len(values), wanted) == sum(v <= wanted for v in values)


@settings(deadline=None)
@given(st.lists(small), small, st.integers(0, 6), st.integers(-2, 9))
def test_a_guess_makes_no_difference(
    values: list[int], wanted: int, start: int, ahead: int
) -> None:
    values.sort()
    column, start = np.array(values, np.int64), min(start, len(values))
    expected = first_at_least(column, start, len(values), wanted)
    assert first_near(column, start, len(values), wanted, ahead) == expected
    assert first_near(column, start, len(values), wanted, expected - start) == expected
