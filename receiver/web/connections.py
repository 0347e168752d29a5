"""The connections that are open: as many as may be, each handed to the HTTP server.

A connection is counted once it can carry requests, so that with TLS its handshake is done by then.

Invariant: never more than `web.max-connections` are with the server.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import cast

from aiohttp import web

from receiver.metrics import ReceiverMetrics
from receiver.settings.options import WebOptions
from receiver.web.fast_lane import FastLane
from receiver.web.request_heads import bound_head

logger = logging.getLogger(__name__)

LOG_EVERY_S = 10.0


class Connections:
    """Makes the protocols of new connections. lane: answers what it can before the server."""

    def __init__(
        self,
        server: web.Server,
        options: WebOptions,
        metrics: ReceiverMetrics,
        lane: FastLane | None = None,
    ) -> None:
        self._server = server
        self._lane = lane
        self._options = options
        self._most = options.connections_max
        self._refused = metrics.connections_refused
        self._told_s = -LOG_EVERY_S
        metrics.connections_open.set_function(lambda: len(server.connections))

    def __call__(self) -> asyncio.Protocol:
        return _Arriving(self)

    def admit(self, transport: asyncio.Transport) -> None:
        """Give a connection to the server, or close it."""
        if len(self._server.connections) >= self._most:
            transport.abort()
            self._refused.inc()
            self._tell()
            return
        handler = self._server()
        bound_head(handler, self._options)
        if self._lane is not None:
            self._lane.install(handler)
        transport.set_protocol(handler)
        handler.connection_made(transport)

    def _tell(self) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= LOG_EVERY_S:
            self._told_s = now_s
            logger.warning("connections refused: web.max-connections=%d are open", self._most)


class _Arriving(asyncio.Protocol):
    """A connection that is not with the server yet."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.admit(cast(asyncio.Transport, transport))
