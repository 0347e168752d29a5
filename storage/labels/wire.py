"""Label messages of remote write 1.0: runs of protobuf fields, read, checked and sorted."""

import numpy as np

from storage.kernels.arrays import Bytes, Int64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.protobuf import LENGTH, WRONG_WIRE_TYPE, is_mistyped, read_field, tag_of
from storage.kernels.words import Place, load_byte, load_word
from storage.reasons import (
    CORRUPT,
    DUPLICATE_NAME,
    EMPTY_NAME,
    LABEL_TOO_LONG,
    NO_METRIC_NAME,
    NOT_UTF8,
    OK,
)

LABEL = tag_of(1, LENGTH)
# Of a label.
NAME, VALUE, KNOWN_END = tag_of(1, LENGTH), tag_of(2, LENGTH), tag_of(3)
METRIC_NAME_WORD = np.uint64(int.from_bytes(b"__name__", "little"))


ALL_HIGH_BITS = np.uint64(0x8080808080808080)


@kernel_part
def count_labels(base: Place, start: Place, end: Place) -> Place:
    """How many Label fields the run of fields at start:end has, or minus the error."""
    count = 0
    place: Place = start
    while place < end:
        tag, _, _, after = read_field(base, place, end)
        if after < 0:
            return after
        if tag == LABEL:
            count += 1
        elif is_mistyped(tag, LABEL):
            return -WRONG_WIRE_TYPE
        place = after
    return count


@kernel
def count_labels_of(
    buffer: Bytes, starts: Int64s, ends: Int64s, items: Int64s, counts: Int64s
) -> None:
    """counts[k] = count_labels() of series items[k]."""
    base = buffer.ctypes.data
    for k in range(len(items)):
        counts[k] = count_labels(base, starts[items[k]], ends[items[k]])


@kernel_part
def read_label(base: Place, start: Place, end: Place) -> tuple[Place, Place, Place, Place]:
    """(name start, name length, value start, value length) of the Label message at start:end, or a
    negative first place."""
    name_start = name_length = value_start = value_length = np.int64(0)
    place: Place = start
    while place < end:
        tag, _, first, after = read_field(base, place, end)
        if after < 0:
            return np.int64(after), name_length, value_start, value_length
        if tag == NAME:
            name_start, name_length = np.int64(first), np.int64(after - first)
        elif tag == VALUE:
            value_start, value_length = np.int64(first), np.int64(after - first)
        elif tag < KNOWN_END:
            return np.int64(-WRONG_WIRE_TYPE), name_length, value_start, value_length
        place = after
    return name_start, name_length, value_start, value_length


@kernel
def first_labels(buffer: Bytes, start: int, end: int, spans: Int64s) -> int:
    """The spans of the first labels of start:end, as many as fit; messages are known to be
    whole."""
    base = buffer.ctypes.data
    count = 0
    place: Place = start
    while place < end and count < len(spans):
        tag, _, first, after = read_field(base, place, end)
        if tag == LABEL:
            name, name_length, value, value_length = read_label(base, first, after)
            spans[count, 0], spans[count, 1] = name, name_length
            spans[count, 2], spans[count, 3] = value, value_length
            count += 1
        place = after
    return count


@kernel_part
def compare_bytes(base: Place, a: Place, a_length: Place, b: Place, b_length: Place) -> int:
    """Byte order of two spans: -1, 0 or 1."""
    for k in range(min(a_length, b_length)):
        x, y = load_byte(base, a + k), load_byte(base, b + k)
        if x != y:
            return -1 if x < y else 1
    if a_length == b_length:
        return 0
    return -1 if a_length < b_length else 1


@kernel_part
def utf8_length(base: Place, place: Place, end: Place) -> int:
    """The length of the well-formed UTF-8 sequence of 2 to 4 bytes at place, or 0 (RFC 3629)."""
    first = load_byte(base, place)
    more, low, high = 0, 0x80, 0xBF
    if 0xC2 <= first <= 0xDF:
        more = 1
    elif 0xE0 <= first <= 0xEF:
        more = 2
        low = 0xA0 if first == 0xE0 else 0x80
        high = 0x9F if first == 0xED else 0xBF
    elif 0xF0 <= first <= 0xF4:
        more = 3
        low = 0x90 if first == 0xF0 else 0x80
        high = 0x8F if first == 0xF4 else 0xBF
    if more == 0 or place + more >= end:
        return 0
    for k in range(1, more + 1):
        byte = load_byte(base, place + k)
        if byte < low or byte > high:
            return 0
        low, high = 0x80, 0xBF
    return more + 1


