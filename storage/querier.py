"""Reads of one tenant: selectors over heads and segments, deduplicated, and the label queries.

All I/O of a selector happens in select(): the index is asked, heads are snapshotted, segments are
read. What comes back computes on memory only, block by block.

Invariants:
* What was acknowledged before select() was called is in the selection.
* Rows are in the order of series ids, or of the first member of each replica group: stable.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from storage.dedup import dedup
from storage.errors import LimitExceeded
from storage.head import HeadSamples
from storage.index import TenantIndex
from storage.labels import LabelFrame, Matcher, Symbols, empty_frame, label_sort_key
from storage.merge import clip, merge_all, take_rows
from storage.options import StorageOptions
from storage.samples import Bools, Int64s, Samples, empty_samples
from storage.segment import SegmentMeta
from storage.shard import Shard, ShardView


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


@dataclass(frozen=True, slots=True)
class DedupSelection:
    """Groups of replicas as one series each. Rows members[g]:members[g+1] of `stored` are group
    g."""

    labels: LabelFrame
    stored: StoredSelection
    members: Int64s

    def read(self, first_row: int, end_row: int) -> Samples:
        members = self.members[first_row : end_row + 1]
        samples = self.stored.read(int(members[0]), int(members[-1]))
        return dedup(samples, members - members[0])


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
                "(storage.select.max-samples)"
            )


class StorageQuerier:
    """The series of one tenant as one request sees them. Used by one query, from any thread."""

    def __init__(
        self,
        shard: Shard,
        tenant: int,
        options: StorageOptions,
        replica_labels: Sequence[str],
    ) -> None:
        """replica_labels: empty to see every replica's series."""
        self._shard = shard
        self._index: TenantIndex = shard.index(tenant)
        self._options = options
        self._replica_labels = tuple(replica_labels)
        self.symbols = Symbols(shard.table.symbols)

    @property
    def counters_differ(self) -> bool:
        """Dedup treats counters as it treats everything else."""
        return False

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, counter: bool = False
    ) -> StoredSelection | DedupSelection:
        """The series that pass all matchers; the hint `counter` changes nothing. Raises
        LimitExceeded if more series or samples match than storage.select.max-* allow."""
        view = self._shard.view()
        refs = self._match(matchers)
        labels = self._index.frame(refs, self.symbols)
        replicas = [name for name in self._replica_labels if labels.column(name).any()]
        if not replicas:
            return self._read(view, refs, labels, start_ms, end_ms)
        order, members = replica_groups(labels, replicas)
        labels = labels.take(order)
        stored = self._read(view, refs[order], labels, start_ms, end_ms)
        return DedupSelection(labels.take(members[:-1]).drop(replicas), stored, members)

    def label_names(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """The label names of the series that any of the sets selects, in byte order."""
        return list(self.series(matcher_sets, start_ms, end_ms).names)

    def label_values(
        self, name: str, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        """The values of one label of the selected series, in byte order."""
        codes = np.unique(self.series(matcher_sets, start_ms, end_ms).column(name))
        return sorted(self.symbols.texts(codes[codes != 0]), key=label_sort_key)

    def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> LabelFrame:
        """The selected series with a sample in [start_ms, end_ms], each once. In a segment that
        reaches over an end of the range a series counts if its first and last sample do."""
        view = self._shard.view()
        matched = [self._match(matchers) for matchers in matcher_sets or [()]]
        refs = matched[0] if len(matched) == 1 else np.unique(np.concatenate(matched))
        refs = refs[self._has_samples(view, refs, start_ms, end_ms)]
        if not len(refs):
            return empty_frame(self.symbols)
        labels = self._index.frame(refs, self.symbols)
        replicas = [name for name in self._replica_labels if labels.column(name).any()]
        if not replicas:
            return labels
        labels = labels.drop(replicas)
        return labels.take(labels.group(labels.names)[1])

    def _match(self, matchers: Sequence[Matcher]) -> Int64s:
        """Matched refs. Matchers see replica labels, also those that dedup removes."""
        refs = self._index.match(matchers)
        allowed = self._options.select_series_max
        if len(refs) > allowed:
            text = ", ".join(map(str, matchers))
            raise LimitExceeded(
                f"the selector {{{text}}} matches {len(refs)} series, at most {allowed} are "
                "allowed (storage.select.max-series)"
            )
        return refs

    def _read(
        self, view: ShardView, refs: Int64s, labels: LabelFrame, start_ms: int, end_ms: int
    ) -> StoredSelection:
        with self._shard.lock:
            snapshots = [head.snapshot(refs) for head in view.heads]
        heads = tuple(snapshot.between(start_ms, end_ms) for snapshot in snapshots)
        segments = overlapping(view.segments, start_ms, end_ms)
        sealed = self._read_segments(segments, refs, start_ms, end_ms)
        return StoredSelection(labels, sealed, heads)

    def _read_segments(
        self, segments: Sequence[SegmentMeta], refs: Int64s, start_ms: int, end_ms: int
    ) -> Samples:
        if not segments or not len(refs):
            return empty_samples(len(refs))
        ids = self._shard.table.ids[refs]
        order = np.argsort(ids, kind="stable")
        budget = SampleBudget(self._options.select_samples_max)
        span = (start_ms, end_ms)
        found = self._shard.files.samples.select(segments, ids[order], span, budget.spend)
        if (order[1:] > order[:-1]).all():
            return found
        return take_rows(found, np.argsort(order, kind="stable"))

    def _has_samples(self, view: ShardView, refs: Int64s, start_ms: int, end_ms: int) -> Bools:
        with self._shard.lock:
            snapshots = [head.snapshot(refs) for head in view.heads]
        has = np.zeros(len(refs), np.bool_)
        for snapshot in snapshots:
            has |= snapshot.between(start_ms, end_ms).counts() > 0
        segments = overlapping(view.segments, start_ms, end_ms)
        if segments and not has.all():
            found = self._shard.files.series.in_range(segments, start_ms, end_ms)
            has |= np.isin(self._shard.table.ids[refs], found)
        return has


class EmptyQuerier:
    """The view of a tenant that never wrote."""

    def __init__(self) -> None:
        self.symbols = Symbols()

    @property
    def counters_differ(self) -> bool:
        return False

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, counter: bool = False
    ) -> StoredSelection:
        return StoredSelection(empty_frame(self.symbols), empty_samples(0), ())

    def label_names(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        return []

    def label_values(
        self, name: str, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> list[str]:
        return []

    def series(
        self, matcher_sets: Sequence[Sequence[Matcher]], start_ms: int, end_ms: int
    ) -> LabelFrame:
        return empty_frame(self.symbols)


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


def overlapping(segments: Iterable[SegmentMeta], start_ms: int, end_ms: int) -> list[SegmentMeta]:
    """The segments with samples in [start_ms, end_ms], in the order they were written."""
    return [s for s in segments if s.min_ms <= end_ms and s.max_ms >= start_ms]
