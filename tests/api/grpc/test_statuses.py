"""Which status an error becomes."""

from __future__ import annotations

import grpc
import pytest

from api.errors import AnswerTooLarge, BadData, NotFound, Unavailable
from api.grpc.statuses import Denied, status_of
from api.promql.errors import QueryCanceled, QueryTimeout
from api.thanos.errors import Incomplete
from storage.errors import LimitExceeded, Overloaded, StorageError, TenantError


@pytest.mark.parametrize(
    "error, code",
    [
        (BadData("x"), "INVALID_ARGUMENT"),
        (TenantError("x"), "INVALID_ARGUMENT"),
        (LimitExceeded("x"), "RESOURCE_EXHAUSTED"),
        (AnswerTooLarge("x"), "RESOURCE_EXHAUSTED"),
        (Incomplete("x"), "ABORTED"),
        (QueryCanceled("x"), "CANCELLED"),
        (QueryTimeout("x"), "DEADLINE_EXCEEDED"),
        (Unavailable("x"), "UNAVAILABLE"),
        (Overloaded("x"), "UNAVAILABLE"),
        (NotFound("x"), "NOT_FOUND"),
        (StorageError("x"), "INTERNAL"),
        (Denied(grpc.StatusCode.UNAUTHENTICATED, "x"), "UNAUTHENTICATED"),
    ],
)
def test_statuses(error: Exception, code: str) -> None:
    assert status_of(error) == (grpc.StatusCode[code], "x")


def test_bugs_say_nothing_of_themselves() -> None:
    code, text = status_of(KeyError("secret"))
    assert code is grpc.StatusCode.INTERNAL and "secret" not in text
