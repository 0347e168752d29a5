"""The checksum CRC-32C (Castagnoli), as a part of kernels: eight bytes at a time, by tables."""

import numpy as np

from storage.kernels.arrays import Bytes, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place, load_byte, load_word

POLYNOMIAL = 0x82F63B78  # its bits in turned order
ALL_BITS = np.uint64(0xFFFFFFFF)
LOW = np.uint64(0xFF)


def _make_tables() -> UInt64s:
    """tables[k, b]: what a byte b that k more bytes follow adds to the checksum."""
    tables = np.zeros((8, 256), np.uint64)
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
        tables[0, byte] = crc
    for k in range(1, 8):
        before = tables[k - 1]
        tables[k] = before >> np.uint64(8) ^ tables[0, (before & LOW).astype(np.int64)]
    return tables


TABLES = _make_tables()


@kernel_part
def crc32c(base: Place, start: Place, end: Place) -> np.uint64:
    """The checksum of the bytes start:end."""
    crc = ALL_BITS
    place = start
    while place + 8 <= end:
        word = load_word(base, place) ^ crc
        crc = np.uint64(0)
        for k in range(8):
            crc ^= TABLES[7 - k, np.int64(word & LOW)]
            word >>= np.uint64(8)
        place += 8
    while place < end:
        crc = crc >> np.uint64(8) ^ TABLES[0, np.int64((crc ^ load_byte(base, place)) & LOW)]
        place += 1
    return crc ^ ALL_BITS


@kernel
def checksums(buffer: Bytes, starts: Int64s, ends: Int64s) -> Int64s:
    """The checksum of each buffer[starts[i]:ends[i]], which lie inside of it."""
    base = buffer.ctypes.data
    out = np.empty(len(starts), np.int64)
    for k in range(len(starts)):
        out[k] = np.int64(crc32c(base, starts[k], ends[k]))
    return out
