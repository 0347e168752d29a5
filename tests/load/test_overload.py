"""Many times what a server can take, for a moment: it takes what it can and loses nothing."""

import asyncio
import math
import time
from collections import Counter
from pathlib import Path

import pytest
from overload import FLAGS, Offer, Taken, is_sound, overload, wrong_series

from compose.processes import free_ports
from compose.scene import cupola_server

SECONDS = 6.0
# The script prints and judges two seconds; a busy machine may take longer.
LATENCY_S_MAX = 20.0


@pytest.mark.parametrize(
    ("statuses", "retry_after", "latencies_s", "sound"),
    [
        ({204: 2, 503: 3}, 3, [0.1, 0.2], True),
        ({204: 2, 503: 3}, 2, [0.1, 0.2], False),
        ({204: 2, 500: 1}, 0, [0.1, 0.2], False),
        ({503: 3}, 3, [], False),
        ({204: 2}, 0, [0.1, 2.5], False),
    ],
)
def test_what_is_sound(
    statuses: dict[int, int], retry_after: int, latencies_s: list[float], sound: bool
) -> None:
    assert is_sound(Taken([], Counter(statuses), retry_after, latencies_s)) is sound


@pytest.mark.parametrize(
    ("latencies_s", "quantile", "expected"),
    [([3.0, 1.0, 2.0], 0.5, 2.0), ([1.0, 2.0], 0.99, 2.0), ([1.0], 0.5, 1.0)],
)
def test_quantiles(latencies_s: list[float], quantile: float, expected: float) -> None:
    assert Taken([], latencies_s=latencies_s).latency_s(quantile) == expected
    assert math.isnan(Taken([]).latency_s(quantile))


def test_overload(tmp_path: Path) -> None:
    (port,) = free_ports(0)
    offer = Offer(connections=64, series=200, seconds=SECONDS)
    with cupola_server(tmp_path, *FLAGS, port=port).start() as server:
        server.wait_ready()
        start_ms = time.time_ns() // 1_000_000 - 3_600_000
        taken = asyncio.run(overload(port, offer, start_ms))
        assert set(taken.statuses) == {204, 503}
        assert taken.retry_after == taken.put_off > taken.accepted
        assert taken.latency_s(1) < LATENCY_S_MAX
        assert wrong_series(port, taken, offer, start_ms) == []
        assert server.stop() == 0, server.log_tail()
    assert "level=error" not in server.log.read_text()
