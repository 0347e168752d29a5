"""Series ids: ordered by tenant and metric, and never those of a series that is there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.series.numbers import (
    METRICS_MAX,
    NUMBER_BITS,
    NUMBERS_MAX,
    TENANT_SHIFT,
    SeriesNumbers,
)

CODES = st.lists(st.integers(1, 4), min_size=1, max_size=6)


def codes_of(*codes: int) -> np.ndarray:
    return np.array(codes, np.int32)


def parts(series_id: int) -> tuple[int, int, int]:
    """Tenant, metric and number."""
    return (
        series_id >> TENANT_SHIFT,
        series_id >> NUMBER_BITS & METRICS_MAX - 1,
        series_id & NUMBERS_MAX - 1,
    )


def test_numbers_follow_the_order_within_a_metric() -> None:
    numbers = SeriesNumbers()
    ids = numbers.give(3, codes_of(7, 5, 7, 7)).tolist()
    metric_7, metric_5 = parts(ids[0])[1], parts(ids[1])[1]
    assert [parts(i) for i in ids] == [
        (3, metric_7, 0), (3, metric_5, 0), (3, metric_7, 1), (3, metric_7, 2),
    ]  # fmt: skip
    assert metric_5 != metric_7
    assert parts(int(numbers.give(3, codes_of(5))[0])) == (3, metric_5, 1)
    assert parts(int(numbers.give(4, codes_of(5))[0])) == (4, 0, 0)
    assert numbers.knows(3, 5) and not numbers.knows(4, 7)


def test_a_metric_whose_numbers_are_used_up_goes_on_with_others() -> None:
    numbers = SeriesNumbers()
    last = (1 << TENANT_SHIFT) | (NUMBERS_MAX - 2)
    numbers.restore(1, np.array([last]), codes_of(9))
    assert [parts(i) for i in numbers.give(1, codes_of(9)).tolist()] == [(1, 0, NUMBERS_MAX - 1)]
    assert [parts(i) for i in numbers.give(1, codes_of(9, 9)).tolist()] == [(1, 1, 0), (1, 1, 1)]


def test_numbers_of_forgotten_metrics_are_free_again() -> None:
    numbers = SeriesNumbers()
    numbers._counts[1] = METRICS_MAX - 3
    ids = numbers.give(1, codes_of(1, 2, 3))
    assert numbers.spare(1) == 0
    new_codes = np.array([0, -1, 1, -1], np.int32)
    left = numbers.renewed(new_codes, ids[1:2], codes_of(1))
    assert left.spare(1) == METRICS_MAX - 1
    assert left.knows(1, 1) and not left.knows(1, 2)
    assert int(left.give(1, codes_of(1))[0]) == int(ids[1]) + 1, "it goes on"


@given(st.lists(st.tuples(CODES, st.sets(st.integers(0, 30))), max_size=6))
def test_no_two_series_that_are_there_share_an_id(rounds: list[tuple[list[int], set[int]]]) -> None:
    numbers = SeriesNumbers()
    living: list[tuple[int, int]] = []  # (id, code)
    for added, forgotten in rounds:
        ids = numbers.give(2, codes_of(*added)).tolist()
        living += zip(ids, added, strict=True)
        assert len({series_id for series_id, _ in living}) == len(living)
        living = [entry for k, entry in enumerate(living) if k not in forgotten]
        used = sorted({code for _, code in living})
        # Codes change with every renewal, as those of symbols do.
        new_codes = np.full(5, -1, np.int32)
        new_codes[used] = np.arange(1, 1 + len(used))
        living = [(series_id, int(new_codes[code])) for series_id, code in living]
        columns = np.array(living, np.int64).reshape(-1, 2)
        numbers = numbers.renewed(new_codes, columns[:, 0], columns[:, 1].astype(np.int32))


@pytest.mark.parametrize("count", [1, 3])
def test_restored_ids_are_not_given_again(count: int) -> None:
    first = SeriesNumbers()
    ids = first.give(5, codes_of(*[4] * count))
    second = SeriesNumbers()
    second.restore(5, ids[::-1].copy(), codes_of(*[8] * count))
    assert second.give(5, codes_of(8)).tolist() == [int(ids[-1]) + 1]
    second.restore(5, np.zeros(0, np.int64), codes_of())
    assert parts(int(second.give(5, codes_of(6))[0]))[1] == 1
