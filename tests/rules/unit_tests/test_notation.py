"""Series and values as test files write them."""

import math

import pytest

from rules.errors import RulesError
from rules.unit_tests import notation
from rules.unit_tests.notation import parse_labels, parse_values
from storage.histograms.histograms import Parts
from storage.kernels.stale import STALE_NAN


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("up", {"__name__": "up"}),
        ('up{job="a", x=""}', {"__name__": "up", "job": "a"}),
        ('{"a b", "c d"="e"}', {"__name__": "a b", "c d": "e"}),
        ("{}", {}),
        ("", {}),
    ],
)
def test_labels(text: str, labels: dict[str, str]) -> None:
    assert parse_labels(text) == labels


@pytest.mark.parametrize(
    ("text", "error"),
    [("up{", "unexpected end of input inside braces"), ('up{a=~"b"}', 'unexpected "=~" in label')],
)
def test_what_is_no_series(text: str, error: str) -> None:
    with pytest.raises(RulesError, match=error):
        parse_labels(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1 2.5 -3 1e3 0x2", [1.0, 2.5, -3.0, 1000.0, 0.0, 0.0, 0.0]),
        ("1+2x3", [1.0, 3.0, 5.0, 7.0]),
        ("-2-3x2", [-2.0, -5.0, -8.0]),
        ("5x2", [5.0, 5.0, 5.0]),
        ("_ _x3 1", [None, None, None, None, 1.0]),
        ("Inf -Inf +Infx1", [math.inf, -math.inf, math.inf, math.inf]),
        ("1h 1m30s", [3600.0, 90.0]),
        (" 1   2 ", [1.0, 2.0]),
        ("", []),
    ],
)
def test_values(text: str, values: list[float | None]) -> None:
    assert parse_values(text) == values


def test_stale_markers_and_nan() -> None:
    stale, nan = parse_values("stale NaN")
    assert isinstance(stale, float) and isinstance(nan, float)
    assert stale.hex() == STALE_NAN.hex() and math.isnan(nan)


def test_runs_of_histograms() -> None:
    text = "{{count:2 sum:3 buckets:[2]}}+{{count:1 sum:1 buckets:[1]}}x2 {{}} {{sum:1}}x1"
    values = parse_values(text)
    assert [value.count for value in values if isinstance(value, Parts)] == [2, 3, 4, 0, 0, 0]
    assert [value.sum for value in values if isinstance(value, Parts)] == [3, 4, 5, 0, 1, 1]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a", "bad number or duration syntax"),
        ("1+x2", "bad number or duration syntax"),
        ("{{a", "bad histogram"),
        ("1x99999999999", "more than 1000000 values"),
        ("_x1000001", "more than 1000000 values"),
    ],
)
def test_what_is_no_value(text: str, error: str) -> None:
    with pytest.raises(RulesError, match=error):
        parse_values(text)


def test_values_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notation, "VALUES_MAX", 5)
    assert len(parse_values("1x4")) == 5
    for text in ("1x5", "1x2 1x2", "{{}}x5"):
        with pytest.raises(RulesError, match="more than 5 values"):
            parse_values(text)
