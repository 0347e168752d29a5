"""Data worth looking at: what the tests and the pictures of the page are made with.

edge      an HA pair, of which b has been silent for the last twenty minutes, and late samples
          that were refused
lab       one agent, with half as many requests; native histograms, exemplars, values that are huge
hostile   texts that look like markup, point the wrong way, or are far too long
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping

from tests.makers.bodies.rich import body_v1, compress, metadata_v1
from tests.makers.bodies.v1 import HEADERS, encode
from tests.makers.page.observed import observe
from tests.makers.real_api import RealApi, Series

SETTINGS: Mapping[str, object] = {
    "storage.shards": "2",
    "storage.retention": "0",
    "dedup.replica-labels": "prometheus_replica",
    "dedup.cluster-labels": "cluster",
    # Half of it is what is sealed to segments at once.
    "storage.head.max-samples": "40000",
    "api.slow-query-threshold": "1ms",
}
MINUTE_MS = 60_000
INTERVAL_MS = 15_000
SILENT_MS = 20 * MINUTE_MS
AWAY_MS = (44 * MINUTE_MS, 38 * MINUTE_MS)
LONG_MS = 60 * MINUTE_MS
HISTORY_MS = 30 * 60 * MINUTE_MS
TRIES_MAX = 3_000
# Name, type as a number of the protocol, help text.
FAMILIES = (
    ("http_requests_total", 1, "Requests that were answered, by handler and code."),
    ("http_request_duration_seconds", 3, "How long requests took."),
    ("node_temperature_celsius", 2, "Temperature of the machine."),
    ("stock_moves_total", 1, "Parcels that were put on a shelf or taken from it."),
)
HANDLERS = ("/", "/cart", "/checkout", "/search")
HOSTILE = (
    '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>',
    "\u202egnp.exe \u2066isolated",
    'it\'s "quoted" \\ and `ticked`',
    "javascript:window.hurt=1//{{7*7}}${window.hurt=1}",
)
LONG_BYTES = 60_000


def samples(first_ms: int, end_ms: int, *, offset_ms: int, rate: float) -> list[tuple[int, float]]:
    """A counter that goes up and down with the time of day, from a scrape each interval."""
    times = range(first_ms - first_ms % INTERVAL_MS + offset_ms, end_ms, INTERVAL_MS)
    value, found = 1000.0, []
    for time_ms in times:
        value += rate * (1.2 + math.sin(time_ms / 900_000)) * INTERVAL_MS / 1000
        found.append((time_ms, round(value, 3)))
    return found


def targets(now_ms: int, external: dict[str, str], end_ms: int, *, rate: float) -> Iterator[Series]:
    """What one agent sends of its targets."""
    is_away = external["cluster"] == "edge-1" and external["prometheus_replica"] == "a"
    away = range(now_ms - AWAY_MS[0], now_ms - AWAY_MS[1]) if is_away else range(0)
    for labels, points in of_targets(now_ms, external, end_ms, rate=rate):
        yield labels, [(time_ms, value) for time_ms, value in points if time_ms not in away]


def of_targets(
    now_ms: int, external: dict[str, str], end_ms: int, *, rate: float
) -> Iterator[Series]:
    """The same, had it never been away."""
    offset_ms = 4_000 if external["prometheus_replica"] == "b" else 0
    start_ms = now_ms - LONG_MS
    for instance in ("web-1:9100", "web-2:9100", "db-1:9187"):
        job = instance.partition("-")[0]
        labels = {"instance": instance, "job": job, **external}
        times = [t for t, _ in samples(start_ms, end_ms, offset_ms=offset_ms, rate=0)]
        yield {"__name__": "up", **labels}, [(t, 1.0) for t in times]
        heat = [(t, round(20 + 5 * math.sin(t / 600_000 + len(instance)), 2)) for t in times]
        yield {"__name__": "node_temperature_celsius", **labels}, heat
        for handler in HANDLERS:
            path = {"handler": handler, "code": "200"}
            counted = samples(
                start_ms, end_ms, offset_ms=offset_ms, rate=rate * (1 + len(handler) / 8)
            )
            yield {"__name__": "http_requests_total", **labels, **path}, counted
        for bound, share in (("0.1", 0.2), ("0.5", 0.7), ("2", 0.95), ("+Inf", 1.0)):
            slow = samples(start_ms, end_ms, offset_ms=offset_ms, rate=rate * share)
            yield {"__name__": "http_request_duration_seconds_bucket", **labels, "le": bound}, slow


async def fill(api: RealApi, now_ms: int) -> None:
    """Write all of it."""
    await fill_history(api, now_ms)
    await describe(api)
    a = {"cluster": "edge-1", "prometheus_replica": "a"}
    b = {"cluster": "edge-1", "prometheus_replica": "b"}
    await api.write(*targets(now_ms, a, now_ms, rate=40), tenant="edge")
    await api.write(*targets(now_ms, b, now_ms - SILENT_MS, rate=40), tenant="edge")
    lab = {"cluster": "lab-1", "prometheus_replica": "a"}
    await api.write(*targets(now_ms, lab, now_ms, rate=20), tenant="lab")
    await observe(api, now_ms, "lab")
    await refuse(api, now_ms)
    await api.write(*hostile(now_ms), tenant="hostile")


async def describe(api: RealApi) -> None:
    """Send types and help texts of the pair's metrics."""
    families = [metadata_v1(name, kind, text) for name, kind, text in FAMILIES]
    body = compress(body_v1([], families))
    headers = HEADERS | {"X-Scope-OrgID": "edge"}
    async with api.client.post("/api/v1/write", data=body, headers=headers) as response:
        assert response.status == 204, await response.text()


