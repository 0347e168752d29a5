"""Series with their chunks as messages of the StoreAPI, and messages put together to frames.

    SeriesResponse   series=1 Series, or batch=4 SeriesBatch
    SeriesBatch      series=1 Series
    Series           labels=1 {name=1 value=2}, chunks=2 AggrChunk
    AggrChunk        min_time=1, max_time=2, raw=3 Chunk, count=4, sum=5, min=6, max=7, counter=8
    Chunk            type=1 (one less than as blocks number encodings), data=2, hash=3

A series alone and one of a batch begin with the same tag. So what is written here once, a piece,
is a frame by itself, or a part of one. A series whose chunks do not fit the size of a frame has
several pieces, each with all of its labels.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from api.answers.wire.fields import (
    LENGTH,
    PADDING,
    VARINT,
    LabelMessages,
    copy_bytes,
    head_size,
    put_head,
    put_labels,
    put_number,
    room_for,
    tag,
    varint,
    varint_size,
)
from api.answers.wire.frames import gather
from api.thanos.chunks import ChunkColumns
from storage.kernels.arrays import Bytes, Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place
from storage.kernels.xxhash64 import xxhash64

SERIES, CHUNK = tag(1, LENGTH), tag(2, LENGTH)
FIRST_MS, LAST_MS = tag(1, VARINT), tag(2, VARINT)
TYPE, DATA, HASH = tag(1, VARINT), tag(2, LENGTH), tag(3, VARINT)
# The number of batch, and the most that stands before its content.
BATCH = 4
# Of a piece its tag and length; of a chunk its own and two times; of a part all but its data.
PIECE_BYTES_MAX, CHUNK_BYTES_MAX, PART_BYTES_MAX = 16, 32, 32
LENGTH_BITS = 3


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of n series: those of series i are offsets[i]:offsets[i+1], and piece k is
    content[bounds[k]:bounds[k+1]]."""

    offsets: Int64s
    bounds: Int64s
    content: Bytes


@kernel_part
def part_size(encoding: Place, length: Place, digest: np.uint64) -> Place:
    """The content of a part's message."""
    size = head_size(length) + length + 1 + varint_size(digest)
    return size + 2 if encoding > 1 else size


@kernel
def size_chunks(
    firsts: Int64s, first_ms: Int64s, last_ms: Int64s, encodings: Int64s,
    starts: Int64s, ends: Int64s, data: Bytes, digests: UInt64s, sizes: Int64s,
) -> None:  # fmt: skip
    """Write the hash of each part, and the size of each chunk's content."""
    source = data.ctypes.data
    for k in range(len(sizes)):
        size = 2 + varint_size(np.uint64(first_ms[k])) + varint_size(np.uint64(last_ms[k]))
        for p in range(firsts[k], firsts[k + 1]):
            digests[p] = xxhash64(source, starts[p], ends[p])
            length = part_size(encodings[p], ends[p] - starts[p], digests[p])
            size += head_size(length) + length
        sizes[k] = size


@kernel
def write_pieces(
    content: Bytes, bounds: Int64s, piece_offsets: Int64s, bytes_max: int,
    ids: Int32s, label_starts: Int64s, labels: Bytes, label_sizes: Int64s,
    offsets: Int64s, first_ms: Int64s, last_ms: Int64s, firsts: Int64s, fields: Int64s,
    encodings: Int64s, starts: Int64s, ends: Int64s, data: Bytes,
    digests: UInt64s, sizes: Int64s,
) -> None:  # fmt: skip
    """Write the pieces of all series; of one without chunks there are none."""
    out, source = content.ctypes.data, data.ctypes.data
    at: Place = 0
    count = 0
    bounds[0] = piece_offsets[0] = 0
    for row in range(len(offsets) - 1):
        first = offsets[row]
        while first < offsets[row + 1]:
            size: Place = label_sizes[row]
            end = first
            while end < offsets[row + 1]:
                length = head_size(sizes[end]) + sizes[end]
                if end > first and size + length > bytes_max:
                    break
                size += length
                end += 1
            at = put_head(out, at, SERIES, size)
            at = put_labels(out, at, ids, row, label_starts, labels)
            for k in range(first, end):
                at = put_head(out, at, CHUNK, sizes[k])
                at = put_number(out, at, FIRST_MS, np.uint64(first_ms[k]))
                at = put_number(out, at, LAST_MS, np.uint64(last_ms[k]))
                for p in range(firsts[k], firsts[k + 1]):
                    length = ends[p] - starts[p]
                    field = np.uint64(fields[p] << LENGTH_BITS | LENGTH)
                    at = put_head(out, at, field, part_size(encodings[p], length, digests[p]))
                    if encodings[p] > 1:
                        at = put_number(out, at, TYPE, np.uint64(encodings[p] - 1))
                    at = put_head(out, at, DATA, length)
                    at = copy_bytes(out, at, source, starts[p], ends[p])
                    at = put_number(out, at, HASH, digests[p])
            first = end
            count += 1
            bounds[count] = at
        piece_offsets[row + 1] = count


