"""Resolved times, shared selects and step invariance."""

from dataclasses import replace

import numpy as np
import pytest

from api.promql.errors import BadQuery, ExecutionError
from api.promql.features import ALL_FEATURES
from api.promql.plan import Plan, Span, Times, make_plan
from api.promql.syntax.nodes import Call, MatrixSelector, Node, Subquery, VectorSelector, children
from api.promql.syntax.parser import parse
from storage.downsampling.aggregates import RESOLUTION_1H_MS, RESOLUTION_5M_MS
from storage.labels.matchers import Matcher
from storage.samples.hint import NO_HINT, Purpose

FRAME = Times(
    start_ms=1_000_000,
    end_ms=1_600_000,
    step_ms=60_000,
    lookback_ms=300_000,
    subquery_step_ms=60_000,
    depth_max=100,
)


def planned(text: str, *, counters_differ: bool = False) -> Plan:
    return make_plan(parse(text, ALL_FEATURES), replace(FRAME, counters_differ=counters_differ))


def first(plan: Plan, kind: type[Node]) -> Node:
    waiting = [plan.root]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, kind):
            return node
        waiting.extend(children(node))
    raise AssertionError(f"no {kind.__name__}")


@pytest.mark.parametrize(
    ("text", "start_ms", "end_ms"),
    [
        ("x", 700_001, 1_600_000),
        ("x offset 1m", 640_001, 1_540_000),
        ("x offset -1m", 760_001, 1_660_000),
        ("x @ 50", -249_999, 50_000),
        ("x @ 50 offset 10s", -259_999, 40_000),
        ("x @ start()", 700_001, 1_000_000),
        ("x @ end()", 1_300_001, 1_600_000),
        ("rate(x[2m])", 880_001, 1_600_000),
        ("rate(x[2m] offset 1m)", 820_001, 1_540_000),
        # 1000s - 10m = 400s; the first multiple of 1m above it is 420s.
        ("max_over_time(x[10m:1m])", 120_001, 1_600_000),
        ("max_over_time(rate(x[2m])[10m:1m])", 300_001, 1_600_000),
        ("max_over_time(x[10m:])", 120_001, 1_600_000),
        ("max_over_time(x[10m:1m] offset 5m)", -179_999, 1_300_000),
        ("max_over_time(x[10m:1m] @ 1200)", 360_001, 1_200_000),
        ("max_over_time((x @ 1500)[10m:1m])", 1_200_001, 1_500_000),
        # The lookback comes on top of the range, and ahead if smoothed.
        ("rate(x[2m] anchored)", 580_001, 1_600_000),
        ("rate(x[2m] smoothed)", 580_001, 1_900_000),
        ("x smoothed", 700_001, 1_900_000),
        ("x anchored", 700_001, 1_600_000),
    ],
)
def test_a_select_covers_what_its_selector_may_return(
    text: str, start_ms: int, end_ms: int
) -> None:
    (select,) = planned(text).selects
    assert (select.start_ms, select.end_ms) == (start_ms, end_ms)


@pytest.mark.parametrize(
    ("text", "selects"),
    [
        ("x + x", 1),
        ("x + y", 2),
        ("rate(x[1m]) / rate(x[10m])", 1),
        ('x{a="1"} + x{a="1"}', 1),
        ('x{a="1"} + x{a!="1"}', 2),
        ("x - x offset 10m", 1),
        ("x - x offset 1d", 2),
        ("1 + 1", 0),
    ],
)
def test_equal_selectors_share_a_select_if_their_times_touch(text: str, selects: int) -> None:
    assert len(planned(text).selects) == selects


def test_what_subqueries_read_begins_with_their_range_where_it_matters() -> None:
    for differ, start_ms in ((False, 120_001), (True, 100_001)):
        (select,) = planned("max_over_time(x[10m:1m])", counters_differ=differ).selects
        assert select.start_ms == start_ms


@pytest.mark.parametrize(("text", "selects"), [("x + x", 1), ("x - x offset 10m", 2)])
def test_only_equal_spans_are_shared_where_it_matters_where_they_begin(
    text: str, selects: int
) -> None:
    assert len(planned(text, counters_differ=True).selects) == selects


@pytest.mark.parametrize(
    ("text", "counters"),
    [
        ("x", [False]),
        ("rate(x[1m])", [True]),
        ("sum(rate((x[1m])))", [True]),
        ("sum(-(x))", [False]),
        ("delta(x[1m])", [False]),
        ("resets(x[10m:1m])", [True]),
        ("resets(abs(x)[10m:1m])", [False]),
        ("resets((x + 1)[10m:1m])", [False]),
        ("irate(x[1m]) + increase(x[1m])", [True]),
        ("rate(x[1m]) + x", [False, True]),
    ],
)
def test_a_select_tells_whether_it_is_for_counters(text: str, counters: list[bool]) -> None:
    selects = planned(text, counters_differ=True).selects
    assert sorted(select.hint.counter for select in selects) == counters
    assert [select.hint for select in planned(text).selects] == [NO_HINT]


