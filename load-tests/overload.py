"""Many times what the server can take, and what becomes of it.

Connections that never wait: whatever is answered, the next request follows at once, and a refused
body comes again until it is taken. So the server is offered what 64 greedy senders can offer, which
is many times what its small bounds let in. Every body holds the next number of each of its
connection's series, and each acknowledged number has to be found once and only once in the end.

Reported are the requests taken and put off, how long the taken ones took, and the memory of the
server beside its bounds.
"""

import argparse
import asyncio
import json
import math
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import snappy
import uvloop
from bodies import SAMPLE_BYTES, sample_rows, series_prefix
from servers import PROGRAMS, Server, running

MIB = 1 << 20
METRIC = "overload_number"
STEP_MS = 10
HEAD_SAMPLES_MAX = 2_000_000
INFLIGHT_BYTES_MAX = 1 * MIB
SHARDS = 2
FLAGS = (
    f"--write.max-inflight-bytes={INFLIGHT_BYTES_MAX}B",
    "--write.max-inflight-requests=4",
    "--storage.write-queue.max-requests=4",
    f"--storage.shards={SHARDS}",
    f"--storage.head.max-samples={HEAD_SAMPLES_MAX}",
)
LATENCY_P99_S_MAX = 2.0


@dataclass(frozen=True, slots=True)
class Offer:
    """What is sent: connections, series of each, and for how long."""

    connections: int = 64
    series: int = 1_000
    seconds: float = 60.0


@dataclass(slots=True)
class Taken:
    """What became of it. acked: connection -> the numbers that were acknowledged."""

    acked: list[list[int]]
    statuses: Counter[int] = field(default_factory=Counter)
    retry_after: int = 0  # answers of 503 that say when to come again
    latencies_s: list[float] = field(default_factory=list)  # of accepted requests
    wall_s: float = 0.0

    @property
    def requests(self) -> int:
        return sum(self.statuses.values())

    @property
    def accepted(self) -> int:
        return self.statuses[204]

    @property
    def put_off(self) -> int:
        return self.statuses[503]

    def latency_s(self, quantile: float) -> float:
        ordered = sorted(self.latencies_s)
        return ordered[math.ceil(quantile * len(ordered)) - 1] if ordered else math.nan