def encode_pieces(labels: LabelMessages, chunks: ChunkColumns, *, bytes_max: int) -> Pieces:
    """The pieces of all series, each of up to bytes_max, or with one chunk that is larger."""
    count = len(chunks.first_ms)
    data = np.concatenate([chunks.data, np.zeros(PADDING, np.uint8)])
    digests, sizes = np.empty(len(chunks.fields), np.uint64), np.empty(count, np.int64)
    parts = (chunks.encodings, chunks.starts, chunks.ends, data)
    size_chunks(chunks.firsts, chunks.first_ms, chunks.last_ms, *parts, digests, sizes)
    # At most a piece for each chunk, with all labels in each.
    owners = np.repeat(np.arange(len(labels.sizes)), np.diff(chunks.offsets))
    room = int(sizes.sum() + labels.sizes[owners].sum())
    room += count * (PIECE_BYTES_MAX + CHUNK_BYTES_MAX) + len(digests) * PART_BYTES_MAX
    content = room_for(room)
    bounds, offsets = np.zeros(count + 1, np.int64), np.zeros(len(labels.sizes) + 1, np.int64)
    write_pieces(
        content, bounds, offsets, bytes_max, *labels.columns,
        chunks.offsets, chunks.first_ms, chunks.last_ms, chunks.firsts, chunks.fields, *parts,
        digests, sizes,
    )  # fmt: skip
    bounds = bounds[: offsets[-1] + 1]
    return Pieces(offsets, bounds, content[: bounds[-1]])


@kernel
def write_label_pieces(
    content: Bytes, bounds: Int64s, ids: Int32s, starts: Int64s, labels: Bytes, sizes: Int64s
) -> None:
    """Write a piece without chunks for each series."""
    out = content.ctypes.data
    at: Place = 0
    bounds[0] = 0
    for row in range(len(sizes)):
        at = put_head(out, at, SERIES, sizes[row])
        at = put_labels(out, at, ids, row, starts, labels)
        bounds[row + 1] = at


def encode_label_pieces(labels: LabelMessages) -> Pieces:
    """A piece without chunks for each series."""
    count = len(labels.sizes)
    content = room_for(int(labels.sizes.sum()) + count * PIECE_BYTES_MAX)
    bounds = np.empty(count + 1, np.int64)
    write_label_pieces(content, bounds, *labels.columns)
    return Pieces(np.arange(count + 1, dtype=np.int64), bounds, content)


@kernel
def cut_batches(lengths: Int64s, batch: int, bytes_max: int, ends: Int64s) -> int:
    """Write where each batch of pieces ends; how many batches there are."""
    count = 0
    size: Place = 0
    first = 0
    for k in range(len(lengths)):
        if k > first and (k - first >= batch or size + lengths[k] > bytes_max):
            ends[count] = k
            count += 1
            first, size = k, 0
        size += lengths[k]
    if len(lengths) > first:
        ends[count] = len(lengths)
        count += 1
    return count


def frames_of(
    content: Bytes, starts: Int64s, ends: Int64s, *, batch: int, bytes_max: int
) -> Iterator[bytes]:
    """The pieces starts[k]:ends[k] of `content`, in this order, as frames of up to `batch` series
    and bytes_max, or with one that is larger. Behind the last piece `content` has PADDING."""
    stops = np.empty(len(starts), np.int64)
    count = cut_batches(ends - starts, max(1, batch), bytes_max, stops)
    first = 0
    for stop in stops[:count].tolist():
        size = int((ends[first:stop] - starts[first:stop]).sum())
        head = batch_head(size) if batch > 1 else b""
        out = room_for(len(head) + size)
        out[: len(head)] = np.frombuffer(head, np.uint8)
        gather(content, starts[first:stop], ends[first:stop], out[len(head) :])
        yield out[: len(head) + size].tobytes()
        first = stop


def batch_head(size: int) -> bytes:
    """What stands before the series of a batch."""
    return varint(BATCH << LENGTH_BITS | LENGTH) + varint(size)