@kernel_part
def is_utf8(base: Place, start: Place, length: Place) -> bool:
    """Whether the bytes are well-formed UTF-8; ASCII is checked 8 bytes at a time."""
    place = start
    end = start + length
    while place < end:
        if place + 8 <= end and load_word(base, place) & ALL_HIGH_BITS == np.uint64(0):
            place += 8
        elif load_byte(base, place) < np.uint64(0x80):
            place += 1
        else:
            step = utf8_length(base, place, end)
            if step == 0:
                return False
            place += step
    return True


@kernel_part
def compare_names(base: Place, spans: Int64s, i: int, k: int) -> int:
    """Byte order of the names of spans i and k."""
    return compare_bytes(base, spans[i, 0], spans[i, 1], spans[k, 0], spans[k, 1])


@kernel_part
def sort_spans(base: Place, spans: Int64s, first: int, end: int) -> None:
    """Insertion sort of label spans by name: label sets are short and nearly always sorted."""
    for i in range(first + 1, end):
        k = i
        while k > first and compare_names(base, spans, k - 1, k) > 0:
            for c in range(4):
                spans[k - 1, c], spans[k, c] = spans[k, c], spans[k - 1, c]
            k -= 1


@kernel_part
def check_spans(base: Place, spans: Int64s, first: int, end: int, label_bytes_max: int) -> int:
    """The reason to refuse a label set with sorted spans, or OK."""
    named = False
    for i in range(first, end):
        if spans[i, 1] > label_bytes_max or spans[i, 3] > label_bytes_max:
            return LABEL_TOO_LONG
        if spans[i, 1] == 0:
            return EMPTY_NAME
        if not is_utf8(base, spans[i, 0], spans[i, 1]):
            return NOT_UTF8
        if not is_utf8(base, spans[i, 2], spans[i, 3]):
            return NOT_UTF8
        if i > first and compare_names(base, spans, i - 1, i) == 0:
            return DUPLICATE_NAME
        if spans[i, 1] == 8 and spans[i, 3] > 0:
            named = named or load_word(base, spans[i, 0]) == METRIC_NAME_WORD
    return OK if named else NO_METRIC_NAME


@kernel
def read_labels(
    buffer: Bytes,
    starts: Int64s,
    ends: Int64s,
    items: Int64s,
    label_bytes_max: int,
    counts: Int64s,
    spans: Int64s,
    reasons: Int64s,
) -> int:
    """Read, sort and check the labels of series `items`; empty values are left out.

    counts[k]: labels of item k as count_labels_of() found. spans: int64[sum(counts), 4], filled
    from the front. On return counts[k] is the number of spans kept and reasons[k] why the item is
    refused. Returns the number of spans written.
    """
    base = buffer.ctypes.data
    used = 0
    for k in range(len(items)):
        if reasons[k] != OK:
            counts[k] = 0
            continue
        place = starts[items[k]]
        end = ends[items[k]]
        n = used
        while place < end:
            tag, _, first, after = read_field(base, place, end)
            if tag == LABEL:
                name, name_length, value, value_length = read_label(base, first, after)
                if name < 0:
                    reasons[k] = CORRUPT
                    break
                spans[n, 0], spans[n, 1] = name, name_length
                spans[n, 2], spans[n, 3] = value, value_length
                n += 1
            place = after
        if reasons[k] == OK:
            sort_spans(base, spans, used, n)
            reasons[k] = check_spans(base, spans, used, n, label_bytes_max)
        counts[k] = 0
        if reasons[k] != OK:
            continue
        for i in range(used, n):
            if spans[i, 3] > 0:
                for c in range(4):
                    spans[used, c] = spans[i, c]
                used += 1
                counts[k] += 1
    return used
