"""From errors to HTTP statuses."""

import pytest

from receiver.errors import (
    Busy,
    CorruptBody,
    SlowBody,
    TooLarge,
    UnsupportedMedia,
    WriteError,
    status_of,
)
from receiver.late_database import NotReady
from storage.errors import (
    CorruptBatch,
    Fenced,
    LimitExceeded,
    LogFailed,
    Overloaded,
    StorageError,
    TenantError,
)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (UnsupportedMedia, 415),
        (TooLarge, 413),
        (CorruptBody, 400),
        (Busy, 503),
        (SlowBody, 503),
        (TenantError, 400),
        (CorruptBatch, 400),
        (LimitExceeded, 400),
        (Overloaded, 503),
        (Fenced, 503),
        (NotReady, 503),
        (LogFailed, 503),
        (StorageError, 500),
    ],
)
def test_status(kind: type[WriteError | StorageError], status: int) -> None:
    assert status_of(kind("text")) == status


def test_reasons_are_distinct() -> None:
    reasons = [kind.reason for kind in (WriteError, *WriteError.__subclasses__())]
    assert len(set(reasons)) == len(reasons)
