"""Addresses as text, and sockets bound to them."""

import socket

import pytest

from receiver.settings.listen_address import bind, parse_listen_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9009", ("127.0.0.1", 9009)),
        (":80", ("", 80)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("localhost:65535", ("localhost", 65535)),
        ("[::1]:9", ("::1", 9)),
        ("[fe80::1%eth0]:9", ("fe80::1%eth0", 9)),
    ],
)
def test_good_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_listen_address(text) == address


@pytest.mark.parametrize(
    "text",
    ["", "9009", "host", "host:", "host:65536", "::1:80", "a b:1", "h:-1", "http://h:1", "[]:1"],
)
def test_bad_addresses(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        parse_listen_address(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", ""])
def test_a_bound_socket_takes_connections(host: str) -> None:
    with bind(host, 0) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        with pytest.raises(OSError, match="in use"):
            bind(host, port)
