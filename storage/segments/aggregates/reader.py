"""Reading the aggregates of segments: of some series, the windows that touch a range of time.

A footer says which ids and times each row group has; only row groups and columns that are wanted
are decoded, with Arrow. Segments of one resolution share no window, so what is found of a series is
put in the order of time, and never merged.

A damaged row group costs its own windows: it is passed over, which is logged and counted.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from storage.downsampling.aggregates import (
    Aggregates,
    KeptHistograms,
    Rows,
    WindowRuns,
    empty_aggregates,
    empty_rows,
)
from storage.downsampling.windows import window_ends
from storage.errors import FormatError
from storage.files import AGGREGATES_FILE, HISTOGRAMS_FILE
from storage.histograms.columns import Natives
from storage.histograms.histograms import take
from storage.kernels.arrays import Int64s, frozen
from storage.kernels.jit import kernel
from storage.samples.merge import stack
from storage.samples.samples import Samples
from storage.segments.access.places import HERE, Places
from storage.segments.aggregates.columns import EVERYTHING
from storage.segments.aggregates.groups import (
    AggregateFile,
    AggregateFooter,
    WindowGroup,
    read_footer,
)
from storage.segments.caches import WHOLE, SegmentCaches
from storage.segments.comparing import Comparing
from storage.segments.damage import UNREADABLE, Damages
from storage.segments.encoding.footers import is_damage
from storage.segments.histogram_reader import HistogramFooter, wanted_groups
from storage.segments.histogram_reader import read_footer as read_histogram_footer
from storage.segments.histograms import rows_of as histograms_of
from storage.segments.merging import Spend
from storage.segments.runs import find_runs
from storage.segments.segment import SegmentMeta


@dataclass(frozen=True, slots=True)
class KeptPart:
    """What one read of a row group has found of kept histograms: items are positions of the ids
    asked for."""

    items: Int64s
    samples: Samples
    counts: Int64s


class AggregateReader:
    """Reads the downsampled segments of one shard. Thread-safe; holds no open files."""

    def __init__(
        self,
        directory: Path,
        caches: SegmentCaches,
        damages: Damages | None = None,
        places: Places = HERE,
    ) -> None:
        """directory: the shard's segments directory; damages: what is passed over; places: where
        the files are."""
        self._places = places
        self._directory = directory
        self._caches = caches
        self._damages = damages or Damages()
        self._comparing = Comparing(self._damages, places)

    def select(
        self,
        segments: Sequence[SegmentMeta],
        ids: Int64s,
        span: tuple[int, int],
        spend: Spend = lambda rows: None,
        *,
        columns: Collection[str] = EVERYTHING,
    ) -> Aggregates:
        """The windows of the series `ids` (strictly ascending) that have a moment of span, both
        ends inclusive; series i of the result is ids[i].

        segments: of one resolution. spend() is given how many rows are about to be taken and may
        raise to stop. columns: those of Rows that are wanted; last_ms always is, the others are
        zeros. A segment that is missing is a FormatError.
        """
        if not len(ids):
            return empty_aggregates(0)
        near = near_of(segments, span)
        with self._places.held(near):
            parts = self._runs(near, ids, span, spend, columns)
            kept = []
            for segment in near:
                for found in self._kept(segment, ids, span) if segment.histograms else ():
                    spend(len(found.items))
                    kept.append(found)
        return joined(parts, joined_histograms(kept, len(ids)), len(ids))

    def runs(
        self,
        segments: Sequence[SegmentMeta],
        ids: Int64s,
        span: tuple[int, int],
        spend: Spend = lambda rows: None,
        *,
        columns: Collection[str] = EVERYTHING,
    ) -> list[WindowRuns] | None:
        """What select() returns as it lies in the files, in the order of time; None if there are
        histograms among it."""
        near = near_of(segments, span)
        if any(segment.histograms for segment in near):
            return None
        with self._places.held(near):
            return self._runs(near, ids, span, spend, columns)

    def forget(self, ulids: Collection[str]) -> None:
        """Keep nothing of these segments in memory any more."""
        self._comparing.forget(ulids)

    def _path(self, segment: SegmentMeta) -> Path:
        return self._directory / segment.ulid / AGGREGATES_FILE

    def _is_known(self, segment: SegmentMeta) -> bool:
        return (segment.ulid, WHOLE) in self._caches.aggregate_footers

    def _runs(
        self,
        segments: Sequence[SegmentMeta],
        ids: Int64s,
        span: tuple[int, int],
        spend: Spend,
        columns: Collection[str],
    ) -> list[WindowRuns]:
        """The windows of segments in the order of time, without histograms."""
        found = []
        self._places.bring_ends([self._path(s) for s in segments if not self._is_known(s)])
        for segment in segments:
            for runs in self._of_segment(segment, ids, span, columns):
                spend(len(runs))
                found.append(runs)
        return found

    def _of_segment(
        self, segment: SegmentMeta, ids: Int64s, span: tuple[int, int], columns: Collection[str]
    ) -> Iterator[WindowRuns]:
        path = self._path(segment)
        footer = self._footer(path, segment)
        if footer is None:
            return
        touching = touched(span, segment)
        groups = wanted_groups(footer, ids, touching)
        self._comparing.compare_groups(path, footer.parquet, groups)
        with AggregateFile(path, footer, self._places.place(path)) as file:
            for number in self._damages.sound(path, groups).tolist():
                try:
                    group = self._group(segment, file, number, columns)
                except FormatError as error:
                    self._damages.note(path, [number], str(error))
                    continue
                runs = runs_of(group, ids, touching)
                if len(runs.items):
                    yield runs

    def _group(
        self, segment: SegmentMeta, file: AggregateFile, number: int, columns: Collection[str]
    ) -> WindowGroup:
        """A row group, kept decoded: neighbouring blocks of series have some in common."""
        wanted = sum(1 << place for place, name in enumerate(Rows._fields) if name in columns)
        key = segment.ulid, number << len(Rows._fields) | wanted
        group = self._caches.windows.get(key)
        if group is None:
            group = file.read(number, columns)
            self._caches.windows.put(key, group)
        return group

    def _footer(self, path: Path, segment: SegmentMeta) -> AggregateFooter | None:
        """None: the file is damaged as a whole. Raises FormatError if it is missing."""
        if self._damages.of(path) is None:
            return None
        footer = self._caches.aggregate_footers.get((segment.ulid, WHOLE))
        if footer is not None:
            return footer
        try:
            footer = read_footer(path, self._places.place(path))
        except FormatError as error:
            if not is_damage(error):
                raise
            self._damages.note(path, None, str(error))
            return None
        self._caches.aggregate_footers.put((segment.ulid, WHOLE), footer)
        return footer

    def _kept(self, segment: SegmentMeta, ids: Int64s, span: tuple[int, int]) -> Iterator[KeptPart]:
        path = self._directory / segment.ulid / HISTOGRAMS_FILE
        if self._damages.of(path) is None:
            return
        try:
            self._places.bring_ends([path])
            footer = read_histogram_footer(path.parent, self._places.place(path))
        except FormatError as error:
            if not is_damage(error):
                raise
            self._damages.note(path, None, str(error))
            return
        touching = touched(span, segment)
        groups = wanted_groups(footer, ids, touching)
        self._comparing.compare_groups(path, footer.parquet, groups)
        for group in self._damages.sound(path, groups).tolist():
            try:
                place = self._places.place(path)
                yield read_kept(path, footer, group, (ids, touching), place)
            except FormatError as error:
                self._damages.note(path, [group], str(error))


def touched(span: tuple[int, int], segment: SegmentMeta) -> tuple[int, int]:
    """The times of all windows of the segment that have a moment of the span, both ends
    inclusive."""
    inside = max(span[0], segment.from_ms + 1), min(span[1], segment.to_ms)
    first, last = window_ends(np.array(inside, np.int64), segment.resolution_ms).tolist()
    return first - segment.resolution_ms + 1, last


def near_of(segments: Sequence[SegmentMeta], span: tuple[int, int]) -> list[SegmentMeta]:
    """Those that have a moment of the span, in the order of time."""
    near = (s for s in segments if s.from_ms < span[1] and s.to_ms >= span[0])
    return sorted(near, key=lambda segment: segment.from_ms)


def runs_of(group: WindowGroup, ids: Int64s, touching: tuple[int, int]) -> WindowRuns:
    """The rows of wanted series and windows. Ids ascend, and times of each series do."""
    table_ids, rows = group.ids, group.rows
    first, behind = np.searchsorted(ids, [table_ids[0], table_ids[-1] + 1]).tolist()
    own = frozen(ids[first:behind])
    items, starts, lengths = (np.empty(len(own), np.int64) for _ in range(3))
    columns = frozen(table_ids), frozen(rows.last_ms)
    count = find_runs(*columns, own, *touching, items, starts, lengths)
    return WindowRuns(first + items[:count], starts[:count], lengths[:count], rows)


def read_kept(
    path: Path,
    footer: HistogramFooter,
    group: int,
    wanted: tuple[Int64s, tuple[int, int]],
    place: Path,
) -> KeptPart:
    """The kept histograms of wanted series and windows in a row group. Raises FormatError."""
    try:
        with pq.ParquetFile(place, metadata=footer.parquet, pre_buffer=False) as file:
            table = file.read_row_group(group, use_threads=False)
    except UNREADABLE as error:
        raise FormatError(f"cannot read {path}: {error}") from error
    row_ids, samples = histograms_of(table)
    if "samples" not in table.column_names or table["samples"].null_count:
        raise FormatError(f"{path} does not tell what its histograms stand for")
    ids, touching = wanted
    items = np.minimum(np.searchsorted(ids, row_ids), len(ids) - 1)
    times = samples.timestamps
    inside = (ids[items] == row_ids) & (times >= touching[0]) & (times <= touching[1])
    places = np.flatnonzero(inside)
    assert samples.natives is not None, "BUG: histograms without histograms"
    chosen = take(samples.natives.histograms, samples.natives.rows[places])
    found = Samples(
        np.array([0, len(places)], np.int64),
        times[places],
        samples.values[places],
        None,
        Natives(chosen, np.arange(len(places), dtype=np.int32)),
    )
    return KeptPart(items[places], found, table["samples"].to_numpy()[places])


def joined(
    parts: Sequence[WindowRuns], histograms: KeptHistograms | None, series_count: int
) -> Aggregates:
    """All parts, which come in the order of time, as aggregates of series."""
    counts = np.zeros(series_count, np.int64)
    for part in parts:
        counts[part.items] += part.lengths
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    following, rows = offsets[:-1].copy(), empty_rows(int(offsets[-1]))
    for part in parts:
        places = following[part.items]
        for column, out in zip(part.rows, rows, strict=True):
            own, room = frozen(column.view(np.int64)), out.view(np.int64)
            copy_rows(part.starts, part.lengths, places, own, room)
        following[part.items] += part.lengths
    return Aggregates.of(offsets, rows, histograms)


@kernel
def copy_rows(starts: Int64s, lengths: Int64s, places: Int64s, column: Int64s, out: Int64s) -> None:
    """Copy runs of rows, run r to places[r]."""
    for r in range(len(starts)):
        own, room = column[starts[r] : starts[r] + lengths[r]], out[places[r] :]
        for k in range(lengths[r]):
            room[k] = own[k]


def joined_histograms(kept: Sequence[KeptPart], series_count: int) -> KeptHistograms | None:
    filled = [part for part in kept if len(part.items)]
    if not filled:
        return None
    items = np.concatenate([part.items for part in filled])
    all_samples = stack([part.samples for part in filled])
    order = np.argsort(items, kind="stable")
    offsets = np.searchsorted(items[order], np.arange(series_count + 1)).astype(np.int64)
    assert all_samples.natives is not None
    samples = Samples(
        offsets,
        all_samples.timestamps[order],
        all_samples.values[order],
        None,
        all_samples.natives.at(order),
    )
    counts = np.concatenate([part.counts for part in filled])[order]
    return KeptHistograms(samples, counts)
