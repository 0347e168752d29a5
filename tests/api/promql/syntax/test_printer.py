"""The canonical text."""

import pytest

from api.promql.features import ALL_FEATURES
from api.promql.syntax.parser import parse
from api.promql.syntax.printer import number_text, to_string


@pytest.mark.parametrize(
    "text, expected",
    [
        ("1e-7", "0.0000001"),
        ("1e300", "1" + "0" * 300),
        ("-inf", "-Inf"),
        ("90s", "1m30s"),
        ("-5m", "-5m"),
        ("'a\"\\xff\\n'", '"a\\"\\xff\\n"'),
        ("a{}", "a"),
        ("a{z='1',b!=`\n`}", 'a{b!="\\n",z="1"}'),
        ("{__name__='a'}", '{__name__="a"}'),
        ("{'a b', 'c d'='e'}", '{"c d"="e",__name__="a b"}'),
        ("SUM by(b,'c d')(a)", 'sum by (b, "c d") (a)'),
        ("sum(a)without()", "sum without () (a)"),
        ("sum by () (a)", "sum(a)"),
        ("topk(5,a)", "topk(5, a)"),
        ("time()", "time()"),
        ("a+on(b)group_left c", "a + on (b) group_left () c"),
        ("a+ignoring()c", "a + c"),
        ("a>bool ignoring(b)c", "a > bool ignoring (b) c"),
        ("a+fill(1e6)b", "a + fill (1e+06) b"),
        ("a+fill_left(1)fill_right(1)b", "a + fill (1) b"),
        ("a+fill_left(1)fill_right(2)b", "a + fill_left (1) fill_right (2) b"),
        ("-a+(+b)", "-a + (+b)"),
        ("a[90s]offset-1h@5", "a[1m30s] @ 5.000 offset -1h"),
        ("a offset 1h@start()anchored", "a @ start() anchored offset 1h"),
        ("a[5m]smoothed offset 1h", "a[5m] smoothed offset 1h"),
        ("a offset 0.0001", "a offset 0s"),
        ("a[1h:]@end()", "a[1h:] @ end()"),
        ("a[1h:5m]offset 1w", "a[1h:5m] offset 1w"),
        ("a[(5m)+-step():max_of(1,2s)*2]", "a[(5m) + -step():max_of(1, 2s) * 2]"),
    ],
)
def test_to_string(text: str, expected: str) -> None:
    assert to_string(parse(text, ALL_FEATURES)) == expected


@pytest.mark.parametrize(
    "value, is_duration, expected",
    [(0.0, True, "0s"), (-1.5, True, "-1s500ms"), (300.0, True, "5m"), (300.0, False, "300")],
)
def test_number_text(value: float, is_duration: bool, expected: str) -> None:
    assert number_text(value, is_duration=is_duration) == expected
