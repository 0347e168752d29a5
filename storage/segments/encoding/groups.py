"""Row groups of samples.parquet, decoded: times and values of rows that lie next to each other.

Pages are decoded by kernels: on real scrapes 6.8 ns a sample against 12 ns with Arrow, which
decodes the ids, too, and fills memory that nothing used before. What the kernels do not know
(dictionaries, other compressions, start timestamps), Arrow decodes.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.errors import FormatError
from storage.kernels.arrays import Bytes, Int64s, UInt64s
from storage.kernels.thrift import DAMAGED
from storage.segments.encoding.footers import FLOATS, IDS, SCALED, TIMES, VALUES, Footer
from storage.segments.encoding.pages import (
    DELTA,
    LEVELS_LENGTH_BYTES,
    LZ4,
    PLAIN,
    SPLIT,
    UNCOMPRESSED,
    ZSTD,
    decode_delta,
    decode_groups,
    decode_split,
    read_page_header,
)
from storage.segments.encoding.scaling import POWERS, from_integers

# Neighbouring row groups are read from the file and decoded at once up to so many bytes and rows.
READ_BYTES = 1 << 20
READ_ROWS = 1 << 17

CODECS = {ZSTD: pa.Codec("zstd"), LZ4: pa.Codec("lz4_raw")}


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of a row group. starts: None if none is known."""

    timestamps: Int64s
    bits: UInt64s
    starts: Int64s | None = None

    @property
    def held_bytes(self) -> int:
        columns = 2 if self.starts is None else 3
        return 8 * columns * len(self.timestamps)


class UnknownPage(Exception):
    """A page that the kernels cannot decode; it may be damaged."""


class GroupFile:
    """One open samples.parquet. Used by one thread."""

    def __init__(self, path: Path, footer: Footer) -> None:
        """Raises FormatError if the file cannot be opened."""
        self.path = path
        self.footer = footer
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise FormatError(f"cannot read {path}: {error}") from error
        self._arrow: pq.ParquetFile | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)
        if self._arrow is not None:
            self._arrow.close()

    def groups(self, numbers: Int64s) -> Iterator[tuple[int, Group]]:
        """The row groups of these numbers, ascending, one after the other. Raises FormatError."""
        for run in self._neighbours(numbers):
            start = int(self.footer.starts[run[0]].min())
            data = self._read(start, self._end(run[-1]) - start)
            for number, group in zip(run, self._decoded(run, data, start), strict=True):
                if self.footer.has_starts:
                    group = replace(group, starts=self._starts(number))
                yield number, read_only(group)

    def _decoded(self, run: list[int], data: Bytes, start: int) -> Iterator[Group]:
        """Neighbouring row groups out of bytes of the file, of which the first lies at `start`."""
        yield from (found := decode_run(self.footer, run, data, start))
        for number in run[len(found) :]:
            try:
                yield decode_group(self.footer, number, data, start)
            except UnknownPage:
                yield self._group_with_arrow(number)

    def ids(self) -> Int64s:
        """The series ids of all rows. Raises FormatError."""
        ids = np.empty(self.footer.rows, np.int64)
        for number in range(len(self.footer.first_ids)):
            room = ids[self.footer.offsets[number] : self.footer.offsets[number + 1]]
            start, size = (int(a[number, IDS]) for a in (self.footer.starts, self.footer.sizes))
            try:
                decode_column(self.footer, (number, IDS), self._read(start, size), start, room)
            except UnknownPage:
                room[:] = self._with_arrow(number, ["series_id"])["series_id"].to_numpy()
        return ids

    def _neighbours(self, numbers: Int64s) -> Iterator[list[int]]:
        """The numbers in runs that are read at once."""
        run: list[int] = []
        for number in numbers.tolist():
            if run and number == run[-1] + 1 and self._fits(run[0], number):
                run.append(number)
                continue
            if run:
                yield run
            run = [number]
        if run:
            yield run

    def _fits(self, first: int, last: int) -> bool:
        """Whether what lies from one row group to another may be read at once."""
        size = self._end(last) - int(self.footer.starts[first].min())
        rows = int(self.footer.offsets[last + 1] - self.footer.offsets[first])
        return size <= READ_BYTES and rows <= READ_ROWS

    def _end(self, number: int) -> int:
        return int((self.footer.starts[number] + self.footer.sizes[number]).max())

    def _read(self, start: int, size: int) -> Bytes:
        data = np.empty(size, np.uint8)
        try:
            read = os.preadv(self._descriptor, [data.data], start)
        except OSError as error:
            raise FormatError(f"cannot read {self.path}: {error}") from error
        if read != size:
            raise FormatError(f"cannot read {self.path}: it ends before its row groups do")
        return data

    def _group_with_arrow(self, number: int) -> Group:
        """What the kernels cannot decode, or what is damaged. Raises FormatError."""
        names = [name for name in self.footer.names if name not in ("series_id", "start_ts")]
        table = self._with_arrow(number, names)
        values = table["value"]
        if "scaled" in names:
            powers = pa.array(POWERS).take(table["scale"].combine_chunks())
            values = pc.coalesce(values, pc.divide(table["scaled"].cast(pa.float64()), powers))
        if table["ts"].null_count or values.null_count:
            raise FormatError(f"{self.path} has nulls")
        return Group(table["ts"].to_numpy(), values.to_numpy().view(np.uint64))

    def _starts(self, number: int) -> Int64s | None:
        """The start timestamps of a row group, 0 where not known; None if none is."""
        starts = self._with_arrow(number, ["start_ts"])["start_ts"]
        if starts.null_count == len(starts):
            return None
        known: Int64s = pc.fill_null(starts, 0).to_numpy()
        return known

    def _with_arrow(self, number: int, columns: list[str]) -> pa.Table:
        try:
            if self._arrow is None:
                self._arrow = pq.ParquetFile(self.path, pre_buffer=False)
            return self._arrow.read_row_group(number, columns, use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise FormatError(f"cannot read {self.path}: {error}") from error


def decode_run(footer: Footer, run: list[int], data: Bytes, start: int) -> list[Group]:
    """Those of neighbouring row groups that are scaled integers, up to the first that is not."""
    if footer.scales[run[0]] < 0:
        return []
    groups, columns = slice(run[0], run[-1] + 1), [TIMES, SCALED]
    offsets = footer.offsets[run[0] : run[-1] + 2]
    offsets = offsets - offsets[0]
    firsts = footer.starts[groups][:, columns] - start
    ends = firsts + footer.sizes[groups][:, columns]
    codecs = footer.codecs[groups][:, columns]
    bounds = np.stack([firsts, ends], 2).reshape(len(run), 4)
    chunks = np.concatenate([bounds, codecs], 1)
    timestamps, values = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.float64)
    optional = np.array([footer.optional[column] for column in columns])
    scales = footer.scales[groups].copy()
    count = decode_groups(data, chunks, scales, POWERS, optional, offsets, timestamps, values)
    bits = values.view(np.uint64)
    return [
        Group(timestamps[first:end], bits[first:end])
        for first, end in pairwise(offsets[: count + 1].tolist())
    ]


