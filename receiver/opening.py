"""What the process opens: a data directory, with a bucket or without, or the bucket of another."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from receiver.late_database import AnyDatabase
from receiver.settings.config import Config, ConfigError
from receiver.wire.decoder import WriteDecoder
from storage.bucket.attached import Bucket
from storage.bucket.metrics import BucketMetrics
from storage.database import Database
from storage.errors import StoreConfigError
from storage.following import FollowedBucket
from storage.metrics import StorageMetrics
from storage.objects.metrics import ObjectMetrics
from storage.objects.store import configured, open_store
from storage.policy import Policy


def check_role(config: Config) -> None:
    """Raises ConfigError, or StoreConfigError."""
    if configured(config.objstore) is None and config.program.role == "query":
        raise ConfigError("role: query reads a bucket, and none is given (objstore.config-file)")


def opener(
    config: Config, decoder: WriteDecoder, registry: CollectorRegistry, policy: Policy
) -> Callable[[], AnyDatabase]:
    """What opens the database of the process' role."""
    bucket = policy.bucket
    if config.program.role == "all" or bucket is None:
        return lambda: Database.open(config.storage, decoder.decode, registry, policy)
    return lambda: FollowedBucket.open(
        config.storage, bucket, StorageMetrics(registry), policy.rules, policy.periods
    )


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
