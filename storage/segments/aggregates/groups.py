"""The row groups of aggregates.parquet: what a footer says of them, and their rows, decoded."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow.parquet as pq

from storage.downsampling.aggregates import Rows
from storage.errors import FormatError
from storage.kernels.arrays import Bytes, Int64s
from storage.kernels.thrift import read_message
from storage.segments.aggregates.columns import COLUMNS, names_for, rows_of
from storage.segments.aggregates.decoding import GroupChunks, GroupDecoder
from storage.segments.damage import UNREADABLE
from storage.segments.encoding.footers import (
    CODEC,
    DATA_START,
    DICTIONARY_START,
    GREATEST,
    GROUP_ROWS,
    LEAST,
    STORED_BYTES,
    Chunks,
    damaged,
    footer_bytes,
    numbers_at,
    room_for,
)
from storage.segments.encoding.groups import UnknownPage
from storage.segments.histogram_reader import HistogramFooter


@dataclass(frozen=True, slots=True)
class AggregateFooter(HistogramFooter):
    """Also where the columns of each row group lie: rows; starts, sizes and codecs, [group,
    column]."""

    rows: Int64s
    starts: Int64s
    sizes: Int64s
    codecs: Int64s


def read_footer(path: Path, place: Path | None = None) -> AggregateFooter:
    """place: where the file is, if not at its path. Raises FormatError if the file is missing,
    damaged or has other columns."""
    try:
        parquet = pq.read_metadata(place or path)
        data = footer_bytes(place or path)
    except UNREADABLE as error:
        raise FormatError(f"cannot read {path}: {error}") from error
    return parse_footer(path, parquet, data)


def parse_footer(path: Path, parquet: pq.FileMetaData, data: Bytes) -> AggregateFooter:
    """The footer of its bytes. Raises FormatError."""
    names = tuple(parquet.schema.to_arrow_schema().names)
    if names != COLUMNS:
        raise FormatError(f"{path} has the columns {names}, not {COLUMNS}")
    found = room_for(len(data))
    count, end = read_message(data, 0, len(data), found)
    if end < 0 or count > len(found):
        raise damaged(path)
    rows = numbers_at(found[:count], GROUP_ROWS)
    chunks = Chunks(found[:count], data, (len(rows), len(COLUMNS)))
    if not chunks.fit:
        raise damaged(path)
    least, greatest = chunks.bounds(LEAST), chunks.bounds(GREATEST)
    if least is None or greatest is None:
        raise FormatError(f"{path} does not tell the ids and times of its row groups")
    starts, dictionaries = chunks.numbers(DATA_START), chunks.numbers(DICTIONARY_START)
    starts = np.where(dictionaries > 0, np.minimum(starts, dictionaries), starts)
    return AggregateFooter(
        parquet,
        least[:, 0].copy(),
        greatest[:, 0].copy(),
        least[:, 1].copy(),
        greatest[:, 1].copy(),
        rows,
        starts,
        chunks.numbers(STORED_BYTES),
        chunks.numbers(CODEC),
    )


@dataclass(frozen=True, slots=True)
class WindowGroup:
    """A row group: the series of each row, and those columns of Rows that were wanted; the others
    are zeros, but for last_ms."""

    ids: Int64s
    rows: Rows

    @property
    def held_bytes(self) -> int:
        apart = {column.ctypes.data: column.nbytes for column in self.rows}
        return self.ids.nbytes + sum(apart.values())


class AggregateFile:
    """One open aggregates.parquet. Used by one thread."""

    def __init__(self, path: Path, footer: AggregateFooter, place: Path | None = None) -> None:
        """place: where the file is, if not at its path. Raises FormatError if it cannot be
        opened."""
        self._path = path
        self._footer = footer
        self._place = place or path
        try:
            self._descriptor = os.open(self._place, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise FormatError(f"cannot read {path}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def read(self, number: int, columns: Collection[str]) -> WindowGroup:
        """A row group. Raises FormatError."""
        try:
            decoder = GroupDecoder(self._chunks(number))
            return WindowGroup(decoder.ids(), decoder.rows(columns))
        except UnknownPage:
            return self._with_arrow(number, columns)

    def _chunks(self, number: int) -> GroupChunks:
        """The bytes of a row group."""
        footer = self._footer
        starts, sizes = footer.starts[number], footer.sizes[number]
        first, end = int(starts.min()), int((starts + sizes).max())
        if first < 0 or sizes.min() < 0:
            raise UnknownPage
        data: Bytes = np.empty(end - first, np.uint8)
        try:
            read = os.preadv(self._descriptor, [data.data], first)
        except OSError as error:
            raise FormatError(f"cannot read {self._path}: {error}") from error
        if read != len(data):
            raise FormatError(f"cannot read {self._path}: it ends before its row groups do")
        rows = int(footer.rows[number])
        return GroupChunks(data, starts - first, sizes, footer.codecs[number], rows)

    def _with_arrow(self, number: int, columns: Collection[str]) -> WindowGroup:
        try:
            metadata = self._footer.parquet
            with pq.ParquetFile(self._place, metadata=metadata, pre_buffer=False) as file:
                table = file.read_row_group(number, names_for(columns), use_threads=False)
        except UNREADABLE as error:
            raise FormatError(f"cannot read {self._path}: {error}") from error
        try:
            # Not views of Arrow's memory: kernels are compiled for arrays that may be written to.
            rows = Rows._make(column.copy() for column in rows_of(table, columns))
            return WindowGroup(table["series_id"].to_numpy(), rows)
        except FormatError as error:
            raise FormatError(f"{self._path}: {error}") from error
