"""Cupola is killed while two agents write: what it acknowledged is there after they caught up."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.agents.conftest import INTERVAL_S, TENANT, Pair
from tests.makers.bodies.v1 import Labels
from tests.makers.stored_samples import STALE_NAN_BITS, Stored, stored, told_bits

KILLS = 3
WRITING_S = 5
DOWN_S = 2
CATCH_UP_TIMEOUT_S = 30


def test_acknowledged_samples_survive_sigkill(start_pair: Callable[[], Pair]) -> None:
    pair = start_pair()
    for _ in range(KILLS):
        time.sleep(WRITING_S)
        pair.cupola.kill()
        time.sleep(DOWN_S)
        pair.cupola.start().wait_ready()
    restarted_ms = time.time_ns() // 1_000_000
    wait_for_scrapes_after(pair, restarted_ms)
    for agent in pair.agents.values():
        agent.stop()

    acked = pair.gateway.ledger[TENANT]
    kept = stored(pair.client, '{__name__=~".+"}', window="10m")
    assert pair.gateway.refused == []
    assert lost_samples(acked, kept) == []
    assert repeated_samples(kept) == []
    assert_agents_caught_up(pair, kept)


def wait_for_scrapes_after(pair: Pair, restarted_ms: int) -> None:
    """Wait until both agents' newest `up` was scraped after the restart and acknowledged."""
    deadline = time.monotonic() + CATCH_UP_TIMEOUT_S
    while time.monotonic() < deadline:
        newest = {
            dict(labels)["prometheus_replica"]: max(samples)
            for labels, samples in list(pair.gateway.ledger[TENANT].items())
            if dict(labels)["__name__"] == "up"
        }
        if len(newest) == 2 and min(newest.values()) > restarted_ms + 2_000 * INTERVAL_S:
            return
        time.sleep(0.5)
    raise AssertionError(f"the agents did not catch up: {newest}\n{pair.agents['a'].log_tail()}")


def lost_samples(acked: dict[Labels, dict[int, int]], kept: Stored) -> list[str]:
    """Acknowledged samples that are not stored with the value they were sent with."""
    lost = []
    for labels, samples in acked.items():
        held = dict(kept.get(labels, []))
        for timestamp_ms, bits in samples.items():
            if bits != STALE_NAN_BITS and held.get(timestamp_ms) != told_bits(bits):
                lost.append(f"{dict(labels)} at {timestamp_ms}: {held.get(timestamp_ms)}")
    return lost


def repeated_samples(kept: Stored) -> list[str]:
    """Series whose timestamps are not strictly increasing."""
    found = []
    for labels, points in kept.items():
        times = [timestamp_ms for timestamp_ms, _ in points]
        if times != sorted(set(times)):
            found.append(str(dict(labels)))
    return found


def assert_agents_caught_up(pair: Pair, kept: Stored) -> None:
    """Scrapes made while Cupola was away were sent later: no `up` has a hole."""
    allowed_ms = 3_000 * INTERVAL_S  # a scrape may be late on a busy machine
    for labels, points in kept.items():
        named = dict(labels)
        if named["__name__"] != "up":
            continue
        times = [timestamp_ms for timestamp_ms, _ in points]
        gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
        assert max(gaps) <= allowed_ms, f"{named}: hole of {max(gaps)} ms"
