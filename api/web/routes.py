"""The paths of the query API, and how its parts are put together.

Every path is there under both prefixes; OPTIONS is answered for all of them, and HEAD where GET is.
Unknown paths and methods are left to aiohttp: 404 and 405.
"""

import time
from collections.abc import Callable
from itertools import product
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler as AiohttpHandler

from api.endpoints.absent.notifications import NotificationHandlers
from api.endpoints.absent.search import SearchHandlers
from api.endpoints.absent.targets import TargetHandlers
from api.endpoints.deletions import Deleting, DeletionHandlers
from api.endpoints.description import DescriptionHandlers
from api.endpoints.exemplars import ExemplarHandlers
from api.endpoints.explaining import ExplainHandlers
from api.endpoints.expressions import ExpressionHandlers
from api.endpoints.federation import FederationHandlers
from api.endpoints.handler import PROMETHEUS_STYLE, Handler, Style
from api.endpoints.metadata import PROMETHEUS_VERSION, MetadataHandlers
from api.endpoints.queries import QueryHandlers
from api.endpoints.rejects import Ledger, RejectHandlers
from api.endpoints.remote_read import ReadLimits, RemoteReadHandlers
from api.endpoints.replicas import ReplicaHandlers
from api.endpoints.rules.configuration import ConfigurationHandlers, Configuring
from api.endpoints.rules.history import HistoryHandlers
from api.endpoints.rules.listing import RuleHandlers
from api.endpoints.rules.replaying import ReplayHandlers
from api.endpoints.snapshots import SnapshotHandlers, Snapshotting
from api.endpoints.status.cardinality import CardinalityHandlers, Ingestion
from api.endpoints.status.features import FeatureHandlers
from api.endpoints.status.program import ProgramHandlers
from api.endpoints.status.running import RunningHandlers
from api.endpoints.status.segments import SegmentHandlers
from api.endpoints.status.tenants import TenantHandlers
from api.endpoints.stores import StoreHandlers
from api.frontend.lists import Lists, no_lists
from api.frontend.ranges import RangeQueries, uncached
from api.metrics import ApiMetrics
from api.promql.bounds import Bound
from api.promql.engine import Engine
from api.sources.program import Program
from api.sources.queriers import QuerierSource, ReplicaDefaults
from api.sources.query_limits import NO_LIMITS, LimitsSource
from api.sources.replays import NO_REPLAYS, Replays
from api.sources.rules import NO_RULES, RuleBook
from api.sources.running import Running
from api.sources.store import Store
from api.web.openapi import describe
from api.web.options import ApiOptions
from api.web.query_pool import QueryPool, Share
from api.web.quick_answers import QuickAnswers
from api.web.quick_jobs import QuickJobs
from api.web.serving import Server

PREFIXES = ("/api/v1", "/prometheus/api/v1")
# Of paths that are not versioned.
BARE_PREFIXES = ("", "/prometheus")
GET, POST, DELETE = ("GET",), ("POST",), ("DELETE",)
GET_POST, POST_PUT = ("GET", "POST"), ("POST", "PUT")
# Of the configuration of rules, as in Mimir.
CONFIG = "config/v1/rules"

Route = tuple[tuple[str, ...], str, Handler]


