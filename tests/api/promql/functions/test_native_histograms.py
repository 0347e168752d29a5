"""Numbers of native histograms, and what is said where observations are NaN."""

import math

import numpy as np
import pytest

from api.promql.functions.table import CALLS
from api.promql.syntax.nodes import Call
from api.promql.syntax.parser import parse
from api.promql.vectors.value import Scalar, Value, Vector
from tests.api.promql.aggregations.test_native import cells_of, native, vector
from tests.api.promql.vectors.test_names import context
from tests.makers.native_points import NativePoint

WITH_NAN = NativePoint(sum=math.nan, count=4.0, positive=((1, 2.0),))


@pytest.mark.parametrize(
    ("func", "expected"),
    [
        ("histogram_count", 4.0),
        ("histogram_sum", 8.0),
        ("histogram_avg", 2.0),
        ("histogram_stdvar", (math.sqrt(2) - 2.0) ** 2),
        ("histogram_stddev", 2.0 - math.sqrt(2)),
    ],
)
def test_floats_have_no_numbers_of_histograms(func: str, expected: float) -> None:
    ctx = context()
    node = parse(f"{func}(x)")
    assert isinstance(node, Call)
    got = CALLS[func](ctx, node, [vector(ctx, ("x", [native(4.0), 1.0]))])
    assert isinstance(got, Vector)
    ((number, nothing),) = cells_of(got)
    assert number == pytest.approx(expected) and nothing is None


@pytest.mark.parametrize(
    ("query", "args", "expected", "note"),
    [
        ("histogram_quantile(1, x)", [1.0], math.nan, "result is NaN"),
        ("histogram_quantile(0.1, x)", [0.1], None, "result is skewed higher"),
        ("histogram_fraction(0, 3, x)", [0.0, 3.0], 0.5, "excluded from all fractions"),
    ],
)
def test_nan_observations_are_told(
    query: str, args: list[float], expected: float | None, note: str
) -> None:
    ctx = context()
    node = parse(query)
    assert isinstance(node, Call)
    values: list[Value] = [Scalar(np.full(2, arg)) for arg in args]
    got = CALLS[node.func](ctx, node, [*values, vector(ctx, ("x", [WITH_NAN, 1.0]))])
    assert isinstance(got, Vector)
    ((number, nothing),) = cells_of(got)
    assert isinstance(number, float) and nothing is None
    if expected is not None:
        assert math.isnan(number) if math.isnan(expected) else number == expected
    (info,) = ctx.annotations.infos()
    assert note in info and 'for metric name "x"' in info
