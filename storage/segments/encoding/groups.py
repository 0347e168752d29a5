"""Row groups of samples.parquet, decoded: times and values of rows that lie next to each other.

Pages are decoded by kernels: on real scrapes 6.8 ns a sample against 12 ns with Arrow, which
decodes the ids, too, and fills memory that nothing used before. What the kernels do not know
(dictionaries, other compressions, start timestamps), Arrow decodes.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from storage.errors import FormatError
from storage.kernels.arrays import Bytes, Int64s, UInt64s, frozen
from storage.kernels.thrift import DAMAGED
from storage.segments.damage import UNREADABLE
from storage.segments.encoding.expanding import CODECS, NOT_WHOLE
from storage.segments.encoding.footers import FLOATS, IDS, SCALED, TIMES, VALUES, Footer
from storage.segments.encoding.pages import (
    DELTA,
    LEVELS_LENGTH_BYTES,
    PLAIN,
    SPLIT,
    UNCOMPRESSED,
    decode_delta,
    decode_groups,
    decode_split,
    read_page_header,
)
from storage.segments.encoding.placing import Target, place_run
from storage.segments.encoding.samples_file import STARTS_SCHEMA
from storage.segments.encoding.scaling import POWERS, from_integers

# Neighbouring row groups are read from the file and decoded at once up to so many bytes and rows.
READ_BYTES = 1 << 20
READ_ROWS = 1 << 17

ARROW_FIELDS = {field.name: field.with_nullable(True) for field in STARTS_SCHEMA}


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of a row group. starts: None if none is known. at: the addresses of times and bits,
    where they are known already."""

    timestamps: Int64s
    bits: UInt64s
    starts: Int64s | None = None
    at: tuple[int, int] | None = None

    @property
    def addresses(self) -> tuple[int, int]:
        """Of times and bits; asking an array for it takes longer than a kernel with a few rows."""
        return self.at or (self.timestamps.ctypes.data, self.bits.ctypes.data)

    @property
    def held_bytes(self) -> int:
        columns = 2 if self.starts is None else 3
        return 8 * columns * len(self.timestamps)


NOTHING = Group(np.zeros(0, np.int64), np.zeros(0, np.uint64))


class UnknownPage(Exception):
    """A page that the kernels cannot decode; it may be damaged."""


