"""The exemplars of remote write 1.0 requests: wire messages to columns, as a kernel.

    Exemplar    labels = 1 (Label messages), value = 2 (double), timestamp = 3 (varint)

Labels stay bytes. They are walked through once here, so that whoever reads them later, and who
cannot refuse the request any more, finds whole messages.
"""

import numpy as np

from receiver.wire.scan import MESSAGE_END, MESSAGE_START, SCANNED
from storage.kernels.arrays import Bytes, Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.kernels.protobuf import (
    FIXED64,
    LENGTH,
    TRUNCATED,
    VARINT,
    WRONG_WIRE_TYPE,
    read_length,
    read_tag,
    read_varint,
    skip_field,
)
from storage.kernels.words import Place, load_word
from storage.labels.wire import read_label

LABELS, VALUE, TIMESTAMP = 1, 2, 3
WIRE_TYPES = np.array([9, LENGTH, FIXED64, VARINT], np.uint64)


@kernel
def read_exemplars(
    buffer: Bytes,
    places: Int64s,
    label_start: Int64s,
    label_end: Int64s,
    timestamps: Int64s,
    value_bits: UInt64s,
) -> tuple[Place, Place]:
    """Read the exemplars at `places`; returns (SCANNED, 0) or (the error, its place)."""
    base = buffer.ctypes.data
    for e in range(len(places)):
        place: Place = places[e, MESSAGE_START]
        end = places[e, MESSAGE_END]
        label_start[e] = label_end[e] = place
        labels = timestamp = np.int64(0)
        bits = np.uint64(0)
        while place < end:
            tag, wire_type, after = read_tag(base, place, end)
            number = np.int64(tag)
            first = after
            if after > 0 and number > TIMESTAMP:
                after = skip_field(base, after, end, wire_type)
            elif after > 0 and wire_type != WIRE_TYPES[number]:
                after = -WRONG_WIRE_TYPE
            elif after > 0 and number == VALUE:
                after = after + 8 if end - after >= 8 else -TRUNCATED
                bits = load_word(base, first) if after > 0 else bits
            elif after > 0 and number == TIMESTAMP:
                word, after = read_varint(base, after, end)
                timestamp = np.int64(word)
            elif after > 0:
                first, after = read_length(base, after, end)
                if after > 0:
                    label, _, _, _ = read_label(base, first, after)
                    after = after if label >= 0 else label
            if after < 0:
                return -after, place
            if number == LABELS:
                if labels == 0:
                    label_start[e] = place
                labels += 1
                label_end[e] = after
            place = after
        timestamps[e], value_bits[e] = timestamp, bits
    return SCANNED, 0
