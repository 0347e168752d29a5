"""The listening socket, served with the TLS configuration of the moment.

When keys change, a new server takes over the socket and the old one stops accepting: connections
that are there go on with what they began with, and none is turned away.
"""

import asyncio
import logging
import socket
import ssl

from receiver.access.web_config import WebConfig
from receiver.settings.listen_address import BACKLOG
from receiver.settings.reloading import WatchedFile
from receiver.web.connections import Connections

logger = logging.getLogger(__name__)


class Listening:
    """One socket and what accepts from it now. The socket stays the caller's."""

    def __init__(self, connections: Connections, listener: socket.socket) -> None:
        self._connections = connections
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._tls: ssl.SSLContext | None = None
        self._changes: set[asyncio.Future[None]] = set()

    async def follow(self, file: WatchedFile[WebConfig] | None) -> None:
        """Serve as the web configuration says, and after each change as it says then."""
        if file is None:
            await self.serve(None)
            return
        await self.serve(file.value.tls)
        file.listen(lambda config: self._change(config.tls))

    def _change(self, tls: ssl.SSLContext | None) -> None:
        task = asyncio.ensure_future(self.serve(tls))
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)

    async def serve(self, tls: ssl.SSLContext | None) -> None:
        """Accept connections with TLS, or without for None, from now on."""
        if self._server is not None and tls is self._tls:
            return
        # The sockets share one queue of connections, so that none is lost between two servers.
        server = await asyncio.get_running_loop().create_server(
            self._connections, sock=self._listener.dup(), ssl=tls, backlog=BACKLOG
        )
        previous, self._server, self._tls = self._server, server, tls
        if previous is not None:
            previous.close()
            logger.info("new connections get the new configuration tls=%s", tls is not None)

    def close(self) -> None:
        """Accept no more connections."""
        for change in self._changes:
            change.cancel()
        if self._server is not None:
            self._server.close()
