"""Lines of samples to columns, as a kernel.

    series value [time] [# exemplar]        series is name, name{labels} or {labels}

Series are told apart by their text, and numbered as they come; what is in the text is read once for
each (receiver.importing.text.labels). What is between the parts is one blank or more, as both
formats of text have it.
"""

import numpy as np

from receiver.importing.text.numbers import LEFT, READ, read_float, read_ms, read_seconds
from storage.kernels.arrays import Bytes, Float64s, Int8s, Int32s, Int64s, UInt64s
from storage.kernels.hashing import hash64
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place, load_byte, load_word

# What is wrong with a line; the text says what was expected.
SOUND, NO_VALUE, NO_TIME, WRONG_TIME, MORE, OPEN_LABELS, AFTER_END = range(7)
EXPECTED = (
    "nothing else",
    "a value behind the series",
    "a timestamp behind the value: without one, there is no time to import it to",
    "a timestamp as a whole number of milliseconds",
    "the end of the line, or an exemplar",
    "a closing brace of the labels",
    "nothing behind # EOF",
)

# Columns of `found`: how many there are of each, and where scanning stopped.
SAMPLES, SERIES, COMMENTS, EXEMPLARS, FAULT, FAULT_LINE, IS_ENDED = range(7)
FOUND = 7
# Columns of exemplars: the sample, and the first and last place of its text.
EXEMPLAR_COLUMNS = 3
BLANK, TAB, RETURN, NEWLINE, HASH, OPEN, CLOSE, QUOTE, BACKSLASH = (
    np.uint64(ord(c)) for c in ' \t\r\n#{}"\\'
)
END_OF_FILE = b"# EOF"


@kernel_part
def is_blank(byte: np.uint64) -> bool | np.bool:
    return bool(byte in (BLANK, TAB, RETURN))


@kernel_part
def skip_blanks(base: Place, place: Place, end: Place) -> Place:
    while place < end and is_blank(load_byte(base, place)):
        place += 1
    return place


@kernel_part
def skip_token(base: Place, place: Place, end: Place) -> Place:
    while place < end and not is_blank(load_byte(base, place)):
        place += 1
    return place


@kernel_part
def skip_labels(base: Place, place: Place, end: Place) -> Place:
    """The place behind the closing brace of the labels that begin at `place`, or -1."""
    quoted = False
    at = place + 1
    while at < end:
        byte = load_byte(base, at)
        if quoted and byte == BACKSLASH:
            at += 1
        elif byte == QUOTE:
            quoted = not quoted
        elif byte == CLOSE and not quoted:
            return at + 1
        at += 1
    return np.int64(-1)


@kernel_part
def skip_series(base: Place, place: Place, end: Place) -> Place:
    """The place behind the text of a series, or -1 if its labels do not end."""
    at: Place = place
    while at < end:
        byte = load_byte(base, at)
        if byte == OPEN:
            return skip_labels(base, at, end)
        if is_blank(byte):
            behind = skip_blanks(base, at, end)
            if behind < end and load_byte(base, behind) == OPEN:
                return skip_labels(base, behind, end)
            return at
        at += 1
    return at


@kernel_part
def are_equal(base: Place, a: Place, b: Place, size: Place) -> bool:
    same = np.int64(0)
    while same + 8 <= size and load_word(base, a + same) == load_word(base, b + same):
        same += 8
    while same < size and load_byte(base, a + same) == load_byte(base, b + same):
        same += 1
    return bool(same == size)


@kernel_part
def find_series(
    base: Place,
    start: Place,
    end: Place,
    key: UInt64s,
    slots: Int32s,
    starts: Int64s,
    ends: Int64s,
    count: Place,
) -> Place:
    """The number of a series, `count` if it is new; then it is in the table."""
    mask = np.int64(len(slots) - 1)
    slot = np.int64(hash64(base, start, end, key)) & mask
    while slots[slot] != 0:
        number = np.int64(slots[slot] - 1)
        size = ends[number] - starts[number]
        if size == end - start and are_equal(base, starts[number], start, size):
            return number
        slot = (slot + 1) & mask
    slots[slot] = count + 1
    starts[count], ends[count] = start, end
    return count


@kernel_part
def note(rows: Int64s, found: Int64s, column: Place, row: tuple[Place, Place, Place]) -> None:
    """Put a row behind those that there are."""
    at = found[column]
    rows[at, 0], rows[at, 1], rows[at, 2] = row
    found[column] = at + 1