async def fill_history(api: RealApi, now_ms: int) -> None:
    """More than a day of a few series of the pair, enough to be sealed, and return when it is."""
    external = {"cluster": "edge-1", "prometheus_replica": "a"}
    for shelf in range(6):
        start_ms = now_ms - HISTORY_MS
        points = samples(start_ms, now_ms - LONG_MS, offset_ms=0, rate=3 + shelf)
        labels = {"__name__": "stock_moves_total", "job": "web", "shelf": str(shelf), **external}
        await write_when_there_is_room(api, (labels, points))
    for _ in range(TRIES_MAX):
        _, report = await api.get("status/segments")
        if report["shards"]:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("no segment was made")


async def write_when_there_is_room(api: RealApi, series: Series) -> None:
    """A full head is answered 503 until it is sealed."""
    headers = HEADERS | {"X-Scope-OrgID": "edge"}
    for _ in range(TRIES_MAX):
        body = encode([series])
        async with api.client.post("/api/v1/write", data=body, headers=headers) as response:
            if response.status == 204:
                return
            assert response.status == 503, await response.text()
        await asyncio.sleep(0.1)
    raise AssertionError("the head stayed full")


def hostile(now_ms: int) -> Iterator[Series]:
    """Names and values that a page must show as nothing but text."""
    for number, text in enumerate(HOSTILE):
        yield {"__name__": "hostile", "number": str(number), "text": text}, [(now_ms, number)]
        yield {"__name__": text, "number": str(number)}, [(now_ms, number)]
    long = {"__name__": "hostile", "number": "long", "text": "long " * (LONG_BYTES // 5)}
    yield long, [(now_ms, 9.0)]


async def refuse(api: RealApi, now_ms: int) -> None:
    """Contradict the newest samples of some series."""
    labels = {"instance": "web-1:9100", "job": "web", "cluster": "edge-1"}
    again = [
        ({"__name__": "refused_total", "shelf": str(shelf), **labels}, [(now_ms - 1000, value)])
        for value in (1.0, 2.0)
        for shelf in range(5)
    ]
    for part in (again[:5], again[5:]):
        body = encode(part)
        headers = HEADERS | {"X-Scope-OrgID": "edge", "User-Agent": "Prometheus/2.53.0"}
        async with api.client.post("/api/v1/write", data=body, headers=headers) as response:
            assert response.status in (204, 400), await response.text()
