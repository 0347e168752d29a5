"""Pages in zstd, uncompressed for kernels, which do it for themselves where pages are in LZ4.

A chunk is put together anew: the header of each page as it was, behind it the page uncompressed,
and as many bytes more as it took in the file, if it took more.

Invariant: a chunk that is damaged stays as it is, and is nothing that kernels can decode.
"""

import numpy as np
import pyarrow as pa

from storage.kernels.arrays import Bytes, Int64s, frozen
from storage.kernels.thrift import DAMAGED
from storage.segments.damage import UNREADABLE
from storage.segments.encoding.pages import EXPANDED, LZ4, ZSTD, read_page_header

# The compressions of pages that Arrow uncompresses, by their numbers in Parquet.
CODECS = {ZSTD: pa.Codec("zstd"), LZ4: pa.Codec("lz4_raw")}


def expanded(data: Bytes, chunks: Int64s) -> tuple[Bytes, Int64s]:
    """The bytes of row groups, and where their chunks lie in these, all of zstd expanded.

    chunks: [group, 6]: where in data times and integers begin and end, and their compressions.
    """
    whole, found = data.data, chunks.copy()
    parts: list[bytes | memoryview] = []
    size = 0
    placed: dict[bytes, tuple[int, int, int]] = {}  # times that several row groups share
    for group, column in np.ndindex(len(chunks), 2):
        begin, end = chunks[group, 2 * column : 2 * column + 2].tolist()
        stored, codec = whole[begin:end], int(chunks[group, 4 + column])
        key = bytes(stored)
        if key not in placed:
            pieces = pages_of(stored) if codec == ZSTD else None
            own: list[bytes | memoryview] = [stored] if pieces is None else pieces
            length = sum(map(len, own))
            placed[key] = size, size + length, codec if pieces is None else EXPANDED
            parts += own
            size += length
        first, behind, codec = placed[key]
        found[group, 2 * column], found[group, 2 * column + 1] = first, behind
        found[group, 4 + column] = codec
    return frozen(np.frombuffer(b"".join(parts), np.uint8)), found


def pages_of(stored: memoryview) -> list[bytes | memoryview] | None:
    """The pages of a chunk in zstd with their headers, uncompressed; None if it is damaged."""
    content, header = frozen(np.frombuffer(stored, np.uint8)), np.empty(5, np.int64)
    at, found = 0, list[bytes | memoryview]()
    while at < len(stored):
        body = read_page_header(content, at, len(stored), header)
        if body == DAMAGED:
            return None
        plain_bytes, stored_bytes = int(header[0]), int(header[1])
        try:
            page = CODECS[ZSTD].decompress(stored[body : body + stored_bytes], plain_bytes)
        except UNREADABLE:
            return None
        found += [stored[at:body], memoryview(page), bytes(max(0, stored_bytes - plain_bytes))]
        at = body + stored_bytes
    return found
