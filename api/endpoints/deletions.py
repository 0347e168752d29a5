"""The endpoints that delete: series, what is left of them in files, whole tenants; and receipts.

They delete from one tenant, only where they are switched on, and note who asked for it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from api.answers.encoding import encode_data
from api.endpoints.handler import Call, Job, Slot
from api.errors import BadData, Disabled
from api.params import deletion_params
from api.promql.go_format import quote
from api.times import MAX_TIME_MS, MIN_TIME_MS, seconds_of
from storage.catalog.deletions import Deletion, MatcherSets, Receipt
from storage.labels.matchers import Matcher


class Deleter(Protocol):
    """What deletes. Everything blocks, and raises storage.errors.StorageError."""

    def delete_series(
        self, tenant: str, matcher_sets: MatcherSets, start_ms: int, end_ms: int, *, author: str
    ) -> Deletion | None: ...

    def delete_tenant(self, tenant: str, *, author: str) -> None: ...

    def tenant_is_deleted(self, tenant: str) -> bool: ...

    def clean(self, tenant: str, *, stopped: Callable[[], bool]) -> int: ...

    def receipts(self, tenant: str) -> list[Receipt]: ...


@dataclass(frozen=True, slots=True)
class Deleting:
    """Who deletes, whether that is switched on, and who asks for it, by name, "" if that is not
    known: asked while a request is being read."""

    deleter: Callable[[], Deleter]
    enabled: bool = False
    author: Callable[[], str] = lambda: ""


class DeletionHandlers:
    """The endpoints over what deletes."""

    def __init__(self, deleting: Deleting) -> None:
        self._deleting = deleting

    def delete_series(self, call: Call) -> Job:
        """Delete the selected series' samples of a range of time."""
        tenant, author = self._admitted(call)
        wish = deletion_params(call.params)

        def run(turn: Slot) -> Iterator[bytes]:
            self._deleting.deleter().delete_series(tenant, *wish, author=author)
            yield b""

        return Job(run, is_empty=True)

    def clean_tombstones(self, call: Call) -> Job:
        """Rewrite the files that still hold what was deleted."""
        tenant, _ = self._admitted(call)

        def run(turn: Slot) -> Iterator[bytes]:
            self._deleting.deleter().clean(tenant, stopped=turn.cancelled)
            yield b""

        return Job(run, is_empty=True)

    def delete_tenant(self, call: Call) -> Job:
        """Delete all that the tenant has."""
        tenant, author = self._admitted(call)

        def run(turn: Slot) -> Iterator[bytes]:
            self._deleting.deleter().delete_tenant(tenant, author=author)
            yield b""

        return Job(run, headers={"Content-Type": "text/plain; charset=utf-8"})

    def tenant_status(self, call: Call) -> Job:
        """Whether the deletion of the tenant is done."""
        tenant, _ = self._admitted(call)

        def run(turn: Slot) -> Iterator[bytes]:
            is_deleted = self._deleting.deleter().tenant_is_deleted(tenant)
            yield orjson.dumps({"tenant_id": tenant, "blocks_deleted": is_deleted})

        return Job(run)

    def receipts(self, call: Call) -> Job:
        """What became of the deletions of the request's tenants, newest first."""

        def run(turn: Slot) -> Iterator[bytes]:
            deleter = self._deleting.deleter()
            found = [
                receipt_data(tenant, receipt)
                for tenant in call.tenants
                for receipt in deleter.receipts(tenant)
            ]
            yield encode_data({"deletions": found})

        return Job(run)

    def _admitted(self, call: Call) -> tuple[str, str]:
        """The tenant to delete from, and who asks for it. Raises Disabled or BadData."""
        if not self._deleting.enabled:
            raise Disabled("admin APIs disabled")
        if len(call.tenants) != 1:
            raise BadData(
                f"the request names {len(call.tenants)} tenants; what deletes is for one tenant"
            )
        return call.tenants[0], self._deleting.author()


def receipt_data(tenant: str, receipt: Receipt) -> dict[str, Any]:
    """A receipt as JSON values; times are seconds, null where there is none or no bound."""
    deletion = receipt.deletion
    start_ms = None if deletion.start_ms <= MIN_TIME_MS else deletion.start_ms
    end_ms = None if deletion.end_ms >= MAX_TIME_MS else deletion.end_ms
    return {
        "number": deletion.number,
        "tenant": tenant,
        "matchers": [selector_text(matchers) for matchers in deletion.matcher_sets],
        "start": seconds_of(start_ms),
        "end": seconds_of(end_ms),
        "author": deletion.author,
        "created": seconds_of(deletion.created_ms),
        "done": seconds_of(receipt.done_ms),
        "series": deletion.series,
        "samples": receipt.samples,
        "segmentsRewritten": receipt.segments,
        "segmentsPending": receipt.segments_pending,
    }


def selector_text(matchers: Sequence[Matcher]) -> str:
    """A selector as it may be written in a query."""
    return "{" + ", ".join(f"{m.name}{m.op}{quote(m.value)}" for m in matchers) + "}"
