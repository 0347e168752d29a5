"""The composition root: every part of the program is made and wired here, and nowhere else.

    registry -> database (opened in the background) -> write handler -> engine -> query API

`build_app` reads as the architecture; `serve` runs the app until a signal or a failure ends it.
"""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import uvloop
from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics

from api.endpoints.deletions import Deleting
from api.endpoints.snapshots import Snapshotting
from api.frontend.lists import Lists
from api.frontend.ranges import kept_ranges
from api.metrics import ApiMetrics
from api.page.routes import Page
from api.promql.engine import Engine
from api.promql.features import Features, parse_features
from api.sources.queriers import QuerierSource, ReplicaDefaults
from api.web.cors import Cors
from api.web.routes import Api, add_routes
from receiver.access.files import AccessFiles
from receiver.access.grants import READ
from receiver.access.guard import GRANT, Guard
from receiver.access.rules import check_routes
from receiver.facts import program_facts, query_limits, replica_defaults
from receiver.late_database import LateDatabase, State
from receiver.limits.gate import WriteGate
from receiver.limits.handler import LimitsHandler
from receiver.limits.limits import LimitsInForce, read_limits
from receiver.metrics import ReceiverMetrics
from receiver.notifying import Notifying, check_alertmanagers
from receiver.opening import check_role, opener
from receiver.otlp.handler import OtlpHandler
from receiver.otlp.translation import Rules
from receiver.replaying.serving import EngineReplays
from receiver.ruling.configuration import configured_rules, offered
from receiver.ruling.rule_book import RulerBook
from receiver.ruling.setup import Around, check_rules, ruling_of
from receiver.ruling.terms import external_labels, terms_source
from receiver.settings.addresses import Addresses, parse_addresses
from receiver.settings.algorithms import pairs_of
from receiver.settings.bucket import bucket_of
from receiver.settings.config import Config, ConfigError
from receiver.settings.listen_address import bind, parse_listen_address
from receiver.settings.options import CERTIFICATE_FIELDS, TenantOptions, WebOptions
from receiver.settings.reloading import Reloadable, Reloader, ReloadMetrics, WatchedFile
from receiver.tenant_header import PREFIXES
from receiver.version import program_version
from receiver.warm_up import run_warm_up
from receiver.web import misses
from receiver.web.connections import Connections
from receiver.web.fast_lane import FastLane
from receiver.web.open_files import allow_many_files
from receiver.web.prefix import serve_under
from receiver.web.probes import Probes
from receiver.web.redirects import Redirects
from receiver.web.request_heads import parser_limits
from receiver.web.tls import Listening
from receiver.wire.columns import limits_of, replay_limits_of
from receiver.wire.decoder import WriteDecoder
from receiver.write.handler import WriteDatabase, WriteHandler
from receiver.write.label_tenants import LabelTenants
from storage.batch import Reject
from storage.errors import StoreConfigError
from storage.kernels.memory import keep_freed_memory
from storage.policy import Policy
from storage.read.replicas.watch import WatchedLabels
from storage.refusals.ledger import RejectLedger, Sender
from storage.shard.shard import now_ms

logger = logging.getLogger(__name__)

DATABASE = web.AppKey("database", LateDatabase)
RELOADER = web.AppKey("reloader", Reloader)
ACCESS_FILES = web.AppKey("access_files", AccessFiles)
METRICS = web.AppKey("metrics", ReceiverMetrics)
LANE = web.AppKey("lane", FastLane)


