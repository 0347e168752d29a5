"""The hash of a remote write 2.0 series, over the hashes of the symbols that it names.

Every symbol of a request is hashed once, by the keyed hash of label bytes. Those hashes, in the
order of the references, are the words of a second hash of the same construction with keys of its
own (receiver.wire.label_hash): equal label texts in equal order have equal hashes in all requests,
whatever numbers their symbols have. Hashes are never equal to those of remote write 1.0 but by
chance: a series that both bring is found to be one by its labels (storage.series.table).

Invariant: a number of a symbol is compared with the count of symbols before it is used. A series
that has a wrong one, or an odd count of numbers, is marked and costs only itself.
"""

import numpy as np

from receiver.wire.label_hash import (
    BLOCK_BYTES,
    HIGH_POINT,
    LOW_POINT,
    keyed_product,
    polynomial_step,
    scatter_bits,
)
from storage.kernels.jit import kernel_part
from storage.kernels.protobuf import LENGTH, VARINT, read_field, read_varint, tag_of
from storage.kernels.words import Place, load_byte, load_word
from storage.reasons import BAD_REFERENCE

# Packed, and one by one.
REFERENCES, REFERENCE = tag_of(1, LENGTH), tag_of(1, VARINT)
# A block of the hash takes this many pairs of symbols.
BLOCK_PAIRS = BLOCK_BYTES // 16
# The low hash of no text, as far as chance allows.
NO_HASH = np.uint64((1 << 64) - 1)


@kernel_part
def read_reference(base: Place, start: Place, end: Place) -> tuple[np.uint64, Place]:
    """read_varint() for numbers that nearly always have one byte or two."""
    word = load_byte(base, start)
    if word < np.uint64(0x80):
        return word, start + 1
    if start + 1 < end:
        more = load_byte(base, start + 1)
        if more < np.uint64(0x80):
            return (word & np.uint64(0x7F)) | (more << np.uint64(7)), start + 2
    return read_varint(base, start, end)


@kernel_part
def fold_block(
    low: np.uint64,
    high: np.uint64,
    a_low: np.uint64,
    a_high: np.uint64,
    b_low: np.uint64,
    b_high: np.uint64,
    keys: Place,
) -> tuple[np.uint64, np.uint64]:
    """Both lanes after the sums of a block, (a_high : a_low) and (b_high : b_low)."""
    low_point, high_point = load_word(keys, 8 * LOW_POINT), load_word(keys, 8 * HIGH_POINT)
    low = polynomial_step(polynomial_step(low, low_point, a_high), low_point, a_low)
    high = polynomial_step(polynomial_step(high, high_point, b_high), high_point, b_low)
    return low, high


@kernel_part
def hash_references(
    base: Place,
    start: Place,
    end: Place,
    hashes: Place,
    symbols: np.uint64,
    keys: Place,
    name_low: np.uint64,
) -> tuple[np.uint64, np.uint64, Place, int, Place]:
    """Hash the symbols that the fields labels_refs in start:end name; other fields are skipped.

    hashes: the address of uint64[symbols, 2]; name_low: the low hash of the text __name__. Returns
    (low, high, the symbol of the metric name or -1, reason, place); a place < 0 is minus an error.
    """
    low = high = np.uint64(0)
    a_low = a_high = b_low = b_high = np.uint64(0)
    low_point, high_point = load_word(keys, 8 * LOW_POINT), load_word(keys, 8 * HIGH_POINT)
    pending = np.uint64(0)  # a name whose value is in another field
    count = at = np.int64(0)
    metric: Place = np.int64(-1)
    place: Place = start
    while place < end:
        tag, _, first, stop = read_field(base, place, end)
        if tag not in (REFERENCES, REFERENCE):
            first = stop
        place = stop
        while first < stop:
            name = pending
            if count & 1 == 0:
                name, first = read_reference(base, first, stop)
                if first == stop:
                    pending = name
                    count += 1
                    break
            value, first = read_reference(base, first, stop) if first > 0 else (name, first)
            if first < 0:
                return low, high, metric, 0, first
            if name >= symbols or value >= symbols:
                return low, high, metric, BAD_REFERENCE, place
            count = (count | 1) + 1
            x = hashes + 16 * np.int64(name)
            y = hashes + 16 * np.int64(value)
            x_low, x_high = load_word(x, 0), load_word(x, 8)
            y_low, y_high = load_word(y, 0), load_word(y, 8)
            a_low, a_high = keyed_product(a_low, a_high, x_low, y_low, keys + at)
            b_low, b_high = keyed_product(b_low, b_high, x_high, y_high, keys + BLOCK_BYTES + at)
            if x_low == name_low:
                metric = np.int64(value)
            at += 16
            if at == BLOCK_BYTES:
                at = np.int64(0)
                low, high = fold_block(low, high, a_low, a_high, b_low, b_high, keys)
                a_low = a_high = b_low = b_high = np.uint64(0)
    # The length leads the last block: a hash of fewer references is one of a lower degree.
    lead = np.uint64(count + 1)
    if count >= 2 * BLOCK_PAIRS:
        low = polynomial_step(low, low_point, lead)
        high = polynomial_step(high, high_point, lead)
    else:
        low = high = lead
    low, high = fold_block(low, high, a_low, a_high, b_low, b_high, keys)
    reason = BAD_REFERENCE if count & 1 else 0
    return scatter_bits(low), scatter_bits(high), metric, reason, place