class Api:
    """The query API over a store, an engine and a ledger, all owned by the caller."""

    def __init__(
        self,
        store: Store,
        engine: Engine,
        metrics: ApiMetrics,
        options: ApiOptions | None = None,
        *,
        ledger: Ledger,
        deleting: Deleting,
        snapshotting: Snapshotting,
        replicas: ReplicaDefaults | None = None,
        limits_of: LimitsSource = lambda tenant: NO_LIMITS,
        program: Program | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        quick: QuickJobs | None = None,
        ranges: RangeQueries | None = None,
        lists: Lists | None = None,
        ingestion: Ingestion = lambda tenants: (0.0, 0.0),
        rules: RuleBook = NO_RULES,
        may_read: Callable[[str], bool] = lambda tenant: True,
        configuring: Configuring | None = None,
        replays: Replays = NO_REPLAYS,
    ) -> None:
        """quick: the jobs that need no thread; ranges: keeps what range queries gave, by default
        nothing; rules: what there is of them; may_read: whether the caller of the request at hand
        may read a tenant; configuring: by default rules cannot be configured; replays: what tries
        others."""
        program = program or Program()
        options, configuring = options or ApiOptions(), configuring or Configuring()
        source = QuerierSource(store, replicas or ReplicaDefaults(), limits_of, now_ms)
        self.source, self.engine, self.rule_book, self.may_read = source, engine, rules, may_read
        self.pool = make_pool(engine.options.max_concurrency, options, source, metrics, quick)
        running = Running(options.slow_query_ms / 1000, options.slow_queries_max, now_ms)
        self.running = RunningHandlers(running)
        self.server = Server(
            options,
            self.pool,
            metrics,
            timeout_ms=engine.options.timeout_ms,
            running=running,
            limits_of=source.limits,
        )
        self.quick_answers = QuickAnswers(self.server)
        self.queries = QueryHandlers(source, engine, ranges or uncached(engine), now_ms=now_ms)
        self.explaining = ExplainHandlers(source, engine, now_ms=now_ms)
        self.exemplars = ExemplarHandlers(source, engine)
        self.metadata = MetadataHandlers(source, lists or no_lists(), configuring.abilities)
        self.replicas = ReplicaHandlers(source, now_ms=now_ms)
        self.rejects = RejectHandlers(ledger)
        self.segments = SegmentHandlers(store)
        self.tenants = TenantHandlers(store, may_read)
        self.remote_read = RemoteReadHandlers(source, read_limits_of(options))
        self.federation = FederationHandlers(
            source, lookback_ms=engine.options.lookback_delta_ms, now_ms=now_ms
        )
        self.styles = styles_of(options)
        self.description = DescriptionHandlers(self.describe)
        self.expressions = ExpressionHandlers(engine)
        self.program = ProgramHandlers(program, now_ms=now_ms)
        self.features = FeatureHandlers(engine.features)
        self.cardinality = CardinalityHandlers(source, ingestion, now_ms=now_ms)
        self.stores = StoreHandlers(program, now_ms=now_ms)
        self.targets, self.search = TargetHandlers(program.others), SearchHandlers()
        self.rules = RuleHandlers(rules, program.others)
        self.configuration = ConfigurationHandlers(configuring)
        self.history = HistoryHandlers(configuring)
        self.replaying = ReplayHandlers(source, replays)
        self.notifications = NotificationHandlers()
        self.deletions = DeletionHandlers(deleting)
        self.snapshots = SnapshotHandlers(snapshotting)

    def routes(self) -> list[Route]:
        """Methods, path below a prefix, and handler of every endpoint.

        Label values and metadata are also posted to: Grafana does so first.
        """
        return [
            (GET_POST, "query", self.queries.query),
            (GET_POST, "query_range", self.queries.query_range),
            (GET_POST, "query_explain", self.explaining.query),
            (GET_POST, "query_range_explain", self.explaining.query_range),
            (GET_POST, "query_exemplars", self.exemplars.query_exemplars),
            (GET_POST, "series", self.metadata.series),
            (GET_POST, "labels", self.metadata.labels),
            (GET_POST, "label/{name}/values", self.metadata.label_values),
            (GET_POST, "metadata", self.metadata.metadata),
            (GET, "status/buildinfo", self.metadata.build_info),
            (GET, "status/rejected", self.rejects.rejected),
            (GET, "status/replicas", self.replicas.report),
            (GET, "status/segments", self.segments.segments),
            (GET, "status/tsdb/blocks", self.segments.blocks),
            (GET, "status/tenants", self.tenants.tenants),
            (("POST",), "read", self.remote_read.read),
            (GET_POST, "format_query", self.expressions.format_query),
            (GET_POST, "parse_query", self.expressions.parse_query),
            (GET, "features", self.features.features),
            (GET, "status/config", self.program.config),
            (GET, "status/flags", self.program.flags),
            (GET, "status/runtimeinfo", self.program.runtime_info),
            (GET, "status/self_metrics", self.program.self_metrics),
            (GET, "status/walreplay", self.program.wal_replay),
            (GET, "status/active_queries", self.running.active),
            (DELETE, "status/active_queries/{id}", self.running.stop),
            (GET, "status/slow_queries", self.running.slow),
            (GET, "status/tsdb", self.cardinality.tsdb),
            (GET_POST, "status/cardinality", self.cardinality.cardinality),
            (GET_POST, "cardinality/label_names", self.cardinality.label_names),
            (GET_POST, "cardinality/label_values", self.cardinality.label_values),
            (GET, "user_stats", self.cardinality.user_stats),
            (GET, "stores", self.stores.stores),
            (GET, "status/deletions", self.deletions.receipts),
            (POST_PUT, "admin/tsdb/delete_series", self.deletions.delete_series),
            (POST_PUT, "admin/tsdb/clean_tombstones", self.deletions.clean_tombstones),
            (POST_PUT, "admin/tsdb/snapshot", self.snapshots.take),
            (GET, "rules", self.rules.rules),
            (POST, "rules/replay", self.replaying.replay),
            (GET, "alerts", self.rules.alerts),
            (GET, "alertmanagers", self.rules.alertmanagers),
            (GET, "rules/changes", self.history.changes),
            (POST, "rules/undo", self.history.undo),
            (GET, "openapi.json", self.description.json),
            (GET, "openapi.yaml", self.description.yaml),
            *self.absent_routes(),
        ]

    def describe(self) -> dict[str, Any]:
        """The document of OpenAPI; paths without /prometheus."""
        routes = [(PREFIXES[0], route) for route in self.routes()]
        routes += [(BARE_PREFIXES[0], route) for route in self.bare_routes()]
        return describe(routes, version=PROMETHEUS_VERSION)

    def absent_routes(self) -> list[Route]:
        """The endpoints about what a receiver does not have."""
        return [
            (GET, "targets", self.targets.targets),
            (GET, "targets/metadata", self.targets.metadata),
            (GET, "targets/relabel_steps", self.targets.relabel_steps),
            (GET, "scrape_pools", self.targets.scrape_pools),
            (GET, "scrape_pools/config", self.targets.scrape_pool_config),
            (GET, "notifications", self.notifications.notifications),
            (GET, "notifications/live", self.notifications.live),
            (GET_POST, "search/metric_names", self.search.refuse),
            (GET_POST, "search/label_names", self.search.refuse),
            (GET_POST, "search/label_values", self.search.refuse),
        ]

    def bare_routes(self) -> list[Route]:
        """The same of endpoints whose paths have no version: federation, and some of Mimir."""
        return [
            (GET, "federate", self.federation.federate),
            (GET, "version", self.metadata.version),
            (POST, "compactor/delete_tenant", self.deletions.delete_tenant),
            (GET, "compactor/delete_tenant_status", self.deletions.tenant_status),
            (GET, CONFIG, self.configuration.all),
            (GET, f"{CONFIG}/{{namespace}}", self.configuration.namespace),
            (POST, f"{CONFIG}/{{namespace}}", self.configuration.put),
            (DELETE, f"{CONFIG}/{{namespace}}", self.configuration.delete_namespace),
            (GET, f"{CONFIG}/{{namespace}}/{{group}}", self.configuration.group),
            (DELETE, f"{CONFIG}/{{namespace}}/{{group}}", self.configuration.delete_group),
            (POST, "ruler/delete_tenant_config", self.configuration.delete_all),
        ]


