"""Something of every kind that a query can read, for tenants that are of several processes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from storage.kernels.stale import STALE_NAN
from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v2

STEP_MS = 15_000
STEPS = 60
WIDE = 1_500


def counted(job: int, number: int, step: int) -> float:
    return 0.1 * step * (job + 1) + number


def scene(number: int, now_ms: int) -> list[WireSeries]:
    """The series of one tenant, of which each is a little different."""

    def floats(value: Callable[[int], float], until: int = STEPS) -> list[tuple[float, ...]]:
        begin_ms = now_ms - STEPS * STEP_MS
        return [(begin_ms + n * STEP_MS + number, value(n)) for n in range(until)]

    pair = [
        WireSeries(
            {"__name__": "requests_total", "job": f"j{job}", "replica": replica},
            samples=floats(partial(counted, job, number), STEPS - 7 * (replica == "b")),
            exemplars=[({"trace_id": f"{number}-{job}"}, 0.5, now_ms - 30_000 + job)],
            metadata=(1, f"Requests of tenant {number}.", ""),
        )
        for job in range(4)
        for replica in ("a", "b")
    ]
    histograms = [
        WireHistogram(
            now_ms - (STEPS - n) * STEP_MS, float(3 * n + 3), 1.5 * n, schema=2,
            positive_spans=[(number, 3)], positive=[1.0 + n, 1.0 + n, 1.0 + n], is_float=True,
        )
        for n in range(STEPS)
    ]  # fmt: skip
    return [
        *pair,
        WireSeries({"__name__": "latency", "job": "naïve \\ \"x\"\n"}, histograms=histograms),
        WireSeries({"__name__": "gone"}, samples=[*floats(lambda n: n / 3)[:-1],
                                                  (now_ms - 1_000, STALE_NAN)]),
        WireSeries({"__name__": "not_a_number"}, samples=floats(lambda n: float("nan"))),
        *(
            WireSeries({"__name__": "wide", "n": str(n)}, samples=[(now_ms - 60_000, n / 7)])
            for n in range(WIDE)
        ),
    ]  # fmt: skip


def scene_body(number: int, now_ms: int) -> bytes:
    """As an uncompressed request of remote write 2."""
    return body_v2(scene(number, now_ms))
