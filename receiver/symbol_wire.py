"""The scanner of remote write 2.0 bodies: protobuf wire bytes to columns, as kernels.

The labels of a series are numbers of symbols, texts that a request tells once. Every symbol is
hashed once; the hash of a series is one over the hashes of its symbols in their order, so that the
bytes of a label that all series share are looked at once a request. The message is

    Request     symbols = 4, timeseries = 5
    TimeSeries  labels_refs = 1, samples = 2, histograms = 3, exemplars = 4, metadata = 5,
                created_timestamp = 6 (of older senders: the start of samples that tell none)
    Sample      value = 1 (fixed64), timestamp = 2 (varint), start_timestamp = 3 (varint)
    Metadata    type = 1, help_ref = 3, unit_ref = 4

Symbols may stand behind the series that use them, so a request is walked through twice: for symbols
and series, and for what is in the series.

Invariants: those of receiver.wire, and
* A number of a symbol is compared with the count of symbols before it is used. A series that has a
  wrong one, or an odd count of numbers, is marked and costs only itself.
* Hashes of series are never equal to those of remote write 1.0 but by chance: other keys.
"""

import numpy as np

from receiver.label_hash import (
    BLOCK_BYTES,
    HIGH_POINT,
    LOW_POINT,
    combine_entry,
    hash128,
    keyed_product,
    polynomial_step,
    scatter_bits,
)
from receiver.wire import (
    EXEMPLARS,
    HISTOGRAMS,
    METADATA,
    POSITION,
    SAMPLES,
    SCANNED,
    SERIES,
    store_place,
)
from storage.batch import Bytes, UInt64s
from storage.kernel import kernel, kernel_part
from storage.protobuf import (
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
from storage.samples import Int8s, Int64s
from storage.series_kernels import BAD_REFERENCE, METRIC_NAME_WORD
from storage.words import Place, load_byte, load_word, store_word

SYMBOL_FIELD, SERIES_FIELD = np.uint64(4), np.uint64(5)
REFERENCES_FIELD, SAMPLE_FIELD, HISTOGRAM_FIELD, EXEMPLAR_FIELD = (
    np.uint64(n) for n in range(1, 5)
)
METADATA_FIELD, CREATED_FIELD = np.uint64(5), np.uint64(6)
VALUE_FIELD, TIMESTAMP_FIELD, START_FIELD = (np.uint64(n) for n in range(1, 4))
KIND_FIELD, HELP_FIELD, UNIT_FIELD = np.uint64(1), np.uint64(3), np.uint64(4)
KINDS = np.uint64(8)

# Places of the tally behind those of receiver.wire.
SYMBOLS, STARTS, PROBLEMS = 6, 7, 8
SYMBOL_TALLY_SIZE = 9
# The low hash of no text, as far as chance allows.
NO_HASH = np.uint64((1 << 64) - 1)
# A block of the hash takes this many pairs of symbols.
BLOCK_PAIRS = BLOCK_BYTES // 16


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
def scan_sample(
    base: Place, start: Place, end: Place
) -> tuple[np.uint64, np.uint64, np.uint64, Place, Place]:
    """(value bits, timestamp, start, error, place of the error) of the sample at start:end."""
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
        elif after > 0 and number == START_FIELD and wire_type == VARINT:
            since, after = read_varint(base, after, end)
        elif after > 0 and number <= START_FIELD:
            after = -WRONG_WIRE_TYPE
        elif after > 0:
            after = skip_field(base, after, end, wire_type)
        if after < 0:
            return bits, timestamp, since, -after, place
        place = after
    return bits, timestamp, since, SCANNED, place


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
    (low, high, the symbol of the metric name or -1, problem, place); a place < 0 is minus an error.
    """
    low = high = np.uint64(0)
    a_low = a_high = b_low = b_high = np.uint64(0)
    low_point, high_point = load_word(keys, 8 * LOW_POINT), load_word(keys, 8 * HIGH_POINT)
    pending = np.uint64(0)  # a name whose value is in another field
    count = at = np.int64(0)
    metric: Place = np.int64(-1)
    place: Place = start
    while place < end:
        number, wire_type, first = read_tag(base, place, end)
        stop = first
        if number == REFERENCES_FIELD and wire_type == LENGTH:
            first, stop = read_length(base, first, end)
        else:
            stop = skip_field(base, first, end, wire_type)
            first = first if number == REFERENCES_FIELD else stop
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
    problem = BAD_REFERENCE if count & 1 else 0
    return scatter_bits(low), scatter_bits(high), metric, problem, place


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
def scan_metadata(
    base: Place, start: Place, end: Place
) -> tuple[np.uint64, np.uint64, np.uint64, Place, Place]:
    """(kind, help symbol, unit symbol, error, place of the error) of the message at start:end."""
    kind = about = unit = np.uint64(0)
    place = start
    while place < end:
        number, wire_type, after = read_tag(base, place, end)
        known = number in (KIND_FIELD, HELP_FIELD, UNIT_FIELD)
        if after > 0 and known and wire_type == VARINT:
            word, after = read_varint(base, after, end)
            if number == KIND_FIELD:
                kind = word if word < KINDS else np.uint64(0)
            elif number == HELP_FIELD:
                about = word
            else:
                unit = word
        elif after > 0 and known:
            after = -WRONG_WIRE_TYPE
        elif after > 0:
            after = skip_field(base, after, end, wire_type)
        if after < 0:
            return kind, about, unit, -after, place
        place = after
    return kind, about, unit, SCANNED, place


@kernel_part
def hash_symbols(
    base: Place, start: Int64s, length: Int64s, keys: Place, hashes: UInt64s
) -> np.uint64:
    """Hash every symbol; returns the low hash of the text __name__, or one that no symbol has."""
    name_low = NO_HASH
    for s in range(len(start)):
        low, high = hash128(base, start[s], start[s] + length[s], keys)
        hashes[s, 0], hashes[s, 1] = low, high
        if length[s] == 8 and load_word(base, start[s]) == METRIC_NAME_WORD:
            name_low = low
    return name_low


@kernel_part
def hash_entry(
    kind: np.uint64,
    metric: np.uint64,
    about: np.uint64,
    unit: np.uint64,
    hashes: Place,
    keys: Place,
) -> tuple[np.uint64, np.uint64]:
    """The hash of a metadata entry of symbols, as receiver.metadata_wire hashes its texts."""
    low = high = kind
    for symbol in (metric, about, unit):
        text_low = load_word(hashes, 16 * np.int64(symbol))
        text_high = load_word(hashes, 16 * np.int64(symbol) + 8)
        low, high = combine_entry(low, high, text_low, text_high, keys)
    return low, high


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
    histogram_places: Place,
    histogram: Place,
    histogram_capacity: Place,
    exemplar_places: Place,
    exemplar: Place,
    exemplar_capacity: Place,
) -> tuple[Place, Place, Place, Place, Place, Place, Place, Place, Place, np.uint64, np.uint64]:
    """Scan the time series message at start:end; the columns are addresses.

    Returns (error, its place, start and end of the references, samples, histograms and exemplars so
    far, start and end of the metadata, the created timestamp, all bits of the samples' starts).
    """
    references_start = references_end = start
    metadata_start = metadata_end = start
    created = known_starts = np.uint64(0)
    error: Place = np.int64(SCANNED)
    error_place: Place = np.int64(0)
    place = start
    while place < end and error == SCANNED:
        number, wire_type, after = read_tag(base, place, end)
        first = after
        if after > 0 and wire_type == LENGTH and number <= METADATA_FIELD:
            first, after = read_length(base, after, end)
        elif after > 0 and wire_type == VARINT and number == CREATED_FIELD:
            created, after = read_varint(base, after, end)
        elif (
            after > 0
            and number <= CREATED_FIELD
            and not (wire_type == VARINT and number == REFERENCES_FIELD)
        ):
            after = -WRONG_WIRE_TYPE
        elif after > 0:
            after = skip_field(base, after, end, wire_type)
        if after < 0:
            error, error_place = np.int64(-after), np.int64(place)
        elif number == REFERENCES_FIELD:
            references_start = place if references_end == start else references_start
            references_end = after
        elif number == SAMPLE_FIELD:
            bits, timestamp, since, error, error_place = scan_sample(base, first, after)
            if sample < capacity:
                store_word(timestamps, 8 * sample, timestamp)
                store_word(value_bits, 8 * sample, bits)
                store_word(starts, 8 * sample, since)
            known_starts |= since
            sample += 1
        elif number == HISTOGRAM_FIELD:
            if histogram < histogram_capacity:
                store_place(histogram_places, histogram, sample, first, after)
            if sample < capacity:
                store_word(starts, 8 * sample, np.uint64(0))
            histogram += 1
            sample += 1
        elif number == EXEMPLAR_FIELD:
            if exemplar < exemplar_capacity:
                store_place(exemplar_places, exemplar, series, first, after)
            exemplar += 1
        elif number == METADATA_FIELD:
            metadata_start, metadata_end = first, after
        place = after
    return (
        error, error_place, references_start, references_end, sample, histogram, exemplar,
        metadata_start, metadata_end, created, known_starts,
    )  # fmt: skip


@kernel
def scan_symbol_series(
    buffer: Bytes,
    series_start: Int64s,
    series_end: Int64s,
    symbol_start: Int64s,
    symbol_length: Int64s,
    symbol_hashes: UInt64s,
    text_secret: UInt64s,
    series_secret: UInt64s,
    label_start: Int64s,
    label_end: Int64s,
    hash_low: UInt64s,
    hash_high: UInt64s,
    problems: Int8s,
    sample_offsets: Int64s,
    timestamps: Int64s,
    value_bits: UInt64s,
    starts: Int64s,
    histogram_places: Int64s,
    exemplar_places: Int64s,
    metadata_rows: Int64s,
    metadata_hashes: UInt64s,
    tally: Int64s,
) -> Place:
    """Scan the series that scan_symbols() found; returns SCANNED or an error.

    label_start and label_end become where the references of each series lie. Columns of samples and
    what follows them are filled as far as they go, and counted on in the tally; tally[STARTS] and
    tally[PROBLEMS]: whether any start is known, or any series is refused. metadata_rows:
    int64[n, 4], kind and symbols of name, help and unit; one equal to the one before is left out.
    """
    base = buffer.ctypes.data
    timestamps_at, values_at = timestamps.ctypes.data, value_bits.ctypes.data
    starts_at, hashes_at = starts.ctypes.data, symbol_hashes.ctypes.data
    histograms_at, exemplars_at = histogram_places.ctypes.data, exemplar_places.ctypes.data
    text_keys, series_keys = text_secret.ctypes.data, series_secret.ctypes.data
    capacity = min(len(timestamps), len(value_bits), len(starts))
    symbols = np.uint64(len(symbol_start))
    name_low = hash_symbols(base, symbol_start, symbol_length, text_keys, symbol_hashes)
    sample: Place = 0
    histogram: Place = 0
    exemplar: Place = 0
    metadata = 0
    last_kind = last_about = last_unit = known_starts = np.uint64(0)
    last_metric: Place = np.int64(-1)
    any_problem = False
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
        known_starts |= known | created
        if created != 0:
            for k in range(first_sample, min(sample, capacity)):
                starts[k] = np.int64(created) if starts[k] == 0 else starts[k]
        low, high, metric, problem, place = hash_references(
            base, references_from, references_to, hashes_at, symbols, series_keys, name_low
        )
        kind = about = unit = np.uint64(0)
        if error == SCANNED and place < 0:
            error, error_place = -place, references_from
        if error == SCANNED and metadata_to > metadata_from:
            kind, about, unit, error, error_place = scan_metadata(base, metadata_from, metadata_to)
        if error != SCANNED:
            tally[POSITION] = error_place
            return error
        label_start[series], label_end[series] = references_from, references_to
        hash_low[series], hash_high[series] = low, high
        sample_offsets[series + 1] = sample
        if about >= symbols or unit >= symbols:
            problem = BAD_REFERENCE if metadata_to > metadata_from else problem
        problems[series] = problem
        any_problem |= problem != 0
        if problem != 0 or metric < 0 or metadata_to == metadata_from:
            continue
        told = kind != 0 or symbol_length[about] > 0 or symbol_length[unit] > 0
        if not told or symbol_length[metric] == 0:
            continue
        repeated = metric == last_metric and kind == last_kind
        if repeated and about == last_about and unit == last_unit:
            continue
        last_metric, last_kind, last_about, last_unit = metric, kind, about, unit
        row_low, row_high = hash_entry(kind, np.uint64(metric), about, unit, hashes_at, text_keys)
        if metadata < min(len(metadata_rows), len(metadata_hashes)):
            metadata_rows[metadata, 0], metadata_rows[metadata, 1] = kind, metric
            metadata_rows[metadata, 2], metadata_rows[metadata, 3] = about, unit
            metadata_hashes[metadata, 0], metadata_hashes[metadata, 1] = row_low, row_high
        metadata += 1
    tally[SAMPLES], tally[HISTOGRAMS], tally[EXEMPLARS] = sample, histogram, exemplar
    tally[METADATA], tally[STARTS] = metadata, known_starts != 0
    tally[PROBLEMS] = any_problem
    return SCANNED
