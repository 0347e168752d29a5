"""Merging: the samples of several segments as blocks of series, each sample once.

Series ascend by their ids. How many samples a series has is known before anything is read, so
blocks are cut to be about equally large; a block that turns out larger, because of histograms with
many buckets, is read in halves. Memory follows MergeLimits and not what is merged.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from storage.errors import FormatError
from storage.files import (
    AGGREGATES_FILE,
    EXEMPLARS_FILE,
    HISTOGRAMS_FILE,
    SAMPLES_FILE,
    SERIES_FILE,
)
from storage.histograms.columns import HINT_GAUGE, HINT_UNKNOWN
from storage.kernels.arrays import Int64s
from storage.samples.samples import Samples
from storage.segments.damage import UNREADABLE, Damages
from storage.segments.merging import Runs, Spend, join_runs, merge, runs_of
from storage.segments.reader import SegmentReader
from storage.segments.segment import SegmentMeta
from storage.segments.windows import Span
from storage.segments.writer import Block

# Takes a segment, series ids and the samples it has of each; returns those that are kept.
Keep = Callable[[SegmentMeta, Int64s, Samples], Samples]
# Takes series ids, runs of these that were merged, and what came of them.
WatchMerge = Callable[[Int64s, Runs, Samples], None]


@dataclass(frozen=True, slots=True)
class MergeLimits:
    """What a block has: a million samples are about 60 MB until they are written. Blocks of four
    million took twice as long to merge, and 200 MB more.

    samples: a native histogram counts as half of its buckets.
    """

    series: int = 8192
    samples: int = 1 << 20


MERGE_LIMITS = MergeLimits()


@dataclass(frozen=True, slots=True)
class Census:
    """Series, ascending by id, and how many samples they have in all inputs together."""

    ids: Int64s
    samples: Int64s


class TooLarge(Exception):
    """A block has more samples than it may have."""


@dataclass(frozen=True, slots=True)
class Merge:
    """The inputs of a job, by rank. keep: what of them is kept; None: everything. watch: is given
    each sample that gives way to another once, though blocks may be read several times."""

    reader: SegmentReader
    inputs: Sequence[SegmentMeta]
    census: Census
    keep: Keep | None = None
    watch: WatchMerge | None = None
    limits: MergeLimits = MERGE_LIMITS

    def blocks(self, span: Span) -> Iterator[Block]:
        """The samples of a span, of equal times that of the lowest rank."""
        for first, end in cut(self.census.samples, self.limits):
            yield from self._read(self.census.ids[first:end], span)

    def _read(self, ids: Int64s, span: Span) -> Iterator[Block]:
        """The samples of some series, in halves of series or of time where they are too many."""
        try:
            yield ids, self._select(ids, span)
            return
        except TooLarge:
            middle = len(ids) // 2
        if middle:
            yield from self._read(ids[:middle], span)
            yield from self._read(ids[middle:], span)
            return
        half = (span[0] + span[1]) // 2
        yield from self._read(ids, (span[0], half))
        for part, samples in self._read(ids, (half + 1, span[1])):
            yield part, doubted(samples)

    def _select(self, ids: Int64s, span: Span) -> Samples:
        room = Room(self.limits.samples, len(ids) > 1 or span[1] > span[0])
        return self.select(ids, span, room.spend)

    def select(self, ids: Int64s, span: Span, spend: Spend = lambda samples: None) -> Samples:
        """The samples of some series, all at once. spend() may raise to stop."""
        inputs = in_time_order(self.inputs)
        if self.keep is None:
            watch = None if self.watch is None else partial(self.watch, ids)
            return self.reader.select(inputs, ids, span, spend, keep=False, watch=watch)
        # All is read before anything is cut, since a block that is too large is read again.
        parts = [self.reader.select([segment], ids, span, spend, keep=False) for segment in inputs]
        kept = [self.keep(*each) for each in zip(inputs, repeat(ids), parts, strict=False)]
        return self._merge(ids, join_runs([runs_of(part) for part in kept]))

    def _merge(self, ids: Int64s, runs: Runs) -> Samples:
        merged = merge(runs, len(ids))
        if self.watch is not None:
            self.watch(ids, runs, merged)
        return merged


class Room:
    """Counts the samples of a block, which may be twice as many as were expected."""

    def __init__(self, samples: int, can_be_cut: bool) -> None:
        self._left = 2 * samples
        self._can_be_cut = can_be_cut

    def spend(self, samples: int) -> None:
        """Raises TooLarge."""
        self._left -= samples
        if self._left < 0 and self._can_be_cut:
            raise TooLarge


def cut(samples: Int64s, limits: MergeLimits) -> Iterator[tuple[int, int]]:
    """Series [first, end) for each block: as many as the limits allow, at least one."""
    ends = np.cumsum(samples)
    first = 0
    while first < len(samples):
        before = ends[first - 1] if first else 0
        full = int(np.searchsorted(ends, before + limits.samples, side="right"))
        end = min(max(full, first + 1), first + limits.series)
        yield first, end
        first = end


def in_time_order(inputs: Sequence[SegmentMeta]) -> Sequence[SegmentMeta]:
    """Inputs that share no time, by time, so that series need not be merged sample by sample; the
    same order otherwise."""
    ordered = sorted(inputs, key=lambda segment: segment.min_ms)
    apart = all(a.max_ms < b.min_ms for a, b in zip(ordered, ordered[1:], strict=False))
    return ordered if apart else inputs


def doubted(samples: Samples) -> Samples:
    """The samples with unknown counter reset hints at the beginning of each series: what comes
    before them may be of another input than the sample that the hint is about."""
    if samples.natives is None:
        return samples
    firsts = samples.natives.rows[samples.offsets[:-1][np.diff(samples.offsets) > 0]]
    firsts = firsts[firsts >= 0]
    hints = samples.natives.histograms.hints.copy()
    hints[firsts[hints[firsts] != HINT_GAUGE]] = HINT_UNKNOWN
    histograms = replace(samples.natives.histograms, hints=hints)
    return replace(samples, natives=replace(samples.natives, histograms=histograms))


def take_census(directory: Path, inputs: Sequence[SegmentMeta], damages: Damages) -> Census:
    """The series of the inputs, whose segments are in the directory. Raises FormatError."""
    found = [series_of(directory / segment.ulid, damages) for segment in inputs]
    ids, places = np.unique(np.concatenate([part.ids for part in found]), return_inverse=True)
    samples = np.zeros(len(ids), np.int64)
    np.add.at(samples, places, np.concatenate([part.samples for part in found]))
    return Census(ids, samples)


def series_of(directory: Path, damages: Damages) -> Census:
    """The series of one segment: as its series table says, or as its rows do where that is
    damaged."""
    path = directory / SERIES_FILE
    if damages.of(path) is not None:
        try:
            table = pq.read_table(path, columns=["series_id", "samples"])
        except FileNotFoundError as error:
            raise FormatError(f"cannot read {path}: {error}") from error
        except UNREADABLE as error:
            damages.note(path, None, str(error))
        else:
            return Census(table["series_id"].to_numpy(), table["samples"].to_numpy())
    none = np.zeros(0, np.int64)
    found = [none]
    for name in (SAMPLES_FILE, AGGREGATES_FILE, HISTOGRAMS_FILE, EXEMPLARS_FILE):
        found += ids_of_rows(directory / name, damages)
    ids, counts = np.unique(np.concatenate(found), return_counts=True)
    return Census(ids, counts.astype(np.int64))


def ids_of_rows(path: Path, damages: Damages) -> Iterator[Int64s]:
    """The ids of the rows of each sound row group."""
    if not path.exists() or damages.of(path) is None:
        return
    try:
        with pq.ParquetFile(path) as file:
            for group in damages.sound(path, np.arange(file.num_row_groups)).tolist():
                try:
                    yield file.read_row_group(group, ["series_id"])["series_id"].to_numpy()
                except UNREADABLE as error:
                    damages.note(path, [group], str(error))
    except UNREADABLE as error:
        damages.note(path, None, str(error))
