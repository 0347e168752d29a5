"""Examining a segment: every byte is compared with its checksums, and what is wrong is located.

meta.json has a checksum for each piece of a file, so that a wrong byte costs the row groups around
it. Segments of older programs have one for each file only: there a row group counts as damaged if
it cannot be decoded, is not sorted, or contradicts its own statistics.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from storage.errors import FormatError
from storage.files import (
    AGGREGATES_FILE,
    EVICTABLE,
    EXEMPLARS_FILE,
    HISTOGRAMS_FILE,
    META_FILE,
    SAMPLES_FILE,
    is_remote,
)
from storage.kernels.arrays import Int64s
from storage.segments.aggregates.columns import EVERYTHING
from storage.segments.aggregates.groups import AggregateFile, AggregateFooter
from storage.segments.aggregates.groups import read_footer as read_aggregate_footer
from storage.segments.damage import UNREADABLE
from storage.segments.encoding.footers import Footer, read_footer
from storage.segments.encoding.groups import GroupFile
from storage.segments.histogram_reader import HistogramFooter, open_file, read_rows
from storage.segments.histogram_reader import read_footer as read_histogram_footer
from storage.segments.segment import PIECE_BYTES, FileSum, MetaFile, file_sum, read_meta

# Files whose row groups are read one by one.
IN_GROUPS = (SAMPLES_FILE, AGGREGATES_FILE, HISTOGRAMS_FILE, EXEMPLARS_FILE)
FOOTER_TAIL_BYTES = 8  # length of the footer and magic number

# Takes the number of bytes that were read.
Spend = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A file that is not as it was written. groups: its damaged row groups; None: all of it."""

    path: Path
    reason: str
    groups: tuple[int, ...] | None


def examine(directory: Path, spend: Spend = lambda size: None) -> list[Wrong]:
    """What is wrong with a segment; nothing if every byte that is here is as it was written."""
    try:
        meta = read_meta(directory)
    except FormatError as error:
        return [Wrong(directory / META_FILE, str(error), None), *examine_unknown(directory)]
    elsewhere = EVICTABLE if is_remote(directory) else frozenset()
    names = [name for name in meta.files if name not in elsewhere]
    return [wrong for name in names if (wrong := examine_file(directory, name, meta, spend))]


def examine_file(directory: Path, name: str, meta: MetaFile, spend: Spend) -> Wrong | None:
    path, expected = directory / name, meta.files[name]
    try:
        found = file_sum(path, spend)
    except OSError as error:
        return Wrong(path, f"cannot read {path}: {error}", None)
    if found.is_of(expected):
        return None
    reason = f"{path} is damaged: it has {found.short}, not {expected.short}"
    if name not in IN_GROUPS:
        return Wrong(path, reason, None)
    return Wrong(path, reason, damaged_groups(path, found, expected))


def examine_unknown(directory: Path) -> list[Wrong]:
    """What is wrong with a segment whose checksums are lost."""
    found = []
    for name in IN_GROUPS:
        path = directory / name
        if path.exists():
            groups = undecodable_groups(path)
            if groups is None or groups:
                found.append(Wrong(path, f"{path} cannot be decoded", groups))
    return found


def damaged_groups(path: Path, found: FileSum, expected: FileSum) -> tuple[int, ...] | None:
    """The row groups that wrong bytes may belong to."""
    if found.bytes != expected.bytes or len(found.pieces) != len(expected.pieces):
        return undecodable_groups(path)
    wrong = np.flatnonzero(found.piece_sums != expected.piece_sums) * PIECE_BYTES
    try:
        footer = pq.read_metadata(path)
    except UNREADABLE:
        return None
    groups = {
        number
        for number in range(footer.num_row_groups)
        if overlaps(extent_of(footer.row_group(number)), wrong)
    }
    if wrong[-1] + PIECE_BYTES > found.bytes - footer.serialized_size - FOOTER_TAIL_BYTES:
        # What the footer says may be wrong, too: it counts where the row groups bear it out.
        others = undecodable_groups(path)
        if others is None:
            return None
        groups.update(others)
    return tuple(sorted(groups))


