"""What is asked of the engine, and how often."""

import pytest

from api.promql.syntax.parser import parse
from rules.replay.asking import PIECE_STEPS_MAX, asks_for_its_range
from rules.replay.outcome import Failure
from tests.makers.rules.replays import MINUTE, group_of, replayed, shown


@pytest.mark.parametrize(
    ("expression", "asks"),
    [
        ("sum(rate(m[5m])) + m offset 1m", False),
        ("m @ 100", False),
        ("m @ end()", True),
        ("rate(m[5m] @ start())", True),
        ("max_over_time(m[5m:1m] @ end())", True),
        ("sum(1 + (m @ end()))", True),
    ],
)
def test_expressions_that_are_others_in_a_range(expression: str, asks: bool) -> None:
    assert asks_for_its_range(parse(expression)) is asks


def test_an_expression_of_its_range_is_asked_for_each_evaluation() -> None:
    rule = {"record": "r", "expr": "m @ end()"}
    (found,) = replayed(group_of(rule), {"m": "1+1x10"}, minutes=3).each()
    assert shown(found.recorded) == {"r{}": {0: 1.0, 1: 2.0, 2: 3.0, 3: 4.0}}
    assert found.queries == 4


def test_long_ranges_are_asked_in_pieces() -> None:
    minutes = 2 * PIECE_STEPS_MAX
    rule = {"record": "r", "expr": "m"}
    (found,) = replayed(group_of(rule), {"m": f"1x{minutes}"}, minutes=minutes).each()
    assert (found.samples, found.series, found.queries) == (minutes + 1, 1, 3)


def test_evaluations_that_fail_are_found_and_the_others_count() -> None:
    """Two series match one another in the minutes 3 and 4 only."""
    series = {'m{job="a",i="1"}': "1x130", 'm{job="a",i="2"}': "_x3 1 1 stale"}
    series['n{job="a"}'] = "2x130"
    rule = {"record": "r", "expr": "n * on (job) m"}
    (found,) = replayed(group_of(rule), series, minutes=127).each()
    (failure,) = found.failures
    assert (failure.first_ms, failure.last_ms, failure.count) == (3 * MINUTE, 4 * MINUTE, 2)
    assert "found duplicate series for the match group" in failure.error
    assert list(shown(found.recorded)["r{job=a}"]) == [0, 1, 2, *range(5, 128)]
    assert found.queries < 30


@pytest.mark.parametrize("expression", ["m[5m]", "'text'"])
def test_what_is_no_vector_fails_without_a_query(expression: str) -> None:
    rule = {"record": "r", "expr": expression}
    (found,) = replayed(group_of(rule), {"m": "1x10"}, minutes=3).each()
    error = "rule result is not a vector or scalar"
    assert found.failures == [Failure(0, 3 * MINUTE, 4, error)]
    assert found.queries == 0


def test_scalars_are_series_without_labels() -> None:
    (found,) = replayed(group_of({"record": "r", "expr": "time()"}), {}, minutes=2).each()
    assert shown(found.recorded) == {"r{}": {0: 0.0, 1: 60.0, 2: 120.0}}


def test_warnings_are_passed_on_once() -> None:
    rule = {"record": "r", "expr": "rate(m[5m])"}
    (found,) = replayed(group_of(rule), {"m": "1+1x10"}, minutes=5).each()
    (note,) = found.notes
    assert "metric might not be a counter" in note
