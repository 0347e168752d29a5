"""The text of a series to label fields of remote write, as a kernel.

    name            name{a="b",c="d",}          {"name with blanks",a="b","c d"="e"}

Within quotes \\\\ \\" and \\n are a backslash, a quote and a new line. Blanks may stand between all
parts. A label without a value is none.
"""

import numpy as np

from receiver.importing.text.lines import (
    BACKSLASH,
    BLANK,
    CLOSE,
    NEWLINE,
    OPEN,
    QUOTE,
    is_blank,
    skip_blanks,
)
from receiver.importing.tsdb.entries import LABEL, VALUE, field_size, put_varint
from storage.kernels.arrays import Bytes, Int8s, Int64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place, load_byte, store_byte

SOUND, NO_NAME, NO_LABEL, NO_EQUALS, NO_QUOTE, NO_COMMA, TWO_NAMES = range(7)
EXPECTED = (
    "nothing else",
    "the name of a metric",
    "the name of a label",
    "an equals sign behind the name of a label",
    "a value in quotes",
    "a comma, or a closing brace",
    "one name only",
)
EQUALS, COMMA, LETTER_N = (np.uint64(ord(c)) for c in "=,n")
NAME = np.frombuffer(b"__name__", np.uint8).astype(np.uint64)
# Bytes of label fields for each byte of text, and for a series: at most.
FACTOR, SERIES_BYTES = 4, 64


@kernel_part
def skip_name(base: Place, place: Place, end: Place) -> Place:
    """The place behind a name without quotes."""
    while place < end:
        byte = load_byte(base, place)
        if is_blank(byte) or byte in (OPEN, CLOSE, EQUALS, COMMA):
            break
        place += 1
    return place


@kernel_part
def skip_quoted(base: Place, place: Place, end: Place) -> tuple[Place, Place]:
    """(place of the closing quote of the text behind `place`, escapes in it); -1 without one."""
    escapes = np.int64(0)
    at = place
    while at < end:
        byte = load_byte(base, at)
        if byte == QUOTE:
            return at, escapes
        if byte == BACKSLASH:
            at += 1
            # One that means nothing stands for itself.
            following = load_byte(base, at) if at < end else BLANK
            if following in (BACKSLASH, QUOTE, LETTER_N):
                escapes += 1
        at += 1
    return np.int64(-1), escapes


@kernel_part
def put_unescaped(base: Place, place: Place, source: Place, first: Place, end: Place) -> Place:
    at = first
    while at < end:
        byte = load_byte(source, at)
        if byte == BACKSLASH and at + 1 < end:
            following = load_byte(source, at + 1)
            if following in (BACKSLASH, QUOTE, LETTER_N):
                byte = NEWLINE if following == LETTER_N else following
                at += 1
        store_byte(base, place, byte)
        place += 1
        at += 1
    return place


@kernel_part
def put_metric(
    out: Place, at: Place, source: Place, first: Place, end: Place, size: Place
) -> Place:
    """Write the label of the metric's name."""
    store_byte(out, at, LABEL)
    at = put_varint(out, at + 1, field_size(len(NAME)) + field_size(size))
    store_byte(out, at, LABEL)
    at = put_varint(out, at + 1, len(NAME))
    for k in range(len(NAME)):
        store_byte(out, at + k, NAME[k])
    at += len(NAME)
    store_byte(out, at, VALUE)
    at = put_varint(out, at + 1, size)
    return put_unescaped(out, at, source, first, end)


@kernel_part
def read_text(base: Place, place: Place, end: Place) -> tuple[Place, Place, Place, Place]:
    """(first, end, size without escapes, place behind it) of a name with or without quotes; the
    place is -1 if the quotes do not end."""
    if place < end and load_byte(base, place) == QUOTE:
        stop, escapes = skip_quoted(base, place + 1, end)
        return place + 1, stop, stop - place - 1 - escapes, stop + 1 if stop >= 0 else stop
    stop = skip_name(base, place, end)
    return place, stop, stop - place, stop


@kernel_part
def write_label(
    base: Place, place: Place, end: Place, out: Place, at: Place
) -> tuple[int, Place, Place, bool]:
    """Write the label at `place`; (fault, place behind its text, place behind what is written,
    whether it was the name of the metric, in quotes)."""
    first, stop, size, behind = read_text(base, place, end)
    if behind < 0 or size == 0:
        return NO_LABEL, place, at, False
    behind = skip_blanks(base, behind, end)
    if behind >= end or load_byte(base, behind) != EQUALS:
        if load_byte(base, place) == QUOTE:
            return SOUND, behind, put_metric(out, at, base, first, stop, size), True
        return NO_EQUALS, place, at, False
    behind = skip_blanks(base, behind + 1, end)
    if behind >= end or load_byte(base, behind) != QUOTE:
        return NO_QUOTE, place, at, False
    close, escapes = skip_quoted(base, behind + 1, end)
    if close < 0:
        return NO_QUOTE, place, at, False
    value_size = close - behind - 1 - escapes
    if value_size > 0:
        store_byte(out, at, LABEL)
        at = put_varint(out, at + 1, field_size(size) + field_size(value_size))
        store_byte(out, at, LABEL)
        at = put_unescaped(out, put_varint(out, at + 1, size), base, first, stop)
        store_byte(out, at, VALUE)
        at = put_varint(out, at + 1, value_size)
        at = put_unescaped(out, at, base, behind + 1, close)
    return SOUND, skip_blanks(base, close + 1, end), at, False


@kernel_part
def write_series(
    base: Place, first: Place, end: Place, named: bool, out: Place, at: Place
) -> tuple[int, Place]:
    """Write all labels of the text first:end; (fault, place behind what is written). named: whether
    there has to be the name of a metric."""
    stop = skip_name(base, first, end)
    has_name = stop > first
    if has_name:
        at = put_metric(out, at, base, first, stop, stop - first)
    place = skip_blanks(base, stop, end)
    if place < end and load_byte(base, place) != OPEN:
        return NO_NAME, at
    place = skip_blanks(base, place + 1, end)
    while place < end and load_byte(base, place) != CLOSE:
        fault, place, at, is_name = write_label(base, place, end, out, at)
        if fault == SOUND and is_name and has_name:
            fault = TWO_NAMES
        if fault != SOUND:
            return fault, at
        has_name |= is_name
        if place < end and load_byte(base, place) == COMMA:
            place = skip_blanks(base, place + 1, end)
        elif place < end and load_byte(base, place) != CLOSE:
            return NO_COMMA, at
    return SOUND if has_name or not named else NO_NAME, at


@kernel
def write_labels(
    buffer: Bytes,
    starts: Int64s,
    ends: Int64s,
    named: bool,
    out: Bytes,
    offsets: Int64s,
    faults: Int8s,
) -> None:
    """Write the label fields of the texts starts[i]:ends[i], one behind the other; `out` has room
    for FACTOR bytes for each of them and SERIES_BYTES for each text."""
    base, target = buffer.ctypes.data, out.ctypes.data
    offsets[0] = 0
    for k in range(len(starts)):
        faults[k], offsets[k + 1] = write_series(
            base, starts[k], ends[k], named, target, offsets[k]
        )
