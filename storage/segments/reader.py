"""Reading the samples of segments: a few series, or all of them, over a time range.

An index says which rows are those of a series, a footer where the row groups lie that have these;
only such are read, and of these only the columns of times and values. Where the runs of a series
follow each other in time, which is the rule, each row is copied once, from its row group to where
it belongs in the answer.

Invariants:
* Of equal (series, timestamp), the sample of the segment that is named first is given.
* Row groups are decoded one after the other; only what is wanted of them is kept.
* A damaged row group costs its own samples: it is passed over, which is logged and counted.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from storage.errors import FormatError
from storage.files import HISTOGRAMS_FILE
from storage.kernels.arrays import Int64s
from storage.samples.samples import Samples, empty_samples
from storage.segments.access.layouts import Layouts
from storage.segments.access.places import HERE, Places, Wanted
from storage.segments.caches import SegmentCaches
from storage.segments.comparing import Comparing
from storage.segments.damage import Damages
from storage.segments.encoding.footers import NO_FOOTER
from storage.segments.encoding.groups import Group, GroupFile, split
from storage.segments.encoding.held import HeldGroups
from storage.segments.encoding.placing import Target
from storage.segments.histogram_reader import (
    GROUPS_AT_ONCE,
    HistogramReader,
    wanted_groups,
)
from storage.segments.merging import Runs, Spend, cut, cut_runs, join_runs, merge, series_offsets
from storage.segments.row_index import (
    NO_ROWS,
    ReadPlan,
    Source,
    groups_with,
    in_line,
    joined,
    offsets_of,
)
from storage.segments.segment import SegmentMeta, overlapping

# What is to be kept decoded takes at most this part of the room for it: a read of more would only
# drive out what others come back for.
KEPT_SHARE = 4
# Of rows that are put in place as they are decoded; memory does not depend on it.
PLACED_ROWS = 1 << 30


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How many row groups of histograms are decoded at a time."""

    histogram_groups: int = GROUPS_AT_ONCE


READ_LIMITS = ReadLimits()


class DamageFound(Exception):
    """A row group of those that are to be put in line could not be decoded."""


