"""The scanner of frames of series: from the bytes of messages to where labels and chunks are.

    SeriesResponse  series = 1, warning = 2, hints = 3, batch = 4 {series = 1}
    Series          labels = 1 {name = 1, value = 2}, chunks = 2
    AggrChunk       min_time = 1, max_time = 2, raw = 3, count = 4, sum, min, max, counter = 8
    Chunk           type = 1, data = 2, hash = 3

A chunk is one row for each of its fields that are there. Encodings are one less than elsewhere.
The frames of remote read are like them, but for their chunks:

    ChunkedReadResponse  chunked_series = 1, query_index = 2
    ChunkedSeries        labels = 1, chunks = 2
    Chunk                min_time_ms = 1, max_time_ms = 2, type = 3, data = 4
"""

from dataclasses import dataclass

import numpy as np

from storage.kernels.arrays import Bytes, Int64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.protobuf import (
    LENGTH,
    is_mistyped,
    read_field,
    tag_of,
)
from storage.kernels.words import Place, store_word
from storage.labels.wire import read_label

# Of an answer, and of a batch.
SERIES, WARNING, BATCH = tag_of(1, LENGTH), tag_of(2, LENGTH), tag_of(4, LENGTH)
# Of a series.
LABEL, CHUNK = tag_of(1, LENGTH), tag_of(2, LENGTH)
# Of a chunk with aggregates.
MIN_TIME, MAX_TIME, RAW, COUNTER_END = tag_of(1), tag_of(2), tag_of(3, LENGTH), tag_of(9)
# Of a chunk, and of one of remote read.
TYPE, DATA = tag_of(1), tag_of(2, LENGTH)
READ_TYPE, READ_DATA = tag_of(3), tag_of(4, LENGTH)

# Kinds of chunks, as numbers of their fields from RAW on.
AGGREGATES = ("raw", "count", "sum", "min", "max", "counter")
LABEL_WORDS, PIECE_WORDS, WARNING_WORDS = 4, 7, 2
# Columns of pieces.
OWNER, KIND, FIRST_MS, LAST_MS, ENCODING, START, END = range(PIECE_WORDS)
FIRST_ROOM = 64


@dataclass(frozen=True, slots=True)
class Scanned:
    """What frames have. label_offsets: of each series, its rows of labels: (start, length) of the
    name and of the value. pieces: rows of chunks, as the columns above say. warnings: (start, end).
    """

    label_offsets: Int64s
    labels: Int64s
    pieces: Int64s
    warnings: Int64s


class FrameError(ValueError):
    """A frame is no message of series."""


def scan(buffer: Bytes, ends: Int64s, *, of_read: bool = False) -> Scanned:
    """What frames have that lie one after the other; ends: where each ends; of_read: they are those
    of remote read. Raises FrameError."""
    room = np.full(4, FIRST_ROOM)
    while True:
        series = np.zeros(room[0] + 1, np.int64)
        labels = np.empty((room[1], LABEL_WORDS), np.int64)
        pieces = np.empty((room[2], PIECE_WORDS), np.int64)
        warnings = np.empty((room[3], WARNING_WORDS), np.int64)
        counts = np.zeros(4, np.int64)
        error = scan_frames(buffer, ends, of_read, room, series, labels, pieces, warnings, counts)
        if error:
            raise FrameError(f"a frame is damaged at byte {error - 1} of {len(buffer)}")
        if (counts <= room).all():
            return Scanned(
                series[: counts[0] + 1], labels[: counts[1]], pieces[: counts[2]],
                warnings[: counts[3]],
            )  # fmt: skip
        room = np.maximum(counts, room)


@kernel_part
def store_row(base: Place, row: Place, words: Place, word: Place, value: Place) -> None:
    store_word(base, 8 * (row * words + word), np.uint64(value))


@kernel_part
def scan_chunk(base: Place, start: Place, end: Place) -> tuple[Place, Place, Place]:
    """(encoding, start of the data, end of the data) of a chunk; the last one is minus the place of
    an error."""
    encoding = data = np.int64(0)
    data_end = np.int64(0)
    place: Place = start
    while place < end:
        tag, word, first, after = read_field(base, place, end)
        if after < 0:
            return encoding, data, -place
        if tag == TYPE:
            encoding = np.int64(word & np.uint64(0xFFFF))
        elif tag == DATA:
            data, data_end = np.int64(first), np.int64(after)
        elif is_mistyped(tag, TYPE) or is_mistyped(tag, DATA):
            return encoding, data, -place
        place = after
    return encoding, data, data_end


@kernel_part
def scan_pieces(
    base: Place, start: Place, end: Place, owner: Place, pieces: Place, at: Place, room: Place
) -> tuple[Place, Place]:
    """Scan a chunk with aggregates; (pieces so far, 0 or the place of an error)."""
    first_ms = last_ms = np.int64(0)
    begin = at
    place: Place = start
    while place < end:
        tag, word, first, after = read_field(base, place, end)
        if after < 0:
            return at, place
        if tag == MIN_TIME:
            first_ms = np.int64(word)
        elif tag == MAX_TIME:
            last_ms = np.int64(word)
        elif tag >= RAW and tag < COUNTER_END:
            if tag & np.uint64(7) != LENGTH:
                return at, place
            encoding, data, data_end = scan_chunk(base, first, after)
            if data_end < 0:
                return at, -data_end
            if at < room:
                store_row(pieces, at, PIECE_WORDS, OWNER, owner)
                kind = np.int64(tag >> np.uint64(3)) - 3
                store_row(pieces, at, PIECE_WORDS, KIND, kind)
                store_row(pieces, at, PIECE_WORDS, ENCODING, encoding)
                store_row(pieces, at, PIECE_WORDS, START, data)
                store_row(pieces, at, PIECE_WORDS, END, data_end)
            at += 1
        elif is_mistyped(tag, MIN_TIME) or is_mistyped(tag, MAX_TIME):
            return at, place
        place = after
    for k in range(begin, min(at, room)):
        store_row(pieces, k, PIECE_WORDS, FIRST_MS, first_ms)
        store_row(pieces, k, PIECE_WORDS, LAST_MS, last_ms)
    return at, np.int64(0)


