"""The endpoint of Thanos Query that lists where data come from: here, from this server alone."""

from collections.abc import Callable

from api.answers.encoding import encode_data
from api.endpoints.handler import Call
from api.sources.program import Program
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
        """This server as a receiver, with the tenants of the request; times are milliseconds."""
        now_ms, retention_ms = self._now_ms(), self._program.retention_ms
        own = {
            "name": self._program.listens,
            "lastCheck": rfc3339(now_ms),
            "lastError": None,
            "labelSets": [{TENANT_LABEL: tenant} for tenant in call.tenants],
            "minTime": now_ms - retention_ms if retention_ms else 0,
            "maxTime": OPEN_END_MS,
        }
        return encode_data({"receive": [own]})
