"""Kernels of exemplar labels: from the Label fields of a request to runs, and from runs to columns.

A run is the label set of one exemplar in a form of our own: for each label the lengths of name and
value as two bytes each, low byte first, then both texts; labels are sorted by name. So equal label
sets have equal bytes, and none is longer than RUN_BYTES_MAX, whatever a sender wraps around it.
"""

import numpy as np

from storage.kernels.arrays import Bytes, Int64s, UInt64s
from storage.kernels.hashing import hash64
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.protobuf import read_field
from storage.kernels.words import Place, load_byte, load_word, store_word
from storage.labels.wire import (
    ALL_HIGH_BITS,
    LABEL,
    compare_names,
    is_utf8,
    read_label,
    sort_spans,
)
from storage.reasons import EXEMPLAR_TOO_LONG, LABELS_INVALID

HEADER_BYTES = 4
EXEMPLAR_RUNES_MAX = 128  # of all label names and values together, as OpenMetrics says
# A character takes up to 4 bytes, and a label has at least one of them.
RUN_BYTES_MAX = EXEMPLAR_RUNES_MAX * (4 + HEADER_BYTES)

# Why an exemplar is refused for its labels.
OK = 0


@kernel_part
def count_runes(base: Place, start: Place, length: Place) -> Place:
    """The characters of a well-formed UTF-8 text."""
    runes: Place = 0
    first = start
    while first + 8 <= start + length and load_word(base, first) & ALL_HIGH_BITS == np.uint64(0):
        first += 8
        runes += 8
    for place in range(first, start + length):
        if load_byte(base, place) & np.uint64(0xC0) != np.uint64(0x80):
            runes += 1
    return runes


@kernel_part
def check_labels(base: Place, spans: Int64s, first: int, end: int) -> int:
    """Why the sorted label spans first:end are refused, or OK."""
    runes: Place = 0
    for i in range(first, end):
        if spans[i, 1] > 4 * EXEMPLAR_RUNES_MAX or spans[i, 3] > 4 * EXEMPLAR_RUNES_MAX:
            return EXEMPLAR_TOO_LONG
        if spans[i, 1] == 0 or (i > first and compare_names(base, spans, i - 1, i) == 0):
            return LABELS_INVALID
        if not is_utf8(base, spans[i, 0], spans[i, 1]):
            return LABELS_INVALID
        if not is_utf8(base, spans[i, 2], spans[i, 3]):
            return LABELS_INVALID
        runes += count_runes(base, spans[i, 0], spans[i, 1])
        runes += count_runes(base, spans[i, 2], spans[i, 3])
    return EXEMPLAR_TOO_LONG if runes > EXEMPLAR_RUNES_MAX else OK


@kernel
def read_exemplar_labels(
    buffer: Bytes, starts: Int64s, ends: Int64s, counts: Int64s, spans: Int64s, codes: Int64s
) -> int:
    """Read, sort and check the labels of all exemplars whose code is OK.

    counts[i]: labels of exemplar i, as counted in whole messages. spans: int64[sum(counts), 4],
    filled from the front. On return codes[i] is why exemplar i is refused, and counts[i] how many
    spans it has. Returns the number of spans.
    """
    base = buffer.ctypes.data
    used = 0
    for i in range(len(starts)):
        place = starts[i]
        end = ends[i]
        n = used
        while place < end and codes[i] == OK:
            tag, _, first, after = read_field(base, place, end)
            if tag == LABEL:
                name, name_length, value, value_length = read_label(base, first, after)
                if name < 0:
                    codes[i] = LABELS_INVALID
                else:
                    spans[n, 0], spans[n, 1] = name, name_length
                    spans[n, 2], spans[n, 3] = value, value_length
                    n += 1
            place = after
        if codes[i] == OK:
            sort_spans(base, spans, used, n)
            codes[i] = check_labels(base, spans, used, n)
        counts[i] = 0 if codes[i] != OK else n - used
        used += counts[i]
    return used


