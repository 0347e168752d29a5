"""The sockets of processes that are one server: the port of all, and one of each for the others.

Each child listens to the same port with a socket of its own, and the kernel deals out connections.
The sockets by which children reach each other are files in the data directory that no other user
can open. Their paths are taken by way of the directory's descriptor, because the system allows them
108 bytes only.
"""

import os
import socket
from pathlib import Path

from receiver.settings.listen_address import BACKLOG
from storage.files import make_directory

DIRECTORY = "processes"
# What a socket is for: requests that are passed on, writes that are handed over, and queries over
# tenants of several processes.
REQUESTS, COLUMNS, READS = "requests", "columns", "reads"


def reserve(host: str, port: int) -> socket.socket:
    """Take a port for children that call join(); 0 stands for any. Raises OSError if anyone else
    listens there, be it the children of another server of the same user."""
    family, address = resolved(host, port)
    with made(family) as probe:
        probe.bind((address, port))
        port = probe.getsockname()[1]
    taken = made(family)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind((address, port))
    except OSError:
        taken.close()
        raise
    return taken


def join(host: str, port: int) -> socket.socket:
    """A socket that listens to a port that was reserved. Raises OSError."""
    family, address = resolved(host, port)
    joined = made(family)
    try:
        joined.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        joined.bind((address, port))
        joined.listen(BACKLOG)
    except OSError:
        joined.close()
        raise
    return joined


def resolved(host: str, port: int) -> tuple[socket.AddressFamily, str]:
    """The kind of a host's address, and the address."""
    if not host:
        both = socket.has_dualstack_ipv6()
        return (socket.AF_INET6, "::") if both else (socket.AF_INET, "")
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return found[0], str(found[4][0])


def made(family: socket.AddressFamily) -> socket.socket:
    """A socket of the kind that `receiver.settings.listen_address.bind` makes, not yet bound."""
    new = socket.socket(family, socket.SOCK_STREAM)
    new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        new.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return new


class Meeting:
    """The directory where the processes of a data directory meet."""

    def __init__(self, data: Path) -> None:
        self.path = data / DIRECTORY
        make_directory(data)
        self.path.mkdir(mode=0o700, exist_ok=True)
        self.path.chmod(0o700)
        self._descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def clear(self) -> None:
        """Remove what processes that are gone have left."""
        for path in self.path.iterdir():
            path.unlink()

    def address(self, number: int, kind: str = REQUESTS) -> str:
        """A socket of a process, as a path that is short."""
        return f"/proc/self/fd/{self._descriptor}/{number}.{kind}"

    def listen(self, number: int, kind: str = REQUESTS) -> socket.socket:
        """A socket that the others reach as that of a process. Raises OSError."""
        address = self.address(number, kind)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            Path(address).unlink(missing_ok=True)
            listener.bind(address)
            # The directory keeps others out until it is done.
            Path(address).chmod(0o600)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        return listener

    def close(self) -> None:
        os.close(self._descriptor)
