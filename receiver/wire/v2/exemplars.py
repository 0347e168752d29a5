"""The exemplars of remote write 2.0 requests: numbers of symbols to Label messages, as kernels.

    Exemplar    labels_refs = 1, value = 2 (double), timestamp = 3 (varint)

The labels become what those of remote write 1.0 are on the wire, so that storage knows one form.
Their length is limited before they are built: a few bytes can name long texts many times.
"""

import numpy as np

from receiver.wire.scan import MESSAGE_END, MESSAGE_START, SCANNED
from storage.kernels.arrays import Bytes, Int8s, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.protobuf import (
    FIXED64,
    LENGTH,
    VARINT,
    WRONG_WIRE_TYPE,
    read_field,
    read_varint,
    tag_of,
)
from storage.kernels.words import Place
from storage.reasons import BAD_REFERENCE, EXEMPLAR_TOO_LONG, OK
from storage.samples.exemplar_kernels import EXEMPLAR_RUNES_MAX

# References come packed, or one by one.
REFERENCES, REFERENCE = tag_of(1, LENGTH), tag_of(1, VARINT)
VALUE, TIMESTAMP, KNOWN_END = tag_of(2, FIXED64), tag_of(3, VARINT), tag_of(4)
TEXT_BYTES_MAX = 4 * EXEMPLAR_RUNES_MAX  # UTF-8 has up to 4 bytes a character
LABEL_TAG, NAME_TAG, VALUE_TAG = 0x0A, 0x0A, 0x12


@kernel_part
def varint_size(number: Place) -> int:
    """Bytes of the varint of a length up to 2^21 - 1."""
    if number < 1 << 7:
        return 1
    return 2 if number < 1 << 14 else 3


@kernel_part
def label_size(name_length: Place, value_length: Place) -> tuple[Place, Place]:
    """Bytes of the content of a Label message, and of the field that holds it."""
    content = 2 + varint_size(name_length) + name_length
    content += varint_size(value_length) + value_length
    return content, 1 + varint_size(content) + content


@kernel_part
def measure_labels(base: Place, start: Place, end: Place, lengths: Int64s, state: Int64s) -> Place:
    """Add the references packed in start:end to state, [references, text bytes, field bytes, last
    name, reason]; returns `end` or minus an error."""
    place: Place = start
    while place < end:
        word, place = read_varint(base, place, end)
        if place < 0:
            return place
        if word >= np.uint64(len(lengths)):
            state[4] = BAD_REFERENCE
            continue
        length = lengths[np.int64(word)]
        state[1] += length
        # No sound label has an empty name.
        if state[1] > TEXT_BYTES_MAX or state[0] >= 2 * EXEMPLAR_RUNES_MAX:
            state[4] = EXEMPLAR_TOO_LONG if state[4] == OK else state[4]
        elif state[0] & 1:
            state[2] += label_size(state[3], length)[1]
        state[3] = length
        state[0] += 1
    return place


@kernel
def read_exemplars(
    buffer: Bytes,
    places: Int64s,
    lengths: Int64s,
    timestamps: Int64s,
    value_bits: UInt64s,
    sizes: Int64s,
    reasons: Int8s,
) -> tuple[Place, Place]:
    """Read the exemplars at `places`; lengths are those of the symbols.

    sizes: the bytes of their labels as Label fields, 0 where there is a reason. Returns
    (SCANNED, 0) or (the error, its place).
    """
    base = buffer.ctypes.data
    state = np.zeros(5, np.int64)
    for e in range(len(places)):
        place: Place = places[e, MESSAGE_START]
        end = places[e, MESSAGE_END]
        state[:] = 0
        timestamps[e], value_bits[e] = 0, np.uint64(0)
        while place < end:
            tag, word, first, after = read_field(base, place, end)
            if after > 0 and tag in (REFERENCES, REFERENCE):
                after = measure_labels(base, first, after, lengths, state)
            elif tag == VALUE:
                value_bits[e] = word
            elif tag == TIMESTAMP:
                timestamps[e] = np.int64(word)
            elif after > 0 and tag < KNOWN_END:
                after = -WRONG_WIRE_TYPE
            if after < 0:
                return -after, place
            place = after
        if state[0] & 1 and state[4] == OK:
            state[4] = BAD_REFERENCE
        reasons[e] = state[4]
        sizes[e] = state[2] if state[4] == OK else 0
    return SCANNED, 0


@kernel_part
def put_varint(out: Bytes, at: Place, number: Place) -> Place:
    while number >= 0x80:
        out[at] = np.uint8(number & 0x7F | 0x80)
        number >>= 7
        at += 1
    out[at] = np.uint8(number)
    return at + 1


@kernel_part
def put_text(out: Bytes, at: Place, tag: int, buffer: Bytes, start: Place, length: Place) -> Place:
    """Write a text field; returns the place behind it."""
    out[at] = np.uint8(tag)
    at = put_varint(out, at + 1, length)
    for k in range(length):
        out[at + k] = buffer[start + k]
    return at + length


@kernel
def build_labels(
    buffer: Bytes, places: Int64s, starts: Int64s, lengths: Int64s, sizes: Int64s, out: Bytes
) -> None:
    """Write the Label fields of the exemplars whose sizes are not 0, one after another."""
    base = buffer.ctypes.data
    at: Place = 0
    for e in range(len(places)):
        place: Place = places[e, MESSAGE_START]
        end = places[e, MESSAGE_END]
        name = np.int64(-1)
        while sizes[e] > 0 and place < end:
            tag, _, first, stop = read_field(base, place, end)
            place = stop
            if tag not in (REFERENCES, REFERENCE):
                first = stop
            while first < stop:
                word, first = read_varint(base, first, stop)
                if name < 0:
                    name = np.int64(word)
                    continue
                value = np.int64(word)
                out[at] = np.uint8(LABEL_TAG)
                at = put_varint(out, at + 1, label_size(lengths[name], lengths[value])[0])
                at = put_text(out, at, NAME_TAG, buffer, starts[name], lengths[name])
                at = put_text(out, at, VALUE_TAG, buffer, starts[value], lengths[value])
                name = np.int64(-1)
