"""absent(): which labels a missing series would have."""

import numpy as np
import pytest

from api.promql.features import ALL_FEATURES
from api.promql.functions.absence import absence, labels_of_absence
from api.promql.syntax.nodes import Call
from api.promql.syntax.parser import parse
from tests.api.promql.vectors.test_names import as_rows, context


@pytest.mark.parametrize(
    ("argument", "labels"),
    [
        ("x", {}),
        ('x{a="1"}', {"a": "1"}),
        ('(x{a="1"})', {"a": "1"}),
        ('x{a="1", b=~"2", c!="3"}', {"a": "1"}),
        ('x{a="1", a="1"}', {}),
        ('x{a="1", a!="2"}', {}),
        ('x{a!="1", a="2"}', {"a": "2"}),
        ('x{a=""}', {}),
        ('{__name__="x", a="1"}', {"a": "1"}),
        ('sum(x{a="1"})', {}),
        ('x{a="1"} + 1', {}),
        ('x{a="1"} offset 5m', {"a": "1"}),
    ],
)
def test_labels_tested_for_equality_once(argument: str, labels: dict[str, str]) -> None:
    call = parse(f"absent({argument})", ALL_FEATURES)
    assert isinstance(call, Call)
    assert labels_of_absence(call.args[0]) == labels


@pytest.mark.parametrize(
    ("argument", "labels"), [('x{a="1"}[5m]', {"a": "1"}), ('x{a="1"}[5m:1m]', {})]
)
def test_labels_of_a_range(argument: str, labels: dict[str, str]) -> None:
    call = parse(f"absent_over_time({argument})", ALL_FEATURES)
    assert isinstance(call, Call)
    assert labels_of_absence(call.args[0]) == labels


def test_it_is_one_where_nothing_is() -> None:
    ctx = context()
    vector = absence(ctx, parse('x{a="1"}'), np.array([True, False]))
    assert as_rows(vector) == [({"a": "1"}, [None, 1.0])]
