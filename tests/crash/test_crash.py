"""Numbered samples against SIGKILL: every acknowledged one is stored exactly once, at any moment.

Senders of several tenants write while the server is killed again and again, mostly while it works,
sometimes while it starts. Heads are small, so that segments are sealed and the log is truncated
during the run. A request whose answer was lost is sent again in half of the cases and given up in
the others: its samples may be there or not, but not twice. One tenant sends remote write 2.0 with
start timestamps and native histograms; these are read from its directory in the end.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from pathlib import Path

from compose.processes import Server, free_ports
from compose.scene import Client, cupola_server
from storage.labels import Matcher
from tests.databases import opened, read_mixed
from tests.histogram_columns import Plain, without_hints
from tests.mixed_bodies import HEADERS_2, Point, mixed_body
from tests.stored_samples import Stored, stored, value_bits
from tests.write_bodies import HEADERS, encode

KILLS = 26
KILLS_AT_START = 6  # of these, while the server starts
UP_S_MAX = 1.5
TENANTS = ("one", "two", "three")
SERIES = 25
SAMPLES_PER_SERIES = 10
REQUEST_PAUSE_S = 0.04
RETRY_PAUSE_S = 0.1
FLAGS = (
    "--storage.shards=2",
    "--storage.head.max-samples=12000",
)
NAME = "crash_test_number"


class Sender(threading.Thread):
    """Writes consecutive numbers as one tenant, and remembers which were acknowledged.

    Number n is the sample (start + n ms, value n) of every series.
    """

    headers = HEADERS

    def __init__(self, url: str, tenant: str, seed: int) -> None:
        super().__init__(name=f"sender-{tenant}")
        self.tenant = tenant
        self.start_ms = time.time_ns() // 1_000_000 - 600_000
        self.acked: set[int] = set()
        self.sent = 0  # numbers below it were sent
        self.refusals: list[str] = []
        self._address = url.removeprefix("http://")
        self._random = random.Random(seed)
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            numbers = range(self.sent, self.sent + SAMPLES_PER_SERIES)
            self.sent = numbers.stop
            self._send(self._body(numbers), numbers)
            time.sleep(REQUEST_PAUSE_S)

    def finish(self) -> None:
        """Stop after the request under way. The server must be up."""
        self._stop_asked.set()
        self.join()

    def _send(self, body: bytes, numbers: range) -> None:
        while True:
            status = self._post(body)
            if status == 204:
                self.acked.update(numbers)
                return
            if status is None and self._random.random() < 0.5:
                return
            if self._stop_asked.is_set():
                return
            time.sleep(RETRY_PAUSE_S)

    def _post(self, body: bytes) -> int | None:
        """The status of the answer, or None where none came."""
        connection = http.client.HTTPConnection(self._address, timeout=30)
        try:
            headers = self.headers | {"X-Scope-OrgID": self.tenant}
            connection.request("POST", "/api/v1/write", body, headers)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()
        if answer.status not in (204, 503):
            self.refusals.append(f"{answer.status}: {text!r}")
        return answer.status

    def _body(self, numbers: range) -> bytes:
        samples = [(self.start_ms + n, float(n)) for n in numbers]
        return encode([({"__name__": NAME, "series": str(k)}, samples) for k in range(SERIES)])


class MixedSender(Sender):
    """The same in remote write 2.0, every third number as a histogram."""

    headers = HEADERS_2

    def point(self, n: int) -> Point:
        content: int | Plain = value_bits(float(n))
        if n % 3 == 0:
            buckets = ((n % 5, float(n)), (7, 1.0))
            content = Plain(
                3, n + 1.0, value_bits(float(n)), positive=buckets if n else buckets[1:]
            )
        return self.start_ms + n, content, self.start_ms

    def _body(self, numbers: range) -> bytes:
        points = [self.point(n) for n in numbers]
        return mixed_body([({"__name__": NAME, "series": str(k)}, points) for k in range(SERIES)])


def test_every_acknowledged_sample_is_stored_exactly_once(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    (port,) = free_ports(0)
    server = cupola_server(tmp_path, *FLAGS, port=port)
    with server.start():
        server.wait_ready()
        senders = [Sender(server.url, tenant, seed + i) for i, tenant in enumerate(TENANTS)]
        mixed = MixedSender(server.url, "mixed", seed + len(TENANTS))
        for sender in (*senders, mixed):
            sender.start()
        try:
            kill_often(server, random.Random(seed))
            server.wait_ready()
            time.sleep(2 * RETRY_PAUSE_S)
        finally:
            for sender in (*senders, mixed):
                sender.finish()
        check(server, senders, seed)
        assert server.stop() == 0, f"exit code after SIGTERM\n{server.log_tail()}"
        assert list(tmp_path.glob("data/**/samples.parquet")), "nothing was sealed in this run"
        server.start().wait_ready()
        check(server, senders, seed)
    check_mixed(tmp_path / "data", mixed, seed)


def kill_often(server: Server, rng: random.Random) -> None:
    """Kill and start the server KILLS times."""
    at_start = set(rng.sample(range(1, KILLS), KILLS_AT_START))
    started = time.monotonic()
    server.wait_ready()
    start_s = 1.0
    for kill in range(KILLS):
        if kill in at_start:
            time.sleep(rng.uniform(0, start_s))
        else:
            server.wait_ready()
            start_s = max(0.5, time.monotonic() - started)
            time.sleep(rng.uniform(0, UP_S_MAX))
        server.kill()
        started = time.monotonic()
        server.start()


def check(server: Server, senders: list[Sender], seed: int) -> None:
    for sender in senders:
        assert sender.refusals == [], f"seed {seed}, {sender.tenant}"
        assert len(sender.acked) > SAMPLES_PER_SERIES * KILLS, f"seed {seed}: too little was acked"
        client = Client(server.url, sender.tenant)
        kept = stored(client, NAME, window="1h")
        assert len(kept) == SERIES, f"seed {seed}: {len(kept)} series of {SERIES}"
        wrong = wrong_series(kept, sender)
        assert wrong == [], f"seed {seed}, {sender.tenant}\n{server.log_tail()}"


def check_mixed(data: Path, sender: MixedSender, seed: int) -> None:
    """What a tenant with histograms has, read without a server."""
    assert sender.refusals == [], f"seed {seed}, {sender.tenant}"
    assert list(data.glob("**/histograms.parquet")), "no histograms were sealed in this run"
    with opened(data) as database:
        kept = read_mixed(database, Matcher("__name__", "=", NAME), tenant=sender.tenant)
    assert len(kept) == SERIES, f"seed {seed}: {len(kept)} series of {SERIES}"
    for labels, points in kept.items():
        numbers = [timestamp_ms - sender.start_ms for timestamp_ms, _, _ in points]
        assert sender.acked <= set(numbers), f"seed {seed}, {labels}: some are lost"
        assert without_hints([points]) == [[sender.point(n) for n in numbers]], f"seed {seed}"


def wrong_series(kept: Stored, sender: Sender) -> list[str]:
    """What is lost, repeated, invented or changed, series by series."""
    wrong = []
    for labels, points in kept.items():
        numbers = [timestamp_ms - sender.start_ms for timestamp_ms, _ in points]
        problems = {
            "lost": sorted(sender.acked - set(numbers))[:5],
            "repeated or unsorted": [
                n for n, m in zip(numbers, numbers[1:], strict=False) if n >= m
            ],
            "never sent": [n for n in numbers if not 0 <= n < sender.sent],
            "changed": [
                n
                for n, (_, bits) in zip(numbers, points, strict=True)
                if bits != value_bits(float(n))
            ],
        }
        wrong += [f"{dict(labels)}: {k} {v[:5]}" for k, v in problems.items() if v]
    return wrong
