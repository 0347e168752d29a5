"""Which series become one before they are aggregated: pairs of replicas, by their labels.

The series of a group is the one with the labels that its members have in common, which may be one
of them. Where there is none yet, it is added to the shard's table, and held there until a segment
has it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from storage.catalog.metadata import gauge_rows
from storage.compaction.compactor import InWriter
from storage.dedup.algorithm import Algorithm, PairRule
from storage.errors import Overloaded
from storage.kernels.arrays import Bools, Int32s, Int64s
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.pairs import LabelPairs, take_pairs
from storage.series.replica_groups import ReplicaGroups
from storage.series.table import SeriesTable
from storage.shard.shard import Shard

ALGORITHMS = tuple(Algorithm)


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups, ascending by the ids of their series: group g has the series
    ids[members[g]:members[g+1]], the preferred one first.

    gauges: those that are known to be gauges. algorithms: how each becomes one, by its place
    among ALGORITHMS.
    """

    targets: Int64s
    members: Int64s
    ids: Int64s
    gauges: Bools
    algorithms: Int64s

    @property
    def sizes(self) -> Int64s:
        sizes: Int64s = np.diff(self.members)
        return sizes

    @property
    def largest(self) -> int:
        return int(self.sizes.max(initial=1))


def groups_of(
    shard: Shard, refs: Int64s, rules: Callable[[int], PairRule], in_writer: InWriter
) -> Groups:
    """The groups of some series of a shard. rules: by the numbers of tenants. Raises LimitExceeded
    if it has no room for a new one, and Overloaded if it is to be tried again."""
    table = shard.table
    found = [*tenant_groups(shard, refs, rules)]
    targets = np.concatenate([np.zeros(0, np.int64), *(part.targets for part in found)])
    lacking = [part for part in found if len(part.lacking)]
    if lacking:
        in_writer(shard.number, lambda: add_lacking(shard, table, lacking))
        targets = np.concatenate([part.targets for part in found])
    sizes = np.concatenate([np.zeros(0, np.int64), *(part.sizes for part in found)])
    ids = np.concatenate([np.zeros(0, np.int64), *(part.ids for part in found)])
    gauges = np.concatenate([np.zeros(0, np.bool_), *(part.gauges for part in found)])
    algorithms = np.repeat(
        np.array([part.algorithm for part in found], np.int64), [len(p.targets) for p in found]
    )
    firsts = np.concatenate([[0], np.cumsum(sizes)])
    order = np.argsort(targets, kind="stable")
    members = np.concatenate([[0], np.cumsum(sizes[order])]).astype(np.int64)
    places = np.arange(members[-1]) + np.repeat(firsts[:-1][order] - members[:-1], sizes[order])
    return Groups(targets[order], members, ids[places], gauges[order], algorithms[order])


@dataclass(slots=True)
class TenantGroups:
    """The groups of one tenant, in any order. lacking: those whose series is not known yet, and
    what its labels are."""

    tenant: int
    algorithm: int
    targets: Int64s
    sizes: Int64s
    ids: Int64s
    gauges: Bools
    lacking: Int64s
    labels: LabelPairs


def tenant_groups(
    shard: Shard, refs: Int64s, rules: Callable[[int], PairRule]
) -> Iterator[TenantGroups]:
    table = shard.table
    tenants = table.tenants[refs]
    for tenant in np.unique(tenants).tolist():
        own, rule = refs[tenants == tenant].astype(np.int32), rules(tenant)
        grouping = ReplicaGroups(table, rule.replica_labels).group(own, np.arange(len(own)))
        order, members = np.arange(len(own)), np.arange(len(own) + 1)
        names: tuple[str, ...] = ()
        if grouping is not None:
            order, members, names = grouping.order, grouping.members, grouping.names
        ordered = own[order].astype(np.int64)
        firsts = ordered[members[:-1]]
        pairs = take_pairs(table.pairs, firsts)
        labels = LabelFrame(Symbols(table.symbols), len(firsts), pairs=pairs)
        gauges = gauge_rows(shard.metadata, tenant, labels)
        codes = [code for code in map(table.symbols.find, names) if code >= 0]
        replicated = has_names(pairs, codes)
        lacking = np.flatnonzero(replicated)
        yield TenantGroups(
            tenant,
            ALGORITHMS.index(rule.algorithm),
            table.ids[firsts],
            np.diff(members),
            table.ids[ordered],
            np.zeros(len(firsts), np.bool_) if gauges is None else gauges,
            lacking,
            without_names(take_pairs(pairs, lacking), codes),
        )


def add_lacking(shard: Shard, table: SeriesTable, parts: list[TenantGroups]) -> None:
    """Give the groups without one their series. In the writer's thread. Raises Overloaded if
    another table has taken the place of the one that they were looked up in."""
    if shard.table is not table:
        raise Overloaded(f"the series of shard {shard.number} were renewed meanwhile")
    for part in parts:
        refs = table.ensure(part.tenant, part.labels)
        part.targets[part.lacking] = table.ids[refs]
    shard.held = np.unique(np.concatenate([part.targets[part.lacking] for part in parts]))


def has_names(pairs: LabelPairs, codes: list[int]) -> Bools:
    """Which series have a label of these names."""
    hit = np.isin(pairs.names, codes)
    before = np.concatenate([[0], np.cumsum(hit)])
    found: Bools = before[pairs.offsets[1:]] > before[pairs.offsets[:-1]]
    return found


def without_names(pairs: LabelPairs, codes: list[int]) -> LabelPairs:
    stays = ~np.isin(pairs.names, codes)
    before = np.concatenate([[0], np.cumsum(stays)]).astype(np.int64)
    names: Int32s = pairs.names[stays]
    return LabelPairs(before[pairs.offsets], names, pairs.values[stays])
