"""Sums and quantiles of numbers, part by part."""

import math

import numpy as np
import pytest

from api.promql.parts import compensated, is_quantile, odd_quantile, ranks_of

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("increment", "total", "lost", "expected"),
    [
        (1.0, 1e100, 0.0, (1e100, 1.0)),
        (1e100, 1.0, 2.0, (1e100, 3.0)),
        (-1e100, 1e100, 3.0, (0.0, 3.0)),
        (1e308, 1e308, 5.0, (INF, 0.0)),
        (-0.0, -0.0, 0.0, (-0.0, 0.0)),
        (1.0, NAN, 0.0, (NAN, NAN)),
    ],
)
def test_sums_know_what_their_rounding_lost(
    increment: float, total: float, lost: float, expected: tuple[float, float]
) -> None:
    assert np.array_equal(compensated(increment, total, lost), expected, equal_nan=True)


@pytest.mark.parametrize(
    ("q", "count", "expected"),
    [(0.5, 0, NAN), (NAN, 3, NAN), (-0.1, 3, -INF), (1.1, 3, INF), (2.0, 0, NAN)],
)
def test_odd_quantiles_lie_between_no_values(q: float, count: int, expected: float) -> None:
    assert not is_quantile(q, count)
    assert np.array_equal(odd_quantile(q, count), expected, equal_nan=True)


@pytest.mark.parametrize(
    ("q", "count", "expected"),
    [(0.0, 1, (0, 0, 0.0)), (1.0, 3, (2, 2, 0.0)), (0.5, 4, (1, 2, 0.5)), (0.25, 2, (0, 1, 0.25))],
)
def test_quantiles_lie_between_two_ranks(
    q: float, count: int, expected: tuple[int, int, float]
) -> None:
    assert is_quantile(q, count)
    assert ranks_of(q, count) == expected
