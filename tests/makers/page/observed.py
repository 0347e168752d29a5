"""Native histograms and exemplars of a service, and values at the ends of what numbers are."""

from __future__ import annotations

import math

from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v1, compress
from tests.makers.bodies.v1 import HEADERS
from tests.makers.real_api import RealApi

INTERVAL_MS = 15_000
LONG_MS = 60 * 60_000
LABELS = {"job": "rpc", "instance": "rpc-1:8080"}
# What of 100 observations lies in each bucket, bounded above by 1/4, 1/2, 1, 2, 4 and 8.
SHAPES = ((40, 30, 15, 10, 5, 0), (0, 5, 10, 15, 30, 40))
EXTREMES = {
    "huge": "1e300",
    "tiny": "1e-300",
    "largest": "1.7976931348623157e308",
    "negative": "-5e15",
    "none": "nan",
    "endless": "inf",
    "zero": "0",
}


def histograms(now_ms: int) -> list[WireHistogram]:
    """Each scrape counts 100 more; the later ones took longer."""
    counts, found, total = [0] * 6, [], 0
    for time_ms in range(now_ms - LONG_MS, now_ms + 1, INTERVAL_MS):
        share = (time_ms - now_ms + LONG_MS) / LONG_MS
        more = [round((1 - share) * a + share * b) for a, b in zip(*SHAPES, strict=True)]
        counts = [count + new for count, new in zip(counts, more, strict=True)]
        total = sum(counts)
        deltas = [counts[0], *(b - a for a, b in zip(counts, counts[1:], strict=False))]
        found.append(
            WireHistogram(
                timestamp=time_ms,
                count=total,
                sum=total * 0.9,
                positive_spans=[(-2, 6)],
                positive=deltas,
            )
        )
    return found


def exemplars(now_ms: int) -> list[tuple[dict[str, str], float, int]]:
    """One each five minutes, beside the line of the rate."""
    return [
        ({"trace_id": f"trace-{number}", "path": "/<b>x</b>"}, 8.0, now_ms - number * 300_000)
        for number in range(11, -1, -1)
    ]


def counter(now_ms: int) -> list[tuple[int, float]]:
    times = range(now_ms - LONG_MS, now_ms + 1, INTERVAL_MS)
    return [(t, 150.0 * number + math.sin(number / 9) * 50) for number, t in enumerate(times)]


async def observe(api: RealApi, now_ms: int, tenant: str) -> None:
    """Write all of it."""
    series = [
        WireSeries({"__name__": "rpc_duration_seconds", **LABELS}, histograms=histograms(now_ms)),
        WireSeries(
            {"__name__": "rpc_requests_total", **LABELS},
            samples=counter(now_ms),
            exemplars=exemplars(now_ms),
        ),
        *(
            WireSeries({"__name__": "extreme", "kind": kind}, samples=[(now_ms, float(text))])
            for kind, text in EXTREMES.items()
        ),
    ]
    headers = HEADERS | {"X-Scope-OrgID": tenant}
    body = compress(body_v1(series))
    async with api.client.post("/api/v1/write", data=body, headers=headers) as response:
        assert response.status == 204, await response.text()
