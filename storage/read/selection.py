"""What a selector matched in storage, frozen: series as stored, or replicas made one.

Reading goes block by block of rows, in any order of blocks and from any thread. A block is read
from the segments when it is asked for; what the heads have was noted when the selection was made.
For groups of replicas with scrape intervals of minutes or more, the segments are read once more:
how far around the range shows only then.

Invariants:
* Rows are distinct label sets, and the samples of a row are the same however blocks are cut.
* read_origins() has the timestamps of read(), and stale markers where read() has them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from storage.dedup.algorithm import LEVELS_MS, Algorithm, reach_ms
from storage.dedup.complete import LEAD, UNDECIDED, complete_groups, ranges_of
from storage.dedup.dedup import Deduped, dedup
from storage.dedup.reach import unsettled_groups
from storage.head.head import HeadSamples
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.stale import is_stale
from storage.labels.frames import LabelFrame, one_row
from storage.read.rows import Rows
from storage.read.sealed import LoadedRows, SampleBudget, Sealed, StoredRows
from storage.samples.cuts import Cuts, without
from storage.samples.edges import EdgeRoom, Edges, WindowGrid
from storage.samples.merge import is_plain, merge_all, ranges, stack, take_rows
from storage.samples.samples import Samples

# Whether it pays to look for complete replicas is tried on so many groups, of which one in
# UNDECIDED_SHARE may be something else: these are read twice.
TRIED_GROUPS = 64
UNDECIDED_SHARE = 8


@dataclass(frozen=True, slots=True)
class StoredSelection:
    """Matched series as they are stored: one row per series. cuts: what is not to be seen of the
    rows, whatever it was read from; None: nothing."""

    labels: LabelFrame
    sealed: Sealed
    heads: tuple[HeadSamples, ...]
    cuts: Cuts | None = None

    def read(self, first_row: int, end_row: int) -> Samples:
        """The samples of rows [first_row, end_row); what was written first wins."""
        sources = [self.sealed.read(first_row, end_row)]
        for head in self.heads:
            sources += head.sources(first_row, end_row)
        return self._seen(merge_all(sources, end_row - first_row), first_row)

    def edges(
        self, first_row: int, end_row: int, windows: tuple[Int64s, int], is_counter: bool
    ) -> Edges | None:
        """The edges of windows of rows [first_row, end_row), whose samples are looked at where they
        are; None if they have to be read. windows: their ends, and the range in ms."""
        if self.cuts is not None or not isinstance(self.sealed, StoredRows):
            return None
        recent = []
        for head in self.heads:
            recent += head.sources(first_row, end_row)
        late = merge_all(recent, end_row - first_row)
        if not is_plain(late):
            return None
        rows = self.sealed.rows_of(first_row, end_row) + len(late)
        grid = WindowGrid(*windows, is_counter, self.sealed.span)
        room = EdgeRoom(end_row - first_row, rows, grid)
        if not self.sealed.take_edges(first_row, end_row, room) or not room.take(late):
            return None
        edges = room.closed()
        SampleBudget(self.sealed.samples_max).spend(edges.samples)
        return edges

    def _seen(self, samples: Samples, first_row: int) -> Samples:
        """What is to be seen of the samples of rows from first_row on."""
        if self.cuts is None:
            return samples
        rows = np.arange(first_row, first_row + samples.series_count)
        return without(samples, self.cuts.take(rows))

    @property
    def expected_samples(self) -> int:
        """About how many samples are to be read of segments."""
        return self.sealed.expected

    @property
    def is_plain(self) -> bool:
        """Whether all samples are floats without start timestamps."""
        return self.sealed.is_plain and all(head.is_plain for head in self.heads)

    def read_near(self, first_row: int, end_row: int, span: tuple[int, int], lead: int) -> Samples:
        """Like read(), for plain samples; of what is out of the span, only `lead` samples on each
        side are certain to be there."""
        sources = [self.sealed.read(first_row, end_row)]
        for head in self.heads:
            sources += head.near_sources(first_row, end_row, span, lead)
        return self._seen(merge_all(sources, end_row - first_row), first_row)

    def pick(self, rows: Int64s) -> "StoredSelection":
        """The selection of some rows, for plain samples."""
        heads = tuple(head.pick(rows) for head in self.heads)
        cuts = None if self.cuts is None else self.cuts.take(rows)
        return StoredSelection(self.labels.take(rows), self.sealed.pick(rows), heads, cuts)

    def loaded(self, first_row: int, end_row: int) -> "StoredSelection":
        """The same selection, for whom reads only these rows, but again and again."""
        sealed = LoadedRows(self.sealed.read(first_row, end_row), first_row)
        return replace(self, sealed=sealed)

    def read_origins(self, first_row: int, end_row: int) -> Samples:
        """The samples with row numbers of replicas() in place of values: here there is but one."""
        samples = self.read(first_row, end_row)
        return numbered(samples, np.zeros(len(samples), np.float64))

    def replicas(self) -> LabelFrame:
        """No replica at all: a single row without labels."""
        return one_row(self.labels.symbols)


# Reads some rows of a selection, by their numbers, so many ms further around its span.
Wider = Callable[[Int64s, int], Samples]


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
    gauges: the groups that metadata says are gauges; None if there are none. wider: reads rows
    of `stored` again; None: `stored` reaches as far as it ever must.
    """

    labels: LabelFrame
    stored: Rows
    members: Int64s
    order: Int64s
    rule: DedupRule
    span: tuple[int, int]
    gauges: Bools | None = None
    wider: Wider | None = None

    @property
    def expected_samples(self) -> int:
        return self.stored.expected_samples

    def read(self, first_row: int, end_row: int) -> Samples:
        first, end = int(self.members[first_row]), int(self.members[end_row])
        return replace(self, stored=self.stored.loaded(first, end))._read(first_row, end_row)

    def _read(self, first_row: int, end_row: int) -> Samples:
        if self._seems_complete(first_row, end_row):
            return self._read_complete(first_row, end_row)
        samples, members = self.members_of(first_row, end_row)
        return self.chosen(samples, members, np.arange(first_row, end_row)).samples

    def _seems_complete(self, first_row: int, end_row: int) -> bool:
        """Whether nearly all groups may have a first replica without holes, going by a few."""
        if self.rule.algorithm is not Algorithm.AUTO or not self.stored.is_plain:
            return False
        end_row = min(end_row, first_row + TRIED_GROUPS)
        undecided = self._complete(first_row, end_row)[2] == UNDECIDED
        return int(undecided.sum()) * UNDECIDED_SHARE <= len(undecided)

    def _complete(self, first_row: int, end_row: int) -> tuple[Samples, Int64s, Int64s]:
        """The replicas' samples near the span, and what complete_groups() returns for them."""
        members = self.members[first_row : end_row + 1]
        near = self.stored.read_near(int(members[0]), int(members[-1]), self.span, LEAD)
        return near, *complete_groups(near, members - members[0], self.span)

    def _read_complete(self, first_row: int, end_row: int) -> Samples:
        """The first replica of each group, if it is complete; the others are read again."""
        near, firsts, counts = self._complete(first_row, end_row)
        found = ranges_of(near, firsts, np.maximum(counts, 0))
        rest = np.flatnonzero(counts == UNDECIDED)
        if not len(rest):
            return found
        groups = first_row + rest
        sizes = self.members[groups + 1] - self.members[groups]
        members = np.concatenate([[0], np.cumsum(sizes)])
        rows = ranges(self.members[groups], members)
        others = self._settled(self.stored.pick(rows).read(0, len(rows)), groups)
        others = self.chosen(others, members, groups).samples
        places = np.arange(len(counts))
        places[rest] = len(counts) + np.arange(len(rest))
        return take_rows(stack([found, others]), places)

    def read_origins(self, first_row: int, end_row: int) -> Samples:
        """The samples with the row numbers of replicas() in place of values."""
        samples, members = self.members_of(first_row, end_row)
        groups = np.arange(first_row, end_row)
        chosen = self.chosen(samples, members, groups, provenance=True)
        assert chosen.sources is not None, "BUG: dedup told no sources"
        firsts = np.repeat(self.members[first_row:end_row], np.diff(chosen.samples.offsets))
        numbers = self.replica_of_row[firsts + chosen.sources].astype(np.float64)
        return numbered(chosen.samples, numbers)

    def members_of(self, first_row: int, end_row: int) -> tuple[Samples, Int64s]:
        """The replicas' samples, also around the span, of the groups [first_row, end_row), and
        where each group begins among them."""
        members = self.members[first_row : end_row + 1]
        samples = self.stored.read(int(members[0]), int(members[-1]))
        return self._settled(samples, np.arange(first_row, end_row)), members - members[0]

    def _settled(self, samples: Samples, groups: Int64s) -> Samples:
        """The replicas' samples of these groups, further around the span where `auto` needs more
        to decide than `samples` has."""
        if self.rule.algorithm is not Algorithm.AUTO or self.wider is None:
            return samples
        sizes = self.members[groups + 1] - self.members[groups]
        members = np.concatenate([[0], np.cumsum(sizes)])
        for known_ms, longest_ms in pairwise(LEVELS_MS):
            found = unsettled_groups(samples, members, self.span, known_ms)
            if not len(found):
                break
            around_ms = reach_ms(Algorithm.AUTO, int(sizes[found].max()), longest_ms)
            offsets = np.concatenate([[0], np.cumsum(sizes[found])])
            more = self.wider(ranges(self.members[groups[found]], offsets), around_ms)
            places = np.arange(samples.series_count)
            places[ranges(members[found], offsets)] = samples.series_count + np.arange(offsets[-1])
            samples = take_rows(stack([samples, more]), places)
        return samples

    def chosen(
        self, samples: Samples, members: Int64s, groups: Int64s, *, provenance: bool = False
    ) -> Deduped:
        """What dedup makes of these groups, within the span."""
        rule, gauges = self.rule, None if self.gauges is None else self.gauges[groups]
        return dedup(
            samples,
            members,
            rule.algorithm,
            counter=rule.counter,
            gauges=gauges,
            provenance=provenance,
            span=self.span,
        )

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


def numbered(samples: Samples, numbers: Float64s) -> Samples:
    """The samples with other values; stale markers stay."""
    values = numbers.copy()
    stale = is_stale(samples.values)
    values[stale] = samples.values[stale]
    return Samples(samples.offsets, samples.timestamps, values)


def widened(span: tuple[int, int], around_ms: int) -> tuple[int, int]:
    """The span and as much on both sides of it, as far as int64 holds timestamps."""
    bounds = np.iinfo(np.int64)
    return max(span[0] - around_ms, int(bounds.min)), min(span[1] + around_ms, int(bounds.max))
