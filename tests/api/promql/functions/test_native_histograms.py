"""Numbers of native histograms, and what is said where observations are NaN."""

import math
from dataclasses import replace

import numpy as np
import pytest

from api.promql.functions.table import CALLS
from api.promql.syntax.nodes import Call
from api.promql.syntax.parser import parse
from api.promql.vectors.names import finish_names
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
@pytest.mark.parametrize("delayed", [False, True])
def test_nan_observations_are_noted(
    query: str, args: list[float], expected: float | None, note: str, delayed: bool
) -> None:
    ctx = context(delayed=delayed)
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
    assert note in info and ('for metric name "x"' in info) == delayed


@pytest.mark.parametrize("call", ["histogram_quantile(0.5, x)", "histogram_fraction(0, 3, x)"])
def test_a_nan_sum_alone_is_no_nan_observation(call: str) -> None:
    """Observations of both infinities add up to NaN, and are in the buckets."""
    ctx = context()
    node = parse(call)
    assert isinstance(node, Call)
    values: list[Value] = [Scalar(np.full(2, 0.5))] if "quantile" in call else []
    values = values or [Scalar(np.full(2, bound)) for bound in (0.0, 3.0)]
    whole = replace(WITH_NAN, count=sum(count for _, count in WITH_NAN.positive))
    CALLS[node.func](ctx, node, [*values, vector(ctx, ("x", [whole, 1.0]))])
    assert ctx.annotations.infos() == ()


@pytest.mark.parametrize(("q", "bound"), [(0.1, 4.0), (0.4, 4.0), (0.75, 2.0), (1.0, 2.0)])
def test_quantiles_of_negative_counts_end_at_a_bound(q: float, bound: float) -> None:
    ctx = context()
    node = parse("histogram_quantile(0.1, x)")
    assert isinstance(node, Call)
    negative = NativePoint(count=-4.0, sum=-8.0, positive=((1, -2.0), (2, -2.0)))
    values: list[Value] = [Scalar(np.full(2, q)), vector(ctx, ("x", [negative, None]))]
    got = CALLS[node.func](ctx, node, values)
    assert isinstance(got, Vector) and cells_of(got) == [[bound, None]]


@pytest.mark.parametrize(("delayed", "kept"), [(False, {"__type__", "__unit__"}), (True, set())])
def test_the_type_and_the_unit_stay_until_the_end(delayed: bool, kept: set[str]) -> None:
    ctx = context(delayed=delayed)
    node = parse("histogram_count(x)")
    assert isinstance(node, Call)
    v = vector(ctx, ("x", [native(4.0), None]))
    for name in ("__type__", "__unit__"):
        codes = np.full(1, ctx.symbols.code("t"), np.int32)
        v = replace(v, labels=v.labels.with_column(name, codes))
    got = CALLS[node.func](ctx, node, [v])
    assert isinstance(got, Vector)
    assert finish_names(ctx, got).labels.labelset(0).keys() - {"i"} == kept
