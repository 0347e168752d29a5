"""How far expressions look, whether their steps can stand alone, and whether order counts."""

from __future__ import annotations

import pytest

from api.frontend.reach import Reach, reach_of
from api.promql.errors import QueryError
from api.promql.features import Features
from api.promql.plan import Times
from api.promql.syntax.parser import parse
from storage.labels.matchers import Matcher

MINUTE = 60_000
TIMES = Times(
    start_ms=0, end_ms=0, step_ms=MINUTE, lookback_ms=5 * MINUTE, subquery_step_ms=MINUTE,
    depth_max=100,
)  # fmt: skip
FEATURES = Features(extended_range_selectors=True, experimental_functions=True)


def reach(text: str) -> Reach | None:
    return reach_of(parse(text, FEATURES), TIMES)


@pytest.mark.parametrize(
    ("text", "back", "ahead"),
    [
        ("m", 5, 0),
        ("sum(rate(m[10m])) + 1", 10, 0),
        ("m + n offset 1h", 65, 0),
        ("m offset 1h", 65, -60),
        ("m offset -7m", -2, 7),
        ("m offset -2m or m", 5, 2),
        ("max_over_time(m[1h:5m])", 65, 0),
        ("max_over_time(rate(m[10m])[1h:5m] offset 1h)", 130, -60),
        ("max_over_time(max_over_time(m[1h:5m])[30m:1m])", 95, 0),
        ("m smoothed", 10, 5),
        ("rate(m[10m] anchored)", 15, 0),
        ("m offset step()", 6, -1),
        ("absent(m)", 5, 0),
        ("time() - timestamp(m)", 5, 0),
    ],
)
def test_reach_of_a_step(text: str, back: int, ahead: int) -> None:
    found = reach(text)
    assert found is not None
    assert (found.back_ms, found.ahead_ms) == (back * MINUTE, ahead * MINUTE)
    assert found.fixed == ()


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("m @ 3600", ((55, 60),)),
        ("m @ 3600 offset 10m", ((45, 50),)),
        ("rate(m[20m] @ 3600) / m @ 600", ((5, 10), (40, 60))),
        ("max_over_time(m[1h:5m] @ 7200)", ((55, 120),)),
        ("max_over_time((m @ 3600)[1h:5m] @ 7200)", ((55, 60),)),
    ],
)
def test_fixed_times(text: str, fixed: tuple[tuple[int, int], ...]) -> None:
    found = reach(text)
    assert found is not None
    in_ms = tuple((first * MINUTE, last * MINUTE) for first, last in fixed)
    assert tuple(sorted(found.fixed)) == in_ms
    assert (found.back_ms, found.ahead_ms) == (0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "m @ start()", "sum(m @ end())", "max_over_time(m[5m:1m] @ end())", "m offset range()",
        "rate(m[range()])", "max_over_time(m[5m:range()])", "rate(m[max_of(1m, range())])",
        "info(m)", "m * range()", "m - start()", "m - end()", "1 + 2", "vector(time())",
    ],
)  # fmt: skip
def test_the_whole_range_is_one_piece(text: str) -> None:
    assert reach(text) is None


def test_selectors() -> None:
    found = reach('m{a="b"} + on () n')
    assert found is not None
    assert sorted(found.selectors, key=len) == [
        (Matcher("__name__", "=", "n"),),
        (Matcher("a", "=", "b"), Matcher("__name__", "=", "m")),
    ] or {len(each) for each in found.selectors} == {1, 2}


@pytest.mark.parametrize(
    ("text", "ordered"),
    [
        ("m", False),
        ("max(sum_over_time(m[5m]))", False),
        ("sum(m)", None),
        ("avg by (a) (-abs(rate(m[5m]) * 2 > 1))", None),
        ("sum(2 * clamp_max(m, 3))", None),
        ("topk(3, quantile_over_time(0.5, m[5m]))", None),
        ("sum(max by (a) (m))", True),
        ("sum(m + n)", True),
        ("stddev(max_over_time(sum(m)[5m:1m]))", True),
        ('sum({a="b"})', True),
        ('sum(label_replace(m, "a", "b", "c", ".*"))', True),
        ("limitk(1, m or n)", True),
    ],
)
def test_order(text: str, ordered: bool | None) -> None:
    found = reach(text)
    assert found is not None
    assert found.ordered is ordered


def test_what_is_not_allowed_is_an_error() -> None:
    with pytest.raises(QueryError):
        reach("rate(m[step() - 1h])")