def extent_of(group: pq.RowGroupMetaData) -> tuple[int, int]:
    """The first byte of a row group and the one behind it."""
    columns = [group.column(i) for i in range(group.num_columns)]
    starts = [
        min(c.data_page_offset, c.dictionary_page_offset or c.data_page_offset) for c in columns
    ]
    ends = [s + c.total_compressed_size for s, c in zip(starts, columns, strict=True)]
    return min(starts), max(ends)


def overlaps(extent: tuple[int, int], pieces: Int64s) -> bool:
    """Whether one of the pieces, by their first bytes, has a byte of the extent."""
    return any(first < extent[1] and first + PIECE_BYTES > extent[0] for first in pieces.tolist())


def undecodable_groups(path: Path) -> tuple[int, ...] | None:
    """The row groups that cannot be decoded or contradict what the footer says of them."""
    try:
        if path.name == EXEMPLARS_FILE:
            with pq.ParquetFile(path) as file:
                every = range(file.num_row_groups)
                return tuple(number for number in every if not has_exemplars(file, number))
        if path.name == AGGREGATES_FILE:
            rows = read_aggregate_footer(path)
            every = range(len(rows.first_ids))
            return tuple(n for n in every if not are_windows_sound(path, rows, n))
        if path.name == HISTOGRAMS_FILE:
            footer = read_histogram_footer(path.parent)
            every = range(len(footer.first_ids))
            return tuple(n for n in every if not are_histograms_sound(path, footer, n))
        return unsound_groups(path, read_footer(path))
    except (FormatError, *UNREADABLE):
        return None


def has_exemplars(file: pq.ParquetFile, number: int) -> bool:
    try:
        rows = len(file.read_row_group(number))
        return bool(rows == file.metadata.row_group(number).num_rows)
    except UNREADABLE:
        return False


def unsound_groups(path: Path, footer: Footer) -> tuple[int, ...]:
    """The row groups of samples that do not decode to what the footer says of them."""
    wrong = []
    with GroupFile(path, footer) as file:
        for number in range(len(footer.first_ids)):
            try:
                ids = file.ids_of(number)
                ((_, rows),) = file.groups(np.array([number]))
            except FormatError:
                wrong.append(number)
                continue
            if not bear_out(ids, rows.timestamps, footer, number):
                wrong.append(number)
    return tuple(wrong)


def are_windows_sound(path: Path, footer: AggregateFooter, number: int) -> bool:
    try:
        with AggregateFile(path, footer) as file:
            found = file.read(number, EVERYTHING)
    except FormatError:
        return False
    is_whole = len(found.ids) == footer.rows[number]
    return is_whole and bear_out(found.ids, found.rows.last_ms, footer, number)


def are_histograms_sound(path: Path, footer: HistogramFooter, number: int) -> bool:
    try:
        with open_file(path, footer) as file:
            ids, samples = read_rows(path, file, np.array([number]))
    except FormatError:
        return False
    expected = footer.parquet.row_group(number).num_rows
    return len(ids) == expected and bear_out(ids, samples.timestamps, footer, number)


def bear_out(ids: Int64s, times: Int64s, footer: Footer | HistogramFooter, number: int) -> bool:
    """Whether the rows of a row group are sorted, with the ids and times that the footer says."""
    if not len(ids):
        return False
    later = (np.diff(ids) > 0) | ((np.diff(ids) == 0) & (np.diff(times) > 0))
    bounds = (ids[0], ids[-1], times.min(), times.max())
    columns = (footer.first_ids, footer.last_ids, footer.min_ms, footer.max_ms)
    return bool(later.all() and bounds == tuple(column[number] for column in columns))
