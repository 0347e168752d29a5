"""What goes into a segment of aggregates: raw samples folded, finer windows combined, old windows.

Each source has series, ascending by id, with about how much is to be read for each, and gives the
windows of any of these. Series are taken in blocks, so memory follows MergeLimits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Protocol

import numpy as np

from storage.compaction.cutting import JobCuts
from storage.compaction.downsampling.groups import ALGORITHMS, Groups
from storage.compaction.merging import Census, Merge
from storage.dedup.algorithm import LEVELS_MS, Algorithm, reach_ms
from storage.dedup.dedup import dedup
from storage.dedup.reach import unsettled_groups
from storage.downsampling.aggregates import Aggregates
from storage.downsampling.combining import combine
from storage.downsampling.cuts import without_windows
from storage.downsampling.folding import fold
from storage.downsampling.merging import merge_windows
from storage.kernels.arrays import Int64s
from storage.samples.merge import ranges, stack, take_rows
from storage.samples.samples import Samples
from storage.segments.aggregates.reader import AggregateReader
from storage.segments.reader import SegmentReader
from storage.segments.segment import SegmentMeta, overlapping
from storage.segments.windows import Span

# A row of aggregates takes as much memory as so many samples.
ROW_SAMPLES = 8


class Source(Protocol):
    """The windows of some series. weights: samples that reading each takes."""

    @property
    def ids(self) -> Int64s: ...

    @property
    def weights(self) -> Int64s: ...

    def read(self, ids: Int64s) -> Aggregates:
        """The windows of series, ascending; of those that it does not have, none."""
        ...


@dataclass(frozen=True, slots=True)
class StoredWindows:
    """The windows of segments of one resolution, within a span."""

    reader: AggregateReader
    segments: Sequence[SegmentMeta]
    census: Census
    cuts: JobCuts
    span: Span

    @property
    def ids(self) -> Int64s:
        return self.census.ids

    @property
    def weights(self) -> Int64s:
        return self.census.samples * ROW_SAMPLES

    def read(self, ids: Int64s) -> Aggregates:
        if self.cuts.keep is None:
            return self.reader.select(self.segments, ids, self.span)
        parts = []
        for segment in self.segments:
            found = self.reader.select([segment], ids, self.span)
            cuts = self.cuts.of(segment, ids)
            if cuts is not None:
                found = without_windows(found, cuts, segment.resolution_ms)
            parts.append(found)
        resolution_ms = self.segments[0].resolution_ms
        return reduce(lambda a, b: merge_windows(a, b, resolution_ms), parts)


@dataclass(frozen=True, slots=True)
class CombinedWindows:
    """Finer windows, made larger."""

    finer: StoredWindows
    resolution_ms: int

    @property
    def ids(self) -> Int64s:
        return self.finer.ids

    @property
    def weights(self) -> Int64s:
        return self.finer.weights

    def read(self, ids: Int64s) -> Aggregates:
        return combine(self.finer.read(ids), self.resolution_ms)


@dataclass(frozen=True, slots=True)
class FoldedSamples:
    """Raw samples of a span as windows, those of pairs made one before.

    near: the segments that may have samples of the span, or around it, by rank. census: their
    series and samples; cuts: what is deleted from them.
    """

    reader: SegmentReader
    near: Sequence[SegmentMeta]
    census: Census
    cuts: JobCuts
    groups: Groups
    span: Span
    resolution_ms: int

    @property
    def ids(self) -> Int64s:
        return self.groups.targets

    @property
    def weights(self) -> Int64s:
        counts = self.census.samples[np.searchsorted(self.census.ids, self.groups.ids)]
        before = np.concatenate([[0], np.cumsum(counts)])
        weights: Int64s = np.diff(before[self.groups.members])
        return weights

    def read(self, ids: Int64s) -> Aggregates:
        places = np.searchsorted(self.groups.targets, ids)
        there = np.minimum(places, len(self.groups.targets) - 1)
        known = self.groups.targets[there] == ids if len(self.groups.targets) else ids < ids
        return spread(fold(self._samples(places[known]), self.resolution_ms), known)

    def _samples(self, chosen: Int64s) -> Samples:
        """The samples of these groups within the span, a series for each."""
        groups, sizes = self.groups, self.groups.sizes[chosen]
        if (sizes == 1).all():
            return self._members(groups.members[:-1][chosen], 0)
        found, places = [], []
        for code in np.unique(groups.algorithms[chosen]).tolist():
            places.append(np.flatnonzero(groups.algorithms[chosen] == code))
            found.append(self._deduplicated(chosen[places[-1]], ALGORITHMS[code]))
        return take_rows(stack(found), np.argsort(np.concatenate(places)))

    def _deduplicated(self, chosen: Int64s, algorithm: Algorithm) -> Samples:
        groups = self.groups
        sizes = groups.sizes[chosen]
        members = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        rows = ranges(groups.members[chosen], members)
        found = self._members(rows, reach_ms(algorithm, int(sizes.max())))
        if algorithm is Algorithm.AUTO:
            found = self._settled(found, rows, members)
        gauges = groups.gauges[chosen]
        return dedup(found, members, algorithm, gauges=gauges, span=self.span).samples

    def _settled(self, found: Samples, rows: Int64s, members: Int64s) -> Samples:
        """Read further around the span, until that is far enough for the scrape intervals."""
        sizes = np.diff(members)
        for known_ms, longest_ms in pairwise(LEVELS_MS):
            if not len(unsettled_groups(found, members, self.span, known_ms)):
                break
            around_ms = reach_ms(Algorithm.AUTO, int(sizes.max()), longest_ms)
            found = self._members(rows, around_ms)
        return found

    def _members(self, rows: Int64s, around_ms: int) -> Samples:
        """The samples of members of groups, by their places, so far around the span."""
        ids = self.groups.ids[rows]
        ordered = np.sort(ids)
        span = self.span[0] - around_ms, self.span[1] + around_ms
        merge = Merge(
            self.reader, overlapping(self.near, *span), Census(ordered, ordered), self.cuts.keep
        )
        return take_rows(merge.select(ordered, span), np.searchsorted(ordered, ids))


def spread(found: Aggregates, known: np.ndarray) -> Aggregates:
    """Aggregates of some series as those of more, of which the known ones have windows."""
    if known.all():
        return found
    offsets = spread_offsets(found.offsets, known)
    histograms = found.histograms
    if histograms is not None:
        samples = histograms.samples
        samples = Samples(
            spread_offsets(samples.offsets, known), samples.timestamps, samples.values, None,
            samples.natives,
        )  # fmt: skip
        histograms = type(histograms)(samples, histograms.counts)
    return Aggregates.of(offsets, found.rows, histograms)


def spread_offsets(offsets: Int64s, known: np.ndarray) -> Int64s:
    lengths = np.zeros(len(known), np.int64)
    lengths[known] = np.diff(offsets)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def around_of(span: Span, groups: Groups) -> Span:
    """How far a read of a span may have to go."""
    longest = reach_ms(Algorithm.AUTO, groups.largest, LEVELS_MS[-1])
    return span[0] - longest, span[1] + longest
