"""The sender: a process that pushes a corpus through keep-alive connections, fast and cheaply.

It does nothing but move bytes, so that it takes little of the processors the server needs: one
thread, one selector, bodies read into memory before the clock starts. A connection takes the slice
that has waited longest and sends its next body; the slice goes back into the queue when the answer
is there. So the samples of a series are sent in time order, one at a time, and no connection idles
while there is work.

Run as `python sender.py SPEC.json`; writes the result as JSON to standard output.
"""

import json
import selectors
import socket
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from pathlib import Path

from processors import machine_busy_s

ANSWER_BYTES_MAX = 1 << 20
RECEIVE_BYTES = 1 << 16
ERROR_TEXT_CHARS = 300


@dataclass(frozen=True, slots=True)
class Spec:
    """What to send where. offsets cut the file into bodies; body i is of slice i % slices.

    tenants: 0, or how many tenants the slices are dealt out to, so that a series stays with one.
    bodies_per_second: 0 for as many as are taken, else when each of them is due.
    """

    port: int
    path: str
    file: str
    offsets: list[int]
    slices: int
    connections: int
    timeout_s: float
    content_type: str = "application/x-protobuf"
    tenants: int = 0
    bodies_per_second: float = 0.0


@dataclass(slots=True)
class Result:
    """What happened. first_round_s: until every slice's first body was answered; busy_s: processor
    seconds of the whole machine meanwhile; late_s: how long after it was due a body was answered at
    the latest, where bodies are due."""

    wall_s: float = 0.0
    first_round_s: float = 0.0
    cpu_s: float = 0.0
    busy_s: float = 0.0
    requests: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    first_error: str = ""
    late_s: float = 0.0


class SenderError(Exception):
    """The server closed a connection, answered nonsense, or took longer than timeout_s."""


