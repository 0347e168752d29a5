"""The index of a block: which series it has, their labels and where their chunks are.

magic (4 bytes), version (1 byte), sections; at the end a table of six places of sections (u64) and
its checksum. A section is its length (u32), its content and a checksum. Integers are big-endian.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from receiver.importing.errors import BlockError
from receiver.importing.tsdb.entries import (
    SOUND,
    measure_entries,
    read_entries,
    read_symbols,
)
from receiver.importing.tsdb.files import check_sum, mapped, section, u32, u64
from receiver.wire.messages import message_field, read_varint
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Bytes, Int8s, Int64s

MAGIC, VERSION, HEADER_BYTES = 0xBAAAD700, 2, 5
TOC_BYTES, TOC_ENTRIES = 52, 6
SYMBOLS, POSTINGS_TABLE = 0, 5
# Of the head of an entry in the table of postings.
ENTRY_BYTES_MAX = 32


@dataclass(frozen=True, slots=True)
class Entries:
    """n series of an index. The labels of series i are label fields,
    label_bytes[label_offsets[i]:label_offsets[i+1]]; its chunks are the rows chunk_offsets[i] to
    chunk_offsets[i+1] of chunks, int64[m, 3]: first time, last time, ref. faults: SOUND, or why a
    series has neither."""

    label_bytes: Bytes
    label_offsets: Int64s
    chunk_offsets: Int64s
    chunks: Int64s
    faults: Int8s


class Index:
    """An open index. series: the refs of all series, in the order of their labels."""

    def __init__(self, path: Path) -> None:
        """Raises BlockError."""
        self._data = mapped(path)
        toc = self._read_toc()
        self._starts, self._lengths = self._read_symbols(toc[SYMBOLS])
        self.series = self._read_postings(toc[POSTINGS_TABLE])

    def entries(self, refs: Int64s, labels: dict[str, str]) -> Entries:
        """The entries of some series, with these labels instead of their own of the same name."""
        data, count = self._data, len(refs)
        dropped = self._symbols_of(set(labels))
        added = np.frombuffer(label_fields(labels), np.uint8)
        sizes, chunk_counts = np.empty(count, np.int64), np.empty(count, np.int64)
        faults = np.empty(count, np.int8)
        measure_entries(data, refs, self._lengths, dropped, sizes, chunk_counts, faults)
        sizes[faults == SOUND] += len(added)
        label_offsets, chunk_offsets = offsets_of(sizes), offsets_of(chunk_counts)
        label_bytes = np.empty(label_offsets[-1], np.uint8)
        chunks = np.empty((chunk_offsets[-1], 3), np.int64)
        read_entries(
            data, refs, self._starts, self._lengths, dropped, added,
            label_offsets, chunk_offsets, label_bytes, chunks, faults,
        )  # fmt: skip
        # Of a fault that was found while reading, no chunk is where it is said to be.
        chunks[np.repeat(faults != SOUND, chunk_counts)] = -1
        return Entries(label_bytes, label_offsets, chunk_offsets, chunks, faults)

    def _read_toc(self) -> list[int]:
        data = self._data
        if len(data) < HEADER_BYTES + TOC_BYTES or u32(data, 0) != MAGIC:
            raise BlockError("its index does not begin like one")
        if data[4] != VERSION:
            raise BlockError(f"its index has version {data[4]}; only {VERSION} is read")
        first = len(data) - TOC_BYTES
        check_sum(data, first, len(data) - 4, "table of contents")
        return [u64(data, first + 8 * k) for k in range(TOC_ENTRIES)]

    def _read_symbols(self, at: int) -> tuple[Int64s, Int64s]:
        first, end = section(self._data, at, "symbols")
        count = u32(self._data, first) if end - first >= 4 else 0
        if count > end - first:
            raise BlockError(f"its index has {count} symbols in {end - first} bytes")
        starts, lengths = np.empty(count, np.int64), np.empty(count, np.int64)
        if not read_symbols(self._data, first + 4, end, starts, lengths):
            raise BlockError("its symbols are damaged")
        return starts, lengths

    def _read_postings(self, table: int) -> Int64s:
        """The list of all series, which is that of the empty name and the empty value."""
        first, end = section(self._data, table, "offsets of postings")
        at, entries = first + 4, u32(self._data, first) if end - first >= 4 else 0
        for _ in range(entries):
            head = self._data[at : min(end, at + ENTRY_BYTES_MAX)].tobytes()
            if head[:3] == b"\x02\0\0":
                place, _ = read_varint(head, 3, len(head))
                return self._read_list(place)
            at = self._skip_entry(at, end)
        raise BlockError("its index has no list of all series")

    def _skip_entry(self, at: int, end: int) -> int:
        """The place behind an entry of the table of postings."""
        at += 1
        for _ in range(2):
            head = self._data[at : min(end, at + 10)].tobytes()
            length, used = read_varint(head, 0, len(head))
            at += used + length
        head = self._data[at : min(end, at + 10)].tobytes()
        return at + read_varint(head, 0, len(head))[1]

    def _read_list(self, at: int) -> Int64s:
        first, end = section(self._data, at, "postings of all series")
        count = u32(self._data, first) if end - first >= 4 else 0
        if 4 + 4 * count != end - first:
            raise BlockError(f"its list of all series has {count} entries in {end - first} bytes")
        return np.frombuffer(self._data[first + 4 : end].tobytes(), ">u4").astype(np.int64)

    def _symbols_of(self, names: set[str]) -> Int64s:
        """The numbers of these texts, those that there are; symbols are sorted by their bytes."""
        found = []
        for name in (text.encode() for text in names):
            low, high = 0, len(self._starts)
            while low < high:
                middle = (low + high) // 2
                if self._text(middle) < name:
                    low = middle + 1
                else:
                    high = middle
            if low < len(self._starts) and self._text(low) == name:
                found.append(low)
        return np.array(found, np.int64)

    def _text(self, symbol: int) -> bytes:
        start = int(self._starts[symbol])
        return bytes(self._data[start : start + int(self._lengths[symbol])].tobytes())


def label_fields(labels: dict[str, str]) -> bytes:
    """Labels as label fields of remote write."""
    return b"".join(
        message_field(1, message_field(1, name.encode()) + message_field(2, value.encode()))
        for name, value in sorted(labels.items())
    )
