"""The address to serve on: host:port as text, and the socket bound to it."""

import re
import socket

PORT_MAX = 65_535
BACKLOG = 1_024

_FORM = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.%a-z]+)\]|(?P<name>[^\[\]:\s]*)):(?P<port>[0-9]{1,5})")


def parse_listen_address(text: str) -> tuple[str, int]:
    """(host, port); an empty host means every address. Raises ValueError: what is allowed."""
    match = _FORM.fullmatch(text)
    if match is None or int(match["port"]) > PORT_MAX:
        raise ValueError(f"host:port, :port or [IPv6 address]:port, with ports up to {PORT_MAX}")
    return match["v6"] or match["name"], int(match["port"])


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Raises OSError."""
    if not host:
        both = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if both else socket.AF_INET
        return socket.create_server(("", port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return socket.create_server(address[:2], family=family, backlog=BACKLOG)