class SegmentReader:
    """Reads the segments of one shard. Thread-safe; holds no open files.

    A segment must not be deleted while it is read: that is a FormatError.
    """

    def __init__(
        self,
        directory: Path,
        caches: SegmentCaches,
        limits: ReadLimits = READ_LIMITS,
        damages: Damages | None = None,
        places: Places = HERE,
    ) -> None:
        """directory: the shard's segments directory; damages: what is passed over; places: where
        the files are."""
        self._damages = damages or Damages()
        self._comparing = Comparing(self._damages, places)
        self.places = places
        self._limits = limits
        self._directory = directory
        self.caches = caches
        self.layouts = Layouts(directory, caches, self._damages, self._comparing, places)

    @property
    def damage_revision(self) -> int:
        """How often damage was found."""
        return self._damages.revision

    def select(
        self,
        segments: Sequence[SegmentMeta],
        ids: Int64s,
        span: tuple[int, int],
        spend: Spend = lambda samples: None,
        *,
        keep: bool = True,
        watch: Callable[[Runs, Samples], None] | None = None,
    ) -> Samples:
        """The samples of the series `ids` (strictly ascending) with times in span, both inclusive.

        Row i of the result is ids[i]. segments: oldest first. spend() is given how many samples are
        about to be taken and may raise to stop; a sample that two segments have counts twice, a
        histogram as half as many as it has buckets, if that is more than one. keep: whether what is
        decoded may be kept for the next read, if it is little. watch: is given what had to be
        merged sample by sample, at most once.
        """
        plan = self.plan(segments, ids, span)
        return self.read(plan, spend, keep=keep, watch=watch)

    def plan(self, segments: Sequence[SegmentMeta], ids: Int64s, span: tuple[int, int]) -> ReadPlan:
        """How select() reads; decodes nothing but the ids of segments with histograms."""
        if not len(ids):
            return ReadPlan([], ids, span)
        with self.places.held(segments):
            return ReadPlan(self._sources(segments, ids, span), ids, span)

    def read(
        self,
        plan: ReadPlan,
        spend: Spend = lambda samples: None,
        *,
        keep: bool = True,
        watch: Callable[[Runs, Samples], None] | None = None,
    ) -> Samples:
        """What select() returns for what was planned."""
        if not len(plan.ids):
            return empty_samples(0)
        with self.places.held([source.segment for source in plan.sources]):
            return self._read(plan, spend, keep=keep, watch=watch)

    def _read(
        self,
        plan: ReadPlan,
        spend: Spend,
        *,
        keep: bool,
        watch: Callable[[Runs, Samples], None] | None,
    ) -> Samples:
        sources, ids, span = plan.sources, plan.ids, plan.span
        rows = sum(int((runs.ends - runs.firsts).sum()) for runs in plan.runs)
        keep = keep and self.are_few(rows)
        self.bring(sources)
        if not any(source.has_extras for source in sources) and in_line(plan.runs):
            try:
                return self._select_in_line(sources, len(ids), span, spend, keep=keep)
            except DamageFound:
                pass  # what it costs is known now, and passed over by the way that is left
        found = join_runs(
            [run for source in sources for run in self._runs(source, ids, span, spend, keep=keep)]
        )
        if len(sources) == 1 and not sources[0].segment.histograms:
            return replace(found.samples, offsets=series_offsets(found, len(ids)))
        merged = merge(found, len(ids))
        if watch is not None:
            watch(found, merged)
        return merged

    def count(self, plan: ReadPlan) -> int:
        """About how many floats a plan takes, by the times of the series."""
        total, span = 0.0, plan.span
        for runs in plan.runs:
            first, last = np.maximum(runs.min_ms, span[0]), np.minimum(runs.max_ms, span[1])
            length = runs.max_ms.astype(np.float64) - runs.min_ms
            share = (last.astype(np.float64) - first + 1) / (length + 1)
            total += float(((runs.ends - runs.firsts) * share).sum())
        return round(total)

    def are_few(self, samples: int) -> bool:
        """Whether samples are so few that it pays to keep them decoded."""
        return 16 * samples * KEPT_SHARE <= self.caches.groups.bytes_max

    def are_plain(self, segments: Sequence[SegmentMeta]) -> bool:
        """Whether all samples of the segments are floats without start timestamps."""
        footers = [self.layouts.footer(segment) for segment in segments]
        return not any(
            segment.histograms or (footer is not None and footer.has_starts)
            for segment, footer in zip(segments, footers, strict=True)
        )

    def remote(self, segments: Sequence[SegmentMeta]) -> frozenset[str]:
        """Those of the segments whose samples are not here, by ULID."""
        away = (s.ulid for s in segments if not self.places.is_here(self.layouts.samples(s)))
        return frozenset(away)

    def forget(self, ulids: Collection[str]) -> None:
        """Keep nothing of these segments in memory any more."""
        self.caches.forget(ulids)
        self._comparing.forget(ulids)
        self.layouts.forget(ulids)

    def _sources(
        self, segments: Sequence[SegmentMeta], ids: Int64s, span: tuple[int, int]
    ) -> list[Source]:
        """The segments that may have some of the rows, in their order."""
        found = []
        meeting = overlapping(segments, *span)
        self.layouts.bring_footers(meeting)
        for segment in meeting:
            footer = self.layouts.footer(segment)
            if footer is None:
                wanted, footer = NO_ROWS, NO_FOOTER
            else:
                wanted = self.layouts.index(segment, footer).find(ids, span).within(footer, span)
            if len(wanted.items) or segment.histograms:
                path = self.layouts.samples(segment)
                is_damaged = bool(self._damages.of(path))
                found.append(Source(segment, path, footer, wanted, is_damaged))
        return found

    def bring(self, sources: Sequence[Source]) -> None:
        """Have all that is to be decoded brought at once, side by side."""
        wanted = []
        for source in sources:
            path, footer = source.path, source.footer
            if len(source.wanted.items) and not self.places.is_here(path):
                numbers = groups_with(source.wanted, footer.offsets)
                held = [(source.segment.ulid, n) in self.caches.groups for n in numbers.tolist()]
                missing = numbers[~np.array(held, np.bool_)]
                wanted.append(Wanted(path, footer.begins[missing], footer.ends[missing]))
        self.places.bring(wanted)

    def _select_in_line(
        self,
        sources: Sequence[Source],
        series_count: int,
        span: tuple[int, int],
        spend: Spend,
        *,
        keep: bool,
    ) -> Samples:
        """The samples of sources in which the runs of each series follow each other in time."""
        held: dict[int, HeldGroups] = {}
        if keep:
            held = {n: self._held(each) for n, each in enumerate(sources) if each.is_wide(span)}
            sources = [
                self._held_part(each, held[n], span) if n in held else each
                for n, each in enumerate(sources)
            ]
        else:
            sources = [self._trimmed(source, span) for source in sources]
        items, min_ms, counts = joined([source.wanted for source in sources])
        spend(int(counts.sum()))
        order = np.lexsort((min_ms, items))
        ends = np.cumsum(counts[order])
        places = np.empty(len(items), np.int64)
        places[order] = ends - counts[order]
        offsets = offsets_of(np.bincount(items, counts, series_count).astype(np.int64))
        timestamps, bits = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.uint64)
        first = 0
        for number, source in enumerate(sources):
            behind = first + len(source.wanted.items)
            runs, own = source.wanted, places[first:behind]
            if keep:
                groups = held[number] if number in held else self._held(source)
                groups.put(runs.firsts, runs.ends, own, timestamps, bits)
            else:
                self._place(source, Target(runs.firsts, runs.ends, own, timestamps, bits))
            first = behind
        if any(self._damages.of(source.path) for source in sources):
            raise DamageFound
        return Samples(offsets, timestamps, bits.view(np.float64))

    def _place(self, source: Source, target: Target) -> None:
        """Decode the wanted rows to where they belong, and keep nothing."""
        numbers, offsets = self.wanted_groups(source), source.footer.offsets
        if not len(numbers):
            return
        with self.opened(source, numbers) as file:
            for run in file.neighbours(numbers, PLACED_ROWS):
                try:
                    file.place(run, target)
                except FormatError:
                    for first, _, group in self._readable(file, run):
                        target.put(int(offsets[first]), group.timestamps, group.bits)

    def _held(self, source: Source) -> HeldGroups:
        """The row groups with wanted rows, kept decoded from now on."""
        numbers, offsets = self.wanted_groups(source), source.footer.offsets
        found = self.kept_groups(source, numbers)
        return HeldGroups([(int(offsets[first]), group) for first, _, group in found])

    def _held_part(self, source: Source, groups: HeldGroups, span: tuple[int, int]) -> Source:
        """Only the rows with times in the span."""
        runs = source.wanted
        firsts, ends = groups.trim(runs.firsts, runs.ends, span)
        return replace(source, wanted=replace(runs, firsts=firsts, ends=ends))

    def _trimmed(self, source: Source, span: tuple[int, int]) -> Source:
        """Only the rows with times in the span: where a run reaches out of it, times are read."""
        runs = source.wanted
        if not source.is_wide(span):
            return source
        some = np.flatnonzero((runs.min_ms < span[0]) | (runs.max_ms > span[1]))
        firsts, ends = runs.firsts.copy(), runs.ends.copy()
        part = replace(source, wanted=runs.take(some))
        low, high = ends[some], firsts[some]
        for row, group, (a, b) in self._groups(part, keep=False):
            starts, lengths = cut(row, group, part.wanted.take(slice(a, b)), span)
            has = lengths > 0
            low[a:b] = np.where(has, np.minimum(low[a:b], starts + row), low[a:b])
            high[a:b] = np.where(has, starts + row + lengths, high[a:b])
        firsts[some], ends[some] = np.minimum(low, high), high
        return replace(source, wanted=replace(runs, firsts=firsts, ends=ends))

    def _groups(
        self, source: Source, *, keep: bool
    ) -> Iterator[tuple[int, Group, tuple[int, int]]]:
        """The row groups with wanted rows: first row, contents, and which runs have some there.

        keep: whether those that are decoded are to be kept.
        """
        numbers = self.wanted_groups(source)
        if not len(numbers):
            return
        found = self.kept_groups(source, numbers) if keep else self._stretches(source, numbers)
        runs, offsets = source.wanted, source.footer.offsets
        for first, behind, group in found:
            row = int(offsets[first])
            low = int(np.searchsorted(runs.ends, row, side="right"))
            high = int(np.searchsorted(runs.firsts, offsets[behind], side="left"))
            yield row, group, (low, high)

    def wanted_groups(self, source: Source) -> Int64s:
        """The row groups with wanted rows that may be decoded, compared with their checksums."""
        path, footer = source.path, source.footer
        numbers = groups_with(source.wanted, footer.offsets)
        self._comparing.compare(path, footer.begins[numbers], footer.ends[numbers])
        return self._damages.sound(path, numbers)

    def comes_again(self, source: Source, numbers: Int64s) -> bool:
        """Whether all of these row groups are kept, or were asked for lately; now they were."""
        return self.caches.comes_again(source.segment.ulid, numbers.tolist())

    def kept_groups(self, source: Source, numbers: Int64s) -> Iterator[tuple[int, int, Group]]:
        """Row groups one by one, those that are decoded are kept."""
        cache, ulid = self.caches.groups, source.segment.ulid
        held = dict(zip(numbers.tolist(), cache.get_all(ulid, numbers.tolist()), strict=True))
        missing = [number for number, group in held.items() if group is None]
        for first, _, rows in self._stretches(source, np.array(missing, np.int64)):
            for number, group in split(source.footer, first, rows):
                cache.put((ulid, number), group)
                held[number] = group
        for number, kept in held.items():
            if kept is not None:  # else it is damaged
                yield number, number + 1, kept

    def _stretches(self, source: Source, numbers: Int64s) -> Iterator[tuple[int, int, Group]]:
        """Neighbouring row groups at once, decoded."""
        if not len(numbers):
            return
        with self.opened(source, numbers) as file:
            for run in file.neighbours(numbers):
                try:
                    found = list(file.stretches(run))
                except FormatError:
                    found = list(self._readable(file, run))
                yield from found

    def opened(self, source: Source, numbers: Int64s) -> GroupFile:
        """The file, with these row groups to be read. Raises FormatError."""
        path, footer = source.path, source.footer
        self.places.bring([Wanted(path, footer.begins[numbers], footer.ends[numbers])])
        return GroupFile(path, footer, self.places.place(path))

    def _readable(self, file: GroupFile, run: Int64s) -> Iterator[tuple[int, int, Group]]:
        """Those of some row groups that can be decoded, one by one."""
        for number in run.tolist():
            try:
                yield from list(file.stretches(np.array([number])))
            except FormatError as error:
                self._damages.note(file.path, [number], str(error))

    def _runs(
        self, source: Source, ids: Int64s, span: tuple[int, int], spend: Spend, *, keep: bool
    ) -> Iterator[Runs]:
        """The wanted samples of one source, in any case."""
        for row, group, (a, b) in self._groups(source, keep=keep):
            yield cut_runs((row, group), source.wanted.take(slice(a, b)), span, spend)
        segment = source.segment
        if not segment.histograms:
            return
        directory, footer = self._directory / segment.ulid, self.layouts.histogram_footer(segment)
        if footer is not None:
            path, groups = directory / HISTOGRAMS_FILE, wanted_groups(footer, ids, span)
            self._comparing.compare_groups(path, footer.parquet, groups)
            reader = HistogramReader(path, footer, self._damages, self.places.place(path))
            yield from reader.runs(ids, span, spend, self._limits.histogram_groups)
