"""A proxy before PostgreSQL that cuts a connection while it commits."""

from __future__ import annotations

import contextlib
import socket
import threading

# As a statement of its own; BEGIN ISOLATION LEVEL READ COMMITTED is none.
COMMIT = b"COMMIT\0"


class Proxy:
    """On loopback; each connection has two threads.

    cut: "" for none; "before": the next commit does not reach the server; "after": it does, and the
    answer is lost. Once a connection was cut it is "" again, and `cuts` has grown.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.cut = ""
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # it is closed already
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._port)) as server:
            back = threading.Thread(target=forward, args=(server, client), daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while content := client.recv(1 << 16):
                    how = self.cut if COMMIT in content else ""
                    if how:
                        self.cut, self.cuts = "", self.cuts + 1
                        # The client's end goes first, so that no answer can reach it.
                        client.shutdown(socket.SHUT_RDWR)
                        if how == "after":
                            server.sendall(content)
                        break
                    server.sendall(content)
                server.shutdown(socket.SHUT_WR)
            back.join()


def forward(source: socket.socket, target: socket.socket) -> None:
    """Until one of them ends; what the source still says is read."""
    with contextlib.suppress(OSError):
        while content := source.recv(1 << 16):
            with contextlib.suppress(OSError):
                target.sendall(content)
        target.shutdown(socket.SHUT_RDWR)
