"""From an exception to Prometheus' errorType and HTTP status.

The API's own operating errors, one tree:

    ApiError
    +-- BadData              a parameter or header is missing or wrong    bad_data
    +-- Unavailable          too many requests, or not ready              unavailable
    +-- Disabled             not offered, however often one asks          unavailable, 500
    +-- NotFound             there is no such thing                       not_found
    +-- Forbidden            it is not to be changed, or not by this one  bad_data, 403
    +-- Conflict             something else has come between              bad_data, 409
    +-- AnswerTooLarge       there is more to say than is allowed         execution

Errors of the engine and of storage are mapped by the table in `classify`. What is not in it is a
bug: it is logged, and the client only learns that there was one.
"""

from dataclasses import dataclass

from api.promql.bounds import DEFAULT_STEPS, Bound
from api.promql.errors import QueryError
from storage import errors as storage_errors

# Of Prometheus 3; `unavailable` differs: 500 would say to clients that asking again is pointless.
STATUS_OF_KIND = {
    "bad_data": 400,
    "execution": 422,
    "canceled": 499,
    "timeout": 503,
    "unavailable": 503,
    "not_found": 404,
    "internal": 500,
}


# Of what is not there at all, whatever kind it is, as Prometheus has it.
DISABLED_STATUS = 500


class ApiError(Exception):
    """Base of the errors that the API itself raises. `kind` is the errorType; `status` that of the
    answer where it is not the kind's."""

    kind = "internal"
    status = 0


class BadData(ApiError):
    """The request cannot be understood; str() is the text for the client."""

    kind = "bad_data"


class Unavailable(ApiError):
    """The request was not even begun; it may succeed later."""

    kind = "unavailable"


class Disabled(ApiError):
    """What was asked for is switched off or not there at all."""

    kind = "unavailable"
    status = DISABLED_STATUS


class NotFound(ApiError):
    """The one thing that the request names does not exist."""

    kind = "not_found"


class Forbidden(ApiError):
    """What the request would change is protected, or whoever asks has no right to change it."""

    kind = "bad_data"
    status = 403


class Conflict(ApiError):
    """The request does not fit what became of things since."""

    kind = "bad_data"
    status = 409


class AnswerTooLarge(ApiError):
    """The answer has more bytes than `api.max-answer-bytes` or the tenant's limit allow."""

    kind = "execution"


@dataclass(frozen=True, slots=True)
class Failure:
    """What a client learns of an error. own_status: of the answer, where it is not the kind's."""

    kind: str
    text: str
    own_status: int = 0

    @property
    def status(self) -> int:
        return self.own_status or STATUS_OF_KIND[self.kind]


def invalid_parameter(name: str, cause: object) -> BadData:
    return BadData(f'invalid parameter "{name}": {cause}')


def resolution_exceeded(steps: int, bound: Bound) -> BadData:
    """Too many steps; in Prometheus' own words where the limit is Prometheus' own."""
    got = "" if bound == DEFAULT_STEPS else f" (got {steps:,}; {bound})"
    return BadData(
        f"exceeded maximum resolution of {bound.allowed:,} points per timeseries. "
        f"Try decreasing the query resolution (?step=XX){got}"
    )


def classify(error: Exception) -> Failure:
    """The failure that an exception stands for; `internal` for an unforeseen one."""
    match error:
        case ApiError():
            return Failure(error.kind, str(error), error.status)
        case QueryError() if error.kind == "bad_data":
            return Failure("bad_data", str(invalid_parameter("query", error)))
        case QueryError():
            return Failure(error.kind, str(error))
        case storage_errors.TenantError():
            return Failure("bad_data", str(error))
        case storage_errors.LimitExceeded() | storage_errors.SourceFailed():
            return Failure("execution", str(error))
        case storage_errors.QueryStopped():
            return Failure("timeout", str(error))
        case storage_errors.Overloaded() | storage_errors.StoreFailed():
            return Failure("unavailable", str(error))
        case storage_errors.ReadOnly() | storage_errors.Fenced():
            return Failure("unavailable", str(error))
        case storage_errors.StorageError():
            return Failure("internal", str(error))
    return Failure("internal", "internal error; the server's log has the details")


def is_foreseen(error: Exception) -> bool:
    """Whether an error needs no traceback in the log."""
    return isinstance(error, ApiError | QueryError | storage_errors.StorageError)