M5, H1 = RESOLUTION_5M_MS, RESOLUTION_1H_MS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", [(Purpose.VALUES, M5)]),
        ("sum by (a) (-(x) + 1)", [(Purpose.VALUES, M5)]),
        ("last_over_time(x[20m])", [(Purpose.VALUES, M5)]),
        ("delta(x[4h])", [(Purpose.VALUES, H1)]),
        ("rate((x[4h]))", [(Purpose.RISES, H1)]),
        ("increase(x[4h - 1s])", [(Purpose.RISES, M5)]),
        ("irate(x[19m])", [(Purpose.RISES, 0)]),
        ("resets(x[1d])", [(Purpose.RESETS, H1)]),
        ("min_over_time(x[1d])", [(Purpose.LOWEST, H1)]),
        ("ts_of_max_over_time(x[1d])", [(Purpose.HIGHEST, H1)]),
        ("avg_over_time(x[1d]) + count_over_time(x[1d])", [(Purpose.TOTALS, H1)]),
        ("quantile_over_time(scalar(y), x[1d])", [(Purpose.ALL, 0), (Purpose.VALUES, M5)]),
        ("stddev_over_time(x[1d]) + x", [(Purpose.ALL, 0), (Purpose.VALUES, M5)]),
        ("start_timestamp(x)", [(Purpose.ALL, 0)]),
        ("rate(x[1d] smoothed)", [(Purpose.ALL, 0)]),
        # What is below a subquery is evaluated at the subquery's steps, whatever is above it.
        ("sum_over_time(x[1d:1h])", [(Purpose.VALUES, H1)]),
        ("sum_over_time(x[1d:1m])", [(Purpose.VALUES, 0)]),
        ("max_over_time(rate(x[4h])[1d:1m])", [(Purpose.RISES, H1)]),
        ("rate(x[1d]) + rate(x[5m])", [(Purpose.RISES, 0), (Purpose.RISES, H1)]),
        ("(x[1d])", [(Purpose.ALL, 0)]),
        ("x[1d:1h]", [(Purpose.VALUES, H1)]),
        ("info(x)", [(Purpose.VALUES, 0), (Purpose.VALUES, M5)]),
    ],
)
def test_a_select_tells_what_it_is_for(text: str, expected: list[tuple[Purpose, int]]) -> None:
    frame = replace(FRAME, step_ms=M5, has_aggregates=True, resolution_ms=H1)
    hints = [select.hint for select in make_plan(parse(text, ALL_FEATURES), frame).selects]
    assert sorted([(h.purpose, h.resolution_ms) for h in hints], key=str) == expected
    without = make_plan(parse(text, ALL_FEATURES), replace(frame, has_aggregates=False))
    assert {select.hint for select in without.selects} == {NO_HINT}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", False),
        ("x @ 10", True),
        ("x @ end()", True),
        ("1 + 2", True),
        ("time()", False),
        ("sum(rate(x[5m] @ 10))", True),
        ("topk(scalar(x), y @ 10)", False),
        ("x @ 10 + y", False),
        ("predict_linear(x[5m] @ 10, 60)", False),
        ("timestamp(x @ 10)", False),
        ("-(x @ 10)", True),
        ("sum_over_time(x[5m:1m] @ 10)", True),
        ("sum_over_time((x @ 10)[5m:1m])", False),
        ("vector(1)", True),
        ("info(x @ 10)", True),
        ("info(x)", False),
        ("info(x @ 10 + y @ 20)", False),
        ("info(x @ 10 + on () vector(1))", False),
    ],
)
def test_step_invariance(text: str, expected: bool) -> None:
    plan = planned(text)
    assert (plan.root in plan.invariant) == expected


INFO = (Matcher("__name__", "=", "target_info"),)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("info(x)", Span(0)),
        ("info(x offset 1m)", Span(60_000)),
        ("info(rate(x[5m] offset 1m) * x offset 1m)", Span(60_000)),
        ("info(x @ 50 offset 10s)", Span(10_000, 50_000)),
        ("info(x @ 50 + x @ 60 offset 10s)", Span(0, 50_000)),
        ("info(x @ 50 + x)", Span(0)),
        ("info(x offset 1m or vector(1))", Span(0)),
        ("info(x offset 1m * scalar(y @ 50))", Span(60_000)),
        ("info(max_over_time(x[5m:] offset 1m))", Span(60_000)),
        ("info(max_over_time((x offset 1m)[5m:] offset 1m @ 50))", Span(120_000, 50_000)),
        ("info(max_over_time((x @ 40)[5m:] @ 50))", Span(0, 40_000)),
        ("info(info(x offset 1m, {a='1'}))", Span(60_000)),
        ("info(time() * vector(2))", Span(0)),
    ],
)
def test_info_series_are_looked_up_when_the_argument_is(text: str, span: Span) -> None:
    plan = planned(text)
    call = first(plan, Call)
    assert plan.spans[call] == span
    select = plan.selects[plan.select_of[call]]
    assert select.matchers == INFO
    times = (FRAME.start_ms, FRAME.end_ms) if span.at_ms is None else (span.at_ms, span.at_ms)
    assert select.start_ms == times[0] - span.offset_ms - FRAME.lookback_ms + 1
    assert select.end_ms == times[1] - span.offset_ms


