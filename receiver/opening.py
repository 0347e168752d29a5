"""What the process opens: a data directory, with a bucket or without, or the bucket of another."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from receiver.late_database import AnyDatabase
from receiver.settings.config import Config, ConfigError
from receiver.wire.decoder import WriteDecoder
from storage.database import Database
from storage.following import FollowedBucket
from storage.metrics import StorageMetrics
from storage.objects.store import configured
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
    return lambda: FollowedBucket.open(config.storage, bucket, StorageMetrics(registry), policy)
