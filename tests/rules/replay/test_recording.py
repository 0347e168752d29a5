"""What recording rules write."""

import pytest

from tests.makers.rules.replays import MINUTE, group_of, replayed, shown

M = {'m{job="a",i="1"}': "1 1 _ 1 stale 1 1", 'm{job="a",i="2"}': "2 2 2 stale"}


def rule(expr: str, **labels: str) -> dict[str, object]:
    return {"record": "r", "expr": expr, "labels": labels}


def test_a_series_ends_with_a_marker_where_the_next_evaluation_does_not_have_it() -> None:
    (found,) = replayed(group_of(rule("m > 1")), M, minutes=5).each()
    assert shown(found.recorded) == {"r{i=2,job=a}": {0: 2.0, 1: 2.0, 2: 2.0, 3: "stale"}}
    assert (found.series, found.samples) == (1, 3)


def test_labels_of_the_rule_win_and_empty_ones_go() -> None:
    wanted = rule("m{i='2'}", job="", i="9", more="x")
    (found,) = replayed(group_of(wanted, labels={"team": "t", "i": "8"}), M, minutes=1).each()
    assert shown(found.recorded) == {"r{i=9,more=x,team=t}": {0: 2.0, 1: 2.0}}


def test_rows_that_become_one_series_fail_where_both_are_there() -> None:
    (found,) = replayed(group_of(rule("m", i="")), M, minutes=6).each()
    texts = {failure.error for failure in found.failures}
    assert texts == {"vector contains metrics with the same labelset after applying rule labels"}
    assert [f.first_ms // MINUTE for f in found.failures] == [0]
    assert [f.count for f in found.failures] == [3]
    assert shown(found.recorded) == {"r{job=a}": {3: 1.0, 4: "stale", 5: 1.0, 6: 1.0}}


@pytest.mark.parametrize(("limit", "failed"), [(0, 0), (2, 0), (1, 3)])
def test_the_limit_is_on_each_evaluation(limit: int, failed: int) -> None:
    (found,) = replayed(group_of(rule("m"), limit=limit), M, minutes=6).each()
    assert found.failed == failed
    if failed:
        assert found.failures[0].error == "exceeded limit of 1 with 2 series"


def test_a_failed_evaluation_ends_no_series() -> None:
    """The marker comes with the next one that goes well."""
    series = {'m{i="1"}': "1x6", 'm{i="2"}': "1 1 stale", 'm{i="3"}': "_ _ 1 1 stale"}
    series |= {'m{i="4"}': "_ _ 1 1 stale"}
    (found,) = replayed(group_of(rule("m"), limit=2), series, minutes=5).each()
    assert [f.first_ms // MINUTE for f in found.failures] == [2]
    assert shown(found.recorded)["r{i=2}"] == {0: 1.0, 1: 1.0, 4: "stale"}
    assert list(shown(found.recorded)["r{i=1}"]) == [0, 1, 4, 5]


def test_native_histograms_are_recorded() -> None:
    rules = [rule("m"), {"record": "s", "expr": "histogram_count(r)"}]
    values = "{{schema:0 count:3 sum:4 buckets:[1 2]}}x3"
    first, second = replayed(group_of(*rules), {"m": values}, minutes=2).each()
    assert first.recorded.samples.natives is not None
    assert shown(second.recorded) == {"s{}": {0: 3.0, 1: 3.0, 2: 3.0}}
