"""Types of operands and arguments."""

import pytest

from api.promql.errors import ParseError
from api.promql.features import ALL_FEATURES
from api.promql.syntax.nodes import ValueType
from api.promql.syntax.parser import parse
from api.promql.syntax.type_check import type_name


@pytest.mark.parametrize(
    "text, message",
    [
        (
            "-'a'",
            "1:1: unary expression only allowed on expressions of type scalar or instant vect",
        ),
        ("a[5m] + 1", "1:1: binary expression must contain only scalar and instant vector types"),
        ("1 + 'a'", "1:5: binary expression must contain only scalar and instant vector types"),
        ("a + bool b", "1:3: bool modifier can only be used on comparison operators"),
        ("1  ==  1", "1:4: comparisons between scalars must use BOOL modifier"),
        ("a + on(x) group_left(x) b", '1:3: label "x" must not occur in ON and GROUP clause at'),
        ("1 or a", '1:1: set operator "or" not allowed in binary scalar expression'),
        ("a + on(x) 1", "1:1: vector matching only allowed between instant vectors"),
        ("a + fill(1) 1", "1:1: filling in missing series only allowed between instant vectors"),
        ("a or on(x) group_left b", '1:1: no grouping allowed for "or" operation'),
        ("a or fill(1) b", "1:1: filling in missing series not allowed for set operators"),
        ("a[5m:][5m:]", "1:1: subquery is only allowed on instant vector, got matrix instead"),
        ("1[5m:]", "1:1: subquery is only allowed on instant vector, got scalar instead"),
        ("sum(a[5m])", "1:5: expected type instant vector in aggregation expression, got range v"),
        ("topk(a, b)", "1:6: expected type scalar in aggregation parameter, got instant vector"),
        ("count_values(1, a)", "1:14: expected type string in aggregation parameter, got scalar"),
        ("rate(a)", '1:6: expected type range vector in call to function "rate", got instant ve'),
        ("abs()", '1:1: expected 1 argument(s) in call to "abs", got 0'),
        ("label_join(a)", '1:1: expected at least 3 argument(s) in call to "label_join", got 1'),
        ("hour(a, a)", '1:1: expected at most 1 argument(s) in call to "hour", got 2'),
        ("label_join(a,'b','c','d',e)", '1:26: expected type string in call to function "label_'),
        ("info(a, 1)", '1:1: expected type instant vector in call to function "info", got scalar'),
        ("info(a, sum(b))", "1:9: expected label selectors only"),
        ("info(a, b)", "1:9: expected label selectors only, got vector selector instead"),
        ("{}", "1:1: vector selector must contain at least one non-empty matcher"),
        ("{a=''}", "1:1: vector selector must contain at least one non-empty matcher"),
        ("{a!='b', c=~'d|', e!~'.+'}", "1:1: vector selector must contain at least one non-e"),
        ("a{__name__='b'}", '1:1: metric name must not be set twice: "a" or "b"'),
        ("sum(rate(1)) + rate(2)", '1:10: expected type range vector in call to function "rate"'),
    ],
)
def test_error(text: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text, ALL_FEATURES)
    assert str(caught.value).replace("parse error: ", "").startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        "1 == bool 1",
        "a > bool 1",
        "a </ 1",
        "{a!=''}",
        "{a=~'.+'}",
        "{a!~'b?'}",
        "info(a, {b=~'.*'})",
        "info(a)",
        "hour()",
        "round(a)",
        "label_join(a, 'b', 'c')",
        "histogram_quantiles(a, 'q', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
        "a + on(x) group_left(y) b",
        "a + ignoring(x) group_left(x) b",
    ],
)
def test_allowed(text: str) -> None:
    parse(text, ALL_FEATURES)


def test_names_of_types() -> None:
    assert [type_name(value_type) for value_type in ValueType] == [
        "none",
        "scalar",
        "instant vector",
        "range vector",
        "string",
    ]
