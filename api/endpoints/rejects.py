"""The endpoint about refusals: which series were refused of late, why, and who had sent them."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from api.answers.encoding import encode_data
from api.endpoints.handler import Call, Job, Slot
from api.params import wanted_rejects
from api.promql.go_format import format_g
from api.times import seconds_of
from storage.refusals.ledger import Entry, Extract, Tally, Wanted


class Ledger(Protocol):
    """Where refusals are read from."""

    def extract(self, tenants: Sequence[str], wanted: Wanted) -> Extract:
        """What is known of the tenants, newest first."""
        ...


class RejectHandlers:
    """The endpoint over one ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def rejected(self, call: Call) -> Job:
        """The refusals of the request's tenants, newest first, and the counts of all."""
        wanted = wanted_rejects(call.params)

        def run(turn: Slot) -> Iterator[bytes]:
            extract = self._ledger.extract(call.tenants, wanted)
            yield encode_data(
                {
                    "rejected": [entry_data(entry) for entry in extract.entries],
                    "counts": [common_data(tally) for tally in extract.tallies],
                }
            )

        return Job(run)


def entry_data(entry: Entry) -> dict[str, Any]:
    """An entry as JSON values; times are seconds, a value is a text as in query results."""
    sample = entry.sample
    return {
        **common_data(entry),
        "message": entry.message,
        "labels": None if sample is None else sample.labels,
        "timestamp": None if sample is None else seconds_of(sample.timestamp_ms),
        "value": None if sample is None or sample.value is None else format_g(sample.value),
        "sender": {"address": entry.sender.address, "userAgent": entry.sender.user_agent},
    }


def common_data(item: Entry | Tally) -> dict[str, Any]:
    return {
        "tenant": item.tenant,
        "reason": item.reason,
        "count": item.count,
        "firstSeen": seconds_of(item.first_ms),
        "lastSeen": seconds_of(item.last_ms),
    }
