"""The parts of a sidecar, put together for the gateway's program."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from api.sources.program import StoreFacts
from receiver.gateway.program import Make, Served
from receiver.gateway.store import SourcesStore
from receiver.importing.parts import Report
from receiver.importing.targets import DatabaseTarget
from receiver.settings.config import Config, ConfigError
from receiver.settings.reloading import ReloadMetrics
from receiver.sidecar.beside import Beside
from receiver.sidecar.converting import STATE_FILE, Converter, Converting
from receiver.sidecar.options import SidecarOptions
from receiver.sidecar.prometheus import Prometheus
from receiver.sidecar.rules import PrometheusRules
from receiver.sidecar.shipping import Shipper, Shipping, ShippingMetrics
from receiver.sidecar.source import SidecarSource
from receiver.sidecar.targets import PrometheusTargets
from receiver.stores.limits import AnswerLimits, CallLimits
from receiver.stores.metrics import StoreMetrics
from receiver.stores.remote_read.source import ServerState
from receiver.stores.storeapi.messages import EVER
from receiver.stores.terms import Asked, Terms
from receiver.stores.waiting import Calls
from storage.errors import StoreConfigError
from storage.objects.metrics import ObjectMetrics
from storage.objects.store import ObjectStore, configured, open_store
from storage.read.joined.source import Source

# How long the Prometheus may take to say what it is.
ASK_S = 10.0
COMPONENT = "sidecar"


def maker_of(options: SidecarOptions) -> Make:
    """What makes the parts of the program."""

    def make(config: Config, registry: CollectorRegistry, reloads: ReloadMetrics) -> Served:
        return Sidecar.made(options, config, registry).served()

    return make


@dataclass(slots=True)
class Sidecar:
    """A sidecar that has not begun. shipping: None without a bucket; converting: None if blocks are
    uploaded as they are."""

    beside: Beside
    sources: "Sources"
    shipping: Shipping | None
    converting: Converting | None
    config: Config

    @classmethod
    def made(
        cls, options: SidecarOptions, config: Config, registry: CollectorRegistry
    ) -> "Sidecar":
        """Raises ConfigError."""
        store = None if options.tenant else bucket_of(config, registry)
        beside = Beside(
            Prometheus(options.prometheus, ASK_S),
            options.config_interval_s,
            uploads=store is not None,
            ignores_durations=options.ignores_durations,
        )
        shipping = converting = None
        directory = Path(options.directory)
        if (store is not None or options.tenant) and not directory.is_dir():
            raise ConfigError(f"--tsdb.path: {directory} is no directory")
        if store is not None:
            shipper = Shipper(directory, store, ShippingMetrics(registry))
            shipping = Shipping(shipper, lambda: fit(beside), options.ship_interval_s)
        if options.tenant:
            converter = converter_of(options, config, registry)
            converting = Converting(converter, lambda: fit(beside), options.ship_interval_s)
        return cls(beside, Sources(beside, config, registry), shipping, converting, config)

    def served(self) -> Served:
        store = SourcesStore(
            self.sources.of,
            self.config.grpc.default_tenant,
            series_max=self.config.storage.select_series_max,
        )
        return Served(
            store,
            COMPONENT,
            lambda: [self.beside.known.labels],
            oldest_ms=lambda: self.beside.known.lowest_ms,
            not_ready=self.not_ready,
            facts=self.facts,
            rules=PrometheusRules(self.beside),
            targets=PrometheusTargets(self.beside).targets,
            lifespans=[self.run, *([] if self.converting is None else [self.converting.run])],
        )

    def not_ready(self) -> str:
        """As with Thanos, a sidecar is not ready either as long as it may not upload."""
        known = self.beside.known
        return known.error or (known.uploads_not if self.shipping is not None else "")

    def facts(self) -> list[StoreFacts]:
        known, url = self.beside.known, self.beside.prometheus.server.url
        span = (EVER[0] if known.lowest_ms is None else known.lowest_ms, EVER[1])
        return [StoreFacts("prometheus", url, known.checked_ms, known.error, [known.labels], span)]

    async def run(self) -> AsyncIterator[None]:
        self.beside.start()
        if self.shipping is not None:
            self.shipping.start()
        yield
        if self.shipping is not None:
            await asyncio.to_thread(self.shipping.stop)
        await asyncio.to_thread(self.beside.stop)
        self.sources.close()


class Sources:
    """Makes the source of each query, with the labels that are known then."""

    def __init__(self, beside: Beside, config: Config, registry: CollectorRegistry) -> None:
        options = config.stores
        self._beside = beside
        self._limits = AnswerLimits(
            options.bytes_max, options.series_max, options.chunks_max, options.samples_max
        )
        self._calls = CallLimits(
            options.timeout_ms / 1000, options.response_timeout_ms / 1000, options.bytes_max
        )
        self._threads = ThreadPoolExecutor(options.concurrency_max, thread_name_prefix="sidecar")
        self._metrics = StoreMetrics(registry)

    def of(self, terms: Terms) -> Sequence[Source]:
        prometheus = self._beside.prometheus
        server = replace(
            prometheus.server,
            url=f"{prometheus.server.url}/api/v1/read",
            labels=self._beside.known.labels,
            labels_win=True,
        )
        asked = Asked(terms, self._limits, Calls(self._threads), self._metrics)
        patient = replace(prometheus, timeout_s=self._calls.silence_s)
        return [SidecarSource(patient, ServerState(server, self._calls), asked)]

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def fit(beside: Beside) -> Mapping[str, str] | None:
    """The labels of blocks, None as long as none may be uploaded."""
    known = beside.known
    return None if known.uploads_not else known.labels


def converter_of(options: SidecarOptions, config: Config, registry: CollectorRegistry) -> Converter:
    """What makes segments of blocks, in a data directory and a bucket. Raises ConfigError."""
    path, tsdb = Path(config.storage.path), Path(options.directory)
    if path.resolve() == tsdb.resolve():
        raise ConfigError(f"storage.path: {path} is the directory of the Prometheus; name another")
    if not (config.objstore.config or config.objstore.config_file):
        raise ConfigError("--shipper.layout=segments needs a bucket: name objstore.config-file")
    report = Report()
    target = DatabaseTarget(config, options.tenant, report, registry)
    return Converter(tsdb, target, report, path / STATE_FILE, ShippingMetrics(registry))


def bucket_of(config: Config, registry: CollectorRegistry) -> ObjectStore | None:
    """Raises ConfigError."""
    try:
        found = configured(config.objstore)
        if found is None:
            return None
        return open_store(found, config.objstore, ObjectMetrics(registry))
    except StoreConfigError as error:
        raise ConfigError(str(error)) from error
