"""The entries of series in an index, as columns: numbers of symbols, and where chunks are.

What an entry is like says receiver/importing/tsdb/entries.py. Here entries are those that were
fetched of an index, in a buffer in which they are aligned as they are in it, and symbols are apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from receiver.importing.tsdb.entries import (
    COUNT_MAX,
    DAMAGED,
    SOUND,
    UNKNOWN_SYMBOL,
    find_entry,
    read_chunks,
)
from receiver.stores.bucket.pages import Brought, Wanted
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Bytes, Int8s, Int32s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.protobuf import read_varint
from storage.kernels.words import Place

# Entries begin at multiples of it.
ALIGNED_BYTES = 16
# What is fetched of an entry, or of a chunk, before its length is known.
FIRST_BYTES = 512
CHECKSUM_BYTES = 4
# What says that it is longer is damaged, and not fetched.
LENGTH_MAX = np.uint64(1 << 26)
Bring = Callable[[Sequence[Wanted], Brought | None], Brought]


@dataclass(frozen=True, slots=True)
class Entries:
    """n series. pairs: int32[m, 2], symbols of names and values; those of series i are
    label_offsets[i]:label_offsets[i+1]. chunks: int64[k, 3], first time, last time, ref; those of
    series i are chunk_offsets[i]:chunk_offsets[i+1]. faults: SOUND, or why a series has neither."""

    label_offsets: Int64s
    pairs: Int32s
    chunk_offsets: Int64s
    chunks: Int64s
    faults: Int8s


@kernel
def measure_sizes(data: Bytes, places: Int64s, spare: int, sizes: Int64s) -> None:
    """How long what begins at each place is, with its own length and `spare` bytes around it; 0
    where nothing is."""
    base = data.ctypes.data
    for k in range(len(places)):
        sizes[k] = 0
        if places[k] > 0:
            end: Place = places[k] + 10
            length, first = read_varint(base, places[k], min(end, len(data)))
            if first >= 0 and length < LENGTH_MAX:
                sizes[k] = first - places[k] + np.int64(length) + spare


@kernel
def count_entries(
    data: Bytes, refs: Int64s, symbols: int, label_counts: Int64s, chunk_counts: Int64s,
    faults: Int8s,
) -> None:  # fmt: skip
    """How many labels and chunks the entries at `refs` have, in 16 bytes of the buffer."""
    base, size = data.ctypes.data, len(data)
    for k in range(len(refs)):
        label_counts[k] = chunk_counts[k] = 0
        first, end, fault = find_entry(base, size, refs[k])
        if fault == SOUND:
            count, place = read_varint(base, first, end)
            if place < 0 or count > np.uint64(end - place):
                fault = DAMAGED
            else:
                for _ in range(2 * np.int64(count)):
                    symbol, place = read_varint(base, place, end)
                    if place < 0:
                        fault = DAMAGED
                        break
                    if symbol >= np.uint64(symbols):
                        fault = UNKNOWN_SYMBOL
                        break
            if fault == SOUND:
                chunks, place = read_varint(base, place, end)
                if place < 0 or chunks > COUNT_MAX or 3 * np.int64(chunks) > end - place:
                    fault = DAMAGED
                else:
                    label_counts[k], chunk_counts[k] = np.int64(count), np.int64(chunks)
        faults[k] = fault


@kernel
def fill_entries(
    data: Bytes, refs: Int64s, label_offsets: Int64s, chunk_offsets: Int64s,
    pairs: Int32s, chunks: Int64s, faults: Int8s,
) -> None:  # fmt: skip
    """Write the labels and the chunks of all entries that were counted."""
    base, size = data.ctypes.data, len(data)
    for k in range(len(refs)):
        if faults[k] != SOUND:
            continue
        first, end, _ = find_entry(base, size, refs[k])
        _, place = read_varint(base, first, end)
        for j in range(label_offsets[k], label_offsets[k + 1]):
            for column in range(2):
                symbol, place = read_varint(base, place, end)
                pairs[j, column] = np.int32(symbol)
        _, place = read_varint(base, place, end)
        begin = chunk_offsets[k]
        faults[k] = read_chunks(base, place, end, begin, chunk_offsets[k + 1] - begin, chunks)


def fetched(
    name: str, size: int, offsets: Int64s, spare: int, bring: Bring
) -> tuple[Bytes, Int64s]:
    """The buffer with what begins at these places of a file and says how long it is, and where it
    begins there; 0: it is not in the file. spare: bytes that are no part of that length."""
    ends = np.minimum(offsets + FIRST_BYTES, size)
    brought = bring([Wanted(name, size, offsets, ends)], None)
    places, run_ends = brought.places(name, offsets)
    sizes = np.empty(len(offsets), np.int64)
    measure_sizes(brought.buffer, places, spare, sizes)
    if (places + sizes > run_ends).any():
        brought = bring([Wanted(name, size, offsets, np.maximum(ends, offsets + sizes))], brought)
        places, run_ends = brought.places(name, offsets)
    return brought.buffer, np.where(places + sizes <= run_ends, places, 0)


def read_entries(name: str, size: int, refs: Int64s, symbols: int, bring: Bring) -> Entries:
    """The entries of some series. name, size: of the index; symbols: how many it has."""
    buffer, places = fetched(name, size, refs * ALIGNED_BYTES, CHECKSUM_BYTES, bring)
    count = len(refs)
    label_counts, chunk_counts = np.empty(count, np.int64), np.empty(count, np.int64)
    faults = np.empty(count, np.int8)
    own = places // ALIGNED_BYTES
    count_entries(buffer, own, symbols, label_counts, chunk_counts, faults)
    label_offsets, chunk_offsets = offsets_of(label_counts), offsets_of(chunk_counts)
    pairs = np.empty((int(label_offsets[-1]), 2), np.int32)
    chunks = np.empty((int(chunk_offsets[-1]), 3), np.int64)
    fill_entries(buffer, own, label_offsets, chunk_offsets, pairs, chunks, faults)
    # Of a fault that was found while reading, no chunk is where it is said to be.
    chunks[np.repeat(faults != SOUND, chunk_counts)] = -1
    return Entries(label_offsets, pairs, chunk_offsets, chunks, faults)
