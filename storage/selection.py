"""What a selector matched in storage, frozen: series as stored, or replicas made one.

Reading computes on memory only, block by block of rows, and may be done in any order of blocks and
from any thread.

Invariants:
* Rows are distinct label sets, and the samples of a row are the same however blocks are cut.
* read_origins() has the timestamps of read(), and stale markers where read() has them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from storage.dedup import Deduped, dedup
from storage.dedup_algorithm import Algorithm
from storage.errors import LimitExceeded
from storage.head import HeadSamples
from storage.labels import LabelFrame, one_row
from storage.merge import between, clip, merge_all
from storage.samples import Float64s, Int64s, Samples, is_stale


@dataclass(frozen=True, slots=True)
class StoredSelection:
    """Matched series as they are stored: one row per series."""

    labels: LabelFrame
    sealed: Samples
    heads: tuple[HeadSamples, ...]

    def read(self, first_row: int, end_row: int) -> Samples:
        """The samples of rows [first_row, end_row); what was written first wins."""
        sources = [clip(self.sealed, first_row, end_row)] if len(self.sealed) else []
        for head in self.heads:
            sources += head.sources(first_row, end_row)
        return merge_all(sources, end_row - first_row)

    def read_origins(self, first_row: int, end_row: int) -> Samples:
        """The samples with row numbers of replicas() in place of values: here there is but one."""
        samples = self.read(first_row, end_row)
        return numbered(samples, np.zeros(len(samples), np.float64))

    def replicas(self) -> LabelFrame:
        """No replica at all: a single row without labels."""
        return one_row(self.labels.symbols)


@dataclass(frozen=True, slots=True)
class DedupRule:
    """How replicas become one series. counter: a fall of a value is a reset, for `penalty`."""

    replica_labels: tuple[str, ...]
    algorithm: Algorithm
    counter: bool = False


@dataclass(frozen=True)
class DedupSelection:
    """Groups of replicas as one series each, with the samples of `span`, both ends inclusive.

    Rows members[g]:members[g+1] of `stored` are group g; it may reach out of the span, because what
    is chosen within it may depend on samples around it. Row i of `stored` was matched as order[i].
    """

    labels: LabelFrame
    stored: StoredSelection
    members: Int64s
    order: Int64s
    rule: DedupRule
    span: tuple[int, int]

    def read(self, first_row: int, end_row: int) -> Samples:
        samples, members = self.members_of(first_row, end_row)
        rule = self.rule
        return dedup(samples, members, rule.algorithm, counter=rule.counter, span=self.span).samples

    def read_origins(self, first_row: int, end_row: int) -> Samples:
        """The samples with the row numbers of replicas() in place of values."""
        samples, members = self.members_of(first_row, end_row)
        chosen = self.chosen(samples, members, provenance=True)
        assert chosen.sources is not None, "BUG: dedup told no sources"
        firsts = np.repeat(self.members[first_row:end_row], np.diff(chosen.samples.offsets))
        numbers = self.replica_of_row[firsts + chosen.sources].astype(np.float64)
        return between(numbered(chosen.samples, numbers), *self.span)

    def members_of(self, first_row: int, end_row: int) -> tuple[Samples, Int64s]:
        """The replicas' samples, also around the span, of the groups [first_row, end_row), and
        where each group begins among them."""
        members = self.members[first_row : end_row + 1]
        return self.stored.read(int(members[0]), int(members[-1])), members - members[0]

    def chosen(self, samples: Samples, members: Int64s, *, provenance: bool = False) -> Deduped:
        """What dedup makes of groups, also around the span."""
        rule = self.rule
        return dedup(samples, members, rule.algorithm, counter=rule.counter, provenance=provenance)

    def replicas(self) -> LabelFrame:
        """The distinct label sets that tell the replicas of this selection apart."""
        return self._replica_frame.take(self._replica_groups[1])

    @property
    def replica_of_row(self) -> Int64s:
        """The row of replicas() of each row of `stored`."""
        return self._replica_groups[0]

    @cached_property
    def _replica_frame(self) -> LabelFrame:
        return self.stored.labels.keep(self.rule.replica_labels)

    @cached_property
    def _replica_groups(self) -> tuple[Int64s, Int64s]:
        return self._replica_frame.group(self.rule.replica_labels)


class SampleBudget:
    """Counts the samples one selector reads from disk."""

    def __init__(self, samples_max: int) -> None:
        self._samples_max = samples_max
        self._samples = 0

    def spend(self, samples: int) -> None:
        """Raises LimitExceeded once there are too many."""
        self._samples += samples
        if self._samples > self._samples_max:
            raise LimitExceeded(
                f"the selector reads more than {self._samples_max} samples from segments "
                "(storage.select.max-samples; a native histogram counts as half of its buckets)"
            )


def numbered(samples: Samples, numbers: Float64s) -> Samples:
    """The samples with other values; stale markers stay."""
    values = numbers.copy()
    stale = is_stale(samples.values)
    values[stale] = samples.values[stale]
    return Samples(samples.offsets, samples.timestamps, values)


def replica_groups(labels: LabelFrame, replicas: Sequence[str]) -> tuple[Int64s, Int64s]:
    """Rows ordered so that the replicas of a series stand together: (order, members).

    Group g is order[members[g]:members[g+1]], its rows in the order of their replica labels. Groups
    come in the order of their first row.
    """
    rest = labels.drop(replicas)
    group, first = rest.group(rest.names)
    rank = np.empty(labels.rows, np.int64)
    rank[labels.keep(replicas).order()] = np.arange(labels.rows)
    order = np.lexsort((rank, group)).astype(np.int64)
    members = np.searchsorted(group[order], np.arange(len(first) + 1)).astype(np.int64)
    return order, members
