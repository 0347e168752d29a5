"""The gRPC server of the program: made, started and ended with it, on the event loop of HTTP."""

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import grpc
from grpc import aio

from api.grpc.health import HealthHandlers
from api.grpc.options import GrpcOptions
from api.grpc.serving import Serving
from api.thanos.services import Method
from receiver.access.web_config import WebConfig
from receiver.grpc.credentials import Credentials
from receiver.settings.listen_address import parse_listen_address

logger = logging.getLogger(__name__)

# A querier pings each 10 s while it waits for a message.
PING_INTERVAL_MS = 10_000
# Of the words of a request beside its message: names, tenants and credentials.
METADATA_BYTES_MAX = 64 << 10
# How long requests may go on that are under way at the end.
GRACE_S = 5.0


def channel_options(options: GrpcOptions) -> list[tuple[str, int]]:
    return [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", options.request_bytes_max),
        ("grpc.max_metadata_size", METADATA_BYTES_MAX),
        ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", PING_INTERVAL_MS),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.so_reuseport", 0),
    ]


class GrpcListener:
    """One address and what is served there. To be made by a running event loop."""

    def __init__(
        self,
        options: GrpcOptions,
        serving: Serving,
        methods: Sequence[Method],
        health: HealthHandlers,
        web_config: Callable[[], WebConfig],
    ) -> None:
        self._options = options
        self._serving = serving
        self._methods = methods
        self._health = health
        self._web_config = web_config
        self._server = aio.server(
            options=channel_options(options), maximum_concurrent_rpcs=options.streams_max
        )
        self._server.add_generic_rpc_handlers([*self._handlers(), health.handler()])

    async def start(self) -> int:
        """The port that is served from now on. Raises OSError if the address cannot be had."""
        port = self._bind()
        await self._server.start()
        logger.info("gRPC listening port=%d tls=%s", port, self._web_config().keys is not None)
        return port

    async def stop(self) -> None:
        """Accept nothing more, and end what is under way, at the latest after GRACE_S."""
        self._health.end()
        await self._server.stop(GRACE_S)

    def _bind(self) -> int:
        host, port = parse_listen_address(self._options.listen_address)
        address = f"[{host}]:{port}" if ":" in host else f"{host or '[::]'}:{port}"
        try:
            if self._web_config().keys is None:
                return int(self._server.add_insecure_port(address))
            return int(self._server.add_secure_port(address, Credentials(self._web_config).make()))
        except RuntimeError as error:
            raise OSError(f"grpc.listen-address: cannot listen at {address}: {error}") from error

    def _handlers(self) -> list[Any]:
        """One for each service."""
        found = []
        for service, methods in groupby(self._methods, lambda each: each.name.rpartition("/")[0]):
            table: Mapping[str, Any] = {
                method.name.rpartition("/")[2]: self._handler(method) for method in methods
            }
            found.append(grpc.method_handlers_generic_handler(service, table))
        return found

    def _handler(self, method: Method) -> Any:
        """Without anything that reads or writes messages: both are bytes here."""
        function = self._serving.method(method)
        if method.streams:
            return grpc.unary_stream_rpc_method_handler(function)
        return grpc.unary_unary_rpc_method_handler(function)
