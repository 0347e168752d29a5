"""The StoreAPI of Cupola beside that of `thanos receive`, which holds the same samples.

Both are written the same bodies, and then asked in turns for all samples: by a client that only
takes messages, and by a `thanos query` that counts them. A third server sends the messages that
Cupola sent and computes nothing: no server can be faster than that. A querier in distributed mode
has Cupola count by itself. Prints a Markdown table of seconds, processor seconds of the server and
of the querier, and samples a second. Times of a busy machine are worth nothing but as ratios.

    python load-tests/thanos --thanos /path/to/thanos [--series 20000] [--scrapes 500] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import pickle
import statistics
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the program of this checkout
sys.path.append(str(Path(__file__).resolve().parents[1]))  # the modules of all load tests

import grpc
import numpy as np
import snappy
from bodies import METRIC, SCRAPE_INTERVAL_MS, label_fields, sample_rows, series_labels, varint
from processors import process_cpu_s
from report import table
from runs import say

from api.thanos.fields import message, number, text
from compose.processes import Server, free_ports
from compose.scene import cupola_server

COLUMNS = ("server", "asked by", "seconds", "processor s", "of the querier", "samples/s")
BODY_SERIES, BODY_SCRAPES = 1_000, 100
HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
LONG_S = 600
# A label of all series, which tells the data of one server from those of others.
ANNOUNCED = "cluster"
DISTRIBUTED = "Cupola, distributed mode"
OPTIONS = [("grpc.max_receive_message_length", -1)]


@dataclass(frozen=True)
class Peer:
    """A server that has the samples, where it is written to and asked, and its querier."""

    name: str
    server: Server
    write: str
    store: str
    querier: Server


def bodies(series: int, scrapes: int, end_ms: int) -> Iterator[bytes]:
    """Counters in hundredths, in the order of time."""
    values = np.zeros(series)
    rng = np.random.default_rng(1)
    for first in range(0, scrapes, BODY_SCRAPES):
        count = min(BODY_SCRAPES, scrapes - first)
        steps = rng.integers(0, 1_500, (series, count)) / 100
        block = np.round(values[:, None] + np.cumsum(steps, axis=1), 2)
        values = block[:, -1]
        times = end_ms + (np.arange(first, first + count) - scrapes) * SCRAPE_INTERVAL_MS
        for begin in range(0, series, BODY_SERIES):
            parts = []
            for each in range(begin, min(series, begin + BODY_SERIES)):
                content = (
                    label_fields(series_labels(each)) + sample_rows(times, block[each]).tobytes()
                )
                parts.append(b"\x0a" + varint(len(content)) + content)
            yield snappy.compress(b"".join(parts))


def querier(thanos: str, directory: Path, name: str, store: str, *more: str) -> Server:
    port, grpc_port = free_ports(0, 0)
    flags = [f"--http-address=127.0.0.1:{port}", f"--grpc-address=127.0.0.1:{grpc_port}"]
    command = [thanos, "query", *flags, f"--endpoint={store}", *more]
    url = f"http://127.0.0.1:{port}"
    return Server(name, command, url=url, ready="/-/ready", log=directory / f"{name}.log")


def peers(thanos: str, directory: Path) -> list[Peer]:
    web, store, http, receive, remote, capnproto = free_ports(*[0] * 6)
    announced = f"--grpc.announced-labels={ANNOUNCED}"
    listen = f"--grpc.listen-address=127.0.0.1:{store}"
    cupola = cupola_server(directory, listen, announced, port=web)
    flags = [
        '--label=receive_replica="0"',
        f"--tsdb.path={directory / 'receive'}",
        f"--grpc-address=127.0.0.1:{receive}",
        f"--http-address=127.0.0.1:{http}",
        f"--remote-write.address=127.0.0.1:{remote}",
        f"--receive.capnproto-address=127.0.0.1:{capnproto}",
        f"--receive.local-endpoint=127.0.0.1:{receive}",
    ]
    receiver = Server(
        "receive",
        [thanos, "receive", *flags],
        url=f"http://127.0.0.1:{http}",
        ready="/-/ready",
        log=directory / "receive.log",
    )
    found = []
    for name, server, write, address in (
        ("Cupola", cupola, f"{cupola.url}/api/v1/write", f"127.0.0.1:{store}"),
        (
            "thanos receive",
            receiver,
            f"http://127.0.0.1:{remote}/api/v1/receive",
            f"127.0.0.1:{receive}",
        ),
    ):
        own = querier(thanos, directory, f"query-{len(found)}", address)
        found.append(Peer(name, server, write, address, own))
    return found


def replayed(thanos: str, directory: Path, store: str) -> Peer:
    """A server that sends what another one sends, not started."""
    with grpc.insecure_channel(store, OPTIONS) as channel:
        info = channel.unary_unary("/thanos.info.Info/Info")(b"", timeout=LONG_S)
        messages = list(channel.unary_stream("/thanos.Store/Series")(everything(), timeout=LONG_S))
    file = directory / "messages.pickle"
    file.write_bytes(pickle.dumps((info, messages)))
    (port,) = free_ports(0)
    program = str(Path(__file__).with_name("replaying.py"))
    server = Server("replay", [sys.executable, program, str(file), str(port)], url="",
                    ready="", log=directory / "replay.log")  # fmt: skip
    own = querier(thanos, directory, "query-replay", f"127.0.0.1:{port}")
    return Peer("messages alone", server, "", f"127.0.0.1:{port}", own)


def everything() -> bytes:
    """The request for all samples, in batches."""
    matcher = text(2, "__name__") + text(3, METRIC)
    request = number(1, -(1 << 63)) + number(2, (1 << 63) - 1) + message(3, matcher)
    # The field of the batch has a number of two bytes in its tag.
    return request + b"\x80\x01\x40"


def streamed(peer: Peer) -> None:
    """Take all messages, and look at none."""
    with grpc.insecure_channel(peer.store, OPTIONS) as channel:
        call = channel.unary_stream("/thanos.Store/Series")
        size = sum(map(len, call(everything(), timeout=LONG_S, wait_for_ready=True)))
    assert size > 0


def counted(peer: Peer, samples: int, end_ms: int) -> None:
    query = f"sum(count_over_time({METRIC}[1d]))"
    asked = urllib.parse.urlencode({"query": query, "time": end_ms / 1000, "timeout": f"{LONG_S}s"})
    url = f"{peer.querier.url}/api/v1/query?{asked}"
    with urllib.request.urlopen(url, timeout=LONG_S) as answer:
        (found,) = json.loads(answer.read())["data"]["result"]
    assert float(found["value"][1]) == samples, found


def until_listed(peer: Peer) -> None:
    while True:
        with urllib.request.urlopen(f"{peer.querier.url}/api/v1/stores", timeout=LONG_S) as answer:
            if any(json.loads(answer.read())["data"].values()):
                return
        time.sleep(0.5)


def until_announced(peer: Peer) -> None:
    """Wait until a querier knows which clusters a server has."""
    while True:
        with urllib.request.urlopen(f"{peer.querier.url}/api/v1/stores", timeout=LONG_S) as answer:
            if f'"{ANNOUNCED}":' in answer.read().decode():
                return
        time.sleep(0.5)


def measured(peer: Peer, ask: Callable[[Peer], None]) -> tuple[float, float, float]:
    """Seconds, and those of the server's processors and of the querier's."""
    pids = peer.server.pid, peer.querier.pid
    before, started = [process_cpu_s(pid) for pid in pids], time.monotonic()
    ask(peer)
    seconds = time.monotonic() - started
    own, of_querier = (process_cpu_s(pid) - b for pid, b in zip(pids, before, strict=True))
    return seconds, own, of_querier


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--thanos", required=True)
    parser.add_argument("--series", type=int, default=20_000)
    parser.add_argument("--scrapes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    samples, end_ms = given.series * given.scrapes, time.time_ns() // 1_000_000
    with tempfile.TemporaryDirectory() as path, ExitStack() as stack:
        both = peers(given.thanos, Path(path))
        for peer in both:
            stack.enter_context(peer.server.start()).wait_ready()
            stack.enter_context(peer.querier.start()).wait_ready()
        for body in bodies(given.series, given.scrapes, end_ms):
            for peer in both:
                request = urllib.request.Request(peer.write, body, HEADERS)
                with urllib.request.urlopen(request, timeout=LONG_S):
                    pass
        third = replayed(given.thanos, Path(path), both[0].store)
        stack.enter_context(third.server.start())
        stack.enter_context(third.querier.start()).wait_ready()
        own = querier(given.thanos, Path(path), "query-distributed", both[0].store,
                      "--query.mode=distributed")  # fmt: skip
        stack.enter_context(own.start()).wait_ready()
        both += [third, replace(both[0], name=DISTRIBUTED, querier=own)]
        for peer in both:
            until_listed(peer)
        until_announced(both[-1])
        say("\n".join(table(COLUMNS, rows_of(both, samples, end_ms, given.rounds))))
    return 0


def rows_of(both: list[Peer], samples: int, end_ms: int, rounds: int) -> list[tuple[str, ...]]:
    """Medians by server and by who asks; servers take turns."""
    ways: dict[str, Callable[[Peer], None]] = {
        "a client": streamed,
        "thanos query": lambda peer: counted(peer, samples, end_ms),
    }
    rows = []
    for name, ask in ways.items():
        asked = [peer for peer in both if ask is not streamed or peer.name != DISTRIBUTED]
        found: dict[str, list[tuple[float, ...]]] = {peer.name: [] for peer in asked}
        for _ in range(rounds):
            for peer in asked:
                found[peer.name].append(measured(peer, ask))
        for peer_name, times in found.items():
            medians = [statistics.median(column) for column in zip(*times, strict=True)]
            shown = [f"{seconds:.2f}" for seconds in medians]
            rows.append((peer_name, name, *shown, f"{samples / medians[0]:,.0f}"))
    return rows


if __name__ == "__main__":
    sys.exit(main())
