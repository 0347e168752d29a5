"""The series of an index: entries to labels and places of chunks, as kernels.

entry       length (varint), content, checksum (4 bytes)
content     number of labels, for each the symbols of its name and its value;
            number of chunks; of the first one its first time (signed), its range, its place;
            of later ones the time since the end of the one before, the range, the distance of its
            place (signed) from that of the one before
symbol      length (varint), text

All numbers are varints. Labels are written as the label fields of remote write.

Invariant: nothing is read outside of the section or the entry, and no symbol that there is not.
"""

import numpy as np

from storage.kernels.arrays import Bytes, Int8s, Int64s
from storage.kernels.crc32c import crc32c
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.protobuf import read_varint
from storage.kernels.words import Place, load_byte, store_byte

SOUND, DAMAGED, WRONG_CHECKSUM, UNKNOWN_SYMBOL = range(4)
FAULTS = ("sound", "damaged", "whose checksum is wrong", "with a symbol that there is not")
# Of a label field: its tag and length, and those of its two texts.
LABEL, VALUE = np.uint64(0x0A), np.uint64(0x12)
COUNT_MAX = np.uint64(1 << 24)


@kernel
def read_symbols(data: Bytes, first: int, end: int, starts: Int64s, lengths: Int64s) -> bool:
    """Find the texts of all symbols in first:end; whether they are all there."""
    base = data.ctypes.data
    place: Place = first
    for k in range(len(starts)):
        length, place = read_varint(base, place, end)
        if place < 0 or length > np.uint64(end - place):
            return False
        starts[k], lengths[k] = place, np.int64(length)
        place += np.int64(length)
    return True


@kernel_part
def varint_size(value: Place) -> Place:
    size = np.int64(1)
    while value >= 0x80:
        value >>= 7
        size += 1
    return size


@kernel_part
def field_size(content: Place) -> Place:
    """Bytes of a field whose content has so many."""
    return 1 + varint_size(content) + content


@kernel_part
def zigzag(word: np.uint64) -> np.int64:
    return np.int64(word >> np.uint64(1)) ^ -np.int64(word & np.uint64(1))


@kernel_part
def find_entry(base: Place, size: Place, ref: Place) -> tuple[Place, Place, int]:
    """(first, end, fault) of the content of an entry."""
    if ref < 0 or ref >= size // 16:
        return np.int64(0), np.int64(0), DAMAGED
    length, first = read_varint(base, 16 * ref, size)
    if first < 0 or length > np.uint64(size - first) or size - first - np.int64(length) < 4:
        return np.int64(0), np.int64(0), DAMAGED
    end = first + np.int64(length)
    wanted = np.uint64(0)
    for k in range(4):
        wanted = wanted << np.uint64(8) | load_byte(base, end + k)
    if crc32c(base, first, end) != wanted:
        return np.int64(0), np.int64(0), WRONG_CHECKSUM
    return first, end, SOUND


@kernel_part
def contains(dropped: Int64s, symbol: np.uint64) -> bool:
    found = False
    for k in range(len(dropped)):
        found |= dropped[k] == np.int64(symbol)
    return found


@kernel_part
def measure_labels(
    base: Place, first: Place, end: Place, lengths: Int64s, dropped: Int64s
) -> tuple[Place, Place, int]:
    """(bytes of the labels as fields, place behind them, fault)."""
    count, place = read_varint(base, first, end)
    total = np.int64(0)
    if place < 0 or count > np.uint64(end - place):
        return total, place, DAMAGED
    for _ in range(np.int64(count)):
        name, place = read_varint(base, place, end)
        value, place = read_varint(base, place, end) if place >= 0 else (name, place)
        if place < 0:
            return total, place, DAMAGED
        if name >= np.uint64(len(lengths)) or value >= np.uint64(len(lengths)):
            return total, place, UNKNOWN_SYMBOL
        if not contains(dropped, name):
            texts = field_size(lengths[np.int64(name)]) + field_size(lengths[np.int64(value)])
            total += field_size(texts)
    return total, place, SOUND


