"""The buckets of blocks that settings name."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from receiver.settings.config import ConfigError
from receiver.settings.stores import StoresOptions
from receiver.stores.bucket.view import BucketView, ViewOptions
from storage.errors import StoreConfigError
from storage.objects.config import BucketConfig, read_config
from storage.objects.metrics import THANOS, ObjectMetrics
from storage.objects.options import ObjectOptions
from storage.objects.store import open_store

SETTING = "stores.thanos-bucket"
BUCKETS_MAX = 64


def check_buckets(options: StoresOptions) -> list[BucketConfig]:
    """The buckets that are named. Raises ConfigError."""
    if len(options.buckets) > BUCKETS_MAX:
        raise ConfigError(f"{SETTING}: got {len(options.buckets)}; allowed are {BUCKETS_MAX}")
    try:
        return [read_config(Path(name)) for name in options.buckets]
    except StoreConfigError as error:
        raise ConfigError(f"{SETTING}: {error}") from error


def views_of(
    options: StoresOptions, objects: ObjectOptions, registry: CollectorRegistry
) -> list[BucketView]:
    """Their blocks, not looked for yet. Memory is shared out among them. Raises ConfigError."""
    configs = check_buckets(options)
    metrics = ObjectMetrics(registry, THANOS)
    times = ViewOptions(
        options.bucket_interval_ms,
        options.bucket_deletion_delay_ms,
        options.bucket_pages_bytes // max(1, len(configs)),
        options.bucket_headers_bytes // max(1, len(configs)),
    )
    try:
        return [BucketView(open_store(each, objects, metrics), times) for each in configs]
    except StoreConfigError as error:
        raise ConfigError(f"{SETTING}: {error}") from error
