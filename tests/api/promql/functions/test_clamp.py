"""Clamping, with NaN and signed zeros."""

import math

import numpy as np
import pytest

from api.promql.functions import clamp
from tests.twins.promql.vectors import show

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("a", "b", "larger", "smaller"),
    [
        (1.0, 2.0, 2.0, 1.0),
        (NAN, 1.0, NAN, NAN),
        (NAN, INF, INF, NAN),
        (-INF, NAN, NAN, -INF),
        (0.0, -0.0, 0.0, -0.0),
        (-0.0, 0.0, 0.0, -0.0),
        (-0.0, -0.0, -0.0, -0.0),
        (INF, -INF, INF, -INF),
    ],
)
def test_larger_and_smaller(a: float, b: float, larger: float, smaller: float) -> None:
    assert show(clamp.larger(a, b)) == show(larger)
    assert show(clamp.smaller(a, b)) == show(smaller)


@pytest.mark.parametrize(
    ("value", "lower", "upper", "expected"),
    [
        (5.0, 0.0, 3.0, 3.0),
        (-5.0, 0.0, 3.0, 0.0),
        (NAN, 0.0, 3.0, NAN),
        (NAN, INF, INF, INF),
        (1.0, NAN, 3.0, NAN),
        (-INF, -INF, NAN, -INF),
    ],
)
def test_clamp_values(value: float, lower: float, upper: float, expected: float) -> None:
    got = clamp.clamp_values(np.array([[value]]), np.array([lower]), np.array([upper]))
    assert show(got[0, 0]) == show(expected)
