"""The program: its HTTP and gRPC servers, from the start to the signal that ends it."""

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NoReturn

import uvloop
from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from api.endpoints.deletions import Deleter, Deleting
from api.endpoints.handler import Handler
from api.endpoints.snapshots import Snapshotting, Taker
from api.grpc.health import HealthHandlers
from api.grpc.serving import Serving
from api.metrics import ApiMetrics
from api.promql.engine import Engine
from api.promql.features import parse_features
from api.sources.program import Program, StoreFacts
from api.sources.rules import NO_RULES, RuleBook
from api.thanos.services import Sources, methods_of
from api.thanos.stream import SeriesLimits
from api.thanos.targets import targets as no_targets
from api.web.cors import Cors
from api.web.routes import Api, add_routes, install_preflights
from receiver.access.files import AccessFiles
from receiver.access.guard import Guard
from receiver.access.rules import check_routes
from receiver.facts import replica_defaults
from receiver.gateway.store import SourcesStore
from receiver.grpc.callers import Callers
from receiver.grpc.listening import GrpcListener
from receiver.grpc.setup import GrpcSocket, check_grpc
from receiver.metrics import ReceiverMetrics
from receiver.settings.config import Config, ConfigError
from receiver.settings.listen_address import bind, parse_listen_address
from receiver.settings.options import CERTIFICATE_FIELDS
from receiver.settings.reloading import Reloader, ReloadMetrics
from receiver.version import program_version
from receiver.warm_up import WarmUp
from receiver.web.connections import Connections
from receiver.web.ending import on_signals
from receiver.web.lifespans import Lifespan, add_lifespans, run_reloader
from receiver.web.open_files import allow_many_files
from receiver.web.request_heads import parser_limits
from receiver.web.tls import Listening
from storage.refusals.ledger import RejectLedger

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """What a server answers from. component: as queriers of Thanos list it; label_sets: those that
    are true of every series; oldest_ms: of what may be there, None if that is not known; not_ready:
    why nothing is answered yet, "" if something is; facts: of the sources; lifespans: what begins
    and ends with the program."""

    store: SourcesStore
    component: str
    label_sets: Callable[[], Sequence[Mapping[str, str]]]
    oldest_ms: Callable[[], int | None] = lambda: None
    not_ready: Callable[[], str] = lambda: ""
    facts: Callable[[], Sequence[StoreFacts]] = tuple
    rules: RuleBook = NO_RULES
    targets: Handler = no_targets
    lifespans: Sequence[Lifespan] = field(default_factory=tuple)


# Made when the program is: what it counts goes to this registry.
Make = Callable[[Config, CollectorRegistry, ReloadMetrics], Served]


@dataclass(frozen=True, slots=True)
class Gateway:
    """A program that was put together."""

    app: web.Application
    files: AccessFiles
    reloader: Reloader
    metrics: ReceiverMetrics
    grpc: GrpcSocket


@dataclass(frozen=True, slots=True)
class GatewayProbes:
    """/-/healthy, /-/ready and /metrics."""

    registry: CollectorRegistry
    not_ready: Callable[[], str]

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/-/healthy", self.healthy)
        app.router.add_get("/-/ready", self.ready)
        app.router.add_get("/metrics", self.metrics)

    async def healthy(self, request: web.Request) -> web.Response:
        return web.Response(text="Cupola is healthy.\n")

    async def ready(self, request: web.Request) -> web.Response:
        why = self.not_ready()
        if why:
            return web.Response(status=503, text=f"Cupola is not ready: {why}.\n")
        return web.Response(text="Cupola is ready.\n")

    async def metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = await asyncio.to_thread(encode, self.registry)
        return web.Response(body=body, headers={"Content-Type": content_type})


def refuse() -> NoReturn:
    raise AssertionError("BUG: what a server without a database has switched off was asked for")


def deleter() -> Deleter:
    refuse()


def taker() -> Taker:
    refuse()


