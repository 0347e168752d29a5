"""The kernels that assemble JSON text from columns.

Text is bytes at an address. Every writer puts bytes to `text` + `at` and returns where it stopped.
It copies whole words: up to SPARE_BYTES behind that place may be overwritten, too, and up to
PADDING bytes are read behind the end of what it copies from. The caller has made room for both
(see the *_BYTES_MAX constants), and holds the arrays. A column of quoted texts is a JSON array with
the places where its elements start: element i is blob[starts[i] : starts[i+1]-1]. What is written
has a comma in front, which the caller cuts off the very first.
"""

import numpy as np
from numpy.typing import NDArray

from api.answers.number_text import word_of, write_number, write_time
from storage.kernels.arrays import Float64s, Int32s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.words import Place, load_word, store_word

Bytes = NDArray[np.uint8]
Int8s = NDArray[np.int8]
Piece = tuple[np.uint64, np.uint64, int]

SPARE_BYTES = 64
PADDING = 8
POINT_BYTES_MAX = 64  # ,[-9223309901257974.999,"-0.00000123456789012345678"]
SERIES_BYTES_MAX = 64  # ,{"metric":{},"values":[],"histograms":[],"replicas":[]}
NUMBER_BYTES_MAX = 32  # "-0.00000123456789012345678",
HISTOGRAM_BYTES_MAX = 48  # {"count":,"sum":,"buckets":[]}
LINE_BYTES_MAX = 8  # ,[0,]

# The points of many series have the same times. So many of their texts are kept, each in a place
# that follows from the time, and copied by words.
KEPT_TIMES_BITS = 9
KEPT_BYTES = 40  # ,[-9223309901257974.999," is 25 long
KEPT_WORDS = 4
KEPT_TEXTS_BYTES = KEPT_BYTES << KEPT_TIMES_BITS
NO_TIME = np.iinfo(np.int64).min
SPREAD = np.uint64(0x9E3779B97F4A7C15)


def piece_of(text: bytes) -> Piece:
    """Up to 16 characters as two words, and how many there are."""
    return word_of(text[:8]), word_of(text[8:]), len(text)


METRIC = piece_of(b',{"metric":')
VALUE, VALUES = piece_of(b',"value":'), piece_of(b',"values":[')
REPLICA, REPLICAS = piece_of(b',"replica":'), piece_of(b',"replicas":[')
HISTOGRAM, HISTOGRAMS = piece_of(b',"histogram":'), piece_of(b',"histograms":[')
COUNT, SUM, BUCKETS = piece_of(b'{"count":'), piece_of(b',"sum":'), piece_of(b',"buckets":[')

QUOTE, BACKSLASH = 34, 92
QUOTE_WORD, COMMA, COLON = word_of(b'"'), word_of(b","), word_of(b":")
OPEN = word_of(b"[")
BRACE, END_BRACE, CLOSE = word_of(b"{"), word_of(b"}"), word_of(b"]")
POINT_START, NUMBER_START, POINT_END = word_of(b",["), word_of(b',"'), word_of(b'"]')
LINE_START = word_of(b"[0")


@kernel
def copy_text(text: Place, at: Place, source: Place, start: int, end: int) -> Place:
    """Copy the bytes start:end from address `source`."""
    for i in range(0, end - start, 8):
        store_word(text, at + i, load_word(source, start + i))
    return at + end - start


@kernel
def write_piece(text: Place, at: Place, piece: Piece) -> Place:
    store_word(text, at, piece[0])
    store_word(text, at + 8, piece[1])
    return at + piece[2]


@kernel
def find_elements(blob: Bytes, starts: Int64s) -> None:
    """Where the elements of a JSON array of texts start; the last of `starts` is where it ends."""
    at = 1
    for i in range(len(starts) - 1):
        starts[i] = at
        at += 1
        while blob[at] != QUOTE:
            at += 2 if blob[at] == BACKSLASH else 1
        at += 2
    starts[-1] = at


@kernel
def label_bytes(ids: Int32s, key_starts: Int64s, token_starts: Int64s) -> int:
    """The most bytes that write_labelset takes for all rows of ids."""
    rows, names = ids.shape
    total: int = 2 * rows
    for row in range(rows):
        for i in range(names):
            token = ids[row, i]
            total += token_starts[token + 1] - token_starts[token]
            total += key_starts[i + 1] - key_starts[i]
    return total


