"""The scanner of remote write 2.0 bodies: protobuf wire bytes to columns, as kernels.

The labels of a series are numbers of symbols, texts that a request tells once. As in receiver.wire,
labels are only found here, and so are native histograms, exemplars and metadata. The message is

    Request     symbols = 4, timeseries = 5
    TimeSeries  labels_refs = 1, samples = 2, histograms = 3, exemplars = 4, metadata = 5,
                created_timestamp = 6 (of older senders: the start of samples that tell none)
    Sample      value = 1 (fixed64), timestamp = 2 (varint), start_timestamp = 3 (varint)

Symbols may stand behind the series that use them, so a request is walked through twice: for symbols
and series, and for what is in the series. The invariants are those of receiver.wire.
"""

import numpy as np

from receiver.wire import (
    EXEMPLARS,
    HISTOGRAMS,
    METADATA,
    POSITION,
    SAMPLES,
    SCANNED,
    SERIES,
    START_FIELD,
    TALLY_SIZE,
    scan_sample,
    store_place,
)
from storage.batch import Bytes, UInt64s
from storage.kernel import kernel, kernel_part
from storage.protobuf import (
    LENGTH,
    VARINT,
    WRONG_WIRE_TYPE,
    read_length,
    read_tag,
    read_varint,
    skip_field,
)
from storage.samples import Int64s
from storage.words import Place, store_word

SYMBOL_FIELD, SERIES_FIELD = np.uint64(4), np.uint64(5)
REFERENCES_FIELD, SAMPLE_FIELD, HISTOGRAM_FIELD, EXEMPLAR_FIELD = (
    np.uint64(n) for n in range(1, 5)
)
METADATA_FIELD, CREATED_FIELD = np.uint64(5), np.uint64(6)

# Places of the tally behind those of receiver.wire.
SYMBOLS, STARTS = TALLY_SIZE, TALLY_SIZE + 1


@kernel
def scan_symbols(
    buffer: Bytes,
    size: Place,
    symbol_start: Int64s,
    symbol_length: Int64s,
    series_start: Int64s,
    series_end: Int64s,
    tally: Int64s,
) -> Place:
    """Find the symbols and the series messages of buffer[:size]; returns SCANNED or an error.

    Columns too short are filled as far as they go; tally[SYMBOLS] and tally[SERIES] go on counting.
    """
    base = buffer.ctypes.data
    symbol_capacity = min(len(symbol_start), len(symbol_length))
    series_capacity = min(len(series_start), len(series_end))
    tally[:] = 0
    symbols = series = 0
    place: Place = 0
    while place < size:
        number, wire_type, after = read_tag(base, place, size)
        first = after
        if after > 0 and number not in (SYMBOL_FIELD, SERIES_FIELD):
            after = skip_field(base, after, size, wire_type)
        elif after > 0 and wire_type == LENGTH:
            first, after = read_length(base, after, size)
        elif after > 0:
            after = -WRONG_WIRE_TYPE
        if after < 0:
            tally[POSITION] = place
            return -after
        if number == SYMBOL_FIELD:
            if symbols < symbol_capacity:
                symbol_start[symbols], symbol_length[symbols] = first, after - first
            symbols += 1
        elif number == SERIES_FIELD:
            if series < series_capacity:
                series_start[series], series_end[series] = first, after
            series += 1
        place = after
    tally[SYMBOLS], tally[SERIES] = symbols, series
    return SCANNED


@kernel_part
def read_field(base: Place, start: Place, end: Place) -> tuple[np.uint64, Place, Place]:
    """(number, first place of the content, place behind) of a field of a time series message; the
    last one is minus the error if it is damaged or has a wrong wire type."""
    number, wire_type, after = read_tag(base, start, end)
    first = after
    if after > 0 and wire_type == LENGTH and number <= METADATA_FIELD:
        first, after = read_length(base, after, end)
    elif after > 0 and number <= CREATED_FIELD:
        varint = number in (REFERENCES_FIELD, CREATED_FIELD) and wire_type == VARINT
        after = skip_field(base, after, end, wire_type) if varint else -WRONG_WIRE_TYPE
    elif after > 0:
        after = skip_field(base, after, end, wire_type)
    return number, first, after


