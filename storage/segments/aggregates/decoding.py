"""Row groups of aggregates.parquet decoded by kernels, column by column.

With Arrow, reading some columns of two million windows takes 0.6 s, most of it for nulls, which say
that a value follows from others; so does this in a sixth of it. What the kernels do not know, Arrow
decodes (`groups`).

Invariant: what is decoded here is to the bit what `columns.rows_of` makes of the same row group.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from storage.downsampling.aggregates import FLOATS, Rows
from storage.kernels.arrays import Bools, Bytes, Float64s, Int64s, UInt64s, frozen
from storage.kernels.jit import kernel
from storage.kernels.stale import STALE_NAN_BITS
from storage.kernels.thrift import DAMAGED, read_message, read_varint
from storage.segments.aggregates.columns import COLUMNS, VALUES
from storage.segments.encoding.groups import UnknownPage, plain_page
from storage.segments.encoding.pages import (
    DELTA,
    HEADER_FIELDS,
    LEVELS_LENGTH_BYTES,
    PLAIN_BYTES,
    SPLIT,
    STORED_BYTES,
    TYPE,
    decode_delta,
    decode_split,
    read_page_header,
)
from storage.segments.encoding.scaling import POWERS, from_integers

PLACES = {name: place for place, name in enumerate(COLUMNS)}

# What a value is where the file has none.
FOLLOWS = {"first": "last", "min": "first", "max": "last"}
DICTIONARY_PAGE = 2
DICTIONARY_VALUES = 225  # where a header says how many values the dictionary has
SCALE_BYTES = 4
# Five lines of a cache further than the column before, and after a page's worth again at its start.
STAGGER_ROWS, STAGGERED = 40, 12


@dataclass(frozen=True, slots=True)
class GroupChunks:
    """The bytes of a row group, and where in them those of each column are: starts, sizes and
    codecs by their places in COLUMNS."""

    data: Bytes
    starts: Int64s
    sizes: Int64s
    codecs: Int64s
    rows: int


@dataclass(frozen=True, slots=True)
class Page:
    """The only page of a column, uncompressed."""

    content: Bytes
    encoding: int

    @property
    def words(self) -> UInt64s:
        return self.content[: len(self.content) // 8 * 8].view(np.uint64)


class GroupDecoder:
    """Decodes one row group. Raises UnknownPage for what it does not know."""

    def __init__(self, chunks: GroupChunks) -> None:
        self._chunks = chunks
        self._values: dict[str, Float64s] = {}
        self._rooms = 0

    def ids(self) -> Int64s:
        return self._numbers("series_id")

    def rows(self, wanted: Collection[str]) -> Rows:
        """As columns.rows_of()."""
        ts, nothing = self._numbers("ts"), np.zeros(self._chunks.rows, np.int64)
        found: dict[str, Any] = {
            name: nothing.view(np.float64) if name in FLOATS else nothing for name in Rows._fields
        }
        found["last_ms"] = ts
        for name in ("first", "min", "max"):
            if f"{name}_ms" in wanted:
                found[f"{name}_ms"] = np.subtract(
                    ts, self._numbers(f"{name}_age"), out=self._room()
                )
        for name in ("count", "falls"):
            if name in wanted:
                found[name] = self._numbers(name)
        for name in VALUES:
            if name in wanted:
                found[name] = self._value(name)
        if "fallen" in wanted:
            found["fallen"] = self._fallen()
        if "stale_ms" in wanted:
            ages, known = self._optional_numbers("stale_age")
            found["stale_ms"] = np.where(known, ts + ages, 0) if known.any() else nothing
        return Rows(**found)

    def _room(self) -> Int64s:
        """Room for a column. Kernels look at a dozen columns at once: if all of them began at the
        same place of a page, they would drive each other out of the processor's cache."""
        self._rooms += 1
        skipped = STAGGER_ROWS * (self._rooms % STAGGERED)
        room: Int64s = np.empty(self._chunks.rows + skipped, np.int64)
        return room[skipped:]

    def _value(self, name: str) -> Float64s:
        """A column of values, out of both ways, and of others where it follows from them."""
        if name in self._values:
            return self._values[name]
        values, known = self._floats(name)
        integers, scaled = self._optional_numbers(f"{name}_scaled")
        if scaled.any():
            take_scaled(integers, scaled, POWERS[self._scale()], values, known)
        if not known.all():
            self._fill(name, values, known)
        self._values[name] = values
        return values

    def _fill(self, name: str, values: Float64s, known: Bools) -> None:
        if name == "last":
            values.view(np.uint64)[~known] = STALE_NAN_BITS
        elif name == "sum":
            last, counts = self._value("last"), self._numbers("count")
            with np.errstate(invalid="ignore", over="ignore"):
                values[~known] = np.where(counts == 0, 0.0, last)[~known] * counts[~known]
        else:
            fill(values, known, self._value(FOLLOWS[name]))

    def _fallen(self) -> Float64s:
        values, known = self._floats("fallen")
        fill(values, known, np.zeros(len(values)))
        return values

    def _numbers(self, name: str) -> Int64s:
        """A column without nulls."""
        page, numbers = self._page(name), self._room()
        if page.encoding != DELTA or not decode_delta(
            page.content, page.words, 0, len(numbers), numbers
        ):
            raise UnknownPage
        return numbers

    def _optional_numbers(self, name: str) -> tuple[Int64s, Bools]:
        """A column with nulls, which may be anything, and where there are none."""
        page, known, at, count = self._levels(name)
        numbers = self._room()
        if not count:
            return numbers, known
        found = numbers if count == len(numbers) else np.empty(count, np.int64)
        if page.encoding != DELTA or not decode_delta(page.content, page.words, at, count, found):
            raise UnknownPage
        if count < len(numbers):
            spread(found, known, numbers)
        return numbers, known

    def _floats(self, name: str) -> tuple[Float64s, Bools]:
        page, known, at, count = self._levels(name)
        values = self._room().view(np.float64)
        if not count:
            return values, known
        found = values if count == len(values) else np.empty(count)
        if page.encoding != SPLIT or not decode_split(page.content, at, found.view(np.uint64)):
            raise UnknownPage
        if count < len(values):
            spread(found.view(np.int64), known, values.view(np.int64))
        return values, known

    def _levels(self, name: str) -> tuple[Page, Bools, int, int]:
        """The page of a column with nulls, where there are none, where its values begin, and how
        many there are."""
        page, known = self._page(name), np.zeros(self._chunks.rows, np.bool_)
        at, count = read_levels(page.content, known)
        if at == DAMAGED:
            raise UnknownPage
        return page, known, at, count

    def _page(self, name: str) -> Page:
        chunk, codec = self._chunk(name)
        header = np.empty(5, np.int64)
        body = read_page_header(chunk, 0, len(chunk), header)
        plain_bytes, stored_bytes, values, encoding, _ = header.tolist()
        if body == DAMAGED or values != self._chunks.rows or body + stored_bytes != len(chunk):
            raise UnknownPage
        return Page(plain_page(chunk[body : body + stored_bytes], codec, plain_bytes), encoding)

    def _scale(self) -> int:
        """The scale of all integers: the only value that the dictionary of scales has."""
        chunk, codec = self._chunk("scale")
        found = np.empty((HEADER_FIELDS, 3), np.int64)
        count, body = read_message(chunk, 0, len(chunk), found)
        if body < 0 or count > HEADER_FIELDS:
            raise UnknownPage
        header = {int(place): int(number) for place, number, _ in found[:count]}
        stored, plain = header.get(STORED_BYTES, 0), header.get(PLAIN_BYTES, 0)
        is_known = header.get(TYPE) == DICTIONARY_PAGE and header.get(DICTIONARY_VALUES) == 1
        if not is_known or plain != SCALE_BYTES or stored > len(chunk) - body:
            raise UnknownPage
        page = plain_page(chunk[body : body + stored], codec, plain)
        scale = int(page.view(np.int32)[0])
        if not 0 <= scale < len(POWERS):
            raise UnknownPage
        return scale

    def _chunk(self, name: str) -> tuple[Bytes, int]:
        place = PLACES[name]
        start, size = int(self._chunks.starts[place]), int(self._chunks.sizes[place])
        return frozen(self._chunks.data[start : start + size]), int(self._chunks.codecs[place])


