"""Which functions take anchored and smoothed ranges, and how far these look."""

import pytest

from api.promql.errors import ExecutionError
from api.promql.features import ALL_FEATURES
from api.promql.ranges.extended import Extension, check_function, extension_of
from api.promql.syntax.nodes import VectorSelector
from api.promql.syntax.parser import parse
from api.promql.syntax.signatures import FUNCTIONS


def selector(text: str) -> VectorSelector:
    node = parse(text, ALL_FEATURES)
    assert isinstance(node, VectorSelector)
    return node


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", None),
        ("x anchored", Extension(7, smoothed=False)),
        ("x smoothed", Extension(7, smoothed=True)),
    ],
)
def test_only_extended_selectors_look_beyond(text: str, expected: Extension | None) -> None:
    assert extension_of(selector(text), 7) == expected


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("anchored", "changes, delta, increase, rate, resets"),
        ("smoothed", "delta, increase, rate"),
    ],
)
def test_functions_without_use_for_it_refuse_an_extended_range(kind: str, names: str) -> None:
    for func in (name for name, facts in FUNCTIONS.items() if getattr(facts, kind)):
        check_function(selector(f"x {kind}"), func)
    check_function(selector("x"), "deriv")
    with pytest.raises(ExecutionError, match=f"^{kind} modifier .*: {names} - not with deriv$"):
        check_function(selector(f"x {kind}"), "deriv")
