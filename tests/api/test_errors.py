"""The table of errors: every kind that can be raised has a status, and bugs tell nothing."""

import pytest

from api.errors import STATUS_OF_KIND, BadData, Disabled, Unavailable, classify, is_foreseen
from api.promql import errors as promql
from storage import errors as storage

PARSE = promql.ParseError("unexpected", 3, 4, b"up{")


@pytest.mark.parametrize(
    ("error", "kind", "status", "text"),
    [
        (BadData("x"), "bad_data", 400, "x"),
        (Unavailable("x"), "unavailable", 503, "x"),
        (Disabled("x"), "unavailable", 500, "x"),
        (PARSE, "bad_data", 400, 'invalid parameter "query": 1:4: parse error: unexpected'),
        (promql.BadQuery("x"), "bad_data", 400, 'invalid parameter "query": x'),
        (promql.ExecutionError("x"), "execution", 422, "x"),
        (promql.TooManySamples("x"), "execution", 422, "x"),
        (promql.QueryTimeout("x"), "timeout", 503, "x"),
        (promql.QueryCanceled("x"), "canceled", 499, "x"),
        (promql.QueryError("x"), "internal", 500, "x"),
        (storage.TenantError("x"), "bad_data", 400, "x"),
        (storage.LimitExceeded("x"), "execution", 422, "x"),
        (storage.QueryStopped("x"), "timeout", 503, "x"),
        (storage.Overloaded("x"), "unavailable", 503, "x"),
        (storage.ReadOnly("x"), "unavailable", 503, "x"),
        (storage.Fenced("x"), "unavailable", 503, "x"),
        (storage.FormatError("x"), "internal", 500, "x"),
        (KeyError("secret"), "internal", 500, "internal error; the server's log has the details"),
    ],
)
def test_classification(error: Exception, kind: str, status: int, text: str) -> None:
    failure = classify(error)
    assert (failure.kind, failure.status, failure.text) == (kind, status, text)
    assert is_foreseen(error) == (not isinstance(error, KeyError))


def test_every_kind_has_a_status() -> None:
    classes = [promql.QueryError, BadData, Unavailable]
    while classes:
        cls = classes.pop()
        assert cls.kind in STATUS_OF_KIND
        classes += cls.__subclasses__()
