"""Small queries, as dashboards ask them: the time of one by one, over one connection.

They take less than a millisecond, so a client library would be a good part of what is measured:
here all servers are asked over a plain socket that is kept open. Each kind is asked a few times to
warm up, then REPEATS times; what counts is the median.

    python load-tests/small_queries.py

measures them alone, over fewer series.
"""

import contextlib
import socket
import statistics
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path

from bodies import METRIC, Corpus, Shape, build_corpus, instance_name
from machine import machine_facts
from queries import AFTER_SCRAPE_MS, STEP_S, STEPS, wait_visible
from report import OURS, PROMETHEUS, VICTORIA, Target, number, ratio, table, target
from runs import ingest
from servers import PROGRAMS, Program, Server, is_installed, running

WARM_UPS = 20
REPEATS = 300
TIMEOUT_S = 30.0
RECEIVE_BYTES = 1 << 20
VICTORIA_SHARE_MAX = 0.4
ALONE_SHAPE = Shape(series=20_000, scrapes=60)

# Kind -> median seconds, by server.
Medians = Mapping[str, Mapping[str, float]]


class SmallError(Exception):
    """A server refused a small query."""


class Connection:
    """A socket that asks and reads whole answers."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._socket.close()

    def ask(self, target: str) -> bytes:
        """The answer with its head."""
        self._socket.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = self._socket.recv(RECEIVE_BYTES)
        while not is_whole(answer):
            more = self._socket.recv(RECEIVE_BYTES)
            if not more:
                raise SmallError(f"the connection was closed after {answer[:200]!r}")
            answer += more
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SmallError(f"{target}: {answer[:300]!r}")
        return answer


def is_whole(answer: bytes) -> bool:
    """Whether an answer has arrived to its end."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    if found:
        return len(body) >= int(rest.partition(b"\r\n")[0])
    return body.endswith(b"0\r\n\r\n")


def targets_of(corpus: Corpus, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What is asked, by kind: the 64 series of one instance. extra: further parameters."""
    last_s = (corpus.last_ms + AFTER_SCRAPE_MS) / 1000
    start_s = last_s - (STEPS - 1) * STEP_S
    selector = f'{METRIC}{{instance="{instance_name(3)}"}}'
    span = {"start": f"{start_s:.3f}", "end": f"{last_s:.3f}"}
    over_range = span | {"step": str(STEP_S)}
    asked = {
        "instant": ("query", {"query": selector, "time": f"{last_s:.3f}"}),
        "range": ("query_range", {"query": selector} | over_range),
        "rate over a range": ("query_range", {"query": f"rate({selector}[5m])"} | over_range),
        "label values": ("label/mode/values", {"match[]": selector} | span),
        "series": ("series", {"match[]": selector} | span),
    }
    return {
        kind: f"/api/v1/{path}?{urllib.parse.urlencode({**parameters, **(extra or {})})}"
        for kind, (path, parameters) in asked.items()
    }


def measure(server: Server, corpus: Corpus) -> dict[str, float]:
    """Median seconds by kind. Raises SmallError, or OSError."""
    found = {}
    connection = Connection(server.port)
    try:
        asked = targets_of(corpus, server.program.query_parameters)
        for kind, line in asked.items():
            for _ in range(WARM_UPS):
                connection.ask(line)
            found[kind] = statistics.median(timed(connection, line) for _ in range(REPEATS))
    finally:
        connection.close()
    return found


def timed(connection: Connection, line: str) -> float:
    started = time.perf_counter()
    connection.ask(line)
    return time.perf_counter() - started


def small_table(medians: Medians) -> list[str]:
    titles = [program.title for program in PROGRAMS if program.name in medians]
    kinds = dict.fromkeys(kind for found in medians.values() for kind in found)
    rows = []
    for kind in kinds:
        by_server = {program.name: medians.get(program.name, {}).get(kind) for program in PROGRAMS}
        cells = [
            number(seconds * 1000) if (seconds := by_server[program.name]) else "-"
            for program in PROGRAMS
            if program.name in medians
        ]
        ours = by_server[OURS]
        cells += [ratio(ours, by_server[name]) for name in (VICTORIA, PROMETHEUS)]
        rows.append([kind, *cells])
    header = ["64 series one by one, median ms", *titles, "Cupola/VM", "Cupola/Prom"]
    return table(header, rows)


def small_targets(medians: Medians) -> list[Target]:
    """Each kind against VictoriaMetrics."""
    ours, theirs = medians.get(OURS, {}), medians.get(VICTORIA, {})
    return [
        target(
            f"time of a small query against VictoriaMetrics: {kind}",
            seconds / theirs[kind] if kind in theirs else None,
            VICTORIA_SHARE_MAX,
            unit="x",
        )
        for kind, seconds in ours.items()
    ]


def measure_alone(program: Program, work: Path, corpus: Corpus) -> dict[str, float]:
    with running(program, work / program.name) as server:
        ingest(server, corpus, 4)
        wait_visible(server, corpus)
        return measure(server, corpus)


def main(programs: Sequence[Program]) -> None:
    with tempfile.TemporaryDirectory(prefix="cupola-small-") as directory:
        work = Path(directory)
        corpus = build_corpus(work, ALONE_SHAPE)
        facts = machine_facts(work, programs)
        medians = {program.name: measure_alone(program, work, corpus) for program in programs}
    sys.stdout.write("\n".join([*facts, *small_table(medians)]) + "\n")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main([program for program in PROGRAMS if is_installed(program)])
