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
* No byte outside buffer[:size] is read (storage.protobuf).
* A field is taken by its number and must have the wire type of the schema; unknown fields are
  skipped by wire type.
* A repeated scalar of a sample keeps its last value, a missing one is 0.
"""

import numpy as np

from receiver.wire.label_hash import hash128
from storage.batch import Bytes, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.protobuf import (
    FIELD_NUMBER,
    FIXED64,
    LENGTH,
    LENGTH_TOO_LARGE,
    TRUNCATED,
    VARINT,
    VARINT_TOO_LONG,
    WRONG_WIRE_TYPE,
    read_length,
    read_tag,
    read_varint,
    skip_field,
)
from storage.kernels.words import Place, load_byte, load_word, store_word
from storage.samples.samples import Int64s

# How a scan may end; tally[POSITION] says where. Messages are in SCAN_ERRORS.
SCANNED = 0
SCAN_ERRORS = {
    TRUNCATED: "the message ends inside a field",
    VARINT_TOO_LONG: "a varint is longer than 64 bits",
    WRONG_WIRE_TYPE: "a field has a wire type that it cannot have",
    LENGTH_TOO_LARGE: "a length goes beyond the end of its message",
    FIELD_NUMBER: "a field number is outside of 1 to 536870911",
}

SERIES_FIELD, METADATA_FIELD = np.uint64(1), np.uint64(3)
LABEL_FIELD, SAMPLE_FIELD, EXEMPLAR_FIELD, HISTOGRAM_FIELD = (np.uint64(n) for n in range(1, 5))
SHORT_LABEL_TAG = LABEL_FIELD << np.uint64(3) | LENGTH
# Of a sample; the start is of 2.0 only.
VALUE_FIELD, TIMESTAMP_FIELD, START_FIELD = np.uint64(1), np.uint64(2), np.uint64(3)

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
def scan_sample(
    base: Place, start: Place, end: Place, last_field: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, Place, Place]:
    """(value bits, timestamp, start, error, place of the error) of the sample at start:end.

    last_field: the highest field number that a sample of this version has.
    """
    bits = timestamp = since = np.uint64(0)
    place = start
    while place < end:
        number, wire_type, after = read_tag(base, place, end)
        if after > 0 and number == VALUE_FIELD and wire_type == FIXED64:
            if end - after >= 8:
                bits = load_word(base, after)
                after += 8
            else:
                after = -TRUNCATED
        elif after > 0 and number == TIMESTAMP_FIELD and wire_type == VARINT:
            timestamp, after = read_varint(base, after, end)
        elif after > 0 and number <= last_field and number == START_FIELD and wire_type == VARINT:
            since, after = read_varint(base, after, end)
        elif after > 0 and number <= last_field:
            after = -WRONG_WIRE_TYPE
        elif after > 0:
            after = skip_field(base, after, end, wire_type)
        if after < 0:
            return bits, timestamp, since, -after, place
        place = after
    return bits, timestamp, since, SCANNED, place


@kernel_part
def read_message(
    base: Place, place: Place, size: Place, one: np.uint64, other: np.uint64
) -> tuple[np.uint64, Place, Place]:
    """(number, first place of the content, place behind) of a field of a request; the last one is
    minus the error if it is damaged. `one` and `other` are the fields that must have a length."""
    number, wire_type, after = read_tag(base, place, size)
    first = after
    if after > 0 and number not in (one, other):
        after = skip_field(base, after, size, wire_type)
    elif after > 0 and wire_type == LENGTH:
        first, after = read_length(base, after, size)
    elif after > 0:
        after = -WRONG_WIRE_TYPE
    return number, first, after


@kernel_part
def store_place(places: Place, number: Place, owner: Place, start: Place, end: Place) -> None:
    """Write row `number` of the place list at the address `places`."""
    store_word(places, PLACE_BYTES * number, np.uint64(owner))
    store_word(places, PLACE_BYTES * number + 8, np.uint64(start))
    store_word(places, PLACE_BYTES * number + 16, np.uint64(end))


@kernel_part
def skip_short_labels(base: Place, start: Place, end: Place) -> Place:
    """The place behind the run of label fields of fewer than 128 bytes that begins at start."""
    place: Place = start
    while end - place >= 2 and load_byte(base, place) == SHORT_LABEL_TAG:
        length = load_byte(base, place + 1)
        if length >= np.uint64(0x80) or place + 2 + np.int64(length) > end:
            break
        place += 2 + np.int64(length)
    return place


@kernel_part
def scan_series(
    base: Place,
    start: Place,
    end: Place,
    series: Place,
    timestamps: Place,
    value_bits: Place,
    sample: Place,
    capacity: Place,
    histogram_places: Place,
    histogram: Place,
    histogram_capacity: Place,
    exemplar_places: Place,
    exemplar: Place,
    exemplar_capacity: Place,
) -> tuple[Place, Place, Place, Place, Place, Place, Place]:
    """Scan the time series message at start:end; the columns are addresses.

    Returns (error, its place, label start, label end, samples, histograms and exemplars so far).
    """
    label_start = label_end = start
    place = skip_short_labels(base, start, end)
    label_end = place
    while place < end:
        number, wire_type, after = read_tag(base, place, end)
        first = after
        if after > 0 and number > HISTOGRAM_FIELD:
            after = skip_field(base, after, end, wire_type)
        elif after > 0 and wire_type == LENGTH:
            first, after = read_length(base, after, end)
        elif after > 0:
            after = -WRONG_WIRE_TYPE
        if after < 0:
            return -after, place, label_start, label_end, sample, histogram, exemplar
        if number == LABEL_FIELD:
            if label_end == start:
                label_start = place
            label_end = after
        elif number == SAMPLE_FIELD:
            bits, timestamp, _, error, error_place = scan_sample(
                base, first, after, TIMESTAMP_FIELD
            )
            if error != SCANNED:
                return error, error_place, label_start, label_end, sample, histogram, exemplar
            if sample < capacity:
                store_word(timestamps, 8 * sample, timestamp)
                store_word(value_bits, 8 * sample, bits)
            sample += 1
        elif number == HISTOGRAM_FIELD:
            if histogram < histogram_capacity:
                store_place(histogram_places, histogram, sample, first, after)
            histogram += 1
            sample += 1
        elif number == EXEMPLAR_FIELD:
            if exemplar < exemplar_capacity:
                store_place(exemplar_places, exemplar, series, first, after)
            exemplar += 1
        place = after
    return SCANNED, place, label_start, label_end, sample, histogram, exemplar


@kernel
def scan_write_request(
    buffer: Bytes,
    size: Place,
    label_start: Int64s,
    label_end: Int64s,
    sample_offsets: Int64s,
    timestamps: Int64s,
    value_bits: UInt64s,
    histogram_places: Int64s,
    exemplar_places: Int64s,
    metadata_places: Int64s,
    tally: Int64s,
    secret: UInt64s,
    hash_low: UInt64s,
    hash_high: UInt64s,
) -> Place:
    """Scan buffer[:size] into the columns and the tally; returns SCANNED or an error.

    Columns too short are filled as far as they go. sample_offsets has one place more than
    label_start, label_end and the hashes; the columns are contiguous. The samples that are
    histograms are left as they are.
    """
    base = buffer.ctypes.data
    series_capacity = min(len(label_start), len(label_end), len(sample_offsets) - 1)
    timestamps_at, keys = timestamps.ctypes.data, secret.ctypes.data
    values_at = value_bits.ctypes.data
    capacity = min(len(timestamps), len(value_bits))
    histograms_at, exemplars_at = histogram_places.ctypes.data, exemplar_places.ctypes.data
    tally[:] = 0
    sample_offsets[0] = 0
    series = metadata = 0
    sample: Place = 0
    histogram: Place = 0
    exemplar: Place = 0
    place: Place = 0
    while place < size:
        number, first, after = read_message(base, place, size, SERIES_FIELD, METADATA_FIELD)
        if after < 0:
            tally[POSITION] = place
            return -after
        if number == SERIES_FIELD:
            error, error_place, labels_from, labels_to, sample, histogram, exemplar = scan_series(
                base, first, after, series, timestamps_at, values_at, sample, capacity,
                histograms_at, histogram, len(histogram_places),
                exemplars_at, exemplar, len(exemplar_places),
            )  # fmt: skip
            if error != SCANNED:
                tally[POSITION] = error_place
                return error
            if series < series_capacity:
                label_start[series] = labels_from
                label_end[series] = labels_to
                sample_offsets[series + 1] = sample
                hash_low[series], hash_high[series] = hash128(base, labels_from, labels_to, keys)
            series += 1
        elif number == METADATA_FIELD:
            if metadata < len(metadata_places):
                store_place(metadata_places.ctypes.data, metadata, metadata, first, after)
            metadata += 1
        place = after
    tally[SERIES], tally[SAMPLES] = series, sample
    tally[HISTOGRAMS], tally[EXEMPLARS], tally[METADATA] = histogram, exemplar, metadata
    return SCANNED
