"""One test: what its rules give, time by time. Most of it is compared with promtool's."""

from collections.abc import Iterator

import pytest

from api.promql.engine import Engine
from api.promql.options import EngineOptions
from rules.groups import Group, Rule
from rules.unit_tests import scene
from rules.unit_tests.cases import (
    AlertCase,
    Case,
    ExpectedAlert,
    ExpectedSample,
    ExpressionCase,
    InputSeries,
)
from rules.unit_tests.scene import Scene

MINUTE = 60_000
UP = [InputSeries("up", "1 0x20")]
DOWN = Rule("up == 0", alert="Down", for_ms=MINUTE)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = Engine(EngineOptions())
    yield made
    made.close()


def run(
    engine: Engine, case: Case, *rules: Rule, group: Group | None = None, fuzzy: bool = False
) -> list[str]:
    case.interval_ms = case.interval_ms or MINUTE
    groups = [group or Group("g", rules=rules)]
    return Scene(case, groups, engine).run(MINUTE, is_fuzzy=fuzzy)


def asked(expression: str, at: int, *expected: ExpectedSample) -> ExpressionCase:
    return ExpressionCase(expression, at * MINUTE, list(expected))


def test_alerts_are_checked_at_the_evaluation_before(engine: Engine) -> None:
    fires = [ExpectedAlert()]
    cases = [AlertCase(2 * MINUTE + 59_000, "Down", fires), AlertCase(MINUTE, "Down")]
    assert run(engine, Case(series=UP, alerts=cases), DOWN) == []
    late = Case(series=UP, alerts=[AlertCase(2 * MINUTE - 1, "Down", fires)])
    (error,) = run(engine, late, DOWN)
    assert "alertname: Down, time: 1m59s999ms" in error


def test_what_rules_write_is_seen_by_the_next(engine: Engine) -> None:
    rules = (Rule("up + 1", record="a"), Rule("a * 2", record="b"))
    case = Case(series=UP, expressions=[asked("b", 0, ExpectedSample("b", 4.0))])
    assert run(engine, case, *rules) == []


def test_offsets_of_groups(engine: Engine) -> None:
    group = Group("g", query_offset_ms=MINUTE, rules=(Rule("up", record="late"),))
    series = [InputSeries("up", "1 2 3 4")]
    wanted = [asked("late", 3, ExpectedSample("late", 3.0))]
    assert run(engine, Case(series=series, expressions=wanted), group=group) == []


def test_the_start_may_be_anywhere(engine: Engine) -> None:
    case = Case(
        start_ms=1_577_836_800_000,
        series=UP,
        expressions=[asked("timestamp(up)", 1, ExpectedSample("{}", 1_577_836_860.0))],
        alerts=[AlertCase(2 * MINUTE, "Down", [ExpectedAlert()])],
    )
    assert run(engine, case, DOWN) == []


def test_native_histograms(engine: Engine) -> None:
    series = [InputSeries("h", "{{count:2 sum:3 buckets:[2]}}+{{count:1 sum:1 buckets:[1]}}x5")]
    text = "{{count:4 sum:5 counter_reset_hint:not_reset buckets:[4]}}"
    wanted = [
        asked("r", 2, ExpectedSample("r", native=text)),
        asked("h", 2, ExpectedSample("h", native="{{count:4 sum:5 buckets:[4]}}")),
        asked("h", 2, ExpectedSample("h", 1.0)),
    ]
    errors = run(engine, Case(series=series, expressions=wanted), Rule("h", record="r"))
    assert [error.splitlines()[-1].strip() for error in errors] == [
        f'got: {{__name__="h"}} {text}',
        f'got: {{__name__="h"}} {text}',
    ]


@pytest.mark.parametrize(
    ("value", "fuzzy", "is_equal"),
    [
        (0.3, False, False),
        (0.3, True, True),
        (0.30000000000000004, False, True),
        (0.31, True, False),
    ],
)
def test_values_may_differ_by_the_last_digit(
    engine: Engine, value: float, fuzzy: bool, is_equal: bool
) -> None:
    case = Case(expressions=[asked("vector(0.1 + 0.2)", 0, ExpectedSample("{}", value))])
    assert (run(engine, case, fuzzy=fuzzy) == []) is is_equal


@pytest.mark.parametrize(
    ("case", "error"),
    [
        (
            Case(name="n", alerts=[AlertCase(MINUTE)]),
            "an item under alert_rule_test misses required attribute alertname "
            "at eval_time 1m (in TestGroup n)",
        ),
        (Case(series=[InputSeries("up{", "1")]), "1:4: parse error: unexpected end of input"),
        (Case(series=[InputSeries("up", "x")]), "bad number or duration syntax"),
        (Case(expressions=[asked("up[5m]", 0)]), "rule result is not a vector or scalar"),
        (
            Case(expressions=[asked("up", 0, ExpectedSample("up", native="1"))]),
            'labels "up": expected histogram, got 1.0',
        ),
        (
            Case(expressions=[asked("up", 0, ExpectedSample("up", native="1 2"))]),
            'labels "up": expected 1 value, got 2',
        ),
    ],
)
def test_errors(engine: Engine, case: Case, error: str) -> None:
    (found,) = run(engine, case)
    assert error in found


def test_a_rule_that_fails_ends_the_test(engine: Engine) -> None:
    case = Case(series=UP, expressions=[asked("up", 5)])
    errors = run(engine, case, Rule("up[5m]", record="r"), Rule("up", record="s"))
    assert errors == ["    rule: r, time: 0s, err: rule result is not a vector or scalar"]


def test_rules_that_write_the_same_series(engine: Engine) -> None:
    case = Case(series=UP, expressions=[asked("up", 1)])
    same = run(engine, case, Rule("up", record="r"), Rule("up", record="r"))
    assert len(same) == 1  # the mismatch of the expression
    apart = run(engine, case, Rule("up", record="r"), Rule("up + 1", record="r"))
    assert apart == ["    rule: r, time: 0s, err: duplicate sample for timestamp"]


def test_evaluations_are_bounded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "EVALUATIONS_MAX", 5)
    case = Case(expressions=[asked("1", 6)])
    assert run(engine, case) == ["a test asks for more than 5 evaluations"]
