"""The scanner of remote write 2.0 bodies: protobuf wire bytes to columns, as kernels.

The labels of a series are numbers of symbols, texts that a request lists once. As in receiver.wire,
labels are only found and hashed here; native histograms, exemplars and metadata are only found. The
message is

    Request     symbols = 4, timeseries = 5
    TimeSeries  labels_refs = 1, samples = 2, histograms = 3, exemplars = 4, metadata = 5,
                created_timestamp = 6 (of older senders: the start of samples that state none)
    Sample      value = 1 (fixed64), timestamp = 2 (varint), start_timestamp = 3 (varint)

Symbols may stand behind the series that use them, so a request is walked through twice: for symbols
and series, and for what is in the series. The invariants are those of receiver.wire.
"""

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
    TALLY_SIZE,
    scan_sample,
    store_place,
)
from receiver.wire.v2.references import NO_HASH, hash_references
from storage.kernels.arrays import Bytes, Int8s, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.protobuf import (
    LENGTH,
    VARINT,
    WRONG_WIRE_TYPE,
    is_mistyped,
    read_field,
    tag_of,
)
from storage.kernels.words import Place, load_word, store_word
from storage.labels.wire import METRIC_NAME_WORD

# Of a request.
SYMBOL, SERIES_MESSAGE = tag_of(4, LENGTH), tag_of(5, LENGTH)
# Of a time series; its references may come one by one.
REFERENCES, REFERENCE = tag_of(1, LENGTH), tag_of(1, VARINT)
SAMPLE, HISTOGRAM, EXEMPLAR, METADATA_MESSAGE = (tag_of(number, LENGTH) for number in range(2, 6))
CREATED = tag_of(6, VARINT)
KNOWN_END = tag_of(7)
# Of a sample.
SAMPLE_END = tag_of(4)

# Places of the tally behind those of receiver.wire. NAME_HASH: the low hash of the text __name__.
SYMBOLS, STARTS, REFUSED, NAME_HASH = range(TALLY_SIZE, TALLY_SIZE + 4)


