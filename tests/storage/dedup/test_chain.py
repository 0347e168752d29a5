"""The choice `chain`: the union, the first at equal timestamps."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.dedup.algorithm import Algorithm
from tests.makers.replicas.series import Series, deduped
from tests.twins.storage import dedup as naive

values = st.one_of(st.floats(0, 9), st.just(naive.STALE))
members = st.lists(
    st.dictionaries(st.integers(0, 20), values, max_size=8).map(lambda d: sorted(d.items())),
    min_size=1,
    max_size=4,
)


def test_the_first_wins_at_equal_timestamps() -> None:
    copies: list[Series] = [[(0, 1.0), (20, 3.0)], [(0, 5.0), (10, 2.0), (20, 7.0)]]
    assert deduped(copies, Algorithm.CHAIN) == [(0, 1.0, 0), (10, 2.0, 1), (20, 3.0, 0)]


@given(members)
def test_the_kernel_does_as_its_twin(given: list[Series]) -> None:
    assert deduped(given, Algorithm.CHAIN) == naive.chain(given)
