"""Names of stores, looked up at a name server of the test."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from receiver.stores.dns import addresses, parse, question, records, targets_of
from receiver.stores.endpoints import endpoint_of

NAME = "_grpc._tcp.stores.test"


def answer_to(message: bytes, *, flags: int = 0x8180, records: int = 2) -> bytes:
    """Two records: the first one's name is that of the question, by its place; the second one's
    host ends in the first one's."""
    head = message[:2] + struct.pack(">5H", flags, 1, records, 0, 0)
    first_host = b"\x01a\x05hosts\x04test\x00"
    body = message[12:]
    place = 12 + len(body) + 12 + 6
    second_host = b"\x01b" + struct.pack(">H", 0xC000 | place + 2)
    for port, host in ((10901, first_host), (10902, second_host))[:records]:
        data = struct.pack(">3H", 0, 0, port) + host
        body += b"\xc0\x0c" + struct.pack(">2HIH", 33, 1, 60, len(data)) + data
    return head + body


def service_answer(message: bytes, host: bytes, port: int) -> bytes:
    """One record."""
    data = struct.pack(">3H", 0, 0, port) + host
    record = b"\xc0\x0c" + struct.pack(">2HIH", 33, 1, 60, len(data)) + data
    return message[:2] + struct.pack(">5H", 0x8180, 1, 1, 0, 0) + message[12:] + record


@contextmanager
def name_server(
    by_datagram: Callable[[bytes], bytes], by_stream: Callable[[bytes], bytes] = answer_to
) -> Iterator[tuple[str, int]]:
    """Answers one question of each kind on one port."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as streams,
    ):
        datagrams.bind(("127.0.0.1", 0))
        place: tuple[str, int] = datagrams.getsockname()
        streams.bind(place)
        streams.listen()

        def serve_datagrams() -> None:
            message, client = datagrams.recvfrom(4_096)
            if message:
                datagrams.sendto(by_datagram(message), client)

        def serve_streams() -> None:
            connection, _ = streams.accept()
            with connection:
                size = connection.recv(2)
                if size:
                    answer = by_stream(connection.recv(4_096))
                    connection.sendall(struct.pack(">H", len(answer)) + answer)

        threads = [threading.Thread(target=each) for each in (serve_datagrams, serve_streams)]
        for thread in threads:
            thread.start()
        try:
            yield place
        finally:  # those that were not asked are waiting
            datagrams.sendto(b"", place)
            socket.create_connection(place).close()
            for thread in threads:
                thread.join()


BOTH = [("a.hosts.test", 10901), ("b.hosts.test", 10902)]


def test_records_are_found() -> None:
    with name_server(answer_to) as server:
        assert records(NAME, [server]) == BOTH


def test_what_is_too_long_for_a_datagram_is_asked_for_again() -> None:
    with name_server(lambda message: answer_to(message, flags=0x8380, records=0)) as server:
        assert records(NAME, [server]) == BOTH


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (lambda m: answer_to(m, flags=0x8183), "the answer has code 3"),
        (
            lambda m: b"\xff\xff" + answer_to(m)[2:] if m[:2] != b"\xff\xff" else m,
            "another question",
        ),
        (lambda m: answer_to(m)[:-3], "name server 127.0.0.1"),
        (lambda m: answer_to(m)[:12] + b"\xc0\x0c" * 20, "a name has no end"),
    ],
)
def test_wrong_answers_are_refused(answer: Callable[[bytes], bytes], text: str) -> None:
    with name_server(answer) as server, pytest.raises(OSError, match=text):
        records(NAME, [server])


def test_targets() -> None:
    assert targets_of(endpoint_of("some.host:5")) == ["some.host:5"]
    assert targets_of(endpoint_of("dns+127.0.0.1:5")) == ["127.0.0.1:5"]
    assert addresses("[::1]", 7) == ["[::1]:7"]
    with name_server(answer_to) as server:
        endpoint = endpoint_of(f"dnssrvnoa+{NAME}")
        assert targets_of(endpoint, [server]) == ["a.hosts.test:10901", "b.hosts.test:10902"]
    with pytest.raises(OSError, match="no name server"):
        targets_of(endpoint_of(f"dnssrv+{NAME}"), [])


def test_addresses_of_records_are_looked_up() -> None:
    def local(message: bytes) -> bytes:
        return answer_to(message, records=1).replace(
            b"\x01a\x05hosts\x04test\x00", b"\x09localhost\x00\x00\x00"
        )

    with name_server(local) as server:
        found = targets_of(endpoint_of(f"dnssrv+{NAME}"), [server])
        assert "127.0.0.1:10901" in found


def test_questions_name_what_they_ask_for() -> None:
    assert question("a.b.")[12:] == b"\x01a\x01b\x00\x00\x21\x00\x01"
    assert parse(answer_to(question(NAME))) == BOTH
