"""The replica labels of HA pairs, taken off series that are about to be registered.

What a replica and a cluster are called is known by a hash. So a series needs one word to remember
its replica, and names that senders make up fill no table of texts. The log keeps hashes of replicas
(storage/shard/reigns.py), so their key is the same for ever. It need be no secret: whoever makes
names of equal hashes mixes up replicas of his own.

Invariants:
* A series is taken for a replica's only if it has both labels; all others stay as they are.
* A hash is 0 where there is no such label, and only there.
* A cluster counts from its first registered series on, until the program ends.
"""

from dataclasses import dataclass

import numpy as np

from storage.kernels.arrays import Bytes, Int64s, UInt64s
from storage.kernels.hashing import hash64
from storage.kernels.jit import kernel
from storage.kernels.words import load_byte
from storage.reasons import TENANT_TOO_MANY_CLUSTERS
from storage.series.label_spans import LabelSpans
from storage.tenants.rules import HaRules

KEY: UInt64s = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)


@dataclass(frozen=True, slots=True)
class Origins:
    """The cluster and the replica of each series, as hashes."""

    clusters: UInt64s
    replicas: UInt64s


class ReplicaLabels:
    """Takes replica labels off, and knows the clusters of each tenant of a shard."""

    def __init__(self) -> None:
        self._clusters: dict[int, set[int]] = {}

    def take(self, found: LabelSpans, tenant: int, rules: HaRules, clusters_max: int) -> Origins:
        """Where the series come from; they have no replica label afterwards.

        Those of clusters that the tenant may not have any more are refused. clusters_max: 0 is any
        number.
        """
        _, clusters = self._find(found, rules.cluster_label)
        places, replicas = self._find(found, rules.replica_label)
        both = (clusters != 0) & (replicas != 0)
        clusters, replicas = np.where(both, clusters, 0), np.where(both, replicas, 0)
        found.take_off(both, places)
        if clusters_max:
            excess = self._excess(tenant, clusters, clusters_max)
            found.refuse(np.isin(clusters, excess) & both, TENANT_TOO_MANY_CLUSTERS)
        return Origins(clusters, replicas)

    def note(self, tenant: int, clusters: UInt64s) -> None:
        """Count the clusters of series that were registered."""
        self._clusters.setdefault(tenant, set()).update(np.unique(clusters[clusters != 0]).tolist())

    def _find(self, found: LabelSpans, name: str) -> tuple[Int64s, UInt64s]:
        """Where label `name` is among the spans, and the hash of its value, for each series."""
        places = np.empty(len(found.counts), np.int64)
        hashes = np.empty(len(found.counts), np.uint64)
        text = np.frombuffer(bytearray(name.encode()), np.uint8)
        find_values(found.buffer, found.spans, found.counts, text, KEY, places, hashes)
        return places, hashes

    def _excess(self, tenant: int, clusters: UInt64s, allowed: int) -> UInt64s:
        """The clusters beyond those allowed, in the order in which they come."""
        known = self._clusters.get(tenant, set())
        names, firsts = np.unique(clusters[clusters != 0], return_index=True)
        in_order = names[np.argsort(firsts)].tolist()
        unknown = [cluster for cluster in in_order if cluster not in known]
        return np.array(unknown[max(0, allowed - len(known)) :], np.uint64)


@kernel
def find_values(
    buffer: Bytes,
    spans: Int64s,
    counts: Int64s,
    name: Bytes,
    key: UInt64s,
    places: Int64s,
    hashes: UInt64s,
) -> None:
    """hashes[k] = the hash of the value of label `name` in series k, places[k] = its span.

    A series without the label has hash 0, and place -1. spans, counts: as in LabelSpans.
    """
    base, wanted = buffer.ctypes.data, name.ctypes.data
    first = 0
    for k in range(len(counts)):
        places[k] = -1
        hashes[k] = 0
        for i in range(first, first + counts[k]):
            same = spans[i, 1] == len(name)
            at = 0
            while same and at < len(name):
                same = load_byte(base, spans[i, 0] + at) == load_byte(wanted, at)
                at += 1
            if same:
                places[k] = i
                hashes[k] = hash64(base, spans[i, 2], spans[i, 2] + spans[i, 3], key) | np.uint64(1)
        first += counts[k]