class Connection:
    """One keep-alive connection with at most one request in flight."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.slice = -1
        self.due_s = 0.0
        self.unsent: list[memoryview] = []
        self.answer = b""

    def start(self, slice_number: int, parts: list[memoryview]) -> None:
        self.slice, self.unsent, self.answer = slice_number, parts, b""

    def send(self) -> bool:
        """Send what the socket takes; True when the whole request has left."""
        while self.unsent:
            try:
                sent = self.socket.sendmsg(self.unsent)
            except BlockingIOError:
                return False
            while self.unsent and sent >= len(self.unsent[0]):
                sent -= len(self.unsent.pop(0))
            if self.unsent:
                self.unsent[0] = self.unsent[0][sent:]
        return True

    def receive(self) -> tuple[int, bytes] | None:
        """Read what is there; status and text once the answer is complete."""
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return None
        if not data:
            raise SenderError(f"connection closed after {self.answer[:ERROR_TEXT_CHARS]!r}")
        self.answer += data
        if len(self.answer) > ANSWER_BYTES_MAX:
            raise SenderError(f"answer longer than {ANSWER_BYTES_MAX} bytes")
        return parse_answer(self.answer)


def parse_answer(data: bytes) -> tuple[int, bytes] | None:
    """Status and text of an HTTP/1.1 answer; None while bytes are missing."""
    head, separator, text = data.partition(b"\r\n\r\n")
    if not separator:
        return None
    status_line, *lines = head.split(b"\r\n")
    status = int(status_line.split()[1])
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in lines)
    }
    if b"transfer-encoding" in headers:
        raise SenderError("chunked answers are not understood")
    if status == 204 or len(text) >= int(headers.get(b"content-length", 0)):
        return status, text
    return None


class Sender:
    """The queue of slices, the connections, and the selector that drives them."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.data = memoryview(Path(spec.file).read_bytes())
        self.bodies = len(spec.offsets) - 1
        self.ready = deque(range(min(spec.slices, self.bodies)))
        self.next_body = list(range(spec.slices))
        self.first_round_left = len(self.ready)
        self.start = 0.0
        self.statuses: Counter[int] = Counter()
        self.result = Result()
        self.selector = selectors.DefaultSelector()
        self.idle: list[Connection] = []  # that wait for a body to be due
        self.sent = 0

    def run(self) -> Result:
        connections = [Connection(self.spec.port) for _ in range(self.spec.connections)]
        for connection in connections:
            self.selector.register(connection.socket, selectors.EVENT_READ, connection)
        busy_start, cpu_start = machine_busy_s(), time.process_time()
        self.start = start = time.perf_counter()
        try:
            for connection in connections:
                self.send_next(connection)
            while self.result.requests < self.bodies:
                self.turn(start)
        finally:
            for connection in connections:
                connection.socket.close()
        self.result.wall_s = time.perf_counter() - start
        self.result.cpu_s = time.process_time() - cpu_start
        self.result.busy_s = machine_busy_s() - busy_start
        self.result.statuses = {str(status): n for status, n in sorted(self.statuses.items())}
        return self.result

    def turn(self, start: float) -> None:
        """Wait for sockets, move bytes, and take up the answers that are complete."""
        left_s = self.spec.timeout_s - (time.perf_counter() - start)
        if left_s <= 0:
            raise SenderError(
                f"{self.result.requests} of {self.bodies} requests answered "
                f"within {self.spec.timeout_s:.0f} s"
            )
        if self.idle and self.ready:
            left_s = min(left_s, max(0.0, self.due_s() - (time.perf_counter() - start)))
        for key, events in self.selector.select(left_s):
            connection: Connection = key.data
            if events & selectors.EVENT_WRITE and connection.send():
                self.selector.modify(connection.socket, selectors.EVENT_READ, connection)
            if events & selectors.EVENT_READ:
                answer = connection.receive()
                if answer:
                    self.take(connection, answer, time.perf_counter() - start)
        waiting, self.idle = self.idle, []
        for connection in waiting:
            self.send_next(connection)

    def due_s(self) -> float:
        """When the next body is due, since the start."""
        rate = self.spec.bodies_per_second
        return self.sent / rate if rate else 0.0

    def send_next(self, connection: Connection) -> None:
        if not self.ready or self.due_s() > time.perf_counter() - self.start:
            self.idle.append(connection)
            return
        connection.due_s = self.due_s()
        self.sent += 1
        slice_number = self.ready.popleft()
        body = self.next_body[slice_number]
        self.next_body[slice_number] += self.spec.slices
        data = self.data[self.spec.offsets[body] : self.spec.offsets[body + 1]]
        connection.start(slice_number, [memoryview(self.head(len(data), slice_number)), data])
        if not connection.send():
            both = selectors.EVENT_READ | selectors.EVENT_WRITE
            self.selector.modify(connection.socket, both, connection)

    def head(self, body_bytes: int, slice_number: int) -> bytes:
        tenant = ""
        if self.spec.tenants:
            tenant = f"X-Scope-OrgID: bench-{slice_number % self.spec.tenants}\r\n"
        return (
            f"POST {self.spec.path} HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{self.spec.port}\r\n"
            "User-Agent: cupola-bench\r\n"
            f"Content-Type: {self.spec.content_type}\r\n"
            f"{tenant}"
            "Content-Encoding: snappy\r\n"
            "X-Prometheus-Remote-Write-Version: 0.1.0\r\n"
            f"Content-Length: {body_bytes}\r\n\r\n"
        ).encode()

    def take(self, connection: Connection, answer: tuple[int, bytes], elapsed_s: float) -> None:
        status, text = answer
        self.statuses[status] += 1
        self.result.requests += 1
        if self.spec.bodies_per_second:
            self.result.late_s = max(self.result.late_s, elapsed_s - connection.due_s)
        if self.first_round_left:
            self.first_round_left -= self.next_body[connection.slice] < 2 * self.spec.slices
            self.result.first_round_s = elapsed_s
        if status // 100 != 2 and not self.result.first_error:
            excerpt = text[:ERROR_TEXT_CHARS].decode("utf-8", "replace")
            self.result.first_error = f"{status}: {excerpt}"
        if self.next_body[connection.slice] < self.bodies:
            self.ready.append(connection.slice)
        self.send_next(connection)


def main() -> int:
    spec = Spec(**json.loads(Path(sys.argv[1]).read_text()))
    try:
        result = Sender(spec).run()
    except (OSError, SenderError) as error:
        sys.stderr.write(f"sender: {error}\n")
        return 1
    sys.stdout.write(json.dumps(asdict(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
