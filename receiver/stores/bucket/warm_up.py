"""Calling the kernels that read blocks in place, so that no query has to wait for them.

A server without such a bucket has no use for them: it does not load them when it starts.
"""

import numpy as np

from receiver.importing.tsdb.chunk_files import find_chunks
from receiver.importing.tsdb.entries import read_symbols
from receiver.stores.bucket.chunks import PARTS, Parts, samples_of_parts, split_parts
from receiver.stores.bucket.encoded import gather_bytes
from receiver.stores.bucket.header import TABLE_COLUMNS, read_table
from receiver.stores.bucket.postings import read_lists
from receiver.stores.bucket.series import count_entries, fill_entries, measure_sizes
from receiver.stores.windows import Windows
from storage.chunks.chunks import FLOAT_HISTOGRAM, HISTOGRAM, XOR, chunks_of
from storage.chunks.series import decode_series
from storage.kernels.arrays import frozen
from storage.kernels.crc32c import checksums
from storage.labels.frames import Symbols, one_row
from storage.read.joined.fetched import FetchedSeries
from storage.read.joined.series import join
from storage.samples.hint import Purpose
from storage.samples.merge import between
from storage.series.symbols import SymbolTable

# The sample 0 at 0 ms: as a value, and as a histogram of zeros without buckets.
FLOAT = bytes([0, 1]) + bytes(9)
NATIVE = bytes([0, 1]) + bytes(32)


def warm_bucket() -> None:
    """Call what reads blocks in place: indexes of which there is nothing, and chunks. Blocks."""
    warm_index()
    natives = chunks_of([FLOAT, NATIVE, NATIVE], [XOR, HISTOGRAM, FLOAT_HISTOGRAM])
    decode_series(natives, np.arange(4))
    chunks = chunks_of([FLOAT] * PARTS, [XOR] * PARTS)
    columns = (chunks.starts, chunks.ends, chunks.encodings)
    parts = Parts(chunks.buffer, *(column.reshape(1, PARTS) for column in columns))
    symbols = Symbols(SymbolTable(1 << 16))
    for purpose in (Purpose.RISES, Purpose.VALUES):
        samples, _ = samples_of_parts(parts, np.array([0, 1]), Windows.of(purpose, 1))
        own = FetchedSeries(one_row(symbols), between(samples, 0, 1), (0, 1))
        join(symbols, [own, own]).open(np.arange(1), (0, 1)).read(0, 1)


def warm_index() -> None:
    data = frozen(np.zeros(64, np.uint8))
    none, faults, one = np.zeros(0, np.int64), np.zeros(0, np.int8), np.zeros(1, np.int64)
    checksums(data, none, none)
    read_symbols(data, 0, 0, none, none)
    read_table(data, 0, 0, np.zeros((0, len(TABLE_COLUMNS)), np.int64))
    read_lists(data, none, none, none, none, none)
    measure_sizes(data, none, 0, none)
    count_entries(data, none, 0, none, none, faults)
    pairs, chunks = np.zeros((0, 2), np.int32), np.zeros((0, 3), np.int64)
    fill_entries(data, none, one, one, pairs, chunks, faults)
    find_chunks(data, none, none, none, faults)
    places = np.zeros((0, PARTS), np.int64)
    split_parts(data, none, none, places, places, places)
    gather_bytes(data, none, one, np.zeros(0, np.uint8))
    SymbolTable(1 << 16).intern(data, none, none)
