"""Compiling the kernels that only imports and exports call, so that the first one finds them.

A server has no use for them: it does not load them when it starts.
"""

import numpy as np

from receiver.importing.text.scan import Scanner
from receiver.importing.tsdb.chunk_files import copy_chunks, find_chunks
from receiver.importing.tsdb.entries import measure_entries, read_entries, read_symbols
from receiver.wire.v1.writer import RequestColumns, requests_of
from storage.chunks.chunks import FLOAT_HISTOGRAM, HISTOGRAM, XOR, Chunks, chunks_of
from storage.chunks.series import decode_series
from storage.histograms.histograms import take
from storage.kernels.arrays import frozen
from storage.kernels.crc32c import checksums

# A float with an exemplar, its time in seconds.
TEXT = b'm{a="b"} 1 1 # {c="d"} 1 1\n'
# The sample 0 at 0 ms, of a series each: as a value, and as a histogram of zeros without buckets.
FLOAT = bytes([0, 1]) + bytes(9)
NATIVE = bytes([0, 1]) + bytes(32)


def warm_text() -> None:
    """Read text, and write it as a request. Blocks."""
    found = Scanner(in_seconds=True).scan(TEXT, 1)
    write(found.columns)


def warm_chunks() -> None:
    """Decode chunks of all encodings, and write a histogram as a request. Blocks."""
    chunks: Chunks = chunks_of([FLOAT, NATIVE, NATIVE], [XOR, HISTOGRAM, FLOAT_HISTOGRAM])
    samples = decode_series(chunks, np.arange(4)).samples
    assert samples.natives is not None, "BUG: the examples hold no histograms"
    take(samples.natives.histograms, samples.natives.rows[samples.natives.mask])
    write(RequestColumns(np.zeros(0, np.uint8), np.zeros(4, np.int64), samples))


def warm_blocks() -> None:
    """Call what reads the files of a block, of which there is nothing. Blocks."""
    data = frozen(np.zeros(1, np.uint8))
    none, faults, text = np.zeros(0, np.int64), np.zeros(0, np.int8), np.zeros(0, np.uint8)
    offsets = np.zeros(1, np.int64)
    checksums(data, none, none)
    read_symbols(data, 0, 0, none, none)
    measure_entries(data, none, none, none, none, none, faults)
    read_entries(
        data, none, none, none, none, frozen(text),
        offsets, offsets, text, np.zeros((0, 3), np.int64), faults,
    )  # fmt: skip
    find_chunks(data, none, none, none, faults)
    copy_chunks(data, none, none, text, none, none)


def write(columns: RequestColumns) -> None:
    for _ in requests_of(columns, bytes_max=1 << 10, samples_max=1 << 10):
        pass


# All kernels of imports and exports that are not those of storage. Each does without the others.
STEPS = (warm_text, warm_chunks, warm_blocks)