@kernel_part
def scan_read_chunk(
    base: Place, start: Place, end: Place, owner: Place, pieces: Place, at: Place, room: Place
) -> tuple[Place, Place]:
    """What scan_pieces() does, for a chunk of remote read."""
    first_ms = last_ms = encoding = data = data_end = np.int64(0)
    place: Place = start
    while place < end:
        tag, word, first, after = read_field(base, place, end)
        if after < 0:
            return at, place
        if tag == MIN_TIME:
            first_ms = np.int64(word)
        elif tag == MAX_TIME:
            last_ms = np.int64(word)
        elif tag == READ_TYPE:
            encoding = np.int64(word & np.uint64(0xFFFF))
        elif tag == READ_DATA:
            data, data_end = np.int64(first), np.int64(after)
        elif is_mistyped(tag, READ_TYPE) or is_mistyped(tag, READ_DATA):
            return at, place
        place = after
    if at < room:
        store_row(pieces, at, PIECE_WORDS, OWNER, owner)
        store_row(pieces, at, PIECE_WORDS, KIND, 0)
        store_row(pieces, at, PIECE_WORDS, FIRST_MS, first_ms)
        store_row(pieces, at, PIECE_WORDS, LAST_MS, last_ms)
        store_row(pieces, at, PIECE_WORDS, ENCODING, encoding)
        store_row(pieces, at, PIECE_WORDS, START, data)
        store_row(pieces, at, PIECE_WORDS, END, data_end)
    return at + 1, np.int64(0)


@kernel_part
def scan_series(
    base: Place,
    start: Place,
    end: Place,
    of_read: bool,
    owner: Place,
    labels: Place,
    label: Place,
    label_room: Place,
    pieces: Place,
    piece: Place,
    piece_room: Place,
) -> tuple[Place, Place, Place]:
    """Scan a series; (labels so far, pieces so far, 0 or the place of an error)."""
    place: Place = start
    while place < end:
        tag, _, first, after = read_field(base, place, end)
        if after < 0:
            return label, piece, place
        if tag == LABEL:
            name, name_length, value, value_length = read_label(base, first, after)
            if name < 0:
                return label, piece, place
            if label < label_room:
                store_row(labels, label, LABEL_WORDS, 0, name)
                store_row(labels, label, LABEL_WORDS, 1, name_length)
                store_row(labels, label, LABEL_WORDS, 2, value)
                store_row(labels, label, LABEL_WORDS, 3, value_length)
            label += 1
        elif tag == CHUNK:
            if of_read:
                piece, error = scan_read_chunk(base, first, after, owner, pieces, piece, piece_room)
            else:
                piece, error = scan_pieces(base, first, after, owner, pieces, piece, piece_room)
            if error:
                return label, piece, error
        elif is_mistyped(tag, LABEL) or is_mistyped(tag, CHUNK):
            return label, piece, place
        place = after
    return label, piece, np.int64(0)


@kernel
def scan_frames(
    buffer: Bytes,
    ends: Int64s,
    of_read: bool,
    room: Int64s,
    series: Int64s,
    labels: Int64s,
    pieces: Int64s,
    warnings: Int64s,
    counts: Int64s,
) -> Place:
    """Write what frames have as far as there is room for it, and count all of it; 0, or the place
    of an error plus one. series: their offsets of labels; room, counts: of series, labels, pieces
    and warnings."""
    base = buffer.ctypes.data
    label_rows, piece_rows = labels.ctypes.data, pieces.ctypes.data
    label: Place = np.int64(0)
    piece: Place = np.int64(0)
    found = warned = np.int64(0)
    place: Place = np.int64(0)
    for k in range(len(ends)):
        frame_end = ends[k]
        batch_end: Place = np.int64(0)  # of the batch that the place is in, 0: in none
        while place < frame_end:
            end = batch_end if batch_end else frame_end
            tag, _, first, after = read_field(base, place, end)
            if after < 0:
                return place + 1
            if tag == SERIES:
                label, piece, error = scan_series(
                    base, first, after, of_read, found,
                    label_rows, label, room[1], piece_rows, piece, room[2],
                )  # fmt: skip
                if error:
                    return error + 1
                found += 1
                if found < len(series):
                    series[found] = label
            elif tag == BATCH and batch_end == 0:
                batch_end = after if after > first else np.int64(0)
                after = first
            elif tag == WARNING and batch_end == 0:
                if warned < room[3]:
                    warnings[warned, 0], warnings[warned, 1] = first, after
                warned += 1
            elif is_mistyped(tag, SERIES) or is_mistyped(tag, BATCH):
                return place + 1
            place = after
            if place == batch_end:
                batch_end = np.int64(0)
    counts[0], counts[1], counts[2], counts[3] = found, label, piece, warned
    return np.int64(0)