@kernel
def scan_symbols(
    buffer: Bytes,
    size: Place,
    symbol_start: Int64s,
    symbol_length: Int64s,
    series_start: Int64s,
    series_end: Int64s,
    tally: Int64s,
    secret: UInt64s,
    symbol_hashes: UInt64s,
) -> Place:
    """Find and hash the symbols of buffer[:size], and find its series messages; returns SCANNED or
    an error.

    Columns too short are filled as far as they go; tally[SYMBOLS] and tally[SERIES] go on counting.
    """
    base, keys = buffer.ctypes.data, secret.ctypes.data
    symbol_capacity = min(len(symbol_start), len(symbol_length), len(symbol_hashes))
    series_capacity = min(len(series_start), len(series_end))
    tally[:] = 0
    symbols = series = 0
    name_low = NO_HASH
    place: Place = 0
    while place < size:
        tag, _, first, after = read_field(base, place, size)
        if after < 0:
            tally[POSITION] = place
            return -after
        if tag == SYMBOL:
            if symbols < symbol_capacity:
                symbol_start[symbols], symbol_length[symbols] = first, after - first
                low, high = hash128(base, first, after, keys)
                symbol_hashes[symbols, 0], symbol_hashes[symbols, 1] = low, high
                if after - first == 8 and load_word(base, first) == METRIC_NAME_WORD:
                    name_low = low
            symbols += 1
        elif tag == SERIES_MESSAGE:
            if series < series_capacity:
                series_start[series], series_end[series] = first, after
            series += 1
        elif is_mistyped(tag, SYMBOL) or is_mistyped(tag, SERIES_MESSAGE):
            tally[POSITION] = place
            return WRONG_WIRE_TYPE
        place = after
    tally[SYMBOLS], tally[SERIES] = symbols, series
    tally[NAME_HASH] = np.int64(name_low)
    return SCANNED


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
) -> tuple[Place, Place, Place, Place, Place, Place, Place, Place, Place, np.uint64]:
    """Scan the time series message at start:end; the columns are addresses.

    Returns (error, its place, start and end of the references, samples, histograms and exemplars so
    far, start and end of the metadata or 0, all bits of the starts).
    """
    first_sample: Place = sample
    references_start = references_end = start
    metadata_start = metadata_end = np.int64(0)
    created = known = np.uint64(0)
    error: Place = np.int64(SCANNED)
    error_place: Place = np.int64(0)
    place = start
    while place < end and error == SCANNED:
        tag, word, first, after = read_field(base, place, end)
        if after < 0:
            error, error_place = -after, place
        elif tag in (REFERENCES, REFERENCE):
            references_start = place if references_end == start else references_start
            references_end = after
        elif tag == SAMPLE:
            bits, timestamp, since, error, error_place = scan_sample(base, first, after, SAMPLE_END)
            if sample < capacity:
                store_word(timestamps, 8 * sample, timestamp)
                store_word(value_bits, 8 * sample, bits)
                store_word(starts, 8 * sample, since)
            known |= since
            sample += 1
        elif tag == HISTOGRAM:
            if histogram < histogram_capacity:
                store_place(histograms, histogram, sample, first, after)
            if sample < capacity:
                store_word(starts, 8 * sample, np.uint64(0))
            histogram += 1
            sample += 1
        elif tag == EXEMPLAR:
            if exemplar < exemplar_capacity:
                store_place(exemplars, exemplar, series, first, after)
            exemplar += 1
        elif tag == METADATA_MESSAGE:
            metadata_start, metadata_end = np.int64(first), np.int64(after)
        elif tag == CREATED:
            created = word
        elif tag < KNOWN_END:
            error, error_place = WRONG_WIRE_TYPE, place
        place = after
    if created != 0:
        for k in range(first_sample, min(sample, capacity)):
            if load_word(starts, 8 * k) == 0:
                store_word(starts, 8 * k, created)
    return (
        error, error_place, references_start, references_end, sample, histogram, exemplar,
        metadata_start, metadata_end, known | created,
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
    symbol_hashes: UInt64s,
    secret: UInt64s,
    hash_low: UInt64s,
    hash_high: UInt64s,
    metrics: Int64s,
    reasons: Int8s,
) -> Place:
    """Scan the series that scan_symbols() found; returns SCANNED or an error.

    label_start and label_end become where the references of each series lie, metrics[i] the symbol
    of its metric name or -1, reasons[i] why it is refused, or 0. Columns of samples and what
    follows them are filled as far as they go, and counted on in the tally; tally[STARTS],
    tally[REFUSED]: not 0 if any start is known, any series refused.
    """
    base, keys, hashes = buffer.ctypes.data, secret.ctypes.data, symbol_hashes.ctypes.data
    symbols, name_low = np.uint64(tally[SYMBOLS]), np.uint64(tally[NAME_HASH])
    timestamps_at, values_at = timestamps.ctypes.data, value_bits.ctypes.data
    starts_at, metadata_at = starts.ctypes.data, metadata_places.ctypes.data
    histograms_at, exemplars_at = histogram_places.ctypes.data, exemplar_places.ctypes.data
    capacity = min(len(timestamps), len(value_bits), len(starts))
    sample: Place = 0
    histogram: Place = 0
    exemplar: Place = 0
    metadata = 0
    tally[REFUSED] = tally[STARTS] = sample_offsets[0] = 0
    for series in range(len(series_start)):
        (
            error, error_place, references_from, references_to, sample, histogram, exemplar,
            metadata_from, metadata_to, starts_bits,
        ) = scan_series(
            base, series_start[series], series_end[series], series, timestamps_at, values_at,
            starts_at, sample, capacity, histograms_at, histogram, len(histogram_places),
            exemplars_at, exemplar, len(exemplar_places),
        )  # fmt: skip
        if error != SCANNED:
            tally[POSITION] = error_place
            return error
        label_start[series], label_end[series] = references_from, references_to
        low, high, metric, reason, read_to = hash_references(
            base, references_from, references_to, hashes, symbols, keys, name_low
        )
        if read_to < 0:
            tally[POSITION] = references_from
            return -read_to
        hash_low[series], hash_high[series], metrics[series] = low, high, metric
        reasons[series] = reason
        tally[REFUSED] |= reason
        sample_offsets[series + 1] = sample
        tally[STARTS] |= np.int64(starts_bits)
        if metadata_to > 0:
            if metadata < len(metadata_places):
                store_place(metadata_at, metadata, series, metadata_from, metadata_to)
            metadata += 1
    tally[SAMPLES], tally[HISTOGRAMS], tally[EXEMPLARS] = sample, histogram, exemplar
    tally[METADATA] = metadata
    return SCANNED