@kernel
def write_labelset(
    text: Place,
    at: Place,
    ids: Int32s,
    key_starts: Int64s,
    keys: Bytes,
    token_starts: Int64s,
    tokens: Bytes,
) -> Place:
    """One row's labels as an object. ids[i]: which token is the value of key i; 0: it has none."""
    key_source, token_source = keys.ctypes.data, tokens.ctypes.data
    store_word(text, at, BRACE)
    at += 1
    first = at
    for i in range(len(ids)):
        token = ids[i]
        if token == 0:
            continue
        if at > first:
            store_word(text, at, COMMA)
            at += 1
        at = copy_text(text, at, key_source, key_starts[i], key_starts[i + 1] - 1)
        store_word(text, at, COLON)
        start, end = token_starts[token], token_starts[token + 1] - 1
        at = copy_text(text, at + 1, token_source, start, end)
    store_word(text, at, END_BRACE)
    return at + 1


@kernel
def write_labelsets(
    out: Bytes,
    ids: Int32s,
    key_starts: Int64s,
    keys: Bytes,
    token_starts: Int64s,
    tokens: Bytes,
) -> Place:
    """The label sets of all rows, each with a comma in front."""
    text = out.ctypes.data
    at: Place = 0
    for row in range(len(ids)):
        store_word(text, at, COMMA)
        at = write_labelset(text, at + 1, ids[row], key_starts, keys, token_starts, tokens)
    return at


@kernel
def write_objects(
    out: Bytes,
    starts: Int64s,
    ids: Int32s,
    key_starts: Int64s,
    keys: Bytes,
    token_starts: Int64s,
    tokens: Bytes,
) -> None:
    """The label sets of all rows; row i is out[starts[i]:starts[i + 1]]."""
    text = out.ctypes.data
    at: Place = 0
    for row in range(len(ids)):
        starts[row] = at
        at = write_labelset(text, at, ids[row], key_starts, keys, token_starts, tokens)
    starts[len(ids)] = at


@kernel
def keep_time(kept: Place, place: Place, time_ms: int) -> Place:
    """What a point begins with, up to its number; returns how long it is."""
    store_word(kept, place, POINT_START)
    end = write_time(kept, place + 2, time_ms)
    store_word(kept, end, NUMBER_START)
    return end + 2 - place


@kernel
def write_series(
    out: Bytes,
    kept_texts: Bytes,
    ids: Int32s,
    key_starts: Int64s,
    keys: Bytes,
    token_starts: Int64s,
    tokens: Bytes,
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    origins: Int32s,
    origin_starts: Int64s,
    origin_objects: Bytes,
    single: bool,
    continues: bool,
    unfinished: bool,
) -> Place:
    """Series with their points, each with a comma in front; series i has points
    offsets[i]:offsets[i+1].

    kept_texts: KEPT_TEXTS_BYTES to work in. origins: for each point, which of the objects names its
    replica; empty if none is stated. single: each series has one point, written as `value`.
    continues: the first series was begun in an earlier call. unfinished: the last one goes on in a
    later call.
    """
    text, kept = out.ctypes.data, kept_texts.ctypes.data
    kept_times = np.full(1 << KEPT_TIMES_BITS, NO_TIME, np.int64)
    kept_ends = np.empty(1 << KEPT_TIMES_BITS, np.int64)
    at: Place = 0
    rows = len(offsets) - 1
    for row in range(rows):
        opens = row > 0 or not continues
        if opens:
            at = write_piece(text, at, METRIC)
            at = write_labelset(text, at, ids[row], key_starts, keys, token_starts, tokens)
            at = write_piece(text, at, VALUE if single else VALUES)
        for i in range(offsets[row], offsets[row + 1]):
            time = timestamps[i]
            slot = np.int64((np.uint64(time) * SPREAD) >> np.uint64(64 - KEPT_TIMES_BITS))
            place = slot * KEPT_BYTES
            if kept_times[slot] != time:
                kept_times[slot] = time
                kept_ends[slot] = keep_time(kept, place, time)
            skip = 1 if opens and i == offsets[row] else 0  # the first point has no comma
            for k in range(KEPT_WORDS):
                store_word(text, at + 8 * k, load_word(kept, place + skip + 8 * k))
            at = write_number(text, at + kept_ends[slot] - skip, values[i])
            store_word(text, at, POINT_END)
            at += 2
        if row < rows - 1 or not unfinished:
            if not single:
                store_word(text, at, CLOSE)
                at += 1
            if len(origins) > 0:
                told = origins[offsets[row] : offsets[row + 1]]
                at = write_origins(text, at, told, origin_starts, origin_objects, single)
            store_word(text, at, END_BRACE)
            at += 1
    return at


