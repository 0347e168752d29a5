"""Names to targets: addresses of a host, and SRV records, asked of the system's name servers.

message   id, flags, 4 counts (2 bytes each); questions; answers
question  name, type, class
record    name, type, class, seconds it holds (4 bytes), length, data
SRV data  priority, weight, port (2 bytes each), name
name      labels with a length before each, 0 at the end; or 2 bits and 14 of a place before it
"""

import os
import socket
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from receiver.stores.endpoints import DNS, DNSSRV, DNSSRVNOA, Endpoint

SRV, INTERNET = 33, 1
RECURSION_DESIRED, TRUNCATED, CODE_MASK = 0x0100, 0x0200, 0x000F
SERVERS_FILE = Path("/etc/resolv.conf")
TIMEOUT_SECONDS = 2.0
MESSAGE_BYTES_MAX = 65_535
NAME_PARTS_MAX = 128
TARGETS_MAX = 1_000

# (host, port) of a name server.
Server = tuple[str, int]


def targets_of(endpoint: Endpoint, servers: Sequence[Server] | None = None) -> list[str]:
    """Where an endpoint's stores are, as host:port, in order. Raises OSError. servers: None for
    those of the system."""
    place = endpoint.place
    if endpoint.lookup == DNS:
        host, _, port = place.rpartition(":")
        return addresses(host, int(port))
    if endpoint.lookup in (DNSSRV, DNSSRVNOA):
        found = records(place, system_servers() if servers is None else servers)
        if endpoint.lookup == DNSSRVNOA:
            return sorted(f"{host}:{port}" for host, port in found)
        return sorted({target for host, port in found for target in addresses(host, port)})
    return [place]


def addresses(host: str, port: int) -> list[str]:
    """host:port of all addresses of a host. Raises OSError."""
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    ips = {str(address[0]) for *_, address in found}
    names = {f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}" for ip in ips}
    return sorted(names)[:TARGETS_MAX]


def records(name: str, servers: Sequence[Server]) -> list[tuple[str, int]]:
    """The (host, port) of the SRV records of a name, by the first server that answers. Raises
    OSError."""
    failure: OSError = OSError("no name server is known")
    for server in servers:
        for ask in (ask_by_datagram, ask_by_stream):
            try:
                answer = ask(server, question(name))
                if answer is not None:
                    return parse(answer)
            except (OSError, ValueError, struct.error, IndexError) as error:
                failure = OSError(f"name server {server[0]}:{server[1]}: {error}")
                break
    raise failure


def system_servers() -> list[Server]:
    """Those of the machine. Raises OSError."""
    lines = (line.split() for line in SERVERS_FILE.read_text().splitlines())
    return [(words[1], 53) for words in lines if len(words) > 1 and words[0] == "nameserver"]


def question(name: str) -> bytes:
    """The question for SRV records, under a number of its own."""
    head = os.urandom(2) + struct.pack(">5H", RECURSION_DESIRED, 1, 0, 0, 0)
    parts = [part.encode("idna") for part in name.rstrip(".").split(".")]
    text = b"".join(bytes([len(part)]) + part for part in parts) + b"\0"
    return head + text + struct.pack(">2H", SRV, INTERNET)


def ask_by_datagram(server: Server, message: bytes) -> bytes | None:
    """The answer; None if it is too long for a datagram."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as connection:
        connection.settimeout(TIMEOUT_SECONDS)
        connection.connect(server)
        connection.send(message)
        answer = connection.recv(MESSAGE_BYTES_MAX)
    check_head(answer, message)
    (flags,) = struct.unpack_from(">H", answer, 2)
    return None if flags & TRUNCATED else answer


def ask_by_stream(server: Server, message: bytes) -> bytes:
    with socket.create_connection(server, TIMEOUT_SECONDS) as connection:
        connection.sendall(struct.pack(">H", len(message)) + message)
        with connection.makefile("rb") as file:
            (size,) = struct.unpack(">H", file.read(2))
            answer = file.read(size)
    check_head(answer, message)
    return answer


def check_head(answer: bytes, message: bytes) -> None:
    """Raises ValueError unless a message is the answer to another."""
    number, flags = struct.unpack_from(">2H", answer)
    if number.to_bytes(2, "big") != message[:2]:
        raise ValueError("the answer is to another question")
    if flags & CODE_MASK:
        raise ValueError(f"the answer has code {flags & CODE_MASK}")


def parse(answer: bytes) -> list[tuple[str, int]]:
    """The (host, port) of all SRV records. Raises ValueError, struct.error or IndexError."""
    questions, records = struct.unpack_from(">2H", answer, 4)
    place, found = 12, []
    for _ in range(questions):
        _, place = read_name(answer, place)
        place += 4
    for _ in range(records):
        _, place = read_name(answer, place)
        kind, _, _, size = struct.unpack_from(">2HIH", answer, place)
        place += 10
        if kind == SRV:
            (port,) = struct.unpack_from(">H", answer, place + 4)
            host, _ = read_name(answer, place + 6)
            found.append((host, port))
        place += size
    return found[:TARGETS_MAX]


def read_name(message: bytes, place: int) -> tuple[str, int]:
    """A name, and the place behind it."""
    parts: list[str] = []
    behind = 0
    for _ in range(NAME_PARTS_MAX):
        size = message[place]
        if size >= 0xC0:
            behind = behind or place + 2
            place = (size & 0x3F) << 8 | message[place + 1]
        elif size:
            parts.append(message[place + 1 : place + 1 + size].decode())
            place += 1 + size
        else:
            return ".".join(parts), behind or place + 1
    raise ValueError("a name has no end")


Resolver = Callable[[Endpoint], list[str]]
