"""Examining a segment: every byte is compared with its checksums, and what is wrong is located.

meta.json has a checksum for each piece of a file, so that a wrong byte costs the row groups around
it. Segments of older programs have one for each file only: there a row group counts as damaged if
it cannot be decoded, is not sorted, or contradicts its own statistics.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from storage.errors import FormatError
from storage.files import EXEMPLARS_FILE, HISTOGRAMS_FILE, META_FILE, SAMPLES_FILE
from storage.kernels.arrays import Int64s
from storage.segments.reader import open_file, read_footer, read_groups, read_histograms
from storage.segments.segment import PIECE_BYTES, FileSum, MetaFile, file_sum, read_meta

# Files whose row groups are read one by one.
IN_GROUPS = (SAMPLES_FILE, HISTOGRAMS_FILE, EXEMPLARS_FILE)
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
    """What is wrong with a segment; nothing if every byte is as it was written."""
    try:
        meta = read_meta(directory)
    except FormatError as error:
        return [Wrong(directory / META_FILE, str(error), None), *examine_unknown(directory)]
    return [wrong for name in meta.files if (wrong := examine_file(directory, name, meta, spend))]


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
    except (OSError, pa.ArrowException):
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
        footer = read_footer(path)
        with open_file(path, footer) as file:
            every = range(file.num_row_groups)
            return tuple(number for number in every if not is_sound(path, file, number))
    except (FormatError, OSError, pa.ArrowException):
        return None


def has_exemplars(file: pq.ParquetFile, number: int) -> bool:
    try:
        rows = len(file.read_row_group(number))
        return bool(rows == file.metadata.row_group(number).num_rows)
    except (OSError, pa.ArrowException):
        return False


def is_sound(path: Path, file: pq.ParquetFile, number: int) -> bool:
    """Whether a row group of samples or histograms decodes to sorted rows with the ids and times
    that its statistics say."""
    group = np.array([number], np.int64)
    try:
        if path.name == HISTOGRAMS_FILE:
            ids, samples = read_histograms(path, file, group)
            times = samples.timestamps
        else:
            rows = read_groups(path, file, group)
            ids, times = rows.ids, rows.timestamps
    except FormatError:
        return False
    columns = file.metadata.row_group(number)
    of_ids, of_times = columns.column(0).statistics, columns.column(1).statistics
    if len(ids) != columns.num_rows or not len(ids):
        return False
    later = (np.diff(ids) > 0) | ((np.diff(ids) == 0) & (np.diff(times) > 0))
    bounds = (ids[0], ids[-1], times.min(), times.max())
    expected = (of_ids.min, of_ids.max, of_times.min, of_times.max)
    return bool(later.all() and bounds == expected)
