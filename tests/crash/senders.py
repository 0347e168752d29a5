"""Senders of numbered samples that remember what was acknowledged, for the crash test.

Number n of a sender is the sample at start + n ms, of value n, in each of its series. A request
whose answer was lost is sent again in half of the cases and given up in the others: its samples may
be there or not, but not twice.
"""

from __future__ import annotations

import http.client
import random
import struct
import threading
import time

from tests.makers.bodies.mixed import HEADERS_2, Point
from tests.makers.bodies.rich import WireHistogram, WireSeries, body_v1, body_v2, compress
from tests.makers.bodies.v1 import HEADERS, encode
from tests.makers.histograms import Plain
from tests.makers.stored_samples import value_bits

NAME = "crash_test_number"
SERIES = 25
SAMPLES_PER_SERIES = 10
REQUEST_PAUSE_S = 0.04
RETRY_PAUSE_S = 0.1


class Sender(threading.Thread):
    """Floats in remote write 1.0, as one tenant."""

    headers = HEADERS
    age_ms = 600_000  # of number 0, at the start

    def __init__(self, url: str, tenant: str, seed: int) -> None:
        super().__init__(name=f"sender-{tenant}")
        self.tenant = tenant
        self.start_ms = time.time_ns() // 1_000_000 - self.age_ms
        self.acked: set[int] = set()
        self.sent = 0  # numbers below it were sent
        self.refusals: list[str] = []
        self._address = url.removeprefix("http://")
        self._random = random.Random(seed)
        self._stop_asked = threading.Event()

    def run(self) -> None:
        while not self._stop_asked.is_set():
            first = self.next_number()
            numbers = range(first, first + SAMPLES_PER_SERIES)
            self.sent = numbers.stop
            self._send(self._body(numbers), numbers)
            time.sleep(REQUEST_PAUSE_S)

    def finish(self) -> None:
        """Stop after the request under way. The server must be up."""
        self._stop_asked.set()
        self.join()

    def next_number(self) -> int:
        return self.sent

    def _send(self, body: bytes, numbers: range) -> None:
        while True:
            status = self._post(body)
            if status == 204:
                self.acked.update(numbers)
                return
            if status == 400 or status is None and self._random.random() < 0.5:
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


class ExpiringSender(Sender):
    """Samples that are about to leave the retention: their age is always about the same one."""

    def __init__(self, url: str, tenant: str, seed: int, *, age_ms: int) -> None:
        self.age_ms = age_ms
        super().__init__(url, tenant, seed)

    def next_number(self) -> int:
        now_ms = time.time_ns() // 1_000_000
        return max(self.sent, now_ms - self.age_ms - self.start_ms)


class RichSender(Sender):
    """Floats, every third number as a histogram, and an exemplar with each request.

    version: of remote write; 2 has start timestamps.
    """

    def __init__(self, url: str, tenant: str, seed: int, *, version: int) -> None:
        super().__init__(url, tenant, seed)
        self.version = version
        self.headers = HEADERS_2 if version == 2 else HEADERS
        self.acked_exemplars: set[int] = set()

    def point(self, n: int) -> Point:
        """What is stored of number n."""
        content: int | Plain = value_bits(float(n))
        if n % 3 == 0:
            buckets = ((n % 5, float(n)), (7, 1.0))
            content = Plain(
                3, n + 1.0, value_bits(float(n)), positive=buckets if n else buckets[1:]
            )
        return self.start_ms + n, content, self.start_ms if self.version == 2 else 0

    def _send(self, body: bytes, numbers: range) -> None:
        super()._send(body, numbers)
        if numbers[0] in self.acked:
            self.acked_exemplars.add(numbers[0])

    def _body(self, numbers: range) -> bytes:
        points = [self.point(n) for n in numbers]
        exemplar = ({"trace_id": str(numbers[0])}, float(numbers[0]), points[0][0])
        series = [
            wire_series({"__name__": NAME, "series": str(k)}, points, [] if k else [exemplar])
            for k in range(SERIES)
        ]
        return compress(body_v2(series) if self.version == 2 else body_v1(series))


def wire_series(
    labels: dict[str, str],
    points: list[Point],
    exemplars: list[tuple[dict[str, str], float, int]],
) -> WireSeries:
    floats, histograms = [], []
    for timestamp, content, start in points:
        if isinstance(content, Plain):
            histograms.append(wire_histogram(timestamp, content, start))
        else:
            floats.append((timestamp, number_of(content), start))
    return WireSeries(labels, floats, histograms, exemplars)


def wire_histogram(timestamp: int, h: Plain, start: int) -> WireHistogram:
    spans, behind = [], 0
    for index, _ in h.positive:
        spans.append((index - behind, 1))
        behind = index + 1
    return WireHistogram(
        timestamp=timestamp,
        count=h.count,
        sum=number_of(h.sum_bits),
        schema=h.schema,
        positive_spans=spans,
        positive=[count for _, count in h.positive],
        start=start,
        is_float=True,
    )


def number_of(bits: int) -> float:
    return float(struct.unpack("<d", struct.pack("<Q", bits))[0])
