"""The place of one process among those of a server."""

import os
from dataclasses import dataclass, replace

from receiver.settings.config import Config, ConfigError
from storage.tenants.placement import WHOLE, Share, shard_of


@dataclass(frozen=True, slots=True)
class Place:
    """What a child is given by its parent; without a parent, what the only process has.

    shards: of the data directory. port: the one that all of them listen to. restarts: how often the
    child was started again. seed: random bytes that all of them have. leash: a descriptor that is
    at its end once the child has to end, as when its parent is gone; reports: a descriptor for
    lines to the parent; -1: there is no parent.
    """

    share: Share = WHOLE
    shards: int = 1
    port: int = 0
    restarts: int = 0
    seed: bytes = b""
    leash: int = -1
    reports: int = -1

    @property
    def is_alone(self) -> bool:
        return self.share.count == 1

    def owner(self, tenant: str) -> int:
        """The number of the process that has a tenant."""
        return self.share.owner(shard_of(tenant, self.shards))

    def has(self, tenant: str) -> bool:
        return self.owner(tenant) == self.share.number

    def report(self, what: str) -> None:
        """Let the parent know how far this child is."""
        if self.reports >= 0:
            os.write(self.reports, f"{what}\n".encode())


ALONE = Place()


def check_processes(config: Config) -> None:
    """Raise ConfigError where several processes cannot do what is configured."""
    count = config.program.processes
    if count == 1:
        return
    problems = {
        f"processes: got {count}; allowed are as many as there are shards, storage.shards="
        f"{config.storage.shards}": count > config.storage.shards,
        f"processes: got {count}; allowed is 1 with role={config.program.role}": (
            config.program.role != "all"
        ),
        f"processes: got {count}; allowed is 1 with a bucket (objstore.config-file)": bool(
            config.objstore.config_file or config.objstore.config
        ),
        f"processes: got {count}; allowed is 1 with tenant.label": bool(config.tenant.label),
    }
    found = [text for text, is_one in problems.items() if is_one]
    if found:
        raise ConfigError("\n".join(found))


def part_of(config: Config, count: int) -> Config:
    """The configuration of one of so many processes: what bounds the memory and the disk's use of a
    whole server is dealt out in equal parts."""

    def part(size: int) -> int:
        return max(1, size // count) if size else 0

    storage, cache, lists = config.storage, config.query_cache, config.lists_cache
    return replace(
        config,
        storage=replace(
            storage,
            segment_cache_bytes=part(storage.segment_cache_bytes),
            segment_index_bytes=part(storage.segment_index_bytes),
            duckdb_memory_bytes=part(storage.duckdb_memory_bytes),
            compaction_bytes_per_second=part(storage.compaction_bytes_per_second),
        ),
        query_cache=replace(
            cache, bytes_max=part(cache.bytes_max), text_bytes_max=part(cache.text_bytes_max)
        ),
        lists_cache=replace(lists, bytes_max=part(lists.bytes_max)),
        write=replace(config.write, inflight_bytes_max=part(config.write.inflight_bytes_max)),
    )
