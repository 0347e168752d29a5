"""The stores that settings and a watched file name, started and stopped with the program."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from api.sources.program import StoreFacts
from receiver.settings.config import Config, ConfigError, read_document
from receiver.settings.reloading import Reading, ReloadMetrics, WatchedFile
from receiver.settings.stores import StoresOptions
from receiver.stores.budget import AnswerLimits
from receiver.stores.endpoints import Endpoint, endpoint_of, files_of, of_document
from receiver.stores.metrics import StoreMetrics
from receiver.stores.storeapi.messages import EVER
from receiver.stores.storeapi.pool import StorePool
from receiver.stores.storeapi.source import StoreSource
from receiver.stores.terms import Terms
from storage.read.joined.source import Source

FILE_SETTING = "stores.file"


class ConfiguredStores:
    """The stores, and the file that names some of them, None without one."""

    def __init__(self, config: Config, registry: CollectorRegistry, reloads: ReloadMetrics) -> None:
        """Raises ConfigError."""
        options = config.stores
        self._options = options
        self._fixed = endpoints_of(options)
        self.metrics = StoreMetrics(registry)
        self.file = watched_file(options, reloads)
        self._threads = ThreadPoolExecutor(options.concurrency_max, thread_name_prefix="stores")
        self._limits = AnswerLimits(
            options.bytes_max, options.series_max, options.chunks_max, options.samples_max
        )
        found = self.file.value if self.file is not None else []
        self.pool = StorePool([*self._fixed, *found], options, self.metrics)
        if self.file is not None:
            self.file.listen(lambda found: self.pool.configure([*self._fixed, *found]))

    def sources(self, terms: Terms) -> Sequence[Source]:
        """The stores that have something of a tenant, for one query."""
        options = self._options
        if options.tenant_label:
            terms.tenant_label = options.tenant_label
        return [
            StoreSource(state, terms, self._limits, self._threads, self.metrics)
            for state in self.pool.states
            if options.tenant_label or (state.endpoint.tenant or options.tenant) == terms.tenant
        ]

    def facts(self) -> list[StoreFacts]:
        """What there is to know of each store."""
        tenant = "" if self._options.tenant_label else self._options.tenant
        return [
            StoreFacts(
                state.kind,
                state.target,
                state.checked_ms,
                state.error,
                state.info.labels if state.info else (),
                (state.info.span if state.info else None) or EVER,
                tenant and (state.endpoint.tenant or tenant),
            )
            for state in self.pool.states
        ]

    async def run(self) -> AsyncIterator[None]:
        self.pool.start()
        yield
        await asyncio.to_thread(self.pool.stop)
        self._threads.shutdown(wait=False, cancel_futures=True)


def check_stores(options: StoresOptions) -> None:
    """Raise ConfigError where ConfiguredStores would."""
    endpoints_of(options)
    if options.file:
        read_endpoints(Path(options.file))


def endpoints_of(options: StoresOptions) -> list[Endpoint]:
    """Those of the settings. Raises ConfigError."""
    strict = set(options.strict_endpoints)
    found = []
    for setting, addresses in (
        ("endpoints", [each for each in options.endpoints if each not in strict]),
        ("strict-endpoints", options.strict_endpoints),
    ):
        for address in addresses:
            try:
                endpoint = endpoint_of(address)
            except ValueError as error:
                raise ConfigError(f"stores.{setting}: {error}") from None
            found.append(replace(endpoint, strict=setting != "endpoints"))
    return found


def watched_file(
    options: StoresOptions, reloads: ReloadMetrics
) -> WatchedFile[list[Endpoint]] | None:
    if not options.file:
        return None
    return WatchedFile(FILE_SETTING, Path(options.file), read_endpoints, reloads)


def read_endpoints(path: Path) -> Reading[list[Endpoint]]:
    """The endpoints of a file, and the files that it names. Raises ConfigError."""
    document = read_document(path)
    try:
        found = of_document(document, path.parent)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    return Reading(found, files_of(found))
