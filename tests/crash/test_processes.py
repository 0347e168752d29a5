"""Numbered samples against SIGKILL of the processes of one server: children at random moments, and
now and then their parent. Every acknowledged sample is stored exactly once, and the tenants of the
others are served on.

CUPOLA_CRASH_KILLS sets the number of kills, as of the test with one process, a third of which is
done here.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compose.processes import Server, free_ports
from compose.scene import Client, QueryFailed, cupola_server
from storage.tenants.placement import shard_of
from tests.crash.senders import NAME, RETRY_PAUSE_S, SAMPLES_PER_SERIES, SERIES, Sender
from tests.crash.test_crash import UP_S_MAX, wrong_series
from tests.makers.stored_samples import stored

KILLS = max(4, int(os.environ.get("CUPOLA_CRASH_KILLS", "26")) // 3)
PARENT_EVERY = 4
PROCESSES, SHARDS = 3, 4
PATIENCE_S = 300.0
# Each process has one of them at least.
TENANTS = ("one", "two", "three", "five", "a")
FLAGS = (
    f"--processes={PROCESSES}",
    f"--storage.shards={SHARDS}",
    "--storage.head.max-samples=12000",
)


def process_of(tenant: str) -> int:
    return shard_of(tenant, SHARDS) % PROCESSES


def test_every_acknowledged_sample_is_stored_exactly_once(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    assert {process_of(tenant) for tenant in TENANTS} == set(range(PROCESSES))
    (port,) = free_ports(0)
    server = cupola_server(tmp_path, *FLAGS, port=port)
    with server.start():
        server.wait_ready(PATIENCE_S)
        senders = [Sender(server.url, tenant, seed + i) for i, tenant in enumerate(TENANTS)]
        for sender in senders:
            sender.start()
        try:
            kill_often(server, senders, random.Random(seed))
            server.wait_ready(PATIENCE_S)
            time.sleep(2 * RETRY_PAUSE_S)
        finally:
            for sender in senders:
                sender.finish()
        for _ in range(2):
            server.wait_ready(PATIENCE_S)
            check(server, senders, seed)
            assert server.stop(PATIENCE_S) == 0, f"exit code after SIGTERM\n{server.log_tail()}"
            server.start()
        server.wait_ready(PATIENCE_S)
        assert server.stop(PATIENCE_S) == 0, f"exit code after SIGTERM\n{server.log_tail()}"
    assert list(tmp_path.glob("data/**/samples.parquet")), "nothing was sealed in this run"


def kill_often(server: Server, senders: list[Sender], rng: random.Random) -> None:
    """Kill a child, or the parent, KILLS times; each time the others go on."""
    for kill in range(1, KILLS + 1):
        server.wait_ready(PATIENCE_S)
        time.sleep(rng.uniform(0, UP_S_MAX))
        pids = children(server)
        if kill % PARENT_EVERY == 0:
            server.kill()
            until(lambda pids=pids: not any(map(is_there, pids.values())))  # type: ignore[misc]
            server.start()
            continue
        number = rng.choice(list(pids))
        counts = {s.tenant: len(s.acked) for s in senders if process_of(s.tenant) != number}
        os.kill(pids[number], signal.SIGKILL)
        until(lambda counts=counts: grown(senders, counts))  # type: ignore[misc]


def grown(senders: list[Sender], counts: dict[str, int]) -> bool:
    """Whether more was acknowledged to each of these tenants."""
    return all(len(s.acked) > counts[s.tenant] for s in senders if s.tenant in counts)


def children(server: Server) -> dict[int, int]:
    """The pids of the processes that answer."""
    found: list[dict[str, Any]] = []

    def answered() -> bool:
        try:
            data = Client(server.url, "any").get("status/cluster")
        except QueryFailed:  # the connection was with a process that has just died
            return False
        found[:] = [process for process in data["processes"] if "pid" in process]
        return bool(found)

    until(answered)
    return {int(process["process"]): int(process["pid"]) for process in found}


def check(server: Server, senders: list[Sender], seed: int) -> None:
    for sender in senders:
        assert sender.refusals == [], f"seed {seed}, {sender.tenant}"
        assert len(sender.acked) > SAMPLES_PER_SERIES * KILLS, f"seed {seed}: too little was acked"
        kept = stored(Client(server.url, sender.tenant), NAME, window="2h")
        assert len(kept) == SERIES, f"seed {seed}: {len(kept)} series of {SERIES}"
        wrong = wrong_series(kept, sender, sender.acked)
        assert wrong == [], f"seed {seed}, {sender.tenant}\n{server.log_tail()}"


def is_there(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)
