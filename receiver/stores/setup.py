"""The stores that settings and a watched file name, started and stopped with the program."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from prometheus_client import CollectorRegistry

from api.sources.others import OtherRules, OtherTargets
from api.sources.program import StoreFacts
from receiver.settings.config import Config, ConfigError, read_document
from receiver.settings.reloading import Reading, ReloadMetrics, WatchedFile
from receiver.settings.stores import StoresOptions
from receiver.stores import endpoints
from receiver.stores.bucket.setup import check_buckets, views_of
from receiver.stores.bucket.source import BucketSource
from receiver.stores.bucket.view import BucketView
from receiver.stores.endpoints import Endpoint, endpoint_of
from receiver.stores.limits import AnswerLimits, CallLimits
from receiver.stores.lists import gathered
from receiver.stores.metrics import StoreMetrics
from receiver.stores.remote_read import servers
from receiver.stores.remote_read.servers import Server, server_of
from receiver.stores.remote_read.source import ReadSource, ServerState
from receiver.stores.storeapi import rules, targets
from receiver.stores.storeapi.client import RULES, TARGETS
from receiver.stores.storeapi.messages import EVER
from receiver.stores.storeapi.pool import StorePool
from receiver.stores.storeapi.source import StoreSource
from receiver.stores.storeapi.state import StoreState
from receiver.stores.terms import Asked, Terms
from receiver.stores.view import Database, GlobalView
from receiver.stores.waiting import Calls
from storage.read.joined.source import Source

FILE_SETTING = "stores.file"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Named:
    """The stores that settings or a file name."""

    endpoints: tuple[Endpoint, ...] = ()
    servers: tuple[Server, ...] = ()

    def with_those_of(self, file: "Named") -> "Named":
        return Named((*self.endpoints, *file.endpoints), (*self.servers, *file.servers))


class ConfiguredStores:
    """The stores, and the file that names some of them, None without one."""

    def __init__(self, config: Config, registry: CollectorRegistry, reloads: ReloadMetrics) -> None:
        """Raises ConfigError."""
        options = self._options = config.stores
        self._fixed = named_by(options)
        self._series_max = config.storage.select_series_max
        self._hidden = [*config.dedup.replica_labels, *filter(None, [options.tenant_label])]
        self._metrics = StoreMetrics(registry)
        self.file = watched_file(options, reloads)
        self._threads = ThreadPoolExecutor(options.concurrency_max, thread_name_prefix="stores")
        self._limits = AnswerLimits(
            options.bytes_max, options.series_max, options.chunks_max, options.samples_max
        )
        self._call_limits = CallLimits(
            options.timeout_ms / 1000, options.response_timeout_ms / 1000, options.bytes_max
        )
        self._servers: list[ServerState] = []
        self.buckets = views_of(options, config.objstore, registry)
        self._pool = StorePool((), options, self._call_limits, self._metrics)
        self._configure(Named() if self.file is None else self.file.value)
        if self.file is not None:
            self.file.listen(self._configure)

    def _configure(self, file: Named) -> None:
        found = self._fixed.with_those_of(file)
        self._pool.configure(found.endpoints)
        known = {state.server: state for state in self._servers}
        self._servers = [
            known.get(server) or ServerState(server, self._call_limits) for server in found.servers
        ]

    def around(self, database: Database) -> GlobalView:
        """A database, and what the stores have beside it."""
        return GlobalView(database, [self], series_max=self._series_max)

    def sources(self, terms: Terms) -> Sequence[Source]:
        """The stores that have something of a tenant, for one query."""
        terms.tenant_label = self._options.tenant_label
        asked = self._asked(terms)
        stores = self._states_of(terms.tenant)
        reads = [s for s in self._servers if self._is_of(s.server.tenant, terms.tenant)]
        found: list[Source] = [
            *(StoreSource(state, asked) for state in stores),
            *(ReadSource(state, asked) for state in reads),
        ]
        if self._is_of("", terms.tenant):
            timeout_s = self._call_limits.timeout_s
            found += [BucketSource(view, asked, timeout_s) for view in self.buckets]
        return found

    def rules(self, tenant: str) -> OtherRules:
        """Those of stores, in the view of a tenant."""
        states = [s for s in self._states_of(tenant) if s.info is not None and s.info.rules]
        if not states:
            return OtherRules()
        found, losses = gathered(states, self._asked(Terms(tenant)), RULES, rules.read_group)
        if label := self._options.tenant_label:
            found = rules.of_tenant(found, label, tenant)
        return OtherRules(rules.as_one(found, self._hidden), losses)

    def targets(self, tenant: str) -> OtherTargets:
        """What stores scrape, likewise."""
        states = [s for s in self._states_of(tenant) if s.info is not None and s.info.targets]
        if not states:
            return OtherTargets()
        asked = self._asked(Terms(tenant))
        found, losses = gathered(states, asked, TARGETS, targets.read_targets)
        if label := self._options.tenant_label:
            found = [targets.of_tenant(each, label, tenant) for each in found]
        active = [target for own, _ in found for target in own]
        dropped = [labels for _, own in found for labels in own]
        return targets.as_one(active, dropped, self._hidden, losses)

    def _states_of(self, tenant: str) -> list[StoreState]:
        return [s for s in self._pool.states if self._is_of(s.endpoint.tenant, tenant)]

    def _asked(self, terms: Terms) -> Asked:
        return Asked(terms, self._limits, Calls(self._threads), self._metrics)

    def _is_of(self, own: str, tenant: str) -> bool:
        """Whether a store takes part in the view of a tenant. own: the tenant of its entry."""
        return bool(self._options.tenant_label) or (own or self._options.tenant) == tenant

    def facts(self) -> list[StoreFacts]:
        """What there is to know of each store."""
        found = [of_store(state) for state in self._pool.states]
        found += [of_server(state) for state in self._servers]
        found += [of_bucket(view) for view in self.buckets]
        if self._options.tenant_label:
            return [replace(each, tenant="") for each in found]
        return [replace(each, tenant=each.tenant or self._options.tenant) for each in found]

    async def run(self) -> AsyncIterator[None]:
        self._pool.start()
        for view in self.buckets:
            view.start()
        yield
        await asyncio.to_thread(self._pool.stop)
        for view in self.buckets:
            await asyncio.to_thread(view.stop)
        self._threads.shutdown(wait=False, cancel_futures=True)


def of_store(state: StoreState) -> StoreFacts:
    info = state.info
    labels, span = (info.labels, info.span) if info is not None else ((), None)
    return StoreFacts(
        state.kind, state.target, state.checked_ms, state.error, labels, span or EVER,
        state.endpoint.tenant,
    )  # fmt: skip


def of_server(state: ServerState) -> StoreFacts:
    server = state.server
    labels = [server.labels] if server.labels else []
    return StoreFacts(
        "remote-read", server.url, state.checked_ms, state.error, labels, EVER, server.tenant
    )


def of_bucket(view: BucketView) -> StoreFacts:
    span = view.span or EVER
    return StoreFacts(
        "thanos-bucket", view.store.place, view.checked_ms, view.error, view.label_sets, span
    )


def check_stores(options: StoresOptions) -> None:
    """Raise ConfigError where ConfiguredStores would."""
    named_by(options)
    check_buckets(options)
    if options.file:
        read_file(Path(options.file))


def named_by(options: StoresOptions) -> Named:
    """The stores of the settings. Raises ConfigError."""
    strict = set(options.strict_endpoints)
    usual = [address for address in options.endpoints if address not in strict]
    found = [parsed("endpoints", endpoint_of, address) for address in usual]
    found += [
        replace(parsed("strict-endpoints", endpoint_of, address), strict=True)
        for address in options.strict_endpoints
    ]
    urls = [parsed("remote-read", server_of, url) for url in options.remote_read]
    return Named(tuple(found), tuple(urls))


def parsed(key: str, parse: Callable[[str], T], text: str) -> T:
    """The store that a text of a setting names. Raises ConfigError."""
    try:
        return parse(text)
    except ValueError as error:
        raise ConfigError(f"stores.{key}: {error}") from None


def watched_file(options: StoresOptions, reloads: ReloadMetrics) -> WatchedFile[Named] | None:
    if not options.file:
        return None
    return WatchedFile(FILE_SETTING, Path(options.file), read_file, reloads)


def read_file(path: Path) -> Reading[Named]:
    """The stores of a file, and the files that it names. Raises ConfigError."""
    document = read_document(path)
    try:
        stores = endpoints.of_document(document, path.parent)
        section = document.get("remote_read") if isinstance(document, dict) else None
        reads = servers.of_document(section, path.parent)
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path}: {error}") from error
    files = (*endpoints.files_of(stores), *servers.files_of(reads))
    return Reading(Named(tuple(stores), tuple(reads)), files)
