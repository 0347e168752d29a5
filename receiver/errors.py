"""The operating errors of the receiver, and how errors of a write become HTTP answers.

    WriteError
    +-- UnsupportedMedia     a content type or encoding that is not decoded        415
    +-- TooLarge             more bytes or samples than one request may have       413
    +-- CorruptBody          not what the headers say it is                        400
    +-- Busy                 a bound on what is in flight is reached               503
    +-- SlowBody             the body did not arrive in time                       503
    +-- RateLimited          the tenant sends more than its rate                   429 or 503
    +-- Forbidden            a part is for a tenant that the sender may not write  403

A sender drops what is answered by 4xx and sends again what is answered by 5xx: 503 stands for
everything that may succeed later, 4xx for what never can. Prometheus drops the data of 409 and 429
too by default: 409 is for VictoriaMetrics' protocol only (receiver.write.handler), and 429 for
rates, unless limits.rate-limit-status is 503.
"""

import random

from storage.errors import CorruptBatch, LimitExceeded, StorageError, TenantError


class WriteError(Exception):
    """Base of the receiver's errors; str() is the text for the sender."""

    status = 400
    reason = "invalid"


class UnsupportedMedia(WriteError):
    """The body's type or encoding is not one that can be decoded."""

    status = 415
    reason = "unsupported_media"


class TooLarge(WriteError, ValueError):
    """The request is larger than the limit named in the text."""

    status = 413
    reason = "too_large"


class CorruptBody(WriteError, ValueError):
    """The body cannot be decoded; none of it was kept."""

    reason = "corrupt"


class Busy(WriteError):
    """Too much is in flight; the text names the limit."""

    status = 503
    reason = "busy"


class SlowBody(WriteError):
    """The sender took longer than allowed to send the body."""

    status = 503
    reason = "slow_body"


class RateLimited(WriteError):
    """The tenant is above a rate; retry_after_s: when it will not be any more."""

    reason = "rate_limited"

    def __init__(self, text: str, *, status: int, retry_after_s: float) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after_s = retry_after_s


class Forbidden(WriteError):
    """The sender may not write to a tenant that its samples name."""

    status = 403
    reason = "forbidden"


def status_of(error: WriteError | StorageError) -> int:
    """The HTTP status that answers a write request which failed as a whole."""
    if isinstance(error, WriteError):
        return error.status
    if isinstance(error, TenantError | CorruptBatch | LimitExceeded):
        return 400
    return 503 if error.retryable else 500


RETRY_AFTER_MIN_S = 1
RETRY_AFTER_MAX_S = 5


def retry_after_s() -> int:
    """Seconds until a sender should try again: random, so that senders do not come back in step."""
    return random.randint(RETRY_AFTER_MIN_S, RETRY_AFTER_MAX_S)
