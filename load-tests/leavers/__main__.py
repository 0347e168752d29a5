"""Clients that break off their queries in the middle: what the server still does for them.

Many clients ask expensive queries of a server of its own and leave after a random part of a second,
for a minute. Then the server has to be as it was: its memory, its threads, and no processor time
used for those who have left. Before that, one client after the other leaves alone, and the
processor time that its query still takes is measured.

    python load-tests/leavers [--clients 64] [--seconds 60]
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the modules of all load tests
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from processors import process_cpu_s
from runs import say
from servers import PROGRAMS, Server, running

from tests.makers.bodies.v1 import HEADERS, encode

SERIES, SAMPLES, SCRAPE_MS = 2_000, 360, 10_000
SERIES_IN_BODY = 100
EXPENSIVE = (
    "quantile_over_time(0.9, x[30m])",
    "stddev_over_time(x[30m])",
    "sum(rate(x[5m])) / count(deriv(x[20m]))",
    "max_over_time(rate(x[5m])[30m:1s])",
    "topk(5, x) + on() group_left sum(x)",
)
SETTLED_S = 3.0
ALONE = 10


@dataclass(frozen=True, slots=True)
class State:
    """What a server holds."""

    rss_bytes: int
    threads: int
    cpu_s: float


def state(server: Server) -> State:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    rss_bytes = int(fields["VmRSS"].split()[0]) * 1024
    return State(rss_bytes, int(fields["Threads"]), process_cpu_s(server.process.pid))


def fill(server: Server) -> None:
    lot = random.Random(1)
    for first in range(0, SERIES, SERIES_IN_BODY):
        series = []
        for i in range(first, first + SERIES_IN_BODY):
            values = [(SCRAPE_MS * (k + 1), lot.random()) for k in range(SAMPLES)]
            series.append(({"__name__": "x", "i": str(i)}, values))
        url = f"http://127.0.0.1:{server.port}/api/v1/write"
        request = urllib.request.Request(url, encode(series), HEADERS)
        with urllib.request.urlopen(request, timeout=60):
            pass


def head_of(query: str) -> bytes:
    end = SCRAPE_MS * SAMPLES // 1_000
    target = f"/api/v1/query_range?query={quote(query)}&start=0&end={end}&step=1"
    return f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


async def ask_and_leave(port: int, query: str, after_s: float) -> bool:
    """Whether the query was still under way."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head_of(query))
    try:
        async with asyncio.timeout(after_s):
            await reader.readuntil(b"\r\n\r\n")
        return False
    except TimeoutError:
        return True
    finally:
        writer.transport.abort()


async def crowd(port: int, clients: int, seconds: float, lot: random.Random) -> int:
    """How many queries were broken off."""
    until = time.monotonic() + seconds

    async def client() -> int:
        left = 0
        while time.monotonic() < until:
            left += await ask_and_leave(port, lot.choice(EXPENSIVE), lot.uniform(0.02, 0.5))
        return left

    return sum(await asyncio.gather(*(client() for _ in range(clients))))


def used_after_leaving(server: Server, query: str) -> float:
    """Processor seconds that the server takes for a query after its client has left it."""
    if not asyncio.run(ask_and_leave(server.port, query, 0.3)):
        return 0.0
    before = state(server).cpu_s
    time.sleep(1.0)
    return state(server).cpu_s - before


def idle_s(server: Server, seconds: float) -> float:
    """Processor seconds that a server takes while nothing is asked."""
    before = state(server).cpu_s
    time.sleep(seconds)
    return state(server).cpu_s - before


def measure(server: Server, clients: int, seconds: float, seed: int) -> bool:
    fill(server)
    asyncio.run(crowd(server.port, clients, min(5.0, seconds), random.Random(seed)))
    time.sleep(SETTLED_S)
    at_rest = idle_s(server, 1.0)
    for query in EXPENSIVE:
        used = [used_after_leaving(server, query) - at_rest for _ in range(ALONE)]
        middle, most = 1000 * statistics.median(used), 1000 * max(used)
        say(f"processor time after leaving: median {middle:.0f} ms, most {most:.0f} ms  {query}")
    before = state(server)
    left = asyncio.run(crowd(server.port, clients, seconds, random.Random(seed + 1)))
    time.sleep(SETTLED_S)
    busy_s = idle_s(server, 1.0) - at_rest
    after = state(server)
    say(f"{left} queries of {clients} clients were broken off in {seconds:g} s")
    say(f"memory: {before.rss_bytes >> 20} MiB before, {after.rss_bytes >> 20} MiB after")
    say(f"threads: {before.threads} before, {after.threads} after")
    say(f"processor time at rest, a second: {max(0.0, busy_s):.2f} s more than before")
    is_small = after.rss_bytes < 1.1 * before.rss_bytes + (32 << 20)
    return is_small and after.threads <= before.threads and busy_s < 0.1


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args(arguments)
    say(f"seed {given.seed}")
    flags = ("--storage.retention=0", "--log.level=error")
    with (
        tempfile.TemporaryDirectory(prefix="cupola-leavers-") as directory,
        running(PROGRAMS[0], Path(directory) / "server", flags=flags) as server,
    ):
        is_sound = measure(server, given.clients, given.seconds, given.seed)
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
