"""The bucket that the settings name."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from receiver.settings.config import Config, ConfigError
from storage.bucket.attached import Bucket
from storage.bucket.metrics import BucketMetrics
from storage.errors import StoreConfigError
from storage.objects.metrics import ObjectMetrics
from storage.objects.store import configured, open_store


def bucket_of(config: Config, registry: CollectorRegistry) -> Bucket | None:
    """The bucket of the settings, if there is one. Raises ConfigError."""
    objects, metrics = ObjectMetrics(registry), BucketMetrics(registry)
    try:
        found = configured(config.objstore)
        if found is None:
            return None
        return Bucket(open_store(found, config.objstore, objects), config.objstore, metrics)
    except StoreConfigError as error:
        raise ConfigError(str(error)) from error


@contextmanager
def reading_bucket(config: Config) -> Iterator[Bucket | None]:
    """The bucket of the settings, if there is one, for a command that only reads. Raises
    ConfigError."""
    bucket = bucket_of(config, CollectorRegistry())
    try:
        yield bucket
    finally:
        if bucket is not None:
            bucket.store.close()
