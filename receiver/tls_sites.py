"""The listening socket, served with the TLS configuration of the moment.

When keys change, a new site takes over the socket and the old one stops accepting: connections that
are there go on with what they began with, and none is turned away.
"""

import asyncio
import logging
import socket
import ssl

from aiohttp import web

from receiver.reloading import WatchedFile
from receiver.web_config import WebConfig

logger = logging.getLogger(__name__)


class Listening:
    """One socket and the site that accepts from it now. The socket stays the caller's."""

    def __init__(self, runner: web.AppRunner, listener: socket.socket) -> None:
        self._runner = runner
        self._listener = listener
        self._site: web.SockSite | None = None
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
        if self._site is not None and tls is self._tls:
            return
        # The sockets share one queue of connections, so that none is lost between two sites.
        site = web.SockSite(self._runner, self._listener.dup(), ssl_context=tls)
        await site.start()
        previous, self._site, self._tls = self._site, site, tls
        if previous is not None:
            await previous.stop()
            logger.info("new connections get the new configuration tls=%s", tls is not None)
