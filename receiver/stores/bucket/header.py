"""The head of a block's index: its symbols, and where its lists of series are.

    index   magic (4 bytes), version (1 byte), symbols, series, lists, table of lists; at the end
            the places of six sections (u64) and their checksum
    table   number of entries (u32); of each 2 (1 byte), name and value (length and text), place

Both are fetched by ranges, whatever lies between them, and kept as long as there is room.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from receiver.importing.errors import BlockError
from receiver.importing.tsdb.entries import read_symbols
from receiver.importing.tsdb.files import INDEX_FILE, check_sum, section, u32, u64
from receiver.importing.tsdb.index import TOC_BYTES, TOC_ENTRIES
from storage.kernels.arrays import Bytes, Int64s
from storage.kernels.jit import kernel
from storage.kernels.protobuf import read_varint
from storage.kernels.words import Place, load_byte
from storage.objects.store import ObjectStore, Range

SYMBOLS, SERIES, POSTINGS_TABLE = 0, 1, 5
PART_BYTES = 4 << 20
# Columns of the table: (start, length) of a name and of a value, and the place of a list.
NAME, NAME_LENGTH, VALUE, VALUE_LENGTH, PLACE = TABLE_COLUMNS = range(5)


@dataclass(frozen=True, slots=True)
class Header:
    """symbols: their text, in it starts and lengths of each; table: its bytes, in which rows have
    their names and values; names: which rows are of a name; list_ends: up to where the list of a
    row goes at most; series_end: up to where entries of series go at most."""

    symbols: Bytes
    starts: Int64s
    lengths: Int64s
    table: Bytes
    rows: Int64s
    names: dict[str, tuple[int, int]]
    list_ends: Int64s
    series_end: int

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        arrays = (self.symbols, self.starts, self.lengths, self.table, self.rows, self.list_ends)
        return sum(array.nbytes for array in arrays)

    def values(self, name: str) -> list[bytes]:
        """The values of a label, in the order of their rows."""
        first, end = self.names.get(name, (0, 0))
        if first == end:
            return []
        starts = self.rows[first:end, VALUE]
        ends = starts + self.rows[first:end, VALUE_LENGTH]
        begin = int(starts[0])
        text = self.table[begin : int(ends[-1])].tobytes()
        pairs = zip((starts - begin).tolist(), (ends - begin).tolist(), strict=True)
        return [text[start:stop] for start, stop in pairs]


@kernel
def read_table(data: Bytes, first: int, end: int, rows: Int64s) -> int:
    """Fill the rows of a table of lists; how many are sound."""
    base = data.ctypes.data
    place: Place = first
    for k in range(len(rows)):
        if place >= end or load_byte(base, place) != np.uint64(2):
            return k
        place += 1
        for column in (NAME, VALUE):
            length, place = read_varint(base, place, end)
            if place < 0 or length > np.uint64(end - place):
                return k
            rows[k, column], rows[k, column + 1] = place, np.int64(length)
            place += np.int64(length)
        word, place = read_varint(base, place, end)
        if place < 0:
            return k
        rows[k, PLACE] = np.int64(word)
    return len(rows)


class Headers:
    """The heads of indexes that were used last. Thread-safe."""

    def __init__(self, store: ObjectStore, bytes_max: int) -> None:
        self._store = store
        self._bytes_max = bytes_max
        self._kept: OrderedDict[str, Header] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0

    def of(self, ulid: str, size: int) -> Header:
        """That of a block whose index has so many bytes. Raises BlockError, StoreFailed,
        ObjectMissing."""
        with self._lock:
            found = self._kept.get(ulid)
            if found is not None:
                self._kept.move_to_end(ulid)
                return found
        name = f"{ulid}/{INDEX_FILE}"
        header = read_header(lambda first, end: fetched(self._store, name, first, end), size)
        with self._lock:
            if ulid not in self._kept:
                self._kept[ulid] = header
                self.bytes += header.size
            while self.bytes > self._bytes_max and len(self._kept) > 1:
                self.bytes -= self._kept.popitem(last=False)[1].size
        return header

    def forget(self, ulids: set[str]) -> None:
        """Keep nothing of these blocks."""
        with self._lock:
            for ulid in ulids & self._kept.keys():
                self.bytes -= self._kept.pop(ulid).size


def fetched(store: ObjectStore, name: str, first: int, end: int) -> Bytes:
    """Bytes of a file, in parts side by side."""
    cuts = [*range(first, end, PART_BYTES), end]
    parts = [Range(name, a, b) for a, b in zip(cuts, cuts[1:], strict=False)]
    content = store.get_ranges(parts) if len(parts) > 1 else [store.get_range(parts[0])]
    return np.frombuffer(b"".join(content), np.uint8)


def read_header(read: Callable[[int, int], Bytes], size: int) -> Header:
    """read: bytes of the index, from one place up to another. Raises BlockError."""
    if size < TOC_BYTES:
        raise BlockError(f"its index has {size} bytes")
    toc = read(size - TOC_BYTES, size)
    check_sum(toc, 0, TOC_BYTES - 4, "table of contents")
    places = [u64(toc, 8 * k) for k in range(TOC_ENTRIES)]
    first, behind, table = places[SYMBOLS], places[SERIES], places[POSTINGS_TABLE]
    if not (0 < first < behind <= table < size - TOC_BYTES):
        raise BlockError(f"its index has sections at bytes {first}, {behind}, {table} of {size}")
    symbols = read(first, behind)
    starts, lengths = symbols_of(symbols)
    lists = read(table, size - TOC_BYTES)
    rows = rows_of(lists)
    bounds = np.unique(np.concatenate([rows[:, PLACE], np.array([*places, size - TOC_BYTES])]))
    ends = bounds[np.minimum(np.searchsorted(bounds, rows[:, PLACE], "right"), len(bounds) - 1)]
    later = [place for place in (*places, size - TOC_BYTES) if place > behind]
    lists_begin = int(rows[:, PLACE].min(initial=size))
    series_end = min(*later, lists_begin if lists_begin > behind else size)
    return Header(symbols, starts, lengths, lists, rows, names_of(lists, rows), ends, series_end)


def symbols_of(data: Bytes) -> tuple[Int64s, Int64s]:
    first, end = section(data, 0, "symbols")
    count = u32(data, first) if end - first >= 4 else 0
    if count > end - first:
        raise BlockError(f"its index has {count} symbols in {end - first} bytes")
    starts, lengths = np.empty(count, np.int64), np.empty(count, np.int64)
    if not read_symbols(data, first + 4, end, starts, lengths):
        raise BlockError("its symbols are damaged")
    return starts, lengths


def rows_of(data: Bytes) -> Int64s:
    first, end = section(data, 0, "offsets of postings")
    count = u32(data, first) if end - first >= 4 else 0
    if count > end - first:
        raise BlockError(f"its index has {count} lists of series in {end - first} bytes")
    rows = np.empty((count, len(TABLE_COLUMNS)), np.int64)
    if read_table(data, first + 4, end, rows) < count:
        raise BlockError("its table of lists of series is damaged")
    return rows


def names_of(data: Bytes, rows: Int64s) -> dict[str, tuple[int, int]]:
    """Which rows are of a name: those of one name follow each other."""
    found: dict[str, tuple[int, int]] = {}
    if not len(rows):
        return found
    # A name stands at another place in each row, so rows are compared by their text, by halves.
    text = data.tobytes()

    def name(row: int) -> bytes:
        start = int(rows[row, NAME])
        return text[start : start + int(rows[row, NAME_LENGTH])]

    first = 0
    while first < len(rows):
        own, step, low = name(first), 1, first
        while low + step < len(rows) and name(low + step) == own:
            low, step = low + step, 2 * step
        high = min(low + step, len(rows))
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if name(middle) == own else (low, middle)
        found[own.decode("utf-8", "surrogateescape")] = first, high
        first = high
    return found