def read_limits_of(options: ApiOptions) -> ReadLimits:
    return ReadLimits(
        samples_max=options.read_samples_max,
        queries_max=options.read_queries_max,
        frame_bytes_max=options.read_frame_bytes_max,
        body_bytes_max=options.form_bytes_max,
    )


def styles_of(options: ApiOptions) -> dict[str, Style]:
    """How endpoints are used that are not as most are, by their paths below a prefix."""
    read = Style(takes_body=True, plain_errors=True, concurrency=options.read_concurrency_max)
    plain = Style(plain_errors=True)
    return {
        "federate": plain,
        "read": read,
        "rules/replay": Style(takes_body=True, concurrency=options.replay_concurrency_max),
        "ruler/delete_tenant_config": plain,
        CONFIG: plain,
        f"{CONFIG}/{{namespace}}": Style(takes_body=True, plain_errors=True),
        f"{CONFIG}/{{namespace}}/{{group}}": plain,
    }


def make_pool(
    concurrency: int,
    options: ApiOptions,
    source: QuerierSource,
    metrics: ApiMetrics,
    quick: QuickJobs | None,
) -> QueryPool:
    """The places of requests, of which a tenant has what the settings and its limits leave it."""
    places = Bound(options.tenant_concurrency_max, "api.max-concurrency-per-tenant")
    waiting = Bound(options.tenant_waiting_max, "api.max-waiting-requests-per-tenant")

    def share_of(tenant: str) -> Share:
        limits = source.limits(tenant.split("|"))
        return Share(places.or_lower(limits.places_bound), waiting.or_lower(limits.waiting_bound))

    return QueryPool(
        concurrency=concurrency,
        waiting_max=options.waiting_max,
        share_of=share_of,
        metrics=metrics,
        quick=quick,
    )


def add_routes(app: web.Application, api: Api) -> None:
    """Serve the API from `app`; its threads end when the app is cleaned up."""
    asked_for_options: set[str] = set()
    for prefixes, routes in ((PREFIXES, api.routes()), (BARE_PREFIXES, api.bare_routes())):
        for prefix, (methods, path, handler) in product(prefixes, routes):
            style = api.styles.get(path, PROMETHEUS_STYLE)
            endpoint = api.server.endpoint(path, handler, style)
            if "GET" in methods and style is PROMETHEUS_STYLE:
                api.quick_answers.add(prefix, path, handler)
            for method in (*methods, "HEAD") if "GET" in methods else methods:
                app.router.add_route(method, f"{prefix}/{path}", endpoint)
            if f"{prefix}/{path}" not in asked_for_options:  # a path may have several handlers
                asked_for_options.add(f"{prefix}/{path}")
                app.router.add_route("OPTIONS", f"{prefix}/{path}", api.server.preflight)

    async def close(_: web.Application) -> None:
        api.pool.close()

    app.on_cleanup.append(close)


def install_preflights(app: web.Application, api: Api, route_prefix: str = "") -> None:
    """Answer OPTIONS of all paths below the prefixes of the API, also where there is nothing else,
    as Prometheus does; before whatever answers for what there is not. route_prefix: what stands
    before all paths."""
    prefixes = tuple(f"{route_prefix}{prefix}/" for prefix in PREFIXES)

    @web.middleware
    async def answer(request: web.Request, handler: AiohttpHandler) -> web.StreamResponse:
        is_miss = request.match_info.http_exception is not None
        if request.method == "OPTIONS" and is_miss and request.path.startswith(prefixes):
            return await api.server.preflight(request)
        return await handler(request)

    app.middlewares.append(answer)
