"""Series with their chunks as frames: a remote read of the type STREAMED_XOR_CHUNKS.

    frame                 length of the message (varint), its CRC-32C (4 bytes, big endian), message
    ChunkedReadResponse   chunked_series=1 ChunkedSeries, query_index=2
    ChunkedSeries         labels=1 {name=1 value=2}, chunks=2 Chunk
    Chunk                 min_time_ms=1, max_time_ms=2, type=3, data=4

A frame has one series, or a part of one: as many of its chunks as fit the size of a frame, but one
at least.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from api.answers.wire.fields import (
    LENGTH,
    VARINT,
    LabelMessages,
    copy_bytes,
    head_size,
    put_head,
    put_labels,
    put_number,
    put_varint,
    room_for,
    tag,
    varint_size,
)
from storage.chunks.encoder import EncodedSeries
from storage.kernels.arrays import Bytes, Int32s, Int64s
from storage.kernels.crc32c import crc32c
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place

SERIES, QUERY_INDEX = tag(1, LENGTH), tag(2, VARINT)
CHUNK = tag(2, LENGTH)
FIRST_MS, LAST_MS, TYPE, DATA = tag(1, VARINT), tag(2, VARINT), tag(3, VARINT), tag(4, LENGTH)
CHECKSUM_BYTES = 4
# A frame's own numbers: length, checksum, heads of two messages, query index.
FRAME_BYTES_MAX = 64
# Of an answer at once.
BLOCK_BYTES = 1 << 20
CHUNK_HEAD_BYTES_MAX = 64


@dataclass(frozen=True, slots=True)
class Frames:
    """The frames of n series: those of series i are content[offsets[i]:offsets[i+1]]."""

    offsets: Int64s
    content: Bytes


@kernel_part
def chunk_size(first_ms: Place, last_ms: Place, encoding: Place, length: Place) -> Place:
    """The content of a chunk's message."""
    numbers = varint_size(np.uint64(first_ms)) + varint_size(np.uint64(last_ms))
    return 3 + numbers + varint_size(np.uint64(encoding)) + head_size(length) + length


@kernel
def write_frames(
    content: Bytes,
    frame_offsets: Int64s,
    query: int,
    frame_bytes_max: int,
    ids: Int32s,
    label_starts: Int64s,
    labels: Bytes,
    label_sizes: Int64s,
    offsets: Int64s,
    first_ms: Int64s,
    last_ms: Int64s,
    encodings: Int64s,
    starts: Int64s,
    ends: Int64s,
    data: Bytes,
) -> None:
    """All series' frames; of a series without chunks there are none."""
    out, source = content.ctypes.data, data.ctypes.data
    at: Place = 0
    frame_offsets[0] = 0
    for row in range(len(offsets) - 1):
        first = offsets[row]
        while first < offsets[row + 1]:
            size: Place = label_sizes[row]
            end = first
            while end < offsets[row + 1]:
                length = chunk_size(
                    first_ms[end], last_ms[end], encodings[end], ends[end] - starts[end]
                )
                length += head_size(length)
                if end > first and size + length > frame_bytes_max:
                    break
                size += length
                end += 1
            message = head_size(size) + size
            if query:
                message += 1 + varint_size(np.uint64(query))
            at = put_varint(out, at, np.uint64(message))
            checksum, at = at, at + CHECKSUM_BYTES
            start = at
            at = put_head(out, at, SERIES, size)
            at = put_labels(out, at, ids, row, label_starts, labels)
            for k in range(first, end):
                length = ends[k] - starts[k]
                at = put_head(
                    out, at, CHUNK, chunk_size(first_ms[k], last_ms[k], encodings[k], length)
                )
                at = put_number(out, at, FIRST_MS, np.uint64(first_ms[k]))
                at = put_number(out, at, LAST_MS, np.uint64(last_ms[k]))
                at = put_number(out, at, TYPE, np.uint64(encodings[k]))
                at = put_head(out, at, DATA, length)
                at = copy_bytes(out, at, source, starts[k], ends[k])
            if query:
                at = put_number(out, at, QUERY_INDEX, np.uint64(query))
            put_checksum(content, checksum, crc32c(out, start, at))
            first = end
        frame_offsets[row + 1] = at


@kernel_part
def put_checksum(content: Bytes, at: Place, checksum: np.uint64) -> None:
    """Write it big endian; what follows it stays."""
    for k in range(CHECKSUM_BYTES):
        content[at + k] = np.uint8(checksum >> np.uint64(8 * (CHECKSUM_BYTES - 1 - k)))


def encode_frames(
    labels: LabelMessages, chunks: EncodedSeries, *, query: int, frame_bytes_max: int
) -> Frames:
    """The frames of all series; query: its number in the request."""
    frames = len(chunks.starts)
    lengths = chunks.ends - chunks.starts
    # At most a frame for each chunk, with all labels in each.
    owners = np.repeat(np.arange(len(labels.sizes)), np.diff(chunks.offsets))
    room = int(lengths.sum() + labels.sizes[owners].sum())
    out = room_for(room + (FRAME_BYTES_MAX + CHUNK_HEAD_BYTES_MAX) * frames)
    offsets = np.zeros(len(labels.sizes) + 1, np.int64)
    data = np.concatenate([chunks.data, np.zeros(8, np.uint8)])
    write_frames(
        out,
        offsets,
        query,
        frame_bytes_max,
        *labels.columns,
        chunks.offsets,
        chunks.first_ms,
        chunks.last_ms,
        chunks.encodings,
        chunks.starts,
        chunks.ends,
        data,
    )
    return Frames(offsets, out)


@kernel
def gather(source: Bytes, starts: Int64s, ends: Int64s, gathered: Bytes) -> Place:
    """Copy the pieces of `source`, one behind the other."""
    out, base = gathered.ctypes.data, source.ctypes.data
    at: Place = 0
    for k in range(len(starts)):
        at = copy_bytes(out, at, base, starts[k], ends[k])
    return at


def in_order(content: Bytes, offsets: Int64s, order: Int64s) -> Iterator[memoryview]:
    """The pieces offsets[i]:offsets[i+1] of `content` in this order, put together in blocks.
    Behind the last piece `content` has PADDING."""
    lengths = np.diff(offsets)[order]
    ends = np.cumsum(lengths)
    first, done = 0, 0
    while first < len(order):
        last = max(first + 1, int(np.searchsorted(ends, done + BLOCK_BYTES, "right")))
        some = order[first:last]
        out = room_for(int(ends[last - 1]) - done)
        end = gather(content, offsets[some], offsets[some + 1], out)
        yield out[:end].data
        first, done = last, int(ends[last - 1])
