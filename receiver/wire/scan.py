"""The scanner of remote write 1.0 bodies: protobuf wire bytes to columns, as a kernel.

One pass over the bytes notes where the labels of each series lie, hashes them while they are in the
processor's cache, and writes the samples into columns. Labels are not looked into: the bytes of a
known series are recognised by their hash, those of a new one are checked when it is registered
(storage). Of native histograms, exemplars and
metadata it notes only where they are: most requests have none, and their kernels read them later. A
histogram takes the place of a sample among those of its series. The message is

    WriteRequest  timeseries = 1, metadata = 3
    TimeSeries    labels = 1, samples = 2, exemplars = 3, histograms = 4
    Sample        value = 1 (fixed64), timestamp = 2 (varint)

Invariants:
* No byte outside buffer[:size] is read (storage.kernels.protobuf).
* A field is taken by its number and must have the wire type of the schema; unknown fields are
  skipped by wire type.
* A repeated scalar of a sample keeps its last value, a missing one is 0.
"""

import numpy as np

from storage.kernels.jit import kernel_part
from storage.kernels.protobuf import (
    FIELD_NUMBER,
    FIXED64,
    LENGTH_TOO_LARGE,
    TRUNCATED,
    VARINT,
    VARINT_TOO_LONG,
    WRONG_WIRE_TYPE,
    read_field,
    read_varint,
    tag_of,
)
from storage.kernels.words import Place, load_byte, load_word, store_word

# How a scan may end; tally[POSITION] says where. Messages are in SCAN_ERRORS.
SCANNED = 0
SCAN_ERRORS = {
    TRUNCATED: "the message ends inside a field",
    VARINT_TOO_LONG: "a varint is longer than 64 bits",
    WRONG_WIRE_TYPE: "a field has a wire type that it cannot have",
    LENGTH_TOO_LARGE: "a length goes beyond the end of its message",
    FIELD_NUMBER: "a field number is outside of 1 to 536870911",
}

# Of a sample; the start is of 2.0 only.
VALUE, TIMESTAMP, START = tag_of(1, FIXED64), tag_of(2, VARINT), tag_of(3, VARINT)

# The places of a tally, int64[TALLY_SIZE]: what a scan found. Counts go on beyond the length of
# the columns, so that a caller whose columns were too short knows the size they need.
SERIES, SAMPLES, HISTOGRAMS, EXEMPLARS, METADATA, POSITION = range(6)
TALLY_SIZE = 6
TALLY_SPACE = 16  # room for what other scanners count behind these

# The columns of a place list, int64[n, 3]: the sample of a histogram or the series of an exemplar,
# or the message's number for metadata; and where the message lies.
OWNER, MESSAGE_START, MESSAGE_END = range(3)
PLACE_BYTES = 24


@kernel_part
def read_short_sample(base: Place, start: Place, end: Place) -> tuple[np.uint64, np.uint64, Place]:
    """(value bits, timestamp, place behind both) of a sample that begins with a value and a
    timestamp, as nearly all do, otherwise (0, 0, start)."""
    is_short = end - start > 10 and load_byte(base, start) == VALUE
    if is_short and load_byte(base, start + 9) == TIMESTAMP:
        timestamp, after = read_varint(base, start + 10, end)
        if after > 0:
            return load_word(base, start + 1), timestamp, after
    return np.uint64(0), np.uint64(0), start


@kernel_part
def scan_sample(
    base: Place, start: Place, end: Place, known_end: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, Place, Place]:
    """(value bits, timestamp, start, error, place of the error) of the sample at start:end.

    known_end: the least tag behind those of the fields that a sample of this version has.
    """
    bits, timestamp, place = read_short_sample(base, start, end)
    since = np.uint64(0)
    while place < end:
        tag, word, _, after = read_field(base, place, end)
        if after < 0:
            return bits, timestamp, since, -after, place
        if tag == VALUE:
            bits = word
        elif tag == TIMESTAMP:
            timestamp = word
        elif tag == START and known_end > START:
            since = word
        elif tag < known_end:
            return bits, timestamp, since, WRONG_WIRE_TYPE, place
        place = after
    return bits, timestamp, since, SCANNED, place


@kernel_part
def store_place(places: Place, number: Place, owner: Place, start: Place, end: Place) -> None:
    """Write row `number` of the place list at the address `places`."""
    store_word(places, PLACE_BYTES * number, np.uint64(owner))
    store_word(places, PLACE_BYTES * number + 8, np.uint64(start))
    store_word(places, PLACE_BYTES * number + 16, np.uint64(end))
