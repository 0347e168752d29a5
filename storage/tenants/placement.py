"""Where tenants live: each in one shard, which follows from its name, and shards among processes.

Several processes on one machine share a data directory by shards, process k of n has those whose
number leaves k when it is divided by n. So every process knows who has what without asking anyone.
"""

from dataclasses import dataclass

import xxhash


@dataclass(frozen=True, slots=True)
class Share:
    """The shards that a process has: number k of so many processes."""

    number: int = 0
    count: int = 1

    def has(self, shard: int) -> bool:
        return self.owner(shard) == self.number

    def owner(self, shard: int) -> int:
        """The number of the process that has a shard."""
        return shard % self.count

    def shards(self, count: int) -> list[int]:
        """Those of so many shards that this process has."""
        return list(range(self.number, count, self.count))


WHOLE = Share()


def shard_of(tenant: str, shards: int) -> int:
    """The shard of a tenant in a data directory that has so many."""
    return xxhash.xxh3_64_intdigest(tenant.encode()) % shards
