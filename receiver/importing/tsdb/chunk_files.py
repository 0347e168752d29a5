"""The chunk files of a block: from refs to chunks, each with its checksum compared.

file    magic (4 bytes), version 1 (1 byte), padding (3 bytes), chunks
chunk   length (varint), encoding (1 byte), data, checksum of encoding and data (4 bytes)

A ref is the number of the file in its upper 32 bits, the place in it in the lower ones.
"""

from pathlib import Path

import numpy as np

from receiver.importing.errors import BlockError
from receiver.importing.tsdb.files import mapped, u32
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
    """The chunk files of a block. One that is missing or damaged costs the chunks in it."""

    def __init__(self, directory: Path) -> None:
        self._files: list[Bytes] = []
        self.faults: list[str] = []
        count = max([int(p.name) for p in directory.glob("[0-9]*") if p.name.isdigit()], default=0)
        for number in range(1, count + 1):
            self._files.append(self._open(directory / f"{number:06d}"))

    def _open(self, path: Path) -> Bytes:
        try:
            data = mapped(path)
            if len(data) < HEADER_BYTES or u32(data, 0) != MAGIC or data[4] != VERSION:
                raise BlockError(f"{path} is no chunk file of version {VERSION}")
        except BlockError as error:
            self.faults.append(str(error))
            return frozen(np.zeros(0, np.uint8))
        return data

    def read(self, refs: Int64s) -> tuple[Chunks, Int8s]:
        """The chunks of refs, and FOUND or why one could not be read; that one is empty."""
        starts, ends = np.zeros(len(refs), np.int64), np.zeros(len(refs), np.int64)
        faults = np.full(len(refs), OUTSIDE, np.int8)
        numbers, places = refs >> 32, refs & 0xFFFFFFFF
        groups = [(n, np.flatnonzero(numbers == n)) for n in np.unique(numbers).tolist()]
        groups = [(n, own) for n, own in groups if 0 <= n < len(self._files)]
        for number, own in groups:
            first, end, fault = starts[own], ends[own], faults[own]
            find_chunks(self._files[number], places[own], first, end, fault)
            starts[own], ends[own], faults[own] = first, end, fault
        offsets = offsets_of(np.maximum(0, ends - starts - 1))
        out = np.zeros(offsets[-1] + SPARE_BYTES, np.uint8)
        encodings = np.zeros(len(refs), np.int64)
        for number, own in groups:
            kinds = encodings[own]
            copy_chunks(self._files[number], starts[own], ends[own], out, offsets[own], kinds)
            encodings[own] = kinds
        return Chunks(out, offsets[:-1], offsets[1:], encodings), faults
