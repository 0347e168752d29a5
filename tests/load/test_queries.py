"""Answers of two servers are compared by rows, times and values."""

import pytest
from queries import Answer, Query, QueryError, Rows, difference, parse_rows, query_set

PLAIN = Query("plain", "x", is_range=True, own_rate=False)
RATE = Query("rate", "rate(x[5m])", is_range=True, own_rate=True)
TOPK = Query("topk", "topk(1, rate(x[5m]))", is_range=True, own_rate=True, picks_rows=True)

ONE: Rows = {"a": {1.0: 2.0}}
CLOSE: Rows = {"a": {1.0: 2.0000000001}}
FAR: Rows = {"a": {1.0: 2.1}}
LATER: Rows = {"a": {2.0: 2.0}}
NAMED: Rows = {'{"__name__": "x", "a": "1"}': {1.0: 2.0}}
UNNAMED: Rows = {'{"a": "1"}': {1.0: 2.0}}
OTHER: Rows = {"b": {1.0: 2.0}}
NOT_A_NUMBER: Rows = {"a": {1.0: float("nan")}}


@pytest.mark.parametrize(
    ("query", "theirs", "same_rate", "wanted"),
    [
        (PLAIN, ONE, True, ""),
        (PLAIN, CLOSE, False, ""),
        (PLAIN, FAR, False, "values differ by 4.8e-02"),
        (PLAIN, NOT_A_NUMBER, True, "values differ by inf"),
        (PLAIN, LATER, True, "other timestamps in a"),
        (PLAIN, OTHER, True, "1 rows against 1"),
        (PLAIN, {}, True, "1 rows against 0"),
        (RATE, FAR, True, "values differ by 4.8e-02"),
        (RATE, FAR, False, ""),
        (RATE, OTHER, False, "1 rows against 1"),
        (TOPK, OTHER, True, "1 rows against 1"),
        (TOPK, OTHER, False, ""),
    ],
)
def test_difference(query: Query, theirs: Rows, same_rate: bool, wanted: str) -> None:
    assert difference(query, Answer(ONE), Answer(theirs), same_rate=same_rate) == wanted


def test_a_metric_name_may_be_kept() -> None:
    query = Query("quantile", "quantile_over_time(0.5, x[5m])", own_name=True)
    assert difference(query, Answer(UNNAMED), Answer(NAMED), same_rate=False) == ""
    assert difference(query, Answer(UNNAMED), Answer(NAMED), same_rate=True) != ""


def test_an_error_is_a_difference() -> None:
    assert difference(PLAIN, Answer(ONE), Answer({}, error="422"), same_rate=True) == "422"


def test_parse_rows() -> None:
    matrix, vector = (
        b'{"status":"success","data":{"result":[%s]}}' % row
        for row in (
            b'{"metric":{"b":"1","a":"2"},"values":[[1,"+Inf"]]}',
            b'{"metric":{},"value":[1.5,"0.25"]}',
        )
    )
    assert parse_rows(matrix) == {'{"a": "2", "b": "1"}': {1: float("inf")}}
    assert parse_rows(vector) == {"{}": {1.5: 0.25}}
    with pytest.raises(QueryError, match="no success"):
        parse_rows(b'{"status":"error"}')


def test_every_query_is_asked_both_ways() -> None:
    asked = [(query.expression, query.is_range) for query in query_set()]
    assert len(asked) == len(set(asked))
    assert {e for e, is_range in asked if is_range} == {e for e, is_range in asked if not is_range}
