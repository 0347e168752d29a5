"""The endpoint of Thanos Query that lists where data come from: this server, and others it asks."""

from collections.abc import Callable

from api.answers.encoding import encode_data
from api.endpoints.handler import Call
from api.sources.program import Program, StoreFacts
from api.times import rfc3339

# The label by which Thanos' receivers state whose data they have.
TENANT_LABEL = "tenant_id"
OPEN_END_MS = (1 << 63) - 1


class StoreHandlers:
    """The endpoint over one program. now_ms: the clock."""

    def __init__(self, program: Program, *, now_ms: Callable[[], int]) -> None:
        self._program = program
        self._now_ms = now_ms

    def stores(self, call: Call) -> bytes:
        """This server as a receiver, with the tenants of the request, and the other stores that
        their queries ask, by type; times are milliseconds."""
        now_ms, retention_ms = self._now_ms(), self._program.retention_ms
        own = {
            "name": self._program.listens,
            "lastCheck": rfc3339(now_ms),
            "lastError": None,
            "labelSets": [{TENANT_LABEL: tenant} for tenant in call.tenants],
            "minTime": now_ms - retention_ms if retention_ms else 0,
            "maxTime": OPEN_END_MS,
        }
        found: dict[str, list[object]] = {"receive": [own]}
        for store in self._program.stores():
            if store.tenant in ("", *call.tenants):
                found.setdefault(store.kind, []).append(entry_of(store))
        return encode_data(found)


def entry_of(store: StoreFacts) -> dict[str, object]:
    """A store as Thanos Query lists it. One that was never asked is of the beginning of time."""
    return {
        "name": store.name,
        "lastCheck": rfc3339(store.checked_ms),
        "lastError": store.error or None,
        "labelSets": [dict(sorted(labels.items())) for labels in store.labels],
        "minTime": store.span[0],
        "maxTime": store.span[1],
    }
