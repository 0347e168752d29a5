"""A store in memory, and a running API over it, for tests of the HTTP API."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np
from aiohttp import ClientSession, web
from prometheus_client import CollectorRegistry

from api.endpoints.deletions import Deleter, Deleting
from api.endpoints.snapshots import Snapshotting, Taker
from api.metrics import ApiMetrics
from api.promql.engine import Engine
from api.promql.options import EngineOptions
from api.sources.queriers import ReplicaDefaults
from api.sources.query_limits import NO_LIMITS, LimitsSource
from api.sources.rules import NO_RULES, RuleBook
from api.web.options import ApiOptions
from api.web.quick_jobs import QuickJobs
from api.web.routes import Api, add_routes, install_preflights
from storage.catalog.metadata import Description
from storage.compaction.status import SegmentReport
from storage.dedup.algorithm import Algorithm
from storage.labels.frames import LabelFrame
from storage.labels.matchers import Matcher
from storage.read.exemplars import ExemplarSelection
from storage.read.replicas.report import ReplicaGroup
from storage.read.usage import Usage, stacked
from storage.refusals.ledger import RejectLedger
from storage.revisions.watch import Watch
from tests.makers.memory_store import LabelSet, MemoryStore

REPLICAS = ReplicaDefaults(
    labels=("replica",),
    cluster_labels=("cluster",),
    tenant_algorithms={"migrated": Algorithm.PENALTY},
)
NOW_MS = 1_435_781_451_781


class FakeQuerier(MemoryStore):
    """One tenant's series with the label queries of the API's port."""

    def __init__(self) -> None:
        super().__init__()
        # Labels of a series -> (time, value, labels) of its exemplars.
        self.exemplars_of: dict[LabelSet, list[tuple[int, float, LabelSet]]] = {}
        self.described: dict[str, tuple[Description, ...]] = {}

    asked_exemplars: Any = None
    groups: Sequence[ReplicaGroup] = ()
    losses: tuple[str, ...] = ()
    reported: Any = None

    def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> LabelFrame:
        found = {}
        for matchers in matcher_sets or [()]:
            selection = self.select(matchers, start_ms, end_ms)
            for row, samples in enumerate(selection.series):
                labelset = selection.labels.labelset(row)
                if samples:
                    found[tuple(labelset.items())] = labelset
        return LabelFrame.from_dicts(self.symbols, list(found.values()))

    def replica_report(self, matcher_sets: Any, start_ms: int, end_ms: int, **more: Any) -> Any:
        """Canned groups, as far as the test fills them in."""
        self.reported = (matcher_sets, start_ms, end_ms, more["cluster_labels"])
        return self.groups

    def exemplars(self, matcher_sets: Any, start_ms: int, end_ms: int) -> ExemplarSelection:
        """Those that the test fills in, whatever is asked for."""
        self.asked_exemplars = (list(matcher_sets), start_ms, end_ms)
        labelsets = [dict(labels) for labels in self.exemplars_of]
        found = [exemplar for exemplars in self.exemplars_of.values() for exemplar in exemplars]
        counts = [len(exemplars) for exemplars in self.exemplars_of.values()]
        return ExemplarSelection(
            LabelFrame.from_dicts(self.symbols, labelsets),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            np.array([time for time, *_ in found], np.int64),
            np.array([value for _, value, _ in found], np.float64),
            [labels for *_, labels in found],
        )

    def metadata(self, family: str = "") -> dict[str, tuple[Description, ...]]:
        return {n: d for n, d in self.described.items() if family in ("", n)}

    def usage(self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int) -> Usage:
        """There is none."""
        return stacked([], self.series(matcher_sets, 1, 0))

    def head_chunks(self) -> int:
        """There are none."""
        return 0

    def watches(self) -> tuple[Watch, ...]:
        """Nothing is known of changes."""
        return ()


class FakeStore:
    """Queriers by tenant, and a ledger; asked: what queriers were asked for."""

    def __init__(self) -> None:
        self.tenants: dict[str, FakeQuerier] = {}
        self.ledger = RejectLedger(entries_max=100)
        self.report = SegmentReport([], None)
        self.asked: list[tuple[str, tuple[str, ...], bool, Algorithm]] = []

    def tenant(self, name: str = "default") -> FakeQuerier:
        return self.tenants.setdefault(name, FakeQuerier())

    def tenant_names(self) -> list[str]:
        return list(self.tenants)

    def segment_report(self) -> SegmentReport:
        return self.report

    def querier(
        self,
        tenant: str,
        *,
        replica_labels: tuple[str, ...],
        dedup: bool,
        algorithm: Algorithm = Algorithm.AUTO,
    ) -> FakeQuerier:
        self.asked.append((tenant, replica_labels, dedup, algorithm))
        return self.tenant(tenant)


def no_deleter() -> Deleter:
    raise NotImplementedError


def no_taker() -> Taker:
    raise NotImplementedError


class Running:
    """An API that serves `store`, and a client of it."""

    def __init__(self, port: int, store: FakeStore, registry: CollectorRegistry, api: Api) -> None:
        self.port = port
        self.api = api
        self.store = store
        self.registry = registry
        self.client = ClientSession(f"http://127.0.0.1:{port}")

    async def get(self, path: str, **params: Any) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        async with self.client.get(f"/api/v1/{path}", params=params) as response:
            return response.status, await response.json()

    def sample(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


def run_api(
    test: Callable[[Running], Awaitable[None]],
    *,
    engine: Any = None,
    options: ApiOptions | None = None,
    engine_options: EngineOptions | None = None,
    fill: Callable[[FakeStore], None] = lambda store: None,
    limits_of: LimitsSource = lambda tenant: NO_LIMITS,
    handler_cancellation: bool = False,
    quick: QuickJobs | None = None,
    rules: RuleBook = NO_RULES,
) -> None:
    """Run a test against an API over a fresh store."""

    async def run() -> None:
        store = FakeStore()
        fill(store)
        registry = CollectorRegistry()
        real = None if engine else Engine(engine_options or EngineOptions(threads=1))
        api = Api(
            store,
            engine or real,
            ApiMetrics(registry),
            options or ApiOptions(),
            ledger=store.ledger,
            deleting=Deleting(no_deleter),
            snapshotting=Snapshotting(no_taker),
            replicas=REPLICAS,
            limits_of=limits_of,
            now_ms=lambda: NOW_MS,
            quick=quick,
            rules=rules,
        )
        app = web.Application()
        install_preflights(app, api)
        add_routes(app, api)
        runner = web.AppRunner(
            app,
            handler_cancellation=handler_cancellation,
            shutdown_timeout=1.0,
            auto_decompress=False,  # as the program has it
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        running = Running(runner.addresses[0][1], store, registry, api)
        try:
            async with running.client:
                await test(running)
        finally:
            await runner.cleanup()
        if real is not None:
            real.close()

    asyncio.run(run())
