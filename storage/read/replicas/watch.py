"""The watch over HA replicas: how long each has been silent, as a metric.

Dedup hides that one replica of a pair is gone, so this shows it. A replica is known by tenant, the
values of the cluster labels and those of the replica labels. Series are assigned to replicas once,
when they are new; an update then is one pass over the newest times of a shard's series.

Invariants:
* No label of the metric is ever set for a replica that was silent for FORGOTTEN_MS.
* At most WatchLimits.shown replicas are in the metrics, and how many are not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from storage.kernels.arrays import Int32s, Int64s
from storage.kernels.jit import kernel
from storage.labels.numbering import group_rows
from storage.labels.pairs import LabelPairs, scatter_columns
from storage.metrics import StorageMetrics
from storage.read.replicas.report import FORGOTTEN_MS
from storage.series.table import NEVER_MS, SeriesTable

NO_REPLICA = 0

TenantNames = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class WatchedLabels:
    """What distinguishes replicas, and what distinguishes replicas of equal name."""

    replica: tuple[str, ...]
    cluster: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WatchLimits:
    """shown: replicas in the metrics; known: those that a shard distinguishes. More of them means
    that a label is no replica label."""

    shown: int = 1_000
    known: int = 10_000


WATCH_LIMITS = WatchLimits()


@dataclass(frozen=True, slots=True, order=True)
class Replica:
    """One replica as the metric's labels name it: values are joined by a slash."""

    tenant: str
    cluster: str
    replica: str


class ShardWatch:
    """The replicas of one shard's series. Used by one thread."""

    def __init__(self, table: SeriesTable, labels: WatchedLabels, known_max: int) -> None:
        self._known_max = known_max
        self.table = table
        self._labels = labels
        self._seen = 0  # refs of the table that were looked at
        self._replica_of_ref: Int32s = np.zeros(0, np.int32)
        self._numbers: dict[tuple[int, ...], int] = {}  # tenant and codes -> number
        self._replicas: list[Replica | None] = [None]
        self.left_out = 0

    def newest(self, tenant_name: TenantNames) -> dict[Replica, int]:
        """The time of the newest sample of each replica, in ms."""
        self._assign_new(tenant_name)
        newest_ms = np.full(len(self._replicas), NEVER_MS, np.int64)
        find_newest(self._replica_of_ref, self._seen, self.table.last_ms, newest_ms)
        pairs = zip(self._replicas, newest_ms.tolist(), strict=True)
        return {replica: ms for replica, ms in pairs if replica is not None and ms > NEVER_MS}

    def _assign_new(self, tenant_name: TenantNames) -> None:
        first, count = self._seen, len(self.table)
        if first == count:
            return
        if count > len(self._replica_of_ref):
            grown = np.zeros(max(count, 2 * len(self._replica_of_ref)), np.int32)
            grown[:first] = self._replica_of_ref[:first]
            self._replica_of_ref = grown
        codes = self._codes(first, count)
        groups, firsts = group_rows(codes)
        numbers = np.array([self._number(row, tenant_name) for row in codes[firsts].tolist()])
        self._replica_of_ref[first:count] = numbers[groups]
        self._seen = count

    def _codes(self, first: int, count: int) -> Int32s:
        """[tenant, codes of cluster labels, codes of replica labels] of the refs first..count-1."""
        table = self.table
        names = [*self._labels.cluster, *self._labels.replica]
        wanted = np.array([table.symbols.find(name) for name in names], np.int32)
        codes = np.zeros((count - first, len(names)), np.int32)
        pairs = LabelPairs(table.offsets[first : count + 1], table.names, table.values)
        scatter_columns(pairs.offsets, pairs.names, pairs.values, wanted, codes)
        return np.column_stack([table.tenants[first:count], codes])

    def _number(self, row: list[int], tenant_name: TenantNames) -> int:
        """The number of a replica, given to it when it is first seen."""
        tenant, codes = row[0], row[1:]
        width = len(self._labels.cluster)
        if not any(codes[width:]):
            return NO_REPLICA
        number = self._numbers.get(tuple(row))
        if number is not None:
            return number
        if len(self._replicas) > self._known_max:
            self.left_out += 1
            return NO_REPLICA
        cluster, replica = (
            "/".join(self.table.symbols.text(code) for code in part if code)
            for part in (codes[:width], codes[width:])
        )
        self._replicas.append(Replica(tenant_name(tenant), cluster, replica))
        self._numbers[tuple(row)] = len(self._replicas) - 1
        return len(self._replicas) - 1


class ReplicaWatch:
    """The replicas of all shards, as metrics. Used by one thread."""

    def __init__(
        self, metrics: StorageMetrics, labels: WatchedLabels, limits: WatchLimits = WATCH_LIMITS
    ) -> None:
        self._metrics = metrics
        self._labels = labels
        self._limits = limits
        self._shards: list[ShardWatch] = []
        self._told: set[Replica] = set()

    def update(self, tables: Sequence[SeriesTable], tenant_name: TenantNames, now_ms: int) -> None:
        """Bring the metrics up to date. tables: one per shard, always in the same order; a
        shard that has another one than before is looked at anew."""
        if not self._labels.replica:
            return
        self._shards = [
            shard if shard is not None and shard.table is table else self._watch(table)
            for table, shard in zip_longest(tables, self._shards)
        ]
        newest: dict[Replica, int] = {}
        for shard in self._shards:
            for replica, ms in shard.newest(tenant_name).items():
                newest[replica] = max(ms, newest.get(replica, ms))
        alive = sorted(r for r, ms in newest.items() if ms > now_ms - FORGOTTEN_MS)
        self._tell(alive[: self._limits.shown], newest, now_ms)
        left_out = sum(shard.left_out for shard in self._shards)
        self._metrics.replicas_left_out.set(left_out + max(0, len(alive) - self._limits.shown))

    def _watch(self, table: SeriesTable) -> ShardWatch:
        return ShardWatch(table, self._labels, self._limits.known)

    def _tell(self, replicas: list[Replica], newest: dict[Replica, int], now_ms: int) -> None:
        gauge = self._metrics.replica_silence
        for replica in replicas:
            seconds = max(0, now_ms - newest[replica]) / 1000
            gauge.labels(replica.tenant, replica.cluster, replica.replica).set(seconds)
        for gone in self._told.difference(replicas):
            gauge.remove(gone.tenant, gone.cluster, gone.replica)
        self._told = set(replicas)


@kernel
def find_newest(groups: Int32s, count: int, last_ms: Int64s, newest_ms: Int64s) -> None:
    """newest_ms[g] = the largest of last_ms[i] with groups[i] == g, for i < count."""
    for i in range(count):
        if last_ms[i] > newest_ms[groups[i]]:
            newest_ms[groups[i]] = last_ms[i]
