"""Bounds: which of two counts, and how an error names it."""

import pytest

from api.promql.bounds import Bound, QueryBounds
from api.promql.options import EngineOptions

OF_ALL, OF_ONE = Bound(9, "query.x"), Bound(5, "x", "ms", "limits.file")


@pytest.mark.parametrize(
    ("bound", "got", "is_below"),
    [(Bound(5, "x"), 5, False), (Bound(5, "x"), 6, True), (Bound(0, "x"), 1 << 60, False)],
)
def test_what_is_too_many(bound: Bound, got: int, *, is_below: bool) -> None:
    assert bound.is_below(got) == is_below


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        (OF_ALL, OF_ONE, OF_ONE),
        (OF_ONE, OF_ALL, OF_ONE),
        (OF_ALL, Bound(0, "x"), OF_ALL),
        (Bound(0, "query.x"), OF_ONE, OF_ONE),
        (Bound(0, "query.x"), Bound(0, "x"), Bound(0, "query.x")),
        (OF_ALL, Bound(9, "x"), OF_ALL),
    ],
)
def test_the_lower_one_counts(first: Bound, second: Bound, wanted: Bound) -> None:
    assert first.or_lower(second) == wanted


def test_an_error_names_value_setting_and_place() -> None:
    assert str(OF_ALL) == "limit: query.x=9"
    assert str(OF_ONE) == "limit: x=5 ms in limits.file"


def test_those_of_a_query_are_bounded_by_the_settings() -> None:
    options = EngineOptions(max_samples=10, max_series=20, timeout_ms=30)
    assert QueryBounds().within(options) == QueryBounds(
        Bound(10, "query.max-samples"),
        Bound(20, "query.max-series"),
        Bound(30, "query.timeout", "ms"),
    )
    own = QueryBounds(Bound(9, "a"), Bound(21, "b"), Bound(29, "c"))
    found = own.within(options)
    assert (found.samples.setting, found.series.setting, found.time.setting) == (
        "a",
        "query.max-series",
        "c",
    )