class Connection:
    """One sender, its series, and the body that carries its next number."""

    def __init__(self, port: int, number: int, offer: Offer, start_ms: int) -> None:
        self.port, self.number, self._start_ms = port, number, start_ms
        prefixes = [
            series_prefix(
                [("__name__", METRIC), ("connection", str(number)), ("series", f"{k:05}")]
            )
            for k in range(offer.series)
        ]
        hole = bytes(SAMPLE_BYTES)
        lengths = np.array([len(prefix) for prefix in prefixes], np.int64)
        ends = np.cumsum(lengths + SAMPLE_BYTES)
        self._template = np.frombuffer(hole.join([*prefixes, b""]), np.uint8).copy()
        self._holes = (ends - SAMPLE_BYTES)[:, None] + np.arange(SAMPLE_BYTES)

    def request(self, n: int) -> bytes:
        """The whole request with number n."""
        times = np.array([self._start_ms + n * STEP_MS], np.int64)
        self._template[self._holes] = sample_rows(times, np.array([float(n)]))
        body = snappy.compress(self._template.data)
        head = (
            "POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            f"Content-Encoding: snappy\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    async def send(self, taken: Taken, deadline: float) -> None:
        """Send numbers until the deadline, each until it is acknowledged."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        n, request = 0, self.request(0)
        while (started := time.monotonic()) < deadline:
            writer.write(request)
            await writer.drain()
            status, has_retry_after = await read_answer(reader)
            taken.statuses[status] += 1
            taken.retry_after += has_retry_after
            if status == 204:
                taken.latencies_s.append(time.monotonic() - started)
                taken.acked[self.number].append(n)
                n += 1
                request = self.request(n)
        writer.close()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Status, and whether Retry-After is sent with 503."""
    answer = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = answer.partition(b"content-length: ")[2].split(b"\r\n")[0]
    await reader.readexactly(int(length or 0))
    status = int(answer.split()[1])
    return status, status == 503 and b"retry-after: " in answer


async def overload(port: int, offer: Offer, start_ms: int) -> Taken:
    """Offer more than a server can take; start_ms: the time of number 0."""
    taken = Taken([[] for _ in range(offer.connections)])
    senders = [Connection(port, k, offer, start_ms) for k in range(offer.connections)]
    started = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for sender in senders:
            group.create_task(sender.send(taken, started + offer.seconds))
    taken.wall_s = time.monotonic() - started
    return taken


def wrong_series(port: int, taken: Taken, offer: Offer, start_ms: int) -> list[str]:
    """Where what is stored is not what was acknowledged: by count and sum in every series, and
    number by number in one of each connection."""
    wrong = []
    for k, numbers in enumerate(taken.acked):
        if not numbers:
            continue
        span_ms = (numbers[-1] + 1) * STEP_MS
        selector = f'{METRIC}{{connection="{k}"}}[{span_ms}ms]'
        end_s = (start_ms + span_ms - 1) / 1000
        for function, expected in (("count", len(numbers)), ("sum", sum(numbers))):
            rows = query(port, f"{function}_over_time({selector})", end_s)
            found = [float(row["value"][1]) for row in rows]
            if found != [expected] * offer.series:
                wrong.append(f"connection {k}: {function} {sorted(set(found))}, not {expected}")
        (row,) = query(port, f'{METRIC}{{connection="{k}",series="00000"}}[{span_ms}ms]', end_s)
        stored = [(round(float(t) * 1000), float(v)) for t, v in row["values"]]
        if stored != [(start_ms + n * STEP_MS, float(n)) for n in numbers]:
            wrong.append(f"connection {k}: {len(stored)} points that are not the {len(numbers)}")
    return wrong


def query(port: int, expression: str, time_s: float) -> list[Any]:
    text = urllib.parse.urlencode({"query": expression, "time": f"{time_s:.3f}"})
    url = f"http://127.0.0.1:{port}/api/v1/query?{text}"
    with urllib.request.urlopen(url, timeout=120) as answer:
        return list(json.load(answer)["data"]["result"])


def report(taken: Taken, offer: Offer, server: Server, idle_bytes: int) -> str:
    samples = taken.accepted * offer.series
    peak = server.rss_peak_bytes()
    # A sample takes 16 bytes in a head and some in its index of chunks; two heads per shard while
    # one is sealed, and what sealing sorts.
    heads = SHARDS * HEAD_SAMPLES_MAX * 20 * 3
    lines = [
        f"offered   {taken.requests / taken.wall_s:9.0f} requests/s over {offer.connections} "
        f"connections, {taken.requests / max(1, taken.accepted):.1f} times what was taken",
        f"taken     {taken.accepted / taken.wall_s:9.0f} requests/s, "
        f"{samples / taken.wall_s:.0f} samples/s",
        f"put off   {100 * taken.put_off / taken.requests:9.1f} % with 503, "
        f"{taken.retry_after} of {taken.put_off} with Retry-After",
        f"latency   p50 {taken.latency_s(0.5):.3f} s, p99 {taken.latency_s(0.99):.3f} s, "
        f"max {taken.latency_s(1):.3f} s of taken requests (p99 at most {LATENCY_P99_S_MAX:g} s)",
        f"memory    {idle_bytes / MIB:.0f} MiB idle, peak {peak / MIB:.0f} MiB; bounds: "
        f"{INFLIGHT_BYTES_MAX / MIB:.0f} MiB in flight, about {heads / MIB:.0f} MiB of heads",
    ]
    return "\n".join(lines)


def is_sound(taken: Taken) -> bool:
    """Whether only 204 and 503 came, each 503 with Retry-After, and the taken ones soon enough."""
    return (
        set(taken.statuses) <= {204, 503}
        and taken.retry_after == taken.put_off
        and taken.accepted > 0
        and taken.latency_s(0.99) < LATENCY_P99_S_MAX
    )


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--series", type=int, default=1_000, help="of each connection")
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args(arguments)
    offer = Offer(given.connections, given.series, given.seconds)
    with (
        tempfile.TemporaryDirectory(prefix="cupola-overload-") as directory,
        running(PROGRAMS[0], Path(directory) / "server", flags=FLAGS) as server,
    ):
        start_ms = int(time.time() * 1000) - 3_600_000
        server.forget_rss_peak()
        idle_bytes = server.rss_peak_bytes()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            taken = runner.run(overload(server.port, offer, start_ms))
        say(report(taken, offer, server, idle_bytes))
        wrong = wrong_series(server.port, taken, offer, start_ms)
    say(f"stored    {'as acknowledged' if not wrong else '; '.join(wrong[:5])}")
    return 0 if is_sound(taken) and not wrong else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