@kernel_part
def scan_series(
    base: Place,
    start: Place,
    end: Place,
    series: Place,
    timestamps: Place,
    value_bits: Place,
    starts: Place,
    sample: Place,
    capacity: Place,
    histograms: Place,
    histogram: Place,
    histogram_capacity: Place,
    exemplars: Place,
    exemplar: Place,
    exemplar_capacity: Place,
) -> tuple[Place, Place, Place, Place, Place, Place, Place, Place, Place, np.uint64, np.uint64]:
    """Scan the time series message at start:end; the columns are addresses.

    Returns (error, its place, start and end of the references, samples, histograms and exemplars so
    far, start and end of the metadata or 0, the created timestamp, all bits of the samples'
    starts).
    """
    references_start = references_end = start
    metadata_start = metadata_end = np.int64(0)
    created = known = np.uint64(0)
    error: Place = np.int64(SCANNED)
    error_place: Place = np.int64(0)
    place = start
    while place < end and error == SCANNED:
        number, first, after = read_field(base, place, end)
        if after < 0:
            error, error_place = -after, place
        elif number == REFERENCES_FIELD:
            references_start = place if references_end == start else references_start
            references_end = after
        elif number == SAMPLE_FIELD:
            bits, timestamp, since, error, error_place = scan_sample(
                base, first, after, START_FIELD
            )
            if sample < capacity:
                store_word(timestamps, 8 * sample, timestamp)
                store_word(value_bits, 8 * sample, bits)
                store_word(starts, 8 * sample, since)
            known |= since
            sample += 1
        elif number == HISTOGRAM_FIELD:
            if histogram < histogram_capacity:
                store_place(histograms, histogram, sample, first, after)
            if sample < capacity:
                store_word(starts, 8 * sample, np.uint64(0))
            histogram += 1
            sample += 1
        elif number == EXEMPLAR_FIELD:
            if exemplar < exemplar_capacity:
                store_place(exemplars, exemplar, series, first, after)
            exemplar += 1
        elif number == METADATA_FIELD:
            metadata_start, metadata_end = np.int64(first), np.int64(after)
        elif number == CREATED_FIELD:
            created, _ = read_varint(base, first, end)
        place = after
    return (
        error, error_place, references_start, references_end, sample, histogram, exemplar,
        metadata_start, metadata_end, created, known,
    )  # fmt: skip


@kernel
def scan_symbol_series(
    buffer: Bytes,
    series_start: Int64s,
    series_end: Int64s,
    label_start: Int64s,
    label_end: Int64s,
    sample_offsets: Int64s,
    timestamps: Int64s,
    value_bits: UInt64s,
    starts: Int64s,
    histogram_places: Int64s,
    exemplar_places: Int64s,
    metadata_places: Int64s,
    tally: Int64s,
) -> Place:
    """Scan the series that scan_symbols() found; returns SCANNED or an error.

    label_start and label_end become where the references of each series lie. Columns of samples and
    what follows them are filled as far as they go, and counted on in the tally; tally[STARTS]:
    whether any start is known.
    """
    base = buffer.ctypes.data
    timestamps_at, values_at = timestamps.ctypes.data, value_bits.ctypes.data
    starts_at, metadata_at = starts.ctypes.data, metadata_places.ctypes.data
    histograms_at, exemplars_at = histogram_places.ctypes.data, exemplar_places.ctypes.data
    capacity = min(len(timestamps), len(value_bits), len(starts))
    sample: Place = 0
    histogram: Place = 0
    exemplar: Place = 0
    metadata = 0
    known_starts = np.uint64(0)
    sample_offsets[0] = 0
    for series in range(len(series_start)):
        first_sample = sample
        (
            error, error_place, references_from, references_to, sample, histogram, exemplar,
            metadata_from, metadata_to, created, known,
        ) = scan_series(
            base, series_start[series], series_end[series], series, timestamps_at, values_at,
            starts_at, sample, capacity, histograms_at, histogram, len(histogram_places),
            exemplars_at, exemplar, len(exemplar_places),
        )  # fmt: skip
        if error != SCANNED:
            tally[POSITION] = error_place
            return error
        label_start[series], label_end[series] = references_from, references_to
        sample_offsets[series + 1] = sample
        known_starts |= known | created
        if created != 0:
            for k in range(first_sample, min(sample, capacity)):
                starts[k] = np.int64(created) if starts[k] == 0 else starts[k]
        if metadata_to > 0:
            if metadata < len(metadata_places):
                store_place(metadata_at, metadata, series, metadata_from, metadata_to)
            metadata += 1
    tally[SAMPLES], tally[HISTOGRAMS], tally[EXEMPLARS] = sample, histogram, exemplar
    tally[METADATA], tally[STARTS] = metadata, known_starts != 0
    return SCANNED