@kernel
def write_runs(
    buffer: Bytes,
    spans: Int64s,
    counts: Int64s,
    key: UInt64s,
    offsets: Int64s,
    data: Bytes,
    hashes: UInt64s,
) -> None:
    """Run k, data[offsets[k]:offsets[k+1]], of the next counts[k] spans, and its hash."""
    base, out = buffer.ctypes.data, data.ctypes.data
    span = 0
    at = 0
    offsets[0] = 0
    for k in range(len(counts)):
        for _ in range(counts[k]):
            data[at] = spans[span, 1] & 255
            data[at + 1] = spans[span, 1] >> 8
            data[at + 2] = spans[span, 3] & 255
            data[at + 3] = spans[span, 3] >> 8
            at += HEADER_BYTES
            for text in (0, 2):
                place = spans[span, text]
                end = place + spans[span, text + 1]
                while place + 8 <= end:
                    store_word(out, at, load_word(base, place))
                    place += 8
                    at += 8
                while place < end:
                    data[at] = load_byte(base, place)
                    place += 1
                    at += 1
            span += 1
        offsets[k + 1] = at
        hashes[k] = hash64(out, offsets[k], at, key)


@kernel
def take_runs(
    offsets: Int64s, data: Bytes, positions: Int64s, out_offsets: Int64s, out: Bytes
) -> None:
    """Copy the runs at `positions`; out_offsets[0] says where the first goes."""
    base, to = data.ctypes.data, out.ctypes.data
    at = out_offsets[0]
    for k in range(len(positions)):
        place, end = offsets[positions[k]], offsets[positions[k] + 1]
        while place + 8 <= end:
            store_word(to, at, load_word(base, place))
            place += 8
            at += 8
        while place < end:
            out[at] = data[place]
            place += 1
            at += 1
        out_offsets[k + 1] = at


@kernel
def measure_runs(offsets: Int64s, data: Bytes, ends: Int64s) -> tuple[Place, Place]:
    """ends[k] = the number of labels up to the end of run k; returns the bytes of all names and of
    all values."""
    labels = 0
    name_bytes: Place = 0
    value_bytes: Place = 0
    for k in range(len(offsets) - 1):
        at = offsets[k]
        while at < offsets[k + 1]:
            names = np.int64(data[at]) | np.int64(data[at + 1]) << 8
            values = np.int64(data[at + 2]) | np.int64(data[at + 3]) << 8
            at += HEADER_BYTES + names + values
            name_bytes += names
            value_bytes += values
            labels += 1
        ends[k] = labels
    return name_bytes, value_bytes


@kernel
def split_runs(
    offsets: Int64s,
    data: Bytes,
    name_offsets: Int64s,
    names: Bytes,
    value_offsets: Int64s,
    values: Bytes,
) -> None:
    """The names and the values of all labels as two columns of texts."""
    label = 0
    name_offsets[0] = value_offsets[0] = 0
    at = offsets[0]
    while at < offsets[-1]:
        name_length = np.int64(data[at]) | np.int64(data[at + 1]) << 8
        value_length = np.int64(data[at + 2]) | np.int64(data[at + 3]) << 8
        at += HEADER_BYTES
        to = name_offsets[label]
        for k in range(name_length):
            names[to + k] = data[at + k]
        name_offsets[label + 1] = to + name_length
        at += name_length
        to = value_offsets[label]
        for k in range(value_length):
            values[to + k] = data[at + k]
        value_offsets[label + 1] = to + value_length
        at += value_length
        label += 1


@kernel
def join_runs(
    ends: Int64s,
    name_offsets: Int64s,
    names: Bytes,
    value_offsets: Int64s,
    values: Bytes,
    offsets: Int64s,
    data: Bytes,
) -> None:
    """Runs of the labels ends[k]:ends[k+1] each, out of two columns of texts: what split_runs()
    takes apart."""
    at = 0
    offsets[0] = 0
    for k in range(len(ends) - 1):
        for label in range(ends[k], ends[k + 1]):
            name_length = name_offsets[label + 1] - name_offsets[label]
            value_length = value_offsets[label + 1] - value_offsets[label]
            data[at] = name_length & 255
            data[at + 1] = name_length >> 8
            data[at + 2] = value_length & 255
            data[at + 3] = value_length >> 8
            at += HEADER_BYTES
            for i in range(name_length):
                data[at + i] = names[name_offsets[label] + i]
            at += name_length
            for i in range(value_length):
                data[at + i] = values[value_offsets[label] + i]
            at += value_length
        offsets[k + 1] = at
