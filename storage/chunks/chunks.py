"""Chunks as columns: where the data of each is, how it is encoded, and why it could not be read."""

from dataclasses import dataclass

import numpy as np

from storage.chunks.bits import SPARE_BYTES
from storage.kernels.arrays import Bytes, Int8s, Int64s

# Encodings, as blocks and remote read number them.
XOR, HISTOGRAM, FLOAT_HISTOGRAM = 1, 2, 3
# The chunk of a downsampled block of Thanos, which holds chunks of aggregates.
AGGREGATES = 0xFF
COUNT_BYTES = 2

# Why a chunk has no samples.
OK, TRUNCATED, ENCODING, TIME_ORDER, LAYOUT, SPARE = range(6)
FAULTS = (
    "sound",
    "its data ends within a sample",
    "its encoding is none of XOR, histogram and float histogram",
    "the time goes back from one sample to the next",
    "its bucket layout is not one that a histogram can have",
    "it ends less than a word before the end of its buffer",
)


@dataclass(frozen=True, slots=True)
class Chunks:
    """n chunks: the data of chunk i is buffer[starts[i]:ends[i]], without length, encoding and
    checksum. Behind the last one the buffer has SPARE_BYTES more."""

    buffer: Bytes
    starts: Int64s
    ends: Int64s
    encodings: Int64s

    def __len__(self) -> int:
        return len(self.starts)

    def at(self, places: Int64s) -> "Chunks":
        """Some of them, in this order."""
        return Chunks(self.buffer, self.starts[places], self.ends[places], self.encodings[places])


def chunks_of(data: list[bytes], encodings: list[int]) -> Chunks:
    """Chunks of these data."""
    ends = np.cumsum([len(each) for each in data], dtype=np.int64)
    buffer = np.frombuffer(b"".join(data) + bytes(SPARE_BYTES), np.uint8)
    starts = ends - np.array([len(each) for each in data], np.int64)
    return Chunks(buffer, starts, ends, np.array(encodings, np.int64))


def sample_counts(chunks: Chunks, bits_each: int) -> tuple[Int64s, Int8s]:
    """(samples of each chunk, reasons): by their first two bytes, and 0 where a reason is.

    bits_each: what a sample takes at least, so that no memory is made for more than there can be.
    """
    reasons = np.full(len(chunks), OK, np.int8)
    sizes = chunks.ends - chunks.starts
    inside = (chunks.starts >= 0) & (chunks.ends + SPARE_BYTES <= len(chunks.buffer))
    reasons[sizes < COUNT_BYTES] = TRUNCATED
    reasons[~inside] = SPARE
    counts = np.zeros(len(chunks), np.int64)
    sound = reasons == OK
    firsts = chunks.starts[sound]
    high, low = chunks.buffer[firsts].astype(np.int64), chunks.buffer[firsts + 1]
    counts[sound] = high << 8 | low
    short = sound & (counts * bits_each > (sizes - COUNT_BYTES) * 8)
    reasons[short] = TRUNCATED
    counts[reasons != OK] = 0
    return counts, reasons
