"""The kernel that assembles lines of CSV, and the texts of times.

Text is written as in `api.answers.json_text`: bytes at an address, by whole words, with room behind
the end. A column of texts is a blob with the places where they start: text i is
blob[starts[i]:starts[i + 1]].
"""

import numpy as np

from api.answers.json_text import COMMA, Bytes, Int8s, copy_text, piece_of, write_piece
from api.answers.number_text import (
    MINUS,
    POINT,
    word_of,
    write_digits,
    write_few,
    write_number,
)
from storage.kernels.arrays import Float64s, Int32s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.words import Place, store_word

DAY_MS = 86_400_000
ERA_DAYS = 146_097  # 400 years
TIME_BYTES_MAX = 32  # +292278994-08-17T07:12:55.807Z
LINE_BYTES_MAX = TIME_BYTES_MAX + 32  # with a number, its comma and the end of the line
PLUS, DASH, DATE_END, COLON = word_of(b"+"), word_of(b"-"), word_of(b"T"), word_of(b":")
TIME_END, LINE_END = word_of(b"Z"), word_of(b"\n")
HISTOGRAM_BYTES_MAX = 96  # "{count:, sum:}" and two numbers
BUCKET_BYTES_MAX = 96  # ", (,]:" and three numbers
COUNT, SUM, END = piece_of(b'"{count:'), piece_of(b", sum:"), piece_of(b'}"')
# Which bounds are part of a bucket is the number of its pair of brackets.
OPENING = np.array([word_of(b", ("), word_of(b", ["), word_of(b", ("), word_of(b", [")])
CLOSING = np.array([word_of(b"]:"), word_of(b"):"), word_of(b"):"), word_of(b"]:")])


@kernel
def write_moment(text: Place, at: Place, time_ms: int) -> Place:
    """A time as RFC 3339 in UTC, to the millisecond; years of other than four digits have a sign,
    as in ISO 8601.

    The date is counted in years from March on, whose leap days are their last: eras of 400 years
    from the year 0 on are all alike.
    """
    days = time_ms // DAY_MS
    rest = time_ms - days * DAY_MS
    days += 719_468
    era = days // ERA_DAYS
    day = days - era * ERA_DAYS
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    shifted = (5 * day + 2) // 153
    day_of_month = day - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    year += era * 400 + (1 if month <= 2 else 0)
    width = 4
    if year < 0 or year > 9999:
        store_word(text, at, MINUS if year < 0 else PLUS)
        at += 1
        width = 9
    at = write_digits(text, at, np.uint64(abs(year)), width)
    at = write_part(text, at, DASH, month)
    at = write_part(text, at, DASH, day_of_month)
    at = write_part(text, at, DATE_END, rest // 3_600_000)
    at = write_part(text, at, COLON, rest // 60_000 % 60)
    at = write_part(text, at, COLON, rest // 1000 % 60)
    store_word(text, at, POINT)
    at = write_few(text, at + 1, np.uint64(rest % 1000), 3)
    store_word(text, at, TIME_END)
    return at + 1


@kernel
def write_moment_at(out: Bytes, time_ms: int) -> Place:
    """One time by itself; returns how long its text is."""
    return write_moment(out.ctypes.data, 0, time_ms)


@kernel
def write_part(text: Place, at: Place, before: np.uint64, number: int) -> Place:
    """Two digits of a time, and the character before them."""
    store_word(text, at, before)
    return write_few(text, at + 1, np.uint64(number), 2)


@kernel
def write_lines(
    out: Bytes,
    ids: Int32s,
    starts: Int64s,
    texts: Bytes,
    rows: Int64s,
    timestamps: Int64s,
    values: Float64s,
    objects: Int32s,
    object_starts: Int64s,
    object_texts: Bytes,
    origins: Int32s,
    origin_starts: Int64s,
    origin_texts: Bytes,
    with_histograms: bool,
) -> Place:
    """A line for each sample: its time, the labels of its series, its value, and where the table
    has such columns its histogram and its replica.

    ids: int32[series, labels], which text each is. objects: for each sample which histogram it is,
    -1 for a float; origins: its replica, empty if none is stated.
    """
    text, source = out.ctypes.data, texts.ctypes.data
    object_source, origin_source = object_texts.ctypes.data, origin_texts.ctypes.data
    at: Place = 0
    for i in range(len(timestamps)):
        at = write_moment(text, at, timestamps[i])
        for k in range(ids.shape[1]):
            store_word(text, at, COMMA)
            token = ids[rows[i], k]
            at = copy_text(text, at + 1, source, starts[token], starts[token + 1])
        store_word(text, at, COMMA)
        at += 1
        own = objects[i]
        if own < 0:
            at = write_number(text, at, values[i])
        if with_histograms:
            store_word(text, at, COMMA)
            at += 1
            if own >= 0:
                first, end = object_starts[own], object_starts[own + 1]
                at = copy_text(text, at, object_source, first, end)
        if len(origins) > 0:
            store_word(text, at, COMMA)
            first, end = origin_starts[origins[i]], origin_starts[origins[i] + 1]
            at = copy_text(text, at + 1, origin_source, first, end)
        store_word(text, at, LINE_END)
        at += 1
    return at


@kernel
def write_labels(out: Bytes, ids: Int32s, starts: Int64s, texts: Bytes) -> Place:
    """A line for each series, of its labels only."""
    text, source = out.ctypes.data, texts.ctypes.data
    at: Place = 0
    for row in range(ids.shape[0]):
        for k in range(ids.shape[1]):
            if k > 0:
                store_word(text, at, COMMA)
                at += 1
            at = copy_text(text, at, source, starts[ids[row, k]], starts[ids[row, k] + 1])
        store_word(text, at, LINE_END)
        at += 1
    return at


@kernel
def line_bytes(ids: Int32s, starts: Int64s, rows: Int64s) -> int:
    """The most bytes that the labels of these rows take, with their commas."""
    total: int = 0
    for row in rows:
        for k in range(ids.shape[1]):
            total += 1 + starts[ids[row, k] + 1] - starts[ids[row, k]]
    return total


@kernel
def write_histograms(
    out: Bytes, starts: Int64s, offsets: Int64s, codes: Int8s, numbers: Float64s
) -> None:
    """Native histograms as quoted texts, {count:3, sum:2.5, (0.5,1]:3}: number i is
    out[starts[i]:starts[i + 1]]. The other columns are as in `json_text.write_histograms`."""
    text = out.ctypes.data
    at: Place = 0
    number = 0
    for i in range(len(offsets) - 1):
        starts[i] = at
        for piece in (COUNT, SUM):
            at = write_number(text, write_piece(text, at, piece), numbers[number])
            number += 1
        for line in range(offsets[i], offsets[i + 1]):
            store_word(text, at, OPENING[codes[line]])
            at = write_number(text, at + 3, numbers[number])
            store_word(text, at, COMMA)
            at = write_number(text, at + 1, numbers[number + 1])
            store_word(text, at, CLOSING[codes[line]])
            at = write_number(text, at + 2, numbers[number + 2])
            number += 3
        at = write_piece(text, at, END)
    starts[len(offsets) - 1] = at
