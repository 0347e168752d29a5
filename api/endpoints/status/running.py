"""The endpoints about requests: those under way, which may be ended, and those that were slow."""

from typing import Any

from api.answers.encoding import encode_data
from api.endpoints.handler import NOTHING, Call
from api.errors import NotFound
from api.params import limit_of
from api.sources.running import Entry, Running
from api.times import seconds_of


class RunningHandlers:
    """The endpoints over the requests of one server; who asks sees those of its tenants."""

    def __init__(self, running: Running) -> None:
        self._running = running

    def active(self, call: Call) -> bytes:
        """What is being computed, the oldest first."""
        return self._listed(call, self._running.active(call.tenants))

    def slow(self, call: Call) -> bytes:
        """What took long, the newest first."""
        return self._listed(call, self._running.slow(call.tenants))

    def stop(self, call: Call) -> bytes:
        """End one; it is answered as one that was canceled. Raises NotFound."""
        text = call.path["id"]
        is_number = text.isascii() and text.isdigit() and len(text) < 19
        if not is_number or not self._running.stop(int(text), call.tenants):
            raise NotFound(f"no query under way has the id {text!r}")
        return NOTHING

    def _listed(self, call: Call, entries: list[Entry]) -> bytes:
        limit = limit_of(call.params) or len(entries)
        return encode_data({"queries": [entry_data(entry) for entry in entries[:limit]]})


def entry_data(entry: Entry) -> dict[str, Any]:
    """A request as JSON values; times are seconds."""
    return {
        "id": str(entry.number),
        "endpoint": entry.endpoint,
        "tenants": entry.tenants,
        "query": entry.text,
        "origin": entry.origin,
        "started": seconds_of(entry.started_ms),
        "seconds": entry.seconds,
        "phases": entry.phases,
        "peakSamples": entry.peak_samples,
        "bytes": entry.answer_bytes,
        "error": entry.error,
        "traceId": entry.trace,
    }
