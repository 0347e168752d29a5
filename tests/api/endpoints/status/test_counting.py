"""Which series are counted: ranges that follow from others, and limits."""

import pytest

from api.endpoints.status.counting import counted, counted_limit
from api.errors import BadData
from api.forms import Params
from api.times import MIN_TIME_MS

HOUR_MS = 3_600_000
NOW_MS = 10 * HOUR_MS


@pytest.mark.parametrize(
    ("query", "span", "before"),
    [
        ("", (NOW_MS - HOUR_MS, NOW_MS), None),
        ("start=1&end=3", (1000, 3000), None),
        ("start=4&end=6&compare_end=4", (4000, 6000), (2000, 4000)),
        ("start=4&end=6&compare_start=1", (4000, 6000), (1000, 4000)),
        ("start=4&end=6&compare_start=1&compare_end=2", (4000, 6000), (1000, 2000)),
        ("start=-1e300&end=1e300&compare_end=0", None, (MIN_TIME_MS, 0)),
    ],
)
def test_ranges(query: str, span: tuple[int, int] | None, before: tuple[int, int] | None) -> None:
    found = counted(Params.parse(query), now_ms=NOW_MS)
    assert span is None or found.span == span
    assert found.before == before


@pytest.mark.parametrize(("query", "limit"), [("", 10), ("limit=3", 3), ("limit=20", 20)])
def test_limits(query: str, limit: int) -> None:
    assert counted_limit(Params.parse(query), 10, 20) == limit


@pytest.mark.parametrize("text", ["0", "-1", "x", "21", "1.5"])
def test_limits_that_are_refused(text: str) -> None:
    with pytest.raises(BadData, match="^limit must "):
        counted_limit(Params.parse(f"limit={text}"), 10, 20)
