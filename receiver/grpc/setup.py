"""The gRPC server put together. Nothing of gRPC is loaded by a program that does not serve it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from api.grpc.options import GrpcOptions
from api.web.routes import Api
from receiver.access.files import AccessFiles
from receiver.access.guard import Guard
from receiver.access.web_config import WebConfig
from receiver.facts import oldest_ms
from receiver.late_database import LateDatabase, State
from receiver.settings.config import Config, ConfigError
from receiver.settings.listen_address import parse_listen_address
from storage.errors import TenantError
from storage.tenants.tenant import parse_tenant

if TYPE_CHECKING:
    from receiver.grpc.listening import GrpcListener


class GrpcSocket:
    """What is served by gRPC, if anything is. port: where; 0 if nothing is, or not yet."""

    def __init__(self, make: Callable[[], GrpcListener] | None) -> None:
        self._make = make
        self.port = 0

    async def run(self) -> AsyncIterator[None]:
        """From the start to the end of the program. Raises OSError."""
        if self._make is None:
            yield
            return
        listener = self._make()
        self.port = await listener.start()
        try:
            yield
        finally:
            await listener.stop()


def check_grpc(options: GrpcOptions, web_config: WebConfig, *, processes: int = 1) -> None:
    """What can be found wrong without touching the network. processes: of the server. Raises
    ConfigError."""
    if not options.listen_address:
        return
    if processes > 1:
        # Each of them would answer for its own tenants alone.
        raise ConfigError(
            f"grpc.listen-address: got {options.listen_address!r} with processes={processes}; "
            "allowed with it is processes=1"
        )
    from receiver.grpc.credentials import check_tls

    try:
        parse_listen_address(options.listen_address)
        parse_tenant(options.default_tenant)
    except TenantError as error:
        raise ConfigError(f"grpc.default-tenant: {error}") from error
    except ValueError as error:
        raise ConfigError(
            f"grpc.listen-address: got {options.listen_address!r}; allowed is {error}, or nothing"
        ) from error
    check_tls(web_config)


def listener_of(
    config: Config, api: Api, guard: Guard, files: AccessFiles, database: LateDatabase
) -> GrpcSocket:
    """What is to be served beside HTTP, over the same."""
    if not config.grpc.listen_address:
        return GrpcSocket(None)
    return GrpcSocket(partial(make_listener, config, api, guard, files, database))


def make_listener(
    config: Config, api: Api, guard: Guard, files: AccessFiles, database: LateDatabase
) -> GrpcListener:
    from api.grpc.health import HealthHandlers
    from api.grpc.serving import Serving
    from api.thanos.services import Sources, methods_of
    from api.thanos.stream import SeriesLimits
    from receiver.grpc.callers import Callers
    from receiver.grpc.listening import GrpcListener

    options = config.grpc
    callers = Callers(guard, files.web_config, options.default_tenant)
    methods = methods_of(
        Sources(
            # What other stores have is theirs to send; two that name each other would ask for ever.
            replace(api.source, store=database),
            api.engine,
            api.rule_book,
            SeriesLimits(options.frame_bytes_max, options.held_bytes_max),
            options.announced_labels,
            partial(oldest_ms, config),
            api.may_read,
        )
    )
    services = {method.name.rpartition("/")[0] for method in methods}
    health = HealthHandlers(lambda: database.state is State.OPEN, services)
    serving = Serving(api.server, callers.admit)
    return GrpcListener(options, serving, methods, health, files.web_config)