class GroupFile:
    """One open samples.parquet. Used by one thread."""

    def __init__(self, path: Path, footer: Footer, place: Path | None = None) -> None:
        """place: where the file is, if not at the path. Raises FormatError if it cannot be
        opened."""
        self.path = path
        self._place = place or path
        self.footer = footer
        try:
            self._descriptor = os.open(self._place, os.O_RDONLY | os.O_CLOEXEC)
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
        for first, _, rows in self.stretches(numbers):
            yield from split(self.footer, first, rows)

    def stretches(self, numbers: Int64s) -> Iterator[tuple[int, int, Group]]:
        """The row groups of these numbers, neighbours as one: the first number, the one behind the
        last, and the rows of all. Raises FormatError."""
        for run in self.neighbours(numbers):
            first, end = int(run[0]), int(run[-1]) + 1
            start = int(self.footer.begins[first])
            data = self.read(start, int(self.footer.ends[end - 1]) - start)
            while first < end:
                behind, group = self._stretch(first, end, data, start)
                yield first, behind, read_only(group)
                first = behind

    def place(self, run: Int64s, target: Target) -> None:
        """Put the wanted rows of neighbouring row groups in place. Raises FormatError, with some of
        them in place."""
        first, end = int(run[0]), int(run[-1]) + 1
        start = int(self.footer.begins[first])
        data = self.read(start, int(self.footer.ends[end - 1]) - start)
        while first < end:
            placed = place_run(self.footer, (first, end), data, start, target)
            if placed == 0:
                _, group = self._stretch(first, first + 1, data, start)
                target.put(int(self.footer.offsets[first]), group.timestamps, group.bits)
                placed = 1
            first += placed

    def _stretch(self, first: int, behind: int, data: Bytes, start: int) -> tuple[int, Group]:
        """As many of the row groups [first, behind) as can be decoded at once, and the number of
        the next; the first byte of data lies at `start` of the file."""
        count, group = decode_run(self.footer, (first, behind), data, start)
        if count == 0:
            count = 1
            try:
                group = decode_group(self.footer, first, data, start)
            except UnknownPage:
                group = self._group_with_arrow(first)
        if self.footer.has_starts:
            found = [self._starts(number) for number in range(first, first + count)]
            group = replace(group, starts=joined_starts(found, self.footer, first))
        return first + count, group

    def ids(self) -> Int64s:
        """The series ids of all rows. Raises FormatError."""
        ids = np.empty(self.footer.rows, np.int64)
        for number in range(len(self.footer.first_ids)):
            room = ids[self.footer.offsets[number] : self.footer.offsets[number + 1]]
            room[:] = self.ids_of(number)
        return ids

    def ids_of(self, number: int) -> Int64s:
        """The series ids of a row group. Raises FormatError."""
        rows = int(self.footer.offsets[number + 1] - self.footer.offsets[number])
        ids = np.empty(rows, np.int64)
        start, size = (int(a[number, IDS]) for a in (self.footer.starts, self.footer.sizes))
        try:
            if self.footer.has_nulls[number]:
                raise UnknownPage
            decode_column(self.footer, (number, IDS), self.read(start, size), start, ids)
        except UnknownPage:
            column = self._with_arrow(number, ["series_id"])["series_id"]
            if column.null_count:
                raise FormatError(f"{self.path} has nulls") from None
            ids = column.to_numpy()
        return ids

    def neighbours(self, numbers: Int64s, rows_max: int = READ_ROWS) -> Iterator[Int64s]:
        """The numbers in runs that are read at once."""
        begins, ends = self.footer.begins[numbers], self.footer.ends[numbers]
        rows = self.footer.offsets[numbers + 1]
        gaps = np.append(np.flatnonzero(np.diff(numbers) != 1) + 1, len(numbers))
        first = 0
        while first < len(numbers):
            by_bytes = np.searchsorted(ends, begins[first] + READ_BYTES, side="right")
            before = self.footer.offsets[numbers[first]]
            by_rows = np.searchsorted(rows, before + rows_max, side="right")
            gap = gaps[np.searchsorted(gaps, first, side="right")]
            behind = max(first + 1, int(min(by_bytes, by_rows, gap)))
            yield numbers[first:behind]
            first = behind

    def batches(self, numbers: Int64s) -> Iterator[Int64s]:
        """The numbers of row groups, neighbours or not, in batches of READ_BYTES or one group."""
        sizes = self.footer.ends[numbers] - self.footer.begins[numbers]
        behind = np.cumsum(sizes)
        first = 0
        while first < len(numbers):
            before = behind[first] - sizes[first]
            end = max(first + 1, int(np.searchsorted(behind, before + READ_BYTES, side="right")))
            yield numbers[first:end]
            first = end

    def gathered(self, numbers: Int64s) -> tuple[Bytes, Int64s]:
        """The bytes of row groups, one behind the other, and what is to be taken off a position in
        the file to get that in them, of each group. Raises FormatError."""
        begins, ends = self.footer.begins[numbers], self.footer.ends[numbers]
        behind = np.cumsum(ends - begins)
        starts = begins - (behind - (ends - begins))
        data = np.empty(int(behind[-1]), np.uint8)
        firsts = np.flatnonzero(np.append(True, begins[1:] != ends[:-1])).tolist()
        for first, end in zip(firsts, [*firsts[1:], len(numbers)], strict=True):
            start = int(begins[first])
            place = start - int(starts[first])
            self._read_to(data[place : place + int(ends[end - 1]) - start], start)
        return data, starts

    def read(self, start: int, size: int) -> Bytes:
        """The bytes of the file from `start` on. Raises FormatError."""
        data = np.empty(size, np.uint8)
        self._read_to(data, start)
        return data

    def _read_to(self, room: Bytes, start: int) -> None:
        try:
            read = os.preadv(self._descriptor, [room.data], start)
        except OSError as error:
            raise FormatError(f"cannot read {self.path}: {error}") from error
        if read != len(room):
            raise FormatError(f"cannot read {self.path}: it ends before its row groups do")

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
                self._arrow = pq.ParquetFile(self._place, pre_buffer=False)
            table = self._arrow.read_row_group(number, columns, use_threads=False)
            # The footer is read again here, and may have other columns than the first time.
            return table.cast(pa.schema([ARROW_FIELDS[name] for name in columns]))
        except UNREADABLE as error:
            raise FormatError(f"cannot read {self.path}: {error}") from error


