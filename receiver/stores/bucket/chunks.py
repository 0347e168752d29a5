"""The chunks of a block: fetched by ranges of its chunk files, and compared with their checksums.

How chunk files are built says receiver/importing/tsdb/chunk_files.py. A chunk of a downsampled
block holds five others:

    count, sum, min, max, counter: length (varint, 0: none), encoding (1 byte), data
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from receiver.importing.tsdb.chunk_files import FOUND, OUTSIDE, file_name, find_chunks
from receiver.stores.bucket.pages import Brought, Wanted
from receiver.stores.bucket.series import Bring, measure_sizes
from receiver.stores.windows import COUNT, SUM, Windows, samples_of
from storage.chunks.chunks import AGGREGATES, FLOAT_HISTOGRAM, HISTOGRAM, OK, Chunks
from storage.kernels.arrays import Bytes, Int8s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.protobuf import read_varint
from storage.kernels.words import Place, load_byte
from storage.samples.samples import Samples

# Of a chunk besides its data: its encoding and its checksum.
AROUND_BYTES = 5
FIRST_BYTES = 1024
PARTS = 5
# In place of an encoding.
DAMAGED = -1


@dataclass(frozen=True, slots=True)
class Found:
    """Chunks by their refs, and FOUND or why one could not be read; that one is empty."""

    chunks: Chunks
    faults: Int8s


def read_chunks(ulid: str, sizes: Mapping[str, int], refs: Int64s, bring: Bring) -> Found:
    """The chunks of refs. sizes: of the files of the block, by name."""
    numbers, offsets = refs >> 32, refs & 0xFFFFFFFF
    groups = {}
    for number in np.unique(numbers[numbers >= 0]).tolist():
        size = sizes.get(file_name(number), 0)
        if size:
            groups[f"{ulid}/{file_name(number)}"] = np.flatnonzero(numbers == number), size

    def fetched(ends: Int64s, known: Brought | None) -> tuple[Brought, Int64s, Int64s]:
        """The bytes up to these places, where chunks begin in them, and up to where they go."""
        brought = bring(
            [Wanted(name, size, offsets[own], ends[own]) for name, (own, size) in groups.items()],
            known,
        )
        places, run_ends = np.zeros(len(refs), np.int64), np.zeros(len(refs), np.int64)
        for name, (own, _) in groups.items():
            places[own], run_ends[own] = brought.places(name, offsets[own])
        return brought, places, run_ends

    lengths = np.empty(len(refs), np.int64)
    brought, places, run_ends = fetched(offsets + FIRST_BYTES, None)
    measure_sizes(brought.buffer, places, AROUND_BYTES, lengths)
    if (places + lengths > run_ends).any():
        ends = offsets + np.maximum(FIRST_BYTES, lengths)
        brought, places, run_ends = fetched(ends, brought)
    places[places + lengths > run_ends] = 0
    starts, stops = np.zeros(len(refs), np.int64), np.zeros(len(refs), np.int64)
    faults = np.full(len(refs), OUTSIDE, np.int8)
    find_chunks(brought.buffer, places, starts, stops, faults)
    return Found(chunks_at(brought.buffer, starts, stops, faults), faults)


def chunks_at(buffer: Bytes, starts: Int64s, ends: Int64s, faults: Int8s) -> Chunks:
    """Chunks that begin with their encodings, each of which is sound or empty."""
    sound = faults == FOUND
    encodings = np.where(sound, buffer[starts], 0).astype(np.int64)
    return Chunks(buffer, starts + sound, ends, encodings)


@kernel
def split_parts(
    data: Bytes, starts: Int64s, ends: Int64s, part_starts: Int64s, part_ends: Int64s,
    encodings: Int64s,
) -> None:  # fmt: skip
    """Where the five parts of each chunk are; of one that is not there both places are 0, and its
    encoding is DAMAGED if the chunk ends within it."""
    base = data.ctypes.data
    for k in range(len(starts)):
        place: Place = starts[k]
        for part in range(PARTS):
            part_starts[k, part] = part_ends[k, part] = encodings[k, part] = 0
            if place < 0:
                continue
            length, place = read_varint(base, place, ends[k])
            if place < 0 or (length > np.uint64(0) and length >= np.uint64(ends[k] - place)):
                encodings[k, part] = DAMAGED
                place = np.int64(-1)
                continue
            if length == np.uint64(0):
                continue
            encodings[k, part] = np.int64(load_byte(base, place))
            part_starts[k, part] = place + 1
            place = place + 1 + np.int64(length)
            part_ends[k, part] = place


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of chunks of aggregates, n of each: places and encodings, int64[n, 5]."""

    buffer: Bytes
    starts: Int64s
    ends: Int64s
    encodings: Int64s

    def of(self, number: int) -> Chunks:
        """One part of all chunks: COUNT and so on, from 0 on."""
        columns = (self.starts[:, number], self.ends[:, number], self.encodings[:, number])
        return Chunks(self.buffer, *(np.ascontiguousarray(column) for column in columns))


def parts_of(chunks: Chunks) -> Parts:
    """The parts of all chunks that have some."""
    shape = (len(chunks), PARTS)
    starts, ends, encodings = (np.empty(shape, np.int64) for _ in range(3))
    own = np.where(chunks.encodings == AGGREGATES, chunks.ends, chunks.starts)
    split_parts(chunks.buffer, chunks.starts, own, starts, ends, encodings)
    return Parts(chunks.buffer, starts, ends, encodings)


def samples_of_parts(parts: Parts, offsets: Int64s, windows: Windows) -> tuple[Samples, Int8s]:
    """The samples of n series, the chunks of which are offsets[i]:offsets[i+1] in order of time,
    and OK of each chunk or why it has none."""
    of_count, of_sum, wanted = COUNT - 1, SUM - 1, windows.part - 1
    is_native = np.isin(parts.encodings[:, of_sum], (HISTOGRAM, FLOAT_HISTOGRAM))
    # There is neither a least nor a most histogram.
    has_part = ~(is_native & (parts.ends[:, wanted] == 0))
    own = np.flatnonzero(has_part)
    counts, values = parts.of(of_count).at(own), parts.of(wanted).at(own)
    reasons = np.full(len(has_part), OK, np.int8)
    samples, reasons[own] = samples_of(counts, values, np.searchsorted(own, offsets), windows)
    return samples, reasons