def build_app(config: Config) -> web.Application:
    """The whole program as an application, not yet started. Raises ConfigError."""
    features = check(config)
    replicas = replica_defaults(config.dedup)
    registry = CollectorRegistry()
    metrics = program_metrics(registry)
    decoder = WriteDecoder(replay_limits_of(config.write))
    reload_metrics = ReloadMetrics(registry)
    limits = limits_in_force(config, reload_metrics)
    ledger = RejectLedger(config.storage.ledger_entries_max)
    policy = make_policy(config, limits, replicas, ledger, registry)
    database = LateDatabase(opener(config, decoder, registry, policy))
    write_decoder = decoder.with_limits(limits_of(config.write))
    gate = WriteGate(database, limits.of, rate_limit_status=int(config.limits.rate_limit_status))
    writes = by_label(config.tenant, gate, write_decoder, metrics)
    write_handler = WriteHandler(
        writes, write_decoder, config.write, metrics, ledger, admit=gate.admit
    )
    engine = Engine(config.query, features)
    files = AccessFiles.open(config, reload_metrics)
    queriers = QuerierSource(database, replicas, lambda tenant: query_limits(limits.of(tenant)))
    terms_of = terms_source(config.rules, limits.of, url=config.web.external_url)
    notifying = Notifying(config, registry, reload_metrics, external_labels(terms_of))
    around = Around(features, queriers, database, decoder, limits.of, registry, reload_metrics)
    configured = configured_rules(config, around)
    ruling = ruling_of(config, around, terms_of, notifying.notifier, [configured])
    watched = present(limits.file, files.web, files.auth, notifying.file, *ruling.watched)
    replays = EngineReplays(engine, config.replay, terms_of)
    api = Api(
        database,
        engine,
        ApiMetrics(registry),
        config.api,
        ledger=ledger,
        deleting=Deleting(lambda: database.deletions, config.web.admin_api, author=author),
        snapshotting=Snapshotting(lambda: database.snapshots, config.web.admin_api, author),
        replicas=replicas,
        limits_of=queriers.limits_of,
        program=program_facts(config, watched, database),
        ranges=kept_ranges(engine, config.query_cache, registry),
        lists=Lists(config.lists_cache, registry),
        ingestion=gate.ingestion.of,
        rules=RulerBook(ruling.groups, notifying.notifier.urls),
        may_read=may_read,
        configuring=offered(config, configured, author),
        replays=replays,
    )
    app = web.Application()
    app[DATABASE] = database
    app[METRICS] = metrics
    app[ACCESS_FILES] = files
    guard = make_guard(config, files, registry)
    rules = Rules(config.otlp, config.query.lookback_delta_ms, features.type_and_unit_labels)
    otlp = OtlpHandler(write_handler, rules, metrics)
    probes, limits_handler = Probes(registry, database), LimitsHandler(limits.of, config)
    install(app, config, guard, api, [write_handler, otlp, probes, limits_handler])
    app[RELOADER] = Reloader(config.program.reload_interval_ms, watched)
    app.cleanup_ctx.append(lambda app: run_reloader(app[RELOADER]))
    app.cleanup_ctx.append(lambda _: notifying.run())
    app.cleanup_ctx.append(lambda _: run_guard(guard))
    app.cleanup_ctx.append(lambda _: run_engine(engine))
    app.cleanup_ctx.append(lambda _: run_write_handler(write_handler))
    app.cleanup_ctx.append(lambda _: run_database(database, metrics, config.web))
    app.cleanup_ctx.append(lambda _: ruling.run())
    app.cleanup_ctx.append(lambda _: replays.run(database, decoder))
    app.cleanup_ctx.append(lambda _: run_warm_up(database, write_handler, metrics))
    return app


def program_metrics(registry: CollectorRegistry) -> ReceiverMetrics:
    """The metrics of the receiver and of the process."""
    metrics = ReceiverMetrics(registry)
    ProcessCollector(namespace="cupola", registry=registry)
    metrics.build_info.labels(program_version()).set(1)
    return metrics


def present(*files: Reloadable | None) -> list[Reloadable]:
    """Those files that are configured."""
    return [file for file in files if file is not None]


def author() -> str:
    """Who sent the request at hand, by name; "" if that is not known."""
    return GRANT.get().name


def may_read(tenant: str) -> bool:
    """Whether who sent the request at hand may read a tenant."""
    grant = GRANT.get()
    return READ in grant.rights and grant.allows(tenant)


def note_late(ledger: RejectLedger, tenant: str, rejects: Sequence[Reject]) -> None:
    """Enter what storage has refused after the answer: who had sent it is not known any more."""
    ledger.note(tenant, rejects, Sender(), now_ms())


def make_policy(
    config: Config,
    limits: LimitsInForce,
    replicas: ReplicaDefaults,
    ledger: RejectLedger,
    registry: CollectorRegistry,
) -> Policy:
    """What storage has to obey. Raises ConfigError."""
    return Policy(
        WatchedLabels(replicas.labels, replicas.cluster_labels),
        limits.rules,
        limits.periods,
        refused=partial(note_late, ledger),
        pairs=pairs_of(config.dedup),
        bucket=bucket_of(config, registry),
    )


def make_guard(config: Config, files: AccessFiles, registry: CollectorRegistry) -> Guard:
    return Guard(
        files.web_config,
        files.grants,
        registry,
        certificate_field=CERTIFICATE_FIELDS.get(config.tenant.certificate_field, ""),
        cors=Cors(config.api.cors_origin).headers,
    )


class Served(Protocol):
    """A part of the program that has routes."""

    def add_routes(self, app: web.Application) -> None: ...


def install(
    app: web.Application, config: Config, guard: Guard, api: Api, parts: Sequence[Served]
) -> None:
    """All routes, and what stands before them."""
    addresses = parse_addresses(config.web.external_url, config.web.route_prefix)
    install_front(app, guard, api, addresses)
    for part in parts:
        part.add_routes(app)
    add_routes(app, api)
    Page().add_routes(app, PREFIXES)
    check_routes(app)
    serve_under(app, addresses)


def install_front(app: web.Application, guard: Guard, api: Api, addresses: Addresses) -> None:
    """What a request meets before its route, from the outside in."""
    app[LANE] = FastLane(
        api.quick_answers.answer,
        is_open=guard.is_open,
        headers=guard.headers,
        prefix=addresses.route_prefix,
    )
    guard.install(app)
    redirects = Redirects(addresses)
    redirects.install(app)
    misses.install(app)
    redirects.add_routes(app)


