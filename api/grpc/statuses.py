"""From an exception to the status that a call ends with."""

import grpc

from api.errors import AnswerTooLarge, classify
from api.promql.errors import QueryCanceled
from api.thanos.errors import Incomplete
from storage.errors import LimitExceeded, TenantError

CODES = {
    "bad_data": grpc.StatusCode.INVALID_ARGUMENT,
    "execution": grpc.StatusCode.FAILED_PRECONDITION,
    "canceled": grpc.StatusCode.CANCELLED,
    "timeout": grpc.StatusCode.DEADLINE_EXCEEDED,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "not_found": grpc.StatusCode.NOT_FOUND,
    "internal": grpc.StatusCode.INTERNAL,
}
# Of what is more than its kind says.
OWN_CODES: dict[type[Exception], grpc.StatusCode] = {
    LimitExceeded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    AnswerTooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Incomplete: grpc.StatusCode.ABORTED,
    QueryCanceled: grpc.StatusCode.CANCELLED,
    TenantError: grpc.StatusCode.INVALID_ARGUMENT,
}


class Denied(Exception):
    """The caller may not do this; str() is the text for it."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code


def status_of(error: Exception) -> tuple[grpc.StatusCode, str]:
    """Code and text of the status."""
    if isinstance(error, Denied):
        return error.code, str(error)
    failure = classify(error)
    for kind, code in OWN_CODES.items():
        if isinstance(error, kind):
            return code, failure.text
    return CODES[failure.kind], failure.text
