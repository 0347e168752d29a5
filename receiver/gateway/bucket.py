"""The parts of `cupola thanos-bucket serve`: a bucket of Thanos as the only source."""

from prometheus_client import CollectorRegistry

from receiver.gateway.encoded import BlocksQuerier
from receiver.gateway.program import Served
from receiver.gateway.store import SourcesStore
from receiver.settings.config import Config, ConfigError
from receiver.settings.reloading import ReloadMetrics
from receiver.stores.setup import ConfiguredStores

COMPONENT = "store"


def make(config: Config, registry: CollectorRegistry, reloads: ReloadMetrics) -> Served:
    """Raises ConfigError."""
    stores = ConfiguredStores(config, registry, reloads)
    if len(stores.buckets) != 1:
        raise ConfigError(f"--objstore.config-file: got {len(stores.buckets)} files; allowed is 1")
    (view,) = stores.buckets
    store = SourcesStore(
        stores.sources,
        config.stores.tenant,
        series_max=config.storage.select_series_max,
        make=BlocksQuerier,
    )

    def oldest_ms() -> int | None:
        return None if view.span is None else view.span[0]

    return Served(
        store,
        COMPONENT,
        lambda: view.label_sets if all(b.meta.series_labels for b in view.blocks) else [],
        oldest_ms=oldest_ms,
        not_ready=lambda: "" if view.checked_ms and not view.error else view.error,
        facts=stores.facts,
        lifespans=[stores.run],
    )
