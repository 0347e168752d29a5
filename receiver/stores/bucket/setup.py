"""The bucket of blocks that settings name."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from receiver.settings.config import ConfigError
from receiver.settings.stores import StoresOptions
from receiver.stores.bucket.view import BucketView, ViewOptions
from storage.errors import StoreConfigError
from storage.objects.config import BucketConfig, read_config
from storage.objects.metrics import ObjectMetrics
from storage.objects.options import ObjectOptions
from storage.objects.store import open_store


def check_bucket(options: StoresOptions) -> BucketConfig | None:
    """The bucket that is named, if one is. Raises ConfigError."""
    if not options.bucket:
        return None
    try:
        return read_config(Path(options.bucket))
    except StoreConfigError as error:
        raise ConfigError(f"stores.thanos-bucket: {error}") from error


def view_of(options: StoresOptions, objects: ObjectOptions) -> BucketView | None:
    """Its blocks, not looked for yet. Raises ConfigError."""
    config = check_bucket(options)
    if config is None:
        return None
    try:
        # Metrics of requests are those of the bucket that this server writes to.
        store = open_store(config, objects, ObjectMetrics(CollectorRegistry()))
    except StoreConfigError as error:
        raise ConfigError(f"stores.thanos-bucket: {error}") from error
    times = ViewOptions(
        options.bucket_interval_ms,
        options.bucket_deletion_delay_ms,
        options.bucket_pages_bytes,
        options.bucket_headers_bytes,
    )
    return BucketView(store, times)
