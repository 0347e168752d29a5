"""Pages in zstd, uncompressed for kernels, which do it for themselves where pages are in LZ4.

A chunk is put together anew: the header of each page as it was, behind it the page uncompressed,
and as many bytes more as it took in the file, if it took more.

Invariant: a chunk that is damaged stays as it is, and is nothing that kernels can decode.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import zstandard

from storage.kernels.arrays import Bytes, Int64s, frozen
from storage.kernels.jit import kernel
from storage.kernels.thrift import DAMAGED
from storage.segments.damage import UNREADABLE
from storage.segments.encoding.pages import EXPANDED, LZ4, ZSTD, read_page_header, same_bytes

# So many chunks of times before are looked at for the same bytes.
TIMES_BEFORE = 4
# Of list_pages(): the chunk, where header and page begin, the page's bytes as stored and as plain.
PAGE_FIELDS = 5


class _Here(threading.local):
    """A context of zstd for each thread: making one takes as long as to uncompress a small page."""

    def __init__(self) -> None:
        self.zstd = zstandard.ZstdDecompressor()


_here = _Here()
_lz4 = pa.Codec("lz4_raw")


def zstd_page(stored: Bytes, plain_bytes: int) -> memoryview:
    frame = stored.data
    size = zstandard.frame_content_size(frame)  # -1 if it does not say so
    if size in (-1, plain_bytes):
        page = memoryview(_here.zstd.decompress(frame, max_output_size=plain_bytes))
        if len(page) == plain_bytes:
            return page
    raise ValueError(f"a page is not of {plain_bytes} bytes, as its header says")


def lz4_page(stored: Bytes, plain_bytes: int) -> memoryview:
    return memoryview(_lz4.decompress(pa.py_buffer(stored), plain_bytes))


# What uncompresses pages, by the number of the compression in Parquet. Raises NOT_WHOLE.
CODECS: dict[int, Callable[[Bytes, int], memoryview]] = {ZSTD: zstd_page, LZ4: lz4_page}
NOT_WHOLE = (*UNREADABLE, zstandard.ZstdError, MemoryError)


def expanded(data: Bytes, chunks: Int64s) -> tuple[Bytes, Int64s]:
    """The bytes of row groups, and where their chunks lie in these, all of zstd expanded.

    chunks: [group, 6]: where in data times and integers begin and end, and their compressions.
    """
    content, found = data.data, chunks.copy()
    sources, pages = same_times(data, chunks), list_pages(data, chunks)
    ends = np.searchsorted(pages[:, 0], np.arange(2 * len(chunks) + 1)).tolist()
    listed = pages.tolist()
    parts: list[memoryview | bytes] = []
    size = 0
    for group, column in np.ndindex(len(chunks), 2):
        source, number = int(sources[group]), 2 * group + column
        if column == 0 and source != group:
            found[group, [0, 1, 4]] = found[source, [0, 1, 4]]
            continue
        begin, end = chunks[group, 2 * column : 2 * column + 2].tolist()
        of_chunk = listed[ends[number] : ends[number + 1]]
        plain = plain_pages(data, of_chunk) if of_chunk else None
        own = [content[begin:end]] if plain is None else plain
        length = sum(map(len, own))
        found[group, 2 * column : 2 * column + 2] = size, size + length
        if plain is not None:
            found[group, 4 + column] = EXPANDED
        parts += own
        size += length
    return frozen(np.frombuffer(b"".join(parts), np.uint8)), found


def plain_pages(data: Bytes, pages: list[list[int]]) -> list[memoryview | bytes] | None:
    """The pages of a chunk with their headers, uncompressed; None if one is damaged."""
    found: list[memoryview | bytes] = []
    for _, header, body, stored_bytes, plain_bytes in pages:
        try:
            page = zstd_page(data[body : body + stored_bytes], plain_bytes)
        except NOT_WHOLE:
            return None
        found += [data[header:body].data, page]
        if stored_bytes > plain_bytes:
            found.append(bytes(stored_bytes - plain_bytes))
    return found


@kernel
def same_times(data: Bytes, chunks: Int64s) -> Int64s:
    """Of each row group the first one, of those shortly before it, whose times are the same bytes;
    else itself."""
    sources = np.arange(len(chunks))
    seen = np.empty(TIMES_BEFORE, np.int64)
    count: Any = 0
    for group in range(len(chunks)):
        for k in range(min(count, TIMES_BEFORE)):
            if same_bytes(data, chunks[seen[k]], chunks[group]):
                sources[group] = seen[k]
                break
        if sources[group] == group:
            seen[count % TIMES_BEFORE] = group
            count += 1
    return sources


@kernel
def list_pages(data: Bytes, chunks: Int64s) -> Int64s:
    """[page, PAGE_FIELDS]: the pages of all chunks in zstd, in their order. Chunk 2 * g + c is
    column c of group g. A chunk of which a header is damaged has none."""
    pages = np.empty((4 * len(chunks), PAGE_FIELDS), np.int64)
    header = np.empty(5, np.int64)
    count: Any = 0
    for number in range(2 * len(chunks)):
        group, column = number // 2, number % 2
        at, end = chunks[group, 2 * column], chunks[group, 2 * column + 1]
        first = count
        while at < end and chunks[group, 4 + column] == ZSTD:
            body = read_page_header(data, at, end, header)
            if body == DAMAGED:
                count = first
                break
            if count == len(pages):
                pages = np.concatenate((pages, np.empty_like(pages)))
            pages[count, 0], pages[count, 1], pages[count, 2] = number, at, body
            pages[count, 3], pages[count, 4] = header[1], header[0]
            at = body + header[1]
            count += 1
    return pages[:count]