def check(config: Config) -> Features:
    """What can be found wrong without touching data or network. Raises ConfigError."""
    try:
        replica_defaults(config.dedup)
        check_role(config)
        Cors(config.api.cors_origin)
        parse_addresses(config.web.external_url, config.web.route_prefix)
        if config.limits.file:
            read_limits(Path(config.limits.file))
        AccessFiles.check(config)
        check_alertmanagers(config.alertmanagers)
        features = parse_features(config.program.features)
        check_rules(config, features)
        return features
    except (ValueError, StoreConfigError) as error:
        raise ConfigError(str(error)) from error


def limits_in_force(config: Config, metrics: ReloadMetrics) -> LimitsInForce:
    """The limits of the configured file, if there is one. Raises ConfigError."""
    path = config.limits.file
    if not path:
        return LimitsInForce()
    return LimitsInForce(WatchedFile("limits.file", Path(path), read_limits, metrics))


def by_label(
    options: TenantOptions, database: WriteGate, decoder: WriteDecoder, metrics: ReceiverMetrics
) -> WriteDatabase:
    """The database of writes, behind what splits them by a label where that is configured."""
    if not options.label:
        return database
    refused = metrics.tenant_label_refused
    return LabelTenants(
        database,
        decoder,
        options.label,
        allows=lambda tenant: GRANT.get().allows(tenant),
        # Whoever is bound to one tenant has no choice, and the label is one like others.
        splits=lambda: GRANT.get().tenant is None,
        count=lambda reject: refused.labels(reject.reason).inc(reject.count),
    )


async def run_guard(guard: Guard) -> AsyncIterator[None]:
    yield
    guard.close()


async def run_reloader(reloader: Reloader) -> AsyncIterator[None]:
    task = asyncio.create_task(reloader.run())
    yield
    task.cancel()


async def run_engine(engine: Engine) -> AsyncIterator[None]:
    yield
    await asyncio.to_thread(engine.close)


async def run_write_handler(handler: WriteHandler) -> AsyncIterator[None]:
    yield
    handler.close()


async def run_database(
    database: LateDatabase, metrics: ReceiverMetrics, options: WebOptions
) -> AsyncIterator[None]:
    shutdown_timeout_s = options.shutdown_timeout_ms / 1000
    metrics.ready.set_function(lambda: database.state is State.OPEN)
    database.start()
    yield
    if not await database.close(shutdown_timeout_s):
        logger.warning(
            "database still being opened, left as it is seconds=%.0f", shutdown_timeout_s
        )


def serve(config: Config) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. Raises ConfigError, or OSError if the address
    cannot be had."""
    check(config)
    # When a counter was made is of no use to anyone, and would double the number of series.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    allow_many_files()
    keep_freed_memory()
    listener = bind(*parse_listen_address(config.web.listen_address))
    with listener, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(serve_until_stopped(config, listener))
    if any(thread.daemon for thread in threading.enumerate()):
        # A thread is still compiling kernels, or replaying the log because opening took longer than
        # we may wait. It has acknowledged nothing, and what is on disk is what a power cut would
        # leave; but it would trip over an interpreter that is taken down under it.
        logging.shutdown()
        os._exit(code)
    return code


async def serve_until_stopped(config: Config, listener: socket.socket) -> int:
    """The exit code."""
    app = build_app(config)
    runner = web.AppRunner(
        app,
        access_log=None,
        # Bodies are decoded here; their encoding is refused before, where it is not known.
        auto_decompress=False,
        # Counted from the start of a connection, too, so that it bounds the first head as well.
        keepalive_timeout=config.web.read_timeout_ms / 1000,
        shutdown_timeout=config.web.shutdown_timeout_ms / 1000,
        **parser_limits(config.web),
    )
    await runner.setup()
    assert runner.server is not None, "BUG: set up, but without a server"
    stop = asyncio.Event()
    on_signals(stop.set, app[RELOADER].reload_now)
    connections = Connections(runner.server, config.web, app[METRICS], app[LANE])
    listening = Listening(connections, listener)
    await listening.follow(app[ACCESS_FILES].web)
    host, port = listener.getsockname()[:2]
    logger.info("listening address=%s port=%d version=%s", host, port, program_version())
    code = await wait_for_end(app[DATABASE], stop)
    logger.info("stopping")
    listening.close()
    await runner.cleanup()
    logger.info("stopped code=%d", code)
    return code


def on_signals(stop: Callable[[], None], reload_now: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload_now)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


async def wait_for_end(database: LateDatabase, stop: asyncio.Event) -> int:
    """Wait for the signal, or for the failure to open; the exit code."""
    stopped = asyncio.ensure_future(stop.wait())
    opened = asyncio.ensure_future(database.opened())
    await asyncio.wait((stopped, opened), return_when=asyncio.FIRST_COMPLETED)
    if opened.done() and opened.exception() is not None:
        logger.error("database cannot be opened error=%r", str(opened.exception()))
        stopped.cancel()
        return 1
    opened.cancel()
    await stopped
    return 0
