"""The metadata of remote write 1.0 requests: wire messages to columns, as a kernel.

MetricMetadata  type = 1 (varint), metric_family_name = 2, help = 4, unit = 5
"""

import numpy as np

from receiver.wire.label_hash import combine_entry, hash128
from receiver.wire.scan import MESSAGE_END, MESSAGE_START, SCANNED
from storage.kernels.arrays import Bytes, Int8s, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.protobuf import (
    LENGTH,
    VARINT,
    WRONG_WIRE_TYPE,
    read_length,
    read_tag,
    read_varint,
    skip_field,
)
from storage.kernels.words import Place

TYPE, NAME, HELP, UNIT = 1, 2, 4, 5
TYPES = np.uint64(8)  # from 0, unknown, on


@kernel_part
def column_of(number: Place) -> Place:
    """Which of the texts a field is: 0 name, 1 help, 2 unit; -1 none."""
    if number == NAME:
        return 0
    return number - 3 if number in (HELP, UNIT) else -1


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
            tag, wire_type, after = read_tag(base, place, end)
            number = np.int64(tag)
            first = after
            column = column_of(number)
            if after > 0 and number != TYPE and column < 0:
                after = skip_field(base, after, end, wire_type)
            elif after > 0 and wire_type != (VARINT if number == TYPE else LENGTH):
                after = -WRONG_WIRE_TYPE
            elif after > 0 and number == TYPE:
                kind, after = read_varint(base, after, end)
            elif after > 0:
                first, after = read_length(base, after, end)
                spans[kept, 2 * column], spans[kept, 2 * column + 1] = first, after
            if after < 0:
                return -after, place
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
