"""The composition root: every part of the program is made and wired here, and nowhere else.

    registry -> database (opened in the background) -> write handler -> engine -> query API

`build_app` reads as the architecture; `receiver.serving` runs the app.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector

from api.endpoints.deletions import Deleting
from api.endpoints.snapshots import Snapshotting
from api.frontend.lists import Lists
from api.frontend.ranges import kept_ranges
from api.metrics import ApiMetrics
from api.page.routes import Page
from api.promql.engine import Engine
from api.promql.features import Features, parse_features
from api.sources.queriers import QuerierSource, ReplicaDefaults
from api.sources.store import Store
from api.web.cors import Cors
from api.web.routes import Api, add_routes, install_preflights
from receiver.access.files import AccessFiles
from receiver.access.grants import READ
from receiver.access.guard import GRANT, Guard
from receiver.access.rules import check_routes
from receiver.facts import program_facts, query_limits, replica_defaults
from receiver.grpc.setup import GrpcSocket, check_grpc, listener_of
from receiver.late_database import LateDatabase
from receiver.limits.gate import WriteGate
from receiver.limits.handler import LimitsHandler
from receiver.limits.limits import LimitsInForce, read_limits
from receiver.metrics import ReceiverMetrics
from receiver.notifying import Notifying, check_alertmanagers
from receiver.opening import check_role, opener
from receiver.otlp.handler import OtlpHandler
from receiver.otlp.translation import Rules
from receiver.processes.company import Company, Writes
from receiver.processes.identity import grant_of_inner
from receiver.processes.place import ALONE, Place, check_processes
from receiver.processes.routes import check_places
from receiver.profiling.serving import Profiling
from receiver.replaying.serving import EngineReplays
from receiver.ruling.configuration import configured_rules, offered
from receiver.ruling.rule_book import RulerBook
from receiver.ruling.setup import Around, Ruling, check_rules, ruling_of
from receiver.ruling.terms import TermsOf, external_labels, terms_source
from receiver.settings.addresses import Addresses, parse_addresses
from receiver.settings.algorithms import pairs_of
from receiver.settings.bucket import bucket_of
from receiver.settings.catalog import catalog_of, check_catalog
from receiver.settings.config import Config, ConfigError
from receiver.settings.options import CERTIFICATE_FIELDS, TenantOptions
from receiver.settings.reloading import Reloadable, Reloader, ReloadMetrics, WatchedFile
from receiver.stores.setup import ConfiguredStores, check_stores
from receiver.tenant_header import PREFIXES
from receiver.tracing import noting
from receiver.tracing.recording import Recorder, check_tracing, recorder_of
from receiver.version import program_version
from receiver.warm_up import run_warm_up
from receiver.web import misses
from receiver.web.fast_lane import FastLane
from receiver.web.lifespans import add_lifespans, run_closed, run_database, run_reloader
from receiver.web.prefix import serve_under
from receiver.web.probes import Probes
from receiver.web.redirects import Redirects
from receiver.wire.columns import Secrets, replay_limits_of
from receiver.wire.decoder import WriteDecoder
from receiver.write.handler import WriteDatabase, WriteHandler
from receiver.write.label_tenants import LabelTenants
from rules.configuring.configuration import ConfiguredRules
from storage.batch import Reject
from storage.errors import StoreConfigError
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
COMPANY = web.AppKey("company", Company)
GRPC = web.AppKey("grpc", GrpcSocket)

RuleParts = tuple[TermsOf, Notifying, ConfiguredRules, Ruling]


def build_app(config: Config, place: Place = ALONE) -> web.Application:
    """The program as an application at its place among processes, not begun. Raises ConfigError."""
    features = check(config)
    replicas = replica_defaults(config.dedup)
    registry = CollectorRegistry()
    metrics = program_metrics(registry)
    decoder = WriteDecoder(replay_limits_of(config.write), secrets=Secrets(place.seed))
    reload_metrics = ReloadMetrics(registry)
    limits = limits_in_force(config, reload_metrics)
    ledger = RejectLedger(config.storage.ledger_entries_max)
    policy = replace(make_policy(config, limits, replicas, ledger, registry), share=place.share)
    database = LateDatabase(opener(config, decoder, registry, policy))
    company = Company(place, config, registry, database)
    gate = WriteGate(database, limits.of, rate_limit_status=int(config.limits.rate_limit_status))
    write_handler = make_write_handler(config, company.writes(gate, decoder), metrics, ledger)
    engine = Engine(config.query, features)
    files = AccessFiles.open(config, reload_metrics)
    queriers = rule_queriers(company.around(database, "rules"), replicas, limits)
    around = Around(
        features, queriers, database, decoder, gate, registry, reload_metrics, company.has
    )
    terms_of, notifying, configured, ruling = make_rules(config, around, limits)
    stores = ConfiguredStores(config, registry, reload_metrics)
    named = (notifying.file, stores.file, *ruling.watched)
    watched = present(limits.file, files.web, files.auth, *named)
    replays = EngineReplays(engine, config.replay, terms_of)
    api = Api(
        company.around(stores.around(database), "queries"),
        engine,
        ApiMetrics(registry),
        config.api,
        ledger=ledger,
        deleting=Deleting(lambda: database.deletions, config.web.admin_api, author=author),
        snapshotting=Snapshotting(lambda: database.snapshots, config.web.admin_api, author),
        replicas=replicas,
        limits_of=queriers.limits_of,
        program=program_facts(config, watched, database, company.shards, registry, stores=stores),
        ranges=kept_ranges(engine, config.query_cache, registry),
        lists=Lists(config.lists_cache, registry),
        ingestion=gate.ingestion.of,
        rules=RulerBook(ruling.groups, notifying.notifier.urls),
        may_read=may_read,
        configuring=offered(config, configured, author),
        replays=replays,
    )
    app = web.Application()
    app[DATABASE], app[METRICS] = database, metrics
    app[ACCESS_FILES], app[COMPANY] = files, company
    guard = make_guard(config, files, registry)
    otlp = make_otlp_handler(config, features, write_handler, metrics)
    probes, limits_handler = Probes(registry, database), LimitsHandler(limits.of, config)
    install(app, config, guard, api, [write_handler, otlp, probes, limits_handler, company])
    app[RELOADER] = Reloader(config.program.reload_interval_ms, watched)
    app[GRPC] = listener_of(config, api, guard, files, database)
    add_lifespans(
        app,
        partial(run_reloader, app[RELOADER]),
        notifying.run,
        stores.run,
        company.run,
        partial(run_closed, guard, engine, write_handler),
        partial(run_database, database, metrics, config.web),
        company.read,
        ruling.run,
        partial(replays.run, database, decoder),
        app[GRPC].run,
        partial(run_warm_up, database, write_handler, metrics, company.warming, config.program),
    )
    return app


def rule_queriers(store: Store, replicas: ReplicaDefaults, limits: LimitsInForce) -> QuerierSource:
    """Where rules read."""
    return QuerierSource(store, replicas, lambda tenant: query_limits(limits.of(tenant)))


def make_write_handler(
    config: Config, writes: Writes, metrics: ReceiverMetrics, ledger: RejectLedger
) -> WriteHandler:
    """What takes remote write, behind the gate."""
    return WriteHandler(
        by_label(config.tenant, writes.database, writes.decoder, metrics),
        writes.decoder,
        config.write,
        metrics,
        ledger,
        admit=writes.admit,
        decoder_of=writes.decoder_of,
    )


def make_otlp_handler(
    config: Config, features: Features, handler: WriteHandler, metrics: ReceiverMetrics
) -> OtlpHandler:
    """What takes OTLP, and writes by the handler of remote write."""
    rules = Rules(config.otlp, config.query.lookback_delta_ms, features.type_and_unit_labels)
    return OtlpHandler(handler, rules, metrics)


def make_rules(config: Config, around: Around, limits: LimitsInForce) -> RuleParts:
    """What rules are given, what sends alerts, the groups that are configured, and what evaluates
    all of them."""
    terms_of = terms_source(config.rules, limits.of, url=config.web.external_url)
    labels = external_labels(terms_of)
    notifying = Notifying(config, around.registry, around.reload_metrics, labels)
    configured = configured_rules(config, around)
    ruling = ruling_of(config, around, terms_of, notifying.notifier, [configured])
    return terms_of, notifying, configured, ruling


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
        catalog=catalog_of(config, registry),
    )


def make_guard(config: Config, files: AccessFiles, registry: CollectorRegistry) -> Guard:
    return Guard(
        files.web_config,
        files.grants,
        registry,
        certificate_field=CERTIFICATE_FIELDS.get(config.tenant.certificate_field, ""),
        cors=Cors(config.api.cors_origin).headers,
        inner=grant_of_inner,
    )


class Served(Protocol):
    """A part of the program that has routes."""

    def add_routes(self, app: web.Application) -> None: ...


def install(
    app: web.Application, config: Config, guard: Guard, api: Api, parts: Sequence[Served]
) -> None:
    """All routes, and what stands before them."""
    addresses = parse_addresses(config.web.external_url, config.web.route_prefix)
    install_front(app, guard, api, addresses, recorder_of(config.tracing))
    for part in (*parts, Profiling(config.web.admin_api)):
        part.add_routes(app)
    add_routes(app, api)
    Page().add_routes(app, PREFIXES)
    check_routes(app)
    check_places(app)
    serve_under(app, addresses)


def install_front(
    app: web.Application, guard: Guard, api: Api, addresses: Addresses, recorder: Recorder | None
) -> None:
    """What a request meets before its route, from the outside in."""
    company = app[COMPANY]
    app[LANE] = FastLane(
        company.lane(api.quick_answers.answer),
        # Which answers past everything that would record requests.
        is_open=lambda: recorder is None and guard.is_open(),
        headers=guard.headers,
        prefix=addresses.route_prefix,
    )
    if recorder is not None:
        recorder.install(app)
    noting.install(app)
    guard.install(app)
    redirects = Redirects(addresses)
    redirects.install(app)
    install_preflights(app, api, addresses.route_prefix)
    misses.install(app)
    company.install(app)
    redirects.add_routes(app)


def check(config: Config) -> Features:
    """What can be found wrong without touching data or network. Raises ConfigError."""
    try:
        replica_defaults(config.dedup)
        check_role(config)
        check_processes(config)
        check_catalog(config)
        Cors(config.api.cors_origin)
        parse_addresses(config.web.external_url, config.web.route_prefix)
        if config.limits.file:
            read_limits(Path(config.limits.file))
        check_grpc(config.grpc, AccessFiles.check(config), processes=config.program.processes)
        check_alertmanagers(config.alertmanagers)
        check_stores(config.stores)
        check_tracing(config.tracing)
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
    options: TenantOptions, database: WriteDatabase, decoder: WriteDecoder, metrics: ReceiverMetrics
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