def split(footer: Footer, first: int, rows: Group) -> Iterator[tuple[int, Group]]:
    """Neighbouring row groups one by one: their numbers, from `first` on, and rows."""
    offsets = footer.offsets - footer.offsets[first]
    number, (times_at, bits_at) = first, rows.addresses
    while number < len(footer.first_ids) and offsets[number] < len(rows.timestamps):
        part = slice(int(offsets[number]), int(offsets[number + 1]))
        starts = None if rows.starts is None else rows.starts[part]
        at = times_at + 8 * part.start, bits_at + 8 * part.start
        yield number, Group(rows.timestamps[part], rows.bits[part], starts, at)
        number += 1


def joined_starts(found: Sequence[Int64s | None], footer: Footer, first: int) -> Int64s | None:
    """The start timestamps of neighbouring row groups; 0 where not known."""
    if all(starts is None for starts in found):
        return None
    counts = np.diff(footer.offsets)[first : first + len(found)].tolist()
    return np.concatenate(
        [
            np.zeros(count, np.int64) if starts is None else starts
            for starts, count in zip(found, counts, strict=True)
        ]
    )


def decode_run(footer: Footer, run: tuple[int, int], data: Bytes, start: int) -> tuple[int, Group]:
    """The rows of those row groups of [run[0], run[1]) that are scaled integers, up to the first
    that is not, and how many groups they are."""
    groups, columns = slice(*run), [TIMES, SCALED]
    if footer.scales[run[0]] < 0 or footer.has_nulls[groups].any():
        return 0, NOTHING
    offsets = footer.offsets[run[0] : run[1] + 1] - footer.offsets[run[0]]
    firsts = footer.starts[groups][:, columns] - start
    ends = firsts + footer.sizes[groups][:, columns]
    codecs = footer.codecs[groups][:, columns]
    bounds = np.stack([firsts, ends], 2).reshape(len(firsts), 4)
    chunks = np.concatenate([bounds, codecs], 1)
    timestamps, values = np.empty(offsets[-1], np.int64), np.empty(offsets[-1], np.float64)
    optional = np.array([footer.optional[column] for column in columns])
    scales = footer.scales[groups].copy()
    data = frozen(data)
    count = decode_groups(data, chunks, scales, POWERS, optional, offsets, timestamps, values)
    size = int(offsets[count])
    return count, Group(timestamps[:size], values[:size].view(np.uint64))


def decode_group(footer: Footer, number: int, data: Bytes, start: int) -> Group:
    """A row group out of bytes of the file, of which the first lies at `start`. Raises
    UnknownPage."""
    if footer.has_nulls[number]:
        raise UnknownPage
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
    data = frozen(data[first : first + int(footer.sizes[chunk])])
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
        return frozen(stored.copy())
    if codec not in CODECS:
        raise UnknownPage
    try:
        page = CODECS[codec](stored, plain_bytes)
    except NOT_WHOLE as error:
        raise UnknownPage from error
    return frozen(np.frombuffer(page, np.uint8))


def decode_page(page: Bytes, encoding: int, room: Int64s, *, optional: bool) -> None:
    """Decode as many values as there is room for. Raises UnknownPage."""
    at = 0
    if optional:  # which values are there: all are, as the footer says that none is null
        at = LEVELS_LENGTH_BYTES + int.from_bytes(page[:LEVELS_LENGTH_BYTES].tobytes(), "little")
    if encoding == DELTA:
        words = page[: len(page) // 8 * 8].view(np.uint64)
        decoded = decode_delta(page, words, at, len(room), room)
    elif encoding == SPLIT:
        decoded = decode_split(page, at, room.view(np.uint64))
    else:
        decoded = encoding == PLAIN and len(page) - at == room.nbytes
        if decoded:
            room.view(np.uint8)[:] = page[at:]
    if not decoded:
        raise UnknownPage
