"""Files of unit tests, decoded."""

import pytest

from rules.errors import RulesError
from rules.files.decoder import DecodeError
from rules.unit_tests.cases import (
    AlertCase,
    Case,
    CaseFile,
    ExpectedAlert,
    ExpectedSample,
    ExpressionCase,
    InputSeries,
    parse_tests,
    parse_time,
)

FULL = """
rule_files: [a.yml, b*.yml]
evaluation_interval: 30s
group_eval_order: [g, h]
fuzzy_compare: true
tests:
- name: n
  interval: 15s
  start_timestamp: 2020-01-01T00:00:00Z
  external_labels: {a: b}
  external_url: http://x
  input_series:
  - {series: up, values: 1 2}
  alert_rule_test:
  - eval_time: 1m
    alertname: A
    exp_alerts:
    - exp_labels: {l: 1}
      exp_annotations: {s: t}
  promql_expr_test:
  - expr: up
    eval_time: 2m
    exp_samples:
    - {labels: up, value: 5}
    - {labels: h, histogram: "{{}}"}
- {}
"""


def test_every_field() -> None:
    case = Case(
        "n",
        15_000,
        1_577_836_800_000,
        [InputSeries("up", "1 2")],
        [AlertCase(60_000, "A", [ExpectedAlert({"l": "1"}, {"s": "t"})])],
        [
            ExpressionCase(
                "up", 120_000, [ExpectedSample("up", 5.0), ExpectedSample("h", 0.0, "{{}}")]
            )
        ],
        {"a": "b"},
        "http://x",
    )
    found = parse_tests(FULL.encode())
    assert found == CaseFile(
        ["a.yml", "b*.yml"], 30_000, ["g", "h"], [case, Case(interval_ms=30_000)], True
    )
    assert [case.last_ms for case in found.cases] == [120_000, 0]


def test_defaults() -> None:
    assert parse_tests(b"") == CaseFile(interval_ms=60_000)
    assert parse_tests(b"tests: [{}]").cases == [Case(interval_ms=60_000)]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("nope: 1", "line 1: field nope not found in type main.unitTestFile"),
        ("tests: [{nope: 1}]", "field nope not found in type main.testGroup"),
        ("tests: [{alert_rule_test: [{x: 1}]}]", "field x not found in type main.alertTestCase"),
        ("tests: 5", "cannot unmarshal !!int `5` into []main.testGroup"),
        ("evaluation_interval: x", "not a valid duration string"),
        ("tests: [{start_timestamp: yesterday}]", 'cannot parse "yesterday" to a valid timestamp'),
        ("tests: [{promql_expr_test: [{exp_samples: [{value: x}]}]}]", "`x` into float64"),
    ],
)
def test_errors(content: str, error: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse_tests(content.encode())
    assert error in str(caught.value)


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [("0", 0), ("1.5", 1500), ("-1", -1000), ("1970-01-01T01:00:00+01:00", 0)],
)
def test_times(text: str, time_ms: int) -> None:
    assert parse_time(text) == time_ms


@pytest.mark.parametrize("text", ["NaN", "2020-01-01T00:00:00", ""])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(DecodeError, match="cannot parse"):
        parse_time(text)