@kernel
def read_levels(page: Bytes, known: Bools) -> tuple[Any, Any]:
    """Which values are there: known, all false before, gets it. Returns where these begin, DAMAGED
    if the page makes no sense, and how many there are.

    Levels of one bit, in runs of equal ones and of eight each (RLE and bit-packed hybrid).
    """
    if len(page) < LEVELS_LENGTH_BYTES:
        return DAMAGED, 0
    end: Any = 0
    for i in range(LEVELS_LENGTH_BYTES):
        end |= np.int64(page[i]) << (8 * i)
    end += LEVELS_LENGTH_BYTES
    if end > len(page):
        return DAMAGED, 0
    at: Any = LEVELS_LENGTH_BYTES
    row = count = 0
    while row < len(known):
        head, at = read_varint(page, at, end)
        if at < 0 or head < 0:
            return DAMAGED, 0
        length = head >> 1
        if head & 1:
            if length > end - at:
                return DAMAGED, 0
            for k in range(min(8 * length, len(known) - row)):
                known[row + k] = (page[at + (k >> 3)] >> (k & 7)) & 1
                count += known[row + k]
            at += length
            row += min(8 * length, len(known) - row)
        else:
            length = min(length, len(known) - row)
            if at >= end or length == 0:
                return DAMAGED, 0
            if page[at]:
                known[row : row + length] = True
                count += length
            at += 1
            row += length
    return end, count


@kernel
def spread(found: Int64s, known: Bools, out: Int64s) -> None:
    """Put the values that are there to their rows."""
    at = 0
    for k in range(len(out)):
        if known[k]:
            out[k] = found[at]
            at += 1


@kernel
def fill(values: Float64s, known: Bools, others: Float64s) -> None:
    """Take what is not there from others."""
    for k in range(len(values)):
        if not known[k]:
            values[k] = others[k]


@kernel
def take_scaled(
    integers: Int64s, scaled: Bools, power: float, values: Float64s, known: Bools
) -> None:
    """Take the values that are integers, of one scale; known gets where there are some now."""
    found = np.empty(len(values))
    from_integers(integers, power, found)
    for k in range(len(values)):
        if scaled[k] and not known[k]:
            values[k] = found[k]
            known[k] = True
