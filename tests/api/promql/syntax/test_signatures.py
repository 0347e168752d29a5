"""The tables of functions and aggregations."""

import pytest

from api.promql.syntax.nodes import ValueType
from api.promql.syntax.signatures import (
    AGGREGATORS,
    ANCHORED_FUNCTIONS,
    FUNCTIONS,
    SMOOTHED_FUNCTIONS,
)

S, V, M, T = ValueType.SCALAR, ValueType.VECTOR, ValueType.MATRIX, ValueType.STRING


def test_counts() -> None:
    experimental = [f for f in FUNCTIONS.values() if f.experimental]
    assert (len(FUNCTIONS), len(experimental), len(AGGREGATORS)) == (90, 17, 14)


def test_names_are_keys_in_order() -> None:
    assert [f.name for f in FUNCTIONS.values()] == sorted(FUNCTIONS)
    assert all(name == aggregator.name for name, aggregator in AGGREGATORS.items())


@pytest.mark.parametrize(
    "name, args, returns, variadic",
    [
        ("rate", (M,), V, 0),
        ("time", (), S, 0),
        ("hour", (V,), V, 1),
        ("round", (V, S), V, 1),
        ("label_join", (V, T, T, T), V, -1),
        ("histogram_quantiles", (V, T, S, S), V, 9),
        ("quantile_over_time", (S, M), V, 0),
        ("scalar", (V,), S, 0),
        ("max_of", (S, S), S, 0),
    ],
)
def test_signature(
    name: str, args: tuple[ValueType, ...], returns: ValueType, variadic: int
) -> None:
    found = FUNCTIONS[name]
    assert (found.args, found.returns, found.variadic) == (args, returns, variadic)


def test_parameters_of_aggregations() -> None:
    with_param = {name: a.param for name, a in AGGREGATORS.items() if a.param is not None}
    numbers = dict.fromkeys(("bottomk", "limit_ratio", "limitk", "quantile", "topk"), S)
    assert with_param == numbers | {"count_values": T}
    assert [name for name, a in AGGREGATORS.items() if a.experimental] == ["limit_ratio", "limitk"]


def test_extended_ranges_are_for_functions_over_ranges() -> None:
    assert set(SMOOTHED_FUNCTIONS) < set(ANCHORED_FUNCTIONS)
    assert all(FUNCTIONS[name].args == (M,) for name in ANCHORED_FUNCTIONS)
