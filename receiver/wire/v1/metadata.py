"""The metadata of remote write 1.0 requests: wire messages to columns, as a kernel.

MetricMetadata  type = 1 (varint), metric_family_name = 2, help = 4, unit = 5
"""

import numpy as np

from receiver.wire.label_hash import combine_entry, hash128
from receiver.wire.scan import MESSAGE_END, MESSAGE_START, SCANNED
from storage.kernels.arrays import Bytes, Int8s, Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.kernels.protobuf import (
    LENGTH,
    VARINT,
    WRONG_WIRE_TYPE,
    is_mistyped,
    read_field,
    tag_of,
)
from storage.kernels.words import Place

TYPE = tag_of(1, VARINT)
NAME, HELP, UNIT = tag_of(2, LENGTH), tag_of(4, LENGTH), tag_of(5, LENGTH)
TYPES = np.uint64(8)  # from 0, unknown, on


@kernel
def read_metadata(
    buffer: Bytes,
    places: Int64s,
    secret: UInt64s,
    spans: Int64s,
    kinds: Int8s,
    hash_low: UInt64s,
    hash_high: UInt64s,
) -> tuple[Place, Place]:
    """Read the entries at `places` that have a name into the columns; spans: int64[n, 6].

    Returns (SCANNED, the number of entries) or (the error, its place).
    """
    base, keys = buffer.ctypes.data, secret.ctypes.data
    kept = 0
    for m in range(len(places)):
        place: Place = places[m, MESSAGE_START]
        end = places[m, MESSAGE_END]
        spans[kept, :] = place
        kind = np.uint64(0)
        while place < end:
            tag, word, first, after = read_field(base, place, end)
            if after < 0:
                return -after, place
            if tag == TYPE:
                kind = word
            elif tag == NAME:
                spans[kept, 0], spans[kept, 1] = first, after
            elif tag == HELP:
                spans[kept, 2], spans[kept, 3] = first, after
            elif tag == UNIT:
                spans[kept, 4], spans[kept, 5] = first, after
            elif (
                is_mistyped(tag, TYPE)
                or is_mistyped(tag, NAME)
                or is_mistyped(tag, HELP)
                or is_mistyped(tag, UNIT)
            ):
                return WRONG_WIRE_TYPE, place
            place = after
        if spans[kept, 0] == spans[kept, 1]:
            continue
        kinds[kept] = kind if kind < TYPES else np.uint64(0)
        low = high = np.uint64(kinds[kept])
        for column in range(3):
            text_low, text_high = hash128(
                base, spans[kept, 2 * column], spans[kept, 2 * column + 1], keys
            )
            low, high = combine_entry(low, high, text_low, text_high, keys)
        hash_low[kept], hash_high[kept] = low, high
        kept += 1
    return SCANNED, kept
