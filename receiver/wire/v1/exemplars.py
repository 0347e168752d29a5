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
    VARINT,
    WRONG_WIRE_TYPE,
    read_field,
    tag_of,
)
from storage.kernels.words import Place
from storage.labels.wire import read_label

LABEL, VALUE, TIMESTAMP = tag_of(1, LENGTH), tag_of(2, FIXED64), tag_of(3, VARINT)
KNOWN_END = tag_of(4)


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
            tag, word, first, after = read_field(base, place, end)
            if after < 0:
                return -after, place
            if tag == VALUE:
                bits = word
            elif tag == TIMESTAMP:
                timestamp = np.int64(word)
            elif tag == LABEL:
                if labels == 0:
                    label_start[e] = place
                labels += 1
                label_end[e] = after
                label, _, _, _ = read_label(base, first, after)
                if label < 0:
                    return -label, place
            elif tag < KNOWN_END:
                return WRONG_WIRE_TYPE, place
            place = after
        timestamps[e], value_bits[e] = timestamp, bits
    return SCANNED, 0