@kernel
def write_origins(
    text: Place, at: Place, origins: Int32s, starts: Int64s, objects: Bytes, single: bool
) -> Place:
    """The replicas of one series' points as a member of its object."""
    source = objects.ctypes.data
    at = write_piece(text, at, REPLICA if single else REPLICAS)
    for i in range(len(origins)):
        if i > 0:
            store_word(text, at, COMMA)
            at += 1
        at = copy_text(text, at, source, starts[origins[i]], starts[origins[i] + 1])
    if not single:
        store_word(text, at, CLOSE)
        at += 1
    return at


@kernel
def write_quoted(text: Place, at: Place, number: float) -> Place:
    store_word(text, at, QUOTE_WORD)
    at = write_number(text, at + 1, number)
    store_word(text, at, QUOTE_WORD)
    return at + 1


@kernel
def write_histograms(
    out: Bytes, starts: Int64s, offsets: Int64s, codes: Int8s, numbers: Float64s
) -> None:
    """Native histograms as objects: number i is out[starts[i]:starts[i + 1]].

    Histogram i has the bucket lines offsets[i]:offsets[i + 1], of which codes say whose bounds
    belong to the bucket. The numbers are its count and sum, then lower bound, upper bound and
    count of each line, one histogram behind the other.
    """
    text = out.ctypes.data
    at: Place = 0
    number = 0
    for i in range(len(offsets) - 1):
        starts[i] = at
        for piece in (COUNT, SUM):
            at = write_piece(text, at, piece)
            at = write_quoted(text, at, numbers[number])
            number += 1
        if offsets[i] < offsets[i + 1]:
            at = write_piece(text, at, BUCKETS)
        for line in range(offsets[i], offsets[i + 1]):
            if line > offsets[i]:
                store_word(text, at, COMMA)
                at += 1
            store_word(text, at, LINE_START + (np.uint64(codes[line]) << np.uint64(8)))
            at += 2
            for _ in range(3):
                store_word(text, at, COMMA)
                at = write_quoted(text, at + 1, numbers[number])
                number += 1
            store_word(text, at, CLOSE)
            at += 1
        if offsets[i] < offsets[i + 1]:
            store_word(text, at, CLOSE)
            at += 1
        store_word(text, at, END_BRACE)
        at += 1
    starts[len(offsets) - 1] = at


@kernel
def write_mixed_series(
    out: Bytes,
    ids: Int32s,
    key_starts: Int64s,
    keys: Bytes,
    token_starts: Int64s,
    tokens: Bytes,
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    objects: Int32s,
    object_starts: Int64s,
    object_texts: Bytes,
    origins: Int32s,
    origin_starts: Int64s,
    origin_objects: Bytes,
    single: bool,
) -> Place:
    """Like write_series, of whole series with native histograms among their points.

    objects: for each point which histogram it is, or -1. A series has its floats first, then its
    histograms; its replicas are those of the points in this order.
    """
    text, source = out.ctypes.data, object_texts.ctypes.data
    at: Place = 0
    for row in range(len(offsets) - 1):
        at = write_piece(text, at, METRIC)
        at = write_labelset(text, at, ids[row], key_starts, keys, token_starts, tokens)
        first, end = offsets[row], offsets[row + 1]
        told = np.empty(end - first, np.int32)
        written = 0
        for native in range(2):
            count = 0
            for i in range(first, end):
                if (objects[i] >= 0) != (native == 1):
                    continue
                if count == 0:
                    at = write_points_key(text, at, native == 1, single)
                elif not single:
                    store_word(text, at, COMMA)
                    at += 1
                store_word(text, at, OPEN)
                at = write_time(text, at + 1, timestamps[i])
                store_word(text, at, COMMA)
                at += 1
                if native == 1:
                    start, stop = object_starts[objects[i]], object_starts[objects[i] + 1]
                    at = copy_text(text, at, source, start, stop)
                else:
                    at = write_quoted(text, at, values[i])
                store_word(text, at, CLOSE)
                at += 1
                if len(origins) > 0:
                    told[written] = origins[i]
                written += 1
                count += 1
            if count > 0 and not single:
                store_word(text, at, CLOSE)
                at += 1
        if len(origins) > 0:
            at = write_origins(text, at, told, origin_starts, origin_objects, single)
        store_word(text, at, END_BRACE)
        at += 1
    return at


@kernel
def write_points_key(text: Place, at: Place, native: bool, single: bool) -> Place:
    """The name of the member that has one or more floats or histograms."""
    if native:
        return write_piece(text, at, HISTOGRAM if single else HISTOGRAMS)
    return write_piece(text, at, VALUE if single else VALUES)
