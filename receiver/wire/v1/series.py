"""The scanner of remote write 1.0: from the bytes of a WriteRequest to columns."""

import numpy as np

from receiver.wire.label_hash import hash128
from receiver.wire.scan import (
    EXEMPLARS,
    HISTOGRAMS,
    METADATA,
    POSITION,
    SAMPLES,
    SCANNED,
    SERIES,
    scan_sample,
    store_place,
)
from storage.kernels.arrays import Bytes, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.protobuf import (
    LENGTH,
    WRONG_WIRE_TYPE,
    is_mistyped,
    read_field,
    tag_of,
)
from storage.kernels.words import Place, load_byte, store_word

# Of a request.
SERIES_MESSAGE, METADATA_MESSAGE = tag_of(1, LENGTH), tag_of(3, LENGTH)
# Of a time series.
LABEL, SAMPLE, EXEMPLAR, HISTOGRAM = (tag_of(number, LENGTH) for number in range(1, 5))
KNOWN_END = tag_of(5)
# Of a sample.
SAMPLE_END = tag_of(3)


@kernel_part
def skip_short_labels(base: Place, start: Place, end: Place) -> Place:
    """The place behind the run of label fields of fewer than 128 bytes that begins at start."""
    place: Place = start
    while end - place >= 2 and load_byte(base, place) == LABEL:
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
        tag, _, first, after = read_field(base, place, end)
        if after < 0:
            return -after, place, label_start, label_end, sample, histogram, exemplar
        if tag == LABEL:
            if label_end == start:
                label_start = place
            label_end = after
        elif tag == SAMPLE:
            bits, timestamp, _, error, error_place = scan_sample(base, first, after, SAMPLE_END)
            if error != SCANNED:
                return error, error_place, label_start, label_end, sample, histogram, exemplar
            if sample < capacity:
                store_word(timestamps, 8 * sample, timestamp)
                store_word(value_bits, 8 * sample, bits)
            sample += 1
        elif tag == HISTOGRAM:
            if histogram < histogram_capacity:
                store_place(histogram_places, histogram, sample, first, after)
            histogram += 1
            sample += 1
        elif tag == EXEMPLAR:
            if exemplar < exemplar_capacity:
                store_place(exemplar_places, exemplar, series, first, after)
            exemplar += 1
        elif tag < KNOWN_END:
            return WRONG_WIRE_TYPE, place, label_start, label_end, sample, histogram, exemplar
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
        tag, _, first, after = read_field(base, place, size)
        if after < 0:
            tally[POSITION] = place
            return -after
        if tag == SERIES_MESSAGE:
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
        elif tag == METADATA_MESSAGE:
            if metadata < len(metadata_places):
                store_place(metadata_places.ctypes.data, metadata, metadata, first, after)
            metadata += 1
        elif is_mistyped(tag, SERIES_MESSAGE) or is_mistyped(tag, METADATA_MESSAGE):
            tally[POSITION] = place
            return WRONG_WIRE_TYPE
        place = after
    tally[SERIES], tally[SAMPLES] = series, sample
    tally[HISTOGRAMS], tally[EXEMPLARS], tally[METADATA] = histogram, exemplar, metadata
    return SCANNED
