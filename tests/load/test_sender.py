"""The sender keeps the order within a slice, counts what it is told and gives up in time."""

import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sender import Result, Sender, SenderError, Spec, parse_answer

OK = b"HTTP/1.1 204 No Content\r\n\r\n"
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nwrong"


class FakeServer:
    """Answers every request with the next of some answers, and keeps the bodies in order."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = iter(answers)
        self.bodies: list[bytes] = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while line := stream.readline():
                length = 0
                while line != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                    line = stream.readline()
                body = stream.read(length)
                with self.lock:
                    self.bodies.append(body)
                    answer = next(self.answers, b"")
                if not answer:
                    return
                connection.sendall(answer)


def send(
    tmp_path: Path,
    answers: list[bytes],
    *,
    bodies: int,
    slices: int,
    connections: int,
    rate: float = 0.0,
) -> tuple[Result, list[bytes]]:
    server = FakeServer(answers)
    file = tmp_path / "bodies"
    texts = [f"{i:04d}".encode() * 50_000 for i in range(bodies)]
    file.write_bytes(b"".join(texts))
    offsets = [i * 200_000 for i in range(bodies + 1)]
    spec = Spec(server.port, "/api/v1/write", str(file), offsets, slices, connections, 20.0)
    spec = replace(spec, bodies_per_second=rate)
    try:
        result = Sender(spec).run()
    finally:
        server.listener.close()
    assert sorted(server.bodies) == texts
    return result, server.bodies


@pytest.mark.parametrize(("slices", "connections"), [(1, 1), (5, 2), (5, 8), (20, 4), (30, 4)])
def test_bodies_of_a_slice_arrive_in_order(tmp_path: Path, slices: int, connections: int) -> None:
    result, bodies = send(tmp_path, [OK] * 20, bodies=20, slices=slices, connections=connections)
    assert result.requests == 20
    assert result.statuses == {"204": 20}
    assert 0 < result.first_round_s <= result.wall_s
    numbers = [int(body[:4]) for body in bodies]
    for i in range(slices):
        assert [n for n in numbers if n % slices == i] == list(range(i, 20, slices))


@pytest.mark.parametrize(("slices", "connections"), [(1, 1), (4, 2), (2, 4)])
def test_a_body_is_not_sent_before_it_is_due(tmp_path: Path, slices: int, connections: int) -> None:
    result, bodies = send(
        tmp_path, [OK] * 8, bodies=8, slices=slices, connections=connections, rate=40.0
    )
    assert (len(bodies), result.statuses) == (8, {"204": 8})
    assert result.wall_s >= 7 / 40
    assert 0 < result.late_s < result.wall_s


def test_refusals_are_counted_and_the_first_is_kept(tmp_path: Path) -> None:
    result, _ = send(tmp_path, [OK, REFUSED, OK, REFUSED], bodies=4, slices=2, connections=1)
    assert result.statuses == {"204": 2, "400": 2}
    assert result.first_error == "400: wrong"


def test_a_closed_connection_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SenderError, match="connection closed"):
        send(tmp_path, [OK], bodies=3, slices=1, connections=1)


def test_silence_is_an_error(tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    file = tmp_path / "bodies"
    file.write_bytes(b"x")
    spec = Spec(listener.getsockname()[1], "/", str(file), [0, 1], 1, 1, 0.05)
    with listener, pytest.raises(SenderError, match="0 of 1 requests answered"):
        Sender(spec).run()


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", None),
        (b"HTTP/1.1 204 No Content\r\n", None),
        (OK, (204, b"")),
        (REFUSED[:-1], None),
        (REFUSED, (400, b"wrong")),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", (200, b"")),
    ],
)
def test_parse_answer(data: bytes, wanted: tuple[int, bytes] | None) -> None:
    assert parse_answer(data) == wanted


def test_chunked_answers_are_refused() -> None:
    with pytest.raises(SenderError, match="chunked"):
        parse_answer(b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")


def test_slices_are_dealt_out_to_tenants() -> None:
    spec = Spec(1, "/w", "/dev/null", [0], 7, 1, 1.0, content_type="text/x", tenants=3)
    heads = [Sender(spec).head(5, slice_number).decode() for slice_number in range(7)]
    assert [head.partition("X-Scope-OrgID: bench-")[2][:3] for head in heads] == [
        f"{slice_number % 3}\r\n" for slice_number in range(7)
    ]
    assert all("Content-Type: text/x\r\n" in head for head in heads)
    assert "X-Scope" not in Sender(replace(spec, tenants=0)).head(5, 0).decode()
