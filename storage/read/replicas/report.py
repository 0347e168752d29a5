"""The health of HA replicas, as people ask for it: groups of replicas, and what each of them does.

A replica is known by the values of the replica labels and of the cluster labels: `a` of one cluster
is not `a` of another. Replicas that send the same series belong to one group. Series are measured
block by block (storage.read.replica_health) and then summed up, all in columns over series.

Invariants:
* A series counts if some replica has a sample of it in the span; without one it is not reported.
* A replica that has sent nothing for FORGOTTEN_MS before the span is not reported.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from storage.errors import LimitExceeded, QueryStopped
from storage.kernels.arrays import Bools, Int64s
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME
from storage.read.replicas.health import UNKNOWN_MS, GroupHealth, RowHealth, measure
from storage.read.selection import DedupSelection
from storage.samples.merge import between

REPORT_SERIES_MAX = 500_000
REPLICAS_MAX = 1_000
BLOCK_GROUPS = 4_096
FORGOTTEN_MS = 86_400_000
# A replica is silent once the newest sample of its group is this many intervals newer than its own.
SILENT_INTERVALS = 5

# ... and no less than this, because samples of two senders do not arrive at the same time.
SILENT_MS_MIN = 10_000

Columns = TypeVar("Columns", RowHealth, GroupHealth)


@dataclass(frozen=True, slots=True)
class ReportLimits:
    """What one report may be about: series with replica labels, and replicas."""

    series: int = REPORT_SERIES_MAX
    replicas: int = REPLICAS_MAX


REPORT_LIMITS = ReportLimits()


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """One replica. None: not known. labels: those that tell it apart.

    offset_ms: against the group's first replica; missed: scrapes that its group has and it has not;
    share: of the output's samples; silent: it stopped while another one went on.
    """

    labels: dict[str, str]
    last_ms: int | None
    interval_ms: int | None
    offset_ms: int | None
    samples: int
    missed: int
    share: float
    silent: bool


@dataclass(frozen=True, slots=True)
class ReplicaGroup:
    """Replicas that send the same series. labels: those common to all of its series.

    incomplete: series that some replica which sent others did not send; ended_apart: series that
    have ended for some replicas only. switches, holes: summed over all series.
    """

    labels: dict[str, str]
    replicas: tuple[ReplicaState, ...]
    series: int
    switches: int
    holes: int
    incomplete: int
    ended_apart: int


@dataclass(frozen=True, slots=True)
class Membership:
    """Who is who. replica_of_row: numbers into the rows of `replicas`, sorted by their labels;
    group_of_replica: dense numbers."""

    replicas: LabelFrame
    replica_of_row: Int64s
    group_of_replica: Int64s


def replica_report(
    selection: DedupSelection,
    stored_last_ms: Int64s,
    cluster_labels: Sequence[str],
    stopped: Callable[[], bool],
    *,
    replicas_max: int = REPLICAS_MAX,
) -> list[ReplicaGroup]:
    """The groups of replicas among the selected series, over the selection's span.

    stored_last_ms: the newest time of each row of selection.stored, whenever that was.
    Raises LimitExceeded, or QueryStopped once `stopped` says so.
    """
    if not selection.labels.rows:
        return []
    membership = find_membership(selection, cluster_labels, replicas_max)
    rows, groups = measure_blocks(selection, stopped)
    last_ms = last_seen(rows, stored_last_ms, selection.span[0])
    summary = Summary(selection, membership, rows, groups, last_ms)
    return [summary.group(g) for g in summary.told()]


def find_membership(
    selection: DedupSelection, cluster_labels: Sequence[str], replicas_max: int
) -> Membership:
    """Raises LimitExceeded if labels that are no replica labels are taken for some."""
    names = [*cluster_labels, *selection.rule.replica_labels]
    frame = selection.stored.labels.keep(dict.fromkeys(names))
    number, first = frame.group(frame.names)
    if len(first) > replicas_max:
        raise LimitExceeded(
            f"the series come from {len(first)} replicas, at most {replicas_max} are told of "
            "(REPLICAS_MAX); are dedup.replica-labels right?"
        )
    replicas = frame.take(first)
    order = replicas.order()
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    replica_of_row = place[number]
    return Membership(
        replicas.take(order), replica_of_row, connect(selection.members, replica_of_row, len(first))
    )


def connect(members: Int64s, replica_of_row: Int64s, count: int) -> Int64s:
    """Dense group numbers of `count` replicas: those with a common series have the same."""
    neighbours = np.ones(max(0, len(replica_of_row) - 1), np.bool_)
    neighbours[members[1:-1] - 1] = False  # the last row of one series, the first of the next
    edges = np.stack([replica_of_row[:-1], replica_of_row[1:]], axis=1)[neighbours]
    parent = list(range(count))

    def root(replica: int) -> int:
        while parent[replica] != replica:
            parent[replica] = parent[parent[replica]]
            replica = parent[replica]
        return replica

    for a, b in np.unique(edges, axis=0).tolist():
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    roots = [root(replica) for replica in range(count)]
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)


def measure_blocks(
    selection: DedupSelection, stopped: Callable[[], bool]
) -> tuple[RowHealth, GroupHealth]:
    """The health of all rows and groups of the selection."""
    rows: list[RowHealth] = []
    groups: list[GroupHealth] = []
    for first in range(0, selection.labels.rows, BLOCK_GROUPS):
        if stopped():
            raise QueryStopped("the report took longer than query.timeout, or nobody waits for it")
        end = min(first + BLOCK_GROUPS, selection.labels.rows)
        row_block, group_block = measure_block(selection, first, end)
        rows.append(row_block)
        groups.append(group_block)
    return join(RowHealth, rows), join(GroupHealth, groups)


def measure_block(selection: DedupSelection, first: int, end: int) -> tuple[RowHealth, GroupHealth]:
    samples, members = selection.members_of(first, end)
    chosen = selection.chosen(samples, members, np.arange(first, end), provenance=True)
    assert chosen.sources is not None, "BUG: dedup told no sources"
    return measure(between(samples, *selection.span), members, chosen.samples, chosen.sources)


def join(kind: type[Columns], blocks: Sequence[Columns]) -> Columns:
    """The columns of all blocks, one after the other."""
    columns = [np.concatenate([getattr(b, f.name) for b in blocks]) for f in fields(kind)]
    return kind(*columns)


def last_seen(rows: RowHealth, stored_last_ms: Int64s, start_ms: int) -> Int64s:
    """The newest time of each row up to the end of the span; UNKNOWN_MS if only later ones are."""
    before = np.where(stored_last_ms < start_ms, stored_last_ms, UNKNOWN_MS)
    return np.where(rows.last_ms == UNKNOWN_MS, before, rows.last_ms)


class Summary:
    """Columns over rows and series, summed up by replica and by group."""

    def __init__(
        self,
        selection: DedupSelection,
        membership: Membership,
        rows: RowHealth,
        series: GroupHealth,
        last_ms: Int64s,
    ) -> None:
        self._selection = selection
        self._who = membership
        self._rows = rows
        self._series = series
        count = membership.replicas.rows
        starts = selection.members[:-1]
        replica = membership.replica_of_row
        self._group_of_series = membership.group_of_replica[replica[starts]]
        self._present = np.add.reduceat(rows.counts > 0, starts, dtype=np.int64)
        self._ended = np.add.reduceat(rows.ended & (rows.counts > 0), starts, dtype=np.int64)
        self._samples = sums(replica, rows.counts, count)
        self._outputs = sums(replica, rows.outputs, count)
        self._missed = sums(replica, np.where(self._counted_rows(), rows.missed, 0), count)
        self._last_ms = np.full(count, UNKNOWN_MS)
        np.maximum.at(self._last_ms, replica, last_ms)
        self._interval_ms = medians(replica, rows.interval_ms, count)
        self._offset_ms = medians(replica, self._offsets(), count)
        sending = membership.group_of_replica[self._samples > 0]
        self._sending = np.bincount(sending, minlength=len(self._who.group_of_replica))

    def told(self) -> list[int]:
        """The groups with a series that counts."""
        return [int(g) for g in np.unique(self._group_of_series[self._present > 0])]

    def group(self, number: int) -> ReplicaGroup:
        series = (self._group_of_series == number) & (self._present > 0)
        present, ended = self._present[series], self._ended[series]
        replicas = np.flatnonzero(self._who.group_of_replica == number)
        oldest = self._selection.span[0] - FORGOTTEN_MS
        told = replicas[self._last_ms[replicas] >= oldest]
        return ReplicaGroup(
            labels=self._common_labels(series),
            replicas=tuple(self._replica(int(r), told) for r in told),
            series=int(np.count_nonzero(series)),
            switches=int(self._series.switches[series].sum()),
            holes=int(self._series.holes[series].sum()),
            incomplete=int(np.count_nonzero(present < self._sending[number])),
            ended_apart=int(np.count_nonzero((ended > 0) & (ended < present))),
        )

    def _replica(self, replica: int, others: Int64s) -> ReplicaState:
        outputs = int(self._outputs[others].sum())
        last, interval = int(self._last_ms[replica]), int(self._interval_ms[replica])
        newest = int(self._last_ms[others].max())
        names = self._selection.rule.replica_labels
        return ReplicaState(
            labels=self._who.replicas.keep(names).labelset(replica),
            last_ms=known(last),
            interval_ms=known(interval),
            offset_ms=known(int(self._offset_ms[replica])),
            samples=int(self._samples[replica]),
            missed=int(self._missed[replica]),
            share=int(self._outputs[replica]) / outputs if outputs else 0.0,
            silent=newest - last > max(SILENT_MS_MIN, SILENT_INTERVALS * interval),
        )

    def _counted_rows(self) -> Bools:
        """Rows of series that some replica has a sample of."""
        return np.repeat(self._present > 0, np.diff(self._selection.members))

    def _offsets(self) -> Int64s:
        """The offsets of rows whose series begins with the first replica of their group."""
        groups = self._who.group_of_replica
        first_of_group = np.unique(groups, return_index=True)[1]
        firsts = self._who.replica_of_row[self._selection.members[:-1]]
        measured = firsts == first_of_group[self._group_of_series]
        rows = np.repeat(measured, np.diff(self._selection.members))
        return np.where(rows, self._rows.offset_ms, UNKNOWN_MS)

    def _common_labels(self, series: Bools) -> dict[str, str]:
        """The labels, other than the metric name, that all these series have with equal values."""
        labels = self._selection.labels.take(np.flatnonzero(series))
        common = {}
        for name in labels.names:
            codes = labels.column(name)
            if name != METRIC_NAME and codes[0] and (codes == codes[0]).all():
                common[name] = labels.symbols.text(int(codes[0]))
        return common


def known(number: int) -> int | None:
    return None if number == UNKNOWN_MS else number


def sums(group: Int64s, numbers: Int64s, count: int) -> Int64s:
    """The sum of the numbers of each of `count` groups."""
    found = np.zeros(count, np.int64)
    np.add.at(found, group, numbers)
    return found


def medians(group: Int64s, numbers: Int64s, count: int) -> Int64s:
    """The smaller middle of the known numbers of each group; UNKNOWN_MS where none is known."""
    told = numbers != UNKNOWN_MS
    group, numbers = group[told], numbers[told]
    order = np.lexsort((numbers, group))
    sizes = np.bincount(group, minlength=count)
    ends = np.cumsum(sizes)
    middle = np.where(sizes > 0, ends - sizes + (sizes - 1) // 2, 0)
    found = np.full(count, UNKNOWN_MS)
    found[sizes > 0] = numbers[order][middle[sizes > 0]]
    return found