def build(config: Config, make: Make) -> Gateway:
    """Raises ConfigError."""
    registry = CollectorRegistry()
    ProcessCollector(namespace="cupola", registry=registry)
    metrics, reloads = ReceiverMetrics(registry), ReloadMetrics(registry)
    metrics.build_info.labels(program_version()).set(1)
    files = AccessFiles.open(config, reloads)
    check_grpc(config.grpc, files.web_config())
    try:
        replicas, features = replica_defaults(config.dedup), parse_features(config.program.features)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    served = make(config, registry, reloads)
    metrics.ready.set_function(lambda: not served.not_ready())
    engine = Engine(config.query, features)
    api = Api(
        served.store,
        engine,
        ApiMetrics(registry),
        config.api,
        ledger=RejectLedger(1),
        deleting=Deleting(deleter),
        snapshotting=Snapshotting(taker),
        replicas=replicas,
        program=Program(metrics=registry.collect, stores=served.facts),
        rules=served.rules,
    )
    guard = Guard(
        files.web_config,
        files.grants,
        registry,
        certificate_field=CERTIFICATE_FIELDS.get(config.tenant.certificate_field, ""),
        cors=Cors(config.api.cors_origin).headers,
    )
    app = web.Application()
    guard.install(app)
    install_preflights(app, api)
    GatewayProbes(registry, served.not_ready).add_routes(app)
    add_routes(app, api)
    check_routes(app)
    watched = [file for file in (files.web, files.auth) if file is not None]
    reloader = Reloader(config.program.reload_interval_ms, watched)
    make_listener = partial(listener_of, config, api, guard, files, served)
    grpc = GrpcSocket(make_listener if config.grpc.listen_address else None)
    add_lifespans(app, partial(run_reloader, reloader), *served.lifespans, grpc.run)
    return Gateway(app, files, reloader, metrics, grpc)


def listener_of(
    config: Config, api: Api, guard: Guard, files: AccessFiles, served: Served
) -> GrpcListener:
    """What serves the StoreAPI."""
    options = config.grpc
    methods = methods_of(
        Sources(
            api.source,
            api.engine,
            api.rule_book,
            SeriesLimits(options.frame_bytes_max, options.held_bytes_max),
            (),
            served.oldest_ms,
            api.may_read,
            component=served.component,
            label_sets=served.label_sets,
            targets=served.targets,
        )
    )
    services = {method.name.rpartition("/")[0] for method in methods}
    health = HealthHandlers(lambda: not served.not_ready(), services)
    callers = Callers(guard, files.web_config, options.default_tenant)
    serving = Serving(api.server, callers.admit)
    return GrpcListener(options, serving, methods, health, files.web_config)


def serve(config: Config, make: Make) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. Raises ConfigError, or OSError if an address
    cannot be had."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    allow_many_files()
    host, port = parse_listen_address(config.web.listen_address)
    with bind(host, port) as listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve_until_stopped(config, make, listener))


async def serve_until_stopped(config: Config, make: Make, listener: socket.socket) -> int:
    gateway = build(config, make)
    runner = web.AppRunner(
        gateway.app,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=config.web.read_timeout_ms / 1000,
        shutdown_timeout=config.web.shutdown_timeout_ms / 1000,
        **parser_limits(config.web),
    )
    stop, warm_up = asyncio.Event(), WarmUp(lambda: None)
    try:
        await runner.setup()
        assert runner.server is not None, "BUG: set up, but without a server"
        on_signals(stop.set, gateway.reloader.reload_now)
        listening = Listening(Connections(runner.server, config.web, gateway.metrics), listener)
        await listening.follow(gateway.files.web)
        host, port = listener.getsockname()[:2]
        logger.info("listening address=%s port=%d version=%s", host, port, program_version())
        # Other processes compile what is not on disk yet; nothing is loaded before it is needed.
        threading.Thread(target=warm_up.compile_missing, name="warm-up", daemon=True).start()
        await stop.wait()
        logger.info("stopping")
        listening.close()
    finally:
        warm_up.end()
        await runner.cleanup()
    logger.info("stopped")
    return 0
