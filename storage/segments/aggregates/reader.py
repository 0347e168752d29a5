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
    empty_aggregates,
    take_rows,
)
from storage.downsampling.windows import window_ends
from storage.errors import FormatError
from storage.files import AGGREGATES_FILE, HISTOGRAMS_FILE
from storage.histograms.columns import Natives
from storage.histograms.histograms import take
from storage.kernels.arrays import Int64s
from storage.samples.merge import stack
from storage.samples.samples import Samples
from storage.segments.access.places import HERE, Places
from storage.segments.aggregates.columns import EVERYTHING
from storage.segments.aggregates.groups import read_footer, read_groups
from storage.segments.caches import WHOLE, SegmentCaches
from storage.segments.comparing import Comparing
from storage.segments.damage import UNREADABLE, Damages
from storage.segments.encoding.footers import is_damage
from storage.segments.histogram_reader import HistogramFooter, wanted_groups
from storage.segments.histogram_reader import read_footer as read_histogram_footer
from storage.segments.histograms import rows_of as histograms_of
from storage.segments.merging import Spend
from storage.segments.segment import SegmentMeta

# Row groups that are decoded at a time.
GROUPS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Part:
    """What one read of row groups has found: items are positions of the ids asked for."""

    items: Int64s
    rows: Rows


@dataclass(frozen=True, slots=True)
class KeptPart:
    """The same of kept histograms."""

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
        parts: list[Part] = []
        kept: list[KeptPart] = []
        near = [s for s in segments if s.from_ms < span[1] and s.to_ms >= span[0]]
        near.sort(key=lambda segment: segment.from_ms)
        with self._places.held(near):
            self._places.bring_ends([self._path(s) for s in near if not self._is_known(s)])
            for segment in near:
                for part in self._parts(segment, ids, span, columns):
                    spend(len(part.items))
                    parts.append(part)
                for found in self._kept(segment, ids, span) if segment.histograms else ():
                    spend(len(found.items))
                    kept.append(found)
        return joined(parts, kept, len(ids))

    def forget(self, ulids: Collection[str]) -> None:
        """Keep nothing of these segments in memory any more."""
        self._comparing.forget(ulids)

    def _path(self, segment: SegmentMeta) -> Path:
        return self._directory / segment.ulid / AGGREGATES_FILE

    def _is_known(self, segment: SegmentMeta) -> bool:
        return (segment.ulid, WHOLE) in self._caches.aggregate_footers

    def _parts(
        self, segment: SegmentMeta, ids: Int64s, span: tuple[int, int], columns: Collection[str]
    ) -> Iterator[Part]:
        path = self._path(segment)
        footer = self._footer(path, segment)
        if footer is None:
            return
        touching = touched(span, segment)
        groups = wanted_groups(footer, ids, touching)
        self._comparing.compare_groups(path, footer.parquet, groups)
        for some in self._sound(path, groups):
            for table_ids, rows in self._tables(path, footer, some, columns):
                part = part_of(table_ids, rows, ids, touching)
                if len(part.items):
                    yield part

    def _sound(self, path: Path, groups: Int64s) -> Iterator[Int64s]:
        groups = self._damages.sound(path, groups)
        for start in range(0, len(groups), GROUPS_AT_ONCE):
            yield groups[start : start + GROUPS_AT_ONCE]

    def _tables(
        self, path: Path, footer: HistogramFooter, groups: Int64s, columns: Collection[str]
    ) -> Iterator[tuple[Int64s, Rows]]:
        """The rows of all groups at once, or one by one if some cannot be read."""
        try:
            yield read_groups(path, footer, groups, columns, self._places.place(path))
            return
        except FormatError as error:
            if len(groups) == 1:
                self._damages.note(path, groups.tolist(), str(error))
                return
        for group in groups:
            yield from self._tables(path, footer, np.array([group]), columns)

    def _footer(self, path: Path, segment: SegmentMeta) -> HistogramFooter | None:
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


def part_of(table_ids: Int64s, rows: Rows, ids: Int64s, touching: tuple[int, int]) -> Part:
    """The rows of wanted series and windows. Ids and times of the rows ascend."""
    items = np.minimum(np.searchsorted(ids, table_ids), len(ids) - 1)
    wanted = ids[items] == table_ids
    wanted &= (rows.last_ms >= touching[0]) & (rows.last_ms <= touching[1])
    if wanted.all():
        return Part(items, rows)
    places = np.flatnonzero(wanted)
    return Part(items[places], take_rows(rows, places))


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


def joined(parts: Sequence[Part], kept: Sequence[KeptPart], series_count: int) -> Aggregates:
    """All parts, which come in the order of time, as aggregates of series."""
    histograms = joined_histograms(kept, series_count)
    if not parts:
        nothing = empty_aggregates(series_count)
        return Aggregates.of(nothing.offsets, nothing.rows, histograms)
    items = np.concatenate([part.items for part in parts])
    columns = zip(*[part.rows for part in parts], strict=True)
    rows = Rows._make(np.concatenate(column) for column in columns)
    offsets = np.searchsorted(items, np.arange(series_count + 1)).astype(np.int64)
    if (items[1:] < items[:-1]).any():
        order = np.argsort(items, kind="stable")
        rows = take_rows(rows, order)
        offsets = np.searchsorted(items[order], np.arange(series_count + 1)).astype(np.int64)
    return Aggregates.of(offsets, rows, histograms)


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