@kernel
def measure_entries(
    data: Bytes,
    refs: Int64s,
    lengths: Int64s,
    dropped: Int64s,
    label_sizes: Int64s,
    chunk_counts: Int64s,
    faults: Int8s,
) -> None:
    """How much the entries of the series `refs` take; dropped: symbols of names that are left out.
    A series with a fault has nothing."""
    base, size = data.ctypes.data, len(data)
    for k in range(len(refs)):
        label_sizes[k] = chunk_counts[k] = 0
        first, end, fault = find_entry(base, size, refs[k])
        if fault == SOUND:
            total, place, fault = measure_labels(base, first, end, lengths, dropped)
            if fault == SOUND:
                chunks, place = read_varint(base, place, end)
                # A chunk takes three bytes at least.
                if place < 0 or chunks > COUNT_MAX or 3 * np.int64(chunks) > end - place:
                    fault = DAMAGED
                else:
                    label_sizes[k], chunk_counts[k] = total, np.int64(chunks)
        faults[k] = fault


@kernel_part
def put_varint(base: Place, place: Place, value: Place) -> Place:
    while value >= 0x80:
        store_byte(base, place, np.uint64(value & 0x7F | 0x80))
        value >>= 7
        place += 1
    store_byte(base, place, np.uint64(value))
    return place + 1


@kernel_part
def put_text(
    base: Place, place: Place, tag: np.uint64, source: Place, start: Place, length: Place
) -> Place:
    """Write a field of a text; the place behind it."""
    store_byte(base, place, tag)
    place = put_varint(base, place + 1, length)
    for k in range(length):
        store_byte(base, place + k, load_byte(source, start + k))
    return place + length


@kernel_part
def put_label(
    base: Place,
    place: Place,
    source: Place,
    starts: Int64s,
    lengths: Int64s,
    name: np.int64,
    value: np.int64,
) -> Place:
    """Write a label field; the place behind it."""
    store_byte(base, place, LABEL)
    content = field_size(lengths[name]) + field_size(lengths[value])
    place = put_varint(base, place + 1, content)
    place = put_text(base, place, LABEL, source, starts[name], lengths[name])
    return put_text(base, place, VALUE, source, starts[value], lengths[value])


@kernel_part
def read_chunks(
    base: Place, place: Place, end: Place, at: Place, count: Place, chunks: Int64s
) -> int:
    """Write (first time, last time, ref) of the chunks of an entry to rows from `at` on; the
    fault."""
    last = ref = np.int64(0)
    for k in range(count):
        begin, place = read_varint(base, place, end)
        if place < 0:
            return DAMAGED
        span, place = read_varint(base, place, end)
        if place < 0:
            return DAMAGED
        word, place = read_varint(base, place, end)
        if place < 0:
            return DAMAGED
        first = zigzag(begin) if k == 0 else last + np.int64(begin)
        last = first + np.int64(span)
        ref = np.int64(word) if k == 0 else ref + zigzag(word)
        chunks[at + k, 0], chunks[at + k, 1], chunks[at + k, 2] = first, last, ref
    return SOUND


@kernel
def read_entries(
    data: Bytes,
    refs: Int64s,
    starts: Int64s,
    lengths: Int64s,
    dropped: Int64s,
    added: Bytes,
    label_offsets: Int64s,
    chunk_offsets: Int64s,
    label_bytes: Bytes,
    chunks: Int64s,
    faults: Int8s,
) -> None:
    """Write the labels, `added` behind them, and the chunks of all measured entries.

    label_offsets, chunk_offsets: where those of each series go. A series with a fault, also one
    found now, keeps what is there.
    """
    base, size, out = data.ctypes.data, len(data), label_bytes.ctypes.data
    for k in range(len(refs)):
        if faults[k] != SOUND:
            continue
        first, end, _ = find_entry(base, size, refs[k])
        count, place = read_varint(base, first, end)
        at = label_offsets[k]
        for _ in range(np.int64(count)):
            name, place = read_varint(base, place, end)
            value, place = read_varint(base, place, end)
            if not contains(dropped, name):
                at = put_label(out, at, base, starts, lengths, np.int64(name), np.int64(value))
        for j in range(len(added)):
            label_bytes[at + j] = added[j]
        _, place = read_varint(base, place, end)
        begin = chunk_offsets[k]
        own = chunk_offsets[k + 1] - begin
        faults[k] = read_chunks(base, place, end, begin, own, chunks)
