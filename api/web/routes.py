"""The paths of the query API, and how its parts are put together.

Every path is there under both prefixes; OPTIONS is answered for all of them. Unknown paths and
methods are left to aiohttp: 404 and 405.
"""

import time
from collections.abc import Callable

from aiohttp import web

from api.endpoints.exemplars import ExemplarHandlers
from api.endpoints.handler import Handler
from api.endpoints.metadata import MetadataHandlers
from api.endpoints.queries import QueryHandlers
from api.endpoints.rejects import Ledger, RejectHandlers
from api.endpoints.replicas import ReplicaHandlers
from api.metrics import ApiMetrics
from api.promql.engine import Engine
from api.sources.queriers import QuerierSource, ReplicaDefaults
from api.sources.query_limits import NO_LIMITS, LimitsSource
from api.sources.store import Store
from api.web.options import ApiOptions
from api.web.query_pool import QueryPool
from api.web.serving import Server

PREFIXES = ("/api/v1", "/prometheus/api/v1")
GET, GET_POST = ("GET",), ("GET", "POST")


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
        replicas: ReplicaDefaults | None = None,
        limits_of: LimitsSource = lambda tenant: NO_LIMITS,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        options = options or ApiOptions()
        source = QuerierSource(store, replicas or ReplicaDefaults(), limits_of, now_ms)
        self.pool = QueryPool(
            concurrency=engine.options.max_concurrency,
            waiting_max=options.waiting_max,
            metrics=metrics,
        )
        self.server = Server(options, self.pool, metrics, timeout_ms=engine.options.timeout_ms)
        self.queries = QueryHandlers(source, engine, now_ms=now_ms)
        self.exemplars = ExemplarHandlers(source, engine)
        self.metadata = MetadataHandlers(source)
        self.replicas = ReplicaHandlers(source, now_ms=now_ms)
        self.rejects = RejectHandlers(ledger)

    def routes(self) -> list[tuple[tuple[str, ...], str, Handler]]:
        """Methods, path below a prefix, and handler of every endpoint.

        Label values and metadata are also posted to: Grafana does so first.
        """
        return [
            (GET_POST, "query", self.queries.query),
            (GET_POST, "query_range", self.queries.query_range),
            (GET_POST, "query_exemplars", self.exemplars.query_exemplars),
            (GET_POST, "series", self.metadata.series),
            (GET_POST, "labels", self.metadata.labels),
            (GET_POST, "label/{name}/values", self.metadata.label_values),
            (GET_POST, "metadata", self.metadata.metadata),
            (GET, "status/buildinfo", self.metadata.build_info),
            (GET, "status/rejected", self.rejects.rejected),
            (GET, "status/replicas", self.replicas.report),
        ]


def add_routes(app: web.Application, api: Api) -> None:
    """Serve the API from `app`; its threads end when the app is cleaned up."""
    for prefix in PREFIXES:
        for methods, path, handler in api.routes():
            endpoint = api.server.endpoint(path, handler)
            for method in methods:
                app.router.add_route(method, f"{prefix}/{path}", endpoint)
            app.router.add_route("OPTIONS", f"{prefix}/{path}", api.server.preflight)

    async def close(_: web.Application) -> None:
        api.pool.close()

    app.on_cleanup.append(close)