def decode_group(footer: Footer, number: int, data: Bytes, start: int) -> Group:
    """A row group out of bytes of the file, of which the first lies at `start`. Raises
    UnknownPage."""
    rows = int(footer.offsets[number + 1] - footer.offsets[number])
    timestamps, values = np.empty(rows, np.int64), np.empty(rows, np.float64)
    decode_column(footer, (number, TIMES), data, start, timestamps)
    scale = int(footer.scales[number])
    if scale == FLOATS:
        decode_column(footer, (number, VALUES), data, start, values.view(np.int64))
    elif 0 <= scale < len(POWERS):
        integers = np.empty(rows, np.int64)
        decode_column(footer, (number, SCALED), data, start, integers)
        from_integers(integers, POWERS[scale], values)
    else:
        raise UnknownPage
    return Group(timestamps, values.view(np.uint64))


def read_only(group: Group) -> Group:
    """The group, which may be shared from now on."""
    for column in (group.timestamps, group.bits):
        column.flags.writeable = False
    return group


def decode_column(
    footer: Footer, chunk: tuple[int, int], data: Bytes, start: int, room: Int64s
) -> None:
    """Decode the pages of a chunk (a row group and a column of it) into `room`. Raises
    UnknownPage."""
    header = np.empty(5, np.int64)
    first = int(footer.starts[chunk]) - start
    data = data[first : first + int(footer.sizes[chunk])]
    codec, optional = int(footer.codecs[chunk]), footer.optional[chunk[1]]
    at = done = 0
    while at < len(data):
        body = read_page_header(data, at, len(data), header)
        if body == DAMAGED:
            raise UnknownPage
        plain_bytes, stored_bytes, values, encoding, _ = header.tolist()
        if values > len(room) - done:
            raise UnknownPage
        page = plain_page(data[body : body + stored_bytes], codec, plain_bytes)
        decode_page(page, encoding, room[done : done + values], optional=optional)
        at, done = body + stored_bytes, done + values
    if done != len(room):
        raise UnknownPage


def plain_page(stored: Bytes, codec: int, plain_bytes: int) -> Bytes:
    """A page uncompressed, at an address that is a multiple of eight. Raises UnknownPage."""
    if codec == UNCOMPRESSED:
        page = stored.copy()
        page.flags.writeable = False  # as the others are: kernels are compiled for one of both
        return page
    if codec not in CODECS:
        raise UnknownPage
    try:
        page = CODECS[codec].decompress(pa.py_buffer(stored), plain_bytes)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UnknownPage from error
    return np.frombuffer(page, np.uint8)


def decode_page(page: Bytes, encoding: int, room: Int64s, *, optional: bool) -> None:
    """Decode as many values as there is room for. Raises UnknownPage."""
    at = 0
    if optional:  # which values are there: all are, as the footer says that none is null
        at = LEVELS_LENGTH_BYTES + int.from_bytes(page[:LEVELS_LENGTH_BYTES].tobytes(), "little")
    if encoding == DELTA:
        words = page[: len(page) // 8 * 8].view(np.uint64)
        decoded = decode_delta(page, words, at, room)
    elif encoding == SPLIT:
        decoded = decode_split(page, at, room.view(np.uint64))
    else:
        decoded = encoding == PLAIN and len(page) - at == room.nbytes
        if decoded:
            room.view(np.uint8)[:] = page[at:]
    if not decoded:
        raise UnknownPage