@pytest.mark.parametrize(
    ("text", "range_ms"),
    [
        ("rate(x[step()])", 60_000),
        ("rate(x[range()])", 600_000),
        ("rate(x[5m * 2])", 600_000),
        ("rate(x[max_of(step(), 5m) + 1])", 301_000),
        ("rate(x[(1m + 30s) / 4])", 22_500),
        ("rate(x[2^3])", 8_000),
        ("rate(x[-(-60)])", 60_000),
        ("rate(x[90 % 60])", 30_000),
    ],
)
def test_a_duration_expression_is_resolved(text: str, range_ms: int) -> None:
    plan = planned(text)
    assert plan.spans[first(plan, MatrixSelector)].range_ms == range_ms


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate(x[step() - 1m])", "duration must be greater than 0"),
        ("rate(x[1m / (step() - step())])", "division by zero"),
        ("rate(x[5m % (step() - step())])", "modulo by zero"),
        ("rate(x[step()^step()])", "out of range"),
        ("x offset (step()^step())", "out of range"),
    ],
)
def test_a_duration_that_is_none_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(BadQuery, match=rf"^[0-9]+:[0-9]+: .*{message}"):
        planned(text)


def test_offset_may_be_negative() -> None:
    plan = planned("x offset (0 - step())")
    assert plan.spans[first(plan, VectorSelector)].offset_ms == -60_000


def test_a_subquery_without_step_gets_the_default() -> None:
    plan = planned("sum_over_time(x[10m:])")
    assert plan.spans[first(plan, Subquery)].step_ms == FRAME.subquery_step_ms


@pytest.mark.parametrize(
    ("ends", "range_ms", "step_ms", "grid"),
    [
        ([100], 50, 20, [60, 80, 100]),  # left-open: 50 < 60
        ([100], 60, 20, [60, 80, 100]),  # left-open: 40 is out
        ([100, 150], 30, 50, [100, 150]),
        ([0], 50, 20, [-40, -20, 0]),
        ([-10], 15, 20, [-20]),
        ([10], 5, 20, []),
        ([], 5, 20, []),
    ],
)
def test_the_grid_of_a_subquery_is_aligned_to_its_step(
    ends: list[int], range_ms: int, step_ms: int, grid: list[int]
) -> None:
    span = Span(0, range_ms=range_ms, step_ms=step_ms)
    times = np.array(ends, np.int64)
    assert span.grid(times).tolist() == grid
    assert span.grid_size(times) == len(grid)


def test_chains_are_not_deep_and_nesting_is() -> None:
    planned("+".join(["x"] * 3000))
    planned("-" * 3000 + "x")
    planned("abs(" * 90 + "x" + ")" * 90)
    with pytest.raises(ExecutionError, match=r"query\.max-depth"):
        planned("abs(" * 101 + "x" + ")" * 101)


def test_children_of_every_node() -> None:
    root = parse('label_replace(x, "a", "b", "c", "d")', ALL_FEATURES)
    assert isinstance(root, Call)
    assert children(root) == root.args


@pytest.mark.parametrize(
    ("text", "is_movable"),
    [
        ("1", True),
        ("x", True),
        ("rate(x[2m] offset 1m) / ignoring (a) (y offset -5m)", True),
        ("sum by (a) (x smoothed) + rate(x[range()] anchored) + rate(x[step()])", True),
        ("info(x)", True),
        ("x @ 50", False),
        ("x + y @ start()", False),
        ("x + y @ end()", False),
        ("max_over_time(x[10m:1m])", False),
    ],
)
def test_a_plan_moves_with_the_times_of_its_query(text: str, is_movable: bool) -> None:
    root = parse(text, ALL_FEATURES)
    plan = make_plan(root, replace(FRAME, start_ms=0, end_ms=600_000))
    assert plan.is_movable is is_movable
    if is_movable:
        assert plan.moved(FRAME.start_ms) == make_plan(root, FRAME)
        assert plan == make_plan(root, replace(FRAME, start_ms=0, end_ms=600_000))
