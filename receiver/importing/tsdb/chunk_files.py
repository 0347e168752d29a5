"""The chunk files of a block: from refs to chunks, each with its checksum compared.

file    magic (4 bytes), version 1 (1 byte), padding (3 bytes), chunks
chunk   length (varint), encoding (1 byte), data, checksum of encoding and data (4 bytes)

A ref is the number of the file in its upper 32 bits, the place in it in the lower ones.
"""

from collections.abc import Callable

import numpy as np

from receiver.importing.errors import BlockError
from receiver.importing.tsdb.files import CHUNKS, BlockFiles, mapped, u32
from storage.chunks.bits import SPARE_BYTES
from storage.chunks.chunks import Chunks
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Bytes, Int8s, Int64s, frozen
from storage.kernels.crc32c import crc32c
from storage.kernels.jit import kernel
from storage.kernels.protobuf import read_varint
from storage.kernels.words import load_byte, store_byte

MAGIC, VERSION, HEADER_BYTES = 0x85BD40DD, 1, 8
FOUND, OUTSIDE, WRONG_CHECKSUM = range(3)
FAULTS = ("found", "outside of the chunk files", "whose checksum is wrong")


@kernel
def find_chunks(data: Bytes, places: Int64s, starts: Int64s, ends: Int64s, faults: Int8s) -> None:
    """Find where the data of the chunks at `places` is, and compare checksums."""
    base, size = data.ctypes.data, len(data)
    for k in range(len(places)):
        starts[k] = ends[k] = 0
        faults[k] = OUTSIDE
        if places[k] < HEADER_BYTES or places[k] >= size:
            continue
        length, first = read_varint(base, places[k], size)
        if first < 0 or size - first < 5 or length > np.uint64(size - first - 5):
            continue
        end = first + 1 + np.int64(length)
        wanted = np.uint64(0)
        for j in range(4):
            wanted = wanted << np.uint64(8) | load_byte(base, end + j)
        if crc32c(base, first, end) != wanted:
            faults[k] = WRONG_CHECKSUM
            continue
        starts[k], ends[k], faults[k] = first, end, FOUND


@kernel
def copy_chunks(
    data: Bytes,
    starts: Int64s,
    ends: Int64s,
    out: Bytes,
    places: Int64s,
    encodings: Int64s,
) -> None:
    """Copy each starts[i]:ends[i], its first byte to the encodings and the others to `places`."""
    base, target = data.ctypes.data, out.ctypes.data
    for k in range(len(starts)):
        if ends[k] > starts[k]:
            encodings[k] = np.int64(load_byte(base, starts[k]))
            for j in range(ends[k] - starts[k] - 1):
                store_byte(target, places[k] + j, load_byte(base, starts[k] + 1 + j))


class ChunkFiles:
    """The chunk files of a block, opened when they are first needed. One that is missing or damaged
    costs the chunks in it."""

    def __init__(self, files: BlockFiles, report_fault: Callable[[str], None]) -> None:
        """report_fault: is given a sentence about each file that cannot be read."""
        self._files = files
        self._report_fault = report_fault
        # By number, the one that was opened first before the others.
        self._open: dict[int, Bytes] = {}
        names = (name.removeprefix(f"{CHUNKS}/") for name in files.names())
        self._count = max([int(name) for name in names if name.isdigit()], default=0)

    def read(self, refs: Int64s) -> tuple[Chunks, Int8s]:
        """The chunks of refs, and FOUND or why one could not be read; that one is empty."""
        starts, ends = np.zeros(len(refs), np.int64), np.zeros(len(refs), np.int64)
        faults = np.full(len(refs), OUTSIDE, np.int8)
        numbers, places = refs >> 32, refs & 0xFFFFFFFF
        groups = [(n, np.flatnonzero(numbers == n)) for n in np.unique(numbers).tolist()]
        groups = [(n, own) for n, own in groups if 0 <= n < self._count]
        for number, own in groups:
            first, end, fault = starts[own], ends[own], faults[own]
            find_chunks(self._opened(number), places[own], first, end, fault)
            starts[own], ends[own], faults[own] = first, end, fault
        offsets = offsets_of(np.maximum(0, ends - starts - 1))
        out = np.zeros(offsets[-1] + SPARE_BYTES, np.uint8)
        encodings = np.zeros(len(refs), np.int64)
        for number, own in groups:
            kinds = encodings[own]
            copy_chunks(self._opened(number), starts[own], ends[own], out, offsets[own], kinds)
            encodings[own] = kinds
        self._close_first()
        return Chunks(out, offsets[:-1], offsets[1:], encodings), faults

    def _opened(self, number: int) -> Bytes:
        """The file of a number, counted from 0, or nothing if it cannot be read."""
        if number not in self._open:
            self._open[number] = self._read(file_name(number))
        return self._open[number]

    def _read(self, name: str) -> Bytes:
        try:
            path = self._files.fetch(name)
            data = mapped(path)
            if len(data) < HEADER_BYTES or u32(data, 0) != MAGIC or data[4] != VERSION:
                raise BlockError(f"{path} is no chunk file of version {VERSION}")
        except BlockError as error:
            self._report_fault(str(error))
            return frozen(np.zeros(0, np.uint8))
        return data

    def _close_first(self) -> None:
        """Series lie in the order of their chunks: what was opened first is not needed again."""
        for number in list(self._open)[: -self._files.chunk_files_max]:
            del self._open[number]
            self._files.release(file_name(number))


def file_name(number: int) -> str:
    return f"{CHUNKS}/{number + 1:06d}"