@kernel
def scan_lines(
    buffer: Bytes,
    size: int,
    in_seconds: bool,
    key: UInt64s,
    slots: Int32s,
    starts: Int64s,
    ends: Int64s,
    lines: Int64s,
    series: Int64s,
    timestamps: Int64s,
    values: Float64s,
    left: Int8s,
    tokens: Int64s,
    comments: Int64s,
    exemplars: Int64s,
    found: Int64s,
) -> None:
    """Scan the whole lines buffer[:size] up to the first that is wrong; columns have room for all.

    starts, ends, lines: the text of each series, and the line it was first in, from 0 on. left: of
    each sample, bit 1 if its value, bit 2 if its time is left to Python; tokens: int64[n, 4], where
    their texts are. comments: int64[n, 3], place and line of what begins with #.
    """
    base = buffer.ctypes.data
    found[:] = 0
    last: Place = -1
    place: Place = 0
    line = np.int64(-1)
    while place < size:
        line += 1
        end = place
        while end < size and load_byte(base, end) != NEWLINE:
            end += 1
        first = skip_blanks(base, place, end)
        place = end + 1
        if first == end:
            continue
        if found[IS_ENDED]:
            found[FAULT], found[FAULT_LINE] = AFTER_END, line
            return
        if load_byte(base, first) == HASH:
            note(comments, found, COMMENTS, (first, end, line))
            found[IS_ENDED] = is_end(base, first, end)
            continue
        behind = skip_series(base, first, end)
        n = found[SAMPLES]
        fault, rest = scan_sample(
            base, behind, end, in_seconds, n, timestamps, values, left, tokens
        )
        if fault != SOUND:
            found[FAULT], found[FAULT_LINE] = fault, line
            return
        if rest < end:
            note(exemplars, found, EXEMPLARS, (n, rest, end))
        # Most lines are of the series of the line before.
        length = behind - first
        if (
            last < 0
            or ends[last] - starts[last] != length
            or not are_equal(base, starts[last], first, length)
        ):
            last = find_series(base, first, behind, key, slots, starts, ends, found[SERIES])
            if last == found[SERIES]:
                lines[last] = line
                found[SERIES] += 1
        series[n] = last
        found[SAMPLES] = n + 1


@kernel_part
def is_end(base: Place, first: Place, end: Place) -> Place:
    """1 if the line first:end ends the file, else 0."""
    while end > first and is_blank(load_byte(base, end - 1)):
        end -= 1
    if end - first != len(END_OF_FILE):
        return np.int64(0)
    for k in range(len(END_OF_FILE)):
        if load_byte(base, first + k) != np.uint64(END_OF_FILE[k]):
            return np.int64(0)
    return np.int64(1)


@kernel_part
def scan_sample(
    base: Place,
    place: Place,
    end: Place,
    in_seconds: bool,
    n: Place,
    timestamps: Int64s,
    values: Float64s,
    left: Int8s,
    tokens: Int64s,
) -> tuple[int, Place]:
    """Read value and time, behind the series, into place n of the columns; (fault, first place of
    an exemplar or end of the line). place: -1 if the series does not end."""
    if place < 0:
        return OPEN_LABELS, end
    first = skip_blanks(base, place, end)
    stop = skip_token(base, first, end)
    if stop == first or first == place:
        return NO_VALUE, end
    value, bits, way = read_float(base, first, stop)
    values[n] = value
    if bits != np.uint64(0):
        values.view(np.uint64)[n] = bits
    left[n] = 1 if way == LEFT else 0
    tokens[n, 0], tokens[n, 1] = first, stop
    first = skip_blanks(base, stop, end)
    stop = skip_token(base, first, end)
    if stop == first or load_byte(base, first) == HASH:
        return NO_TIME, end
    if in_seconds:
        timestamps[n], way = read_seconds(base, first, stop)
        left[n] |= 2 if way == LEFT else 0
    else:
        timestamps[n], way = read_ms(base, first, stop)
        if way != READ:
            return WRONG_TIME, end
    tokens[n, 2], tokens[n, 3] = first, stop
    rest = skip_blanks(base, stop, end)
    if rest < end and load_byte(base, rest) != HASH:
        return MORE, end
    return SOUND, rest


@kernel
def sort_by_series(series: Int64s, offsets: Int64s, out: Int64s) -> None:
    """out: the samples in the order of their series, each in the order they came; offsets: where
    those of each series begin."""
    offsets[:] = 0
    for k in range(len(series)):
        offsets[series[k] + 1] += 1
    for k in range(len(offsets) - 1):
        offsets[k + 1] += offsets[k]
    ends = offsets[:-1].copy()
    for k in range(len(series)):
        out[ends[series[k]]] = k
        ends[series[k]] += 1
