"""Remote write 1.0 requests made of columns, as bytes.

For data that comes as columns: imported, it goes the way of a remote write request from there on.
A message is written from its end to its start, because then the length of each part is known when
its turn comes. Native histograms are written with counts of floats.

Invariant: there is room for what is written, see bytes_needed().
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from storage.histograms.columns import NO_HISTOGRAM
from storage.histograms.histograms import Columns, columns_of, empty_histograms
from storage.kernels.arrays import Bytes, Float64s, Int32s, Int64s, UInt64s, frozen
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place, load_byte, store_byte, store_word
from storage.samples.exemplars import RawExemplars
from storage.samples.samples import Samples

# Bytes of a series beside its labels, of a sample, of an exemplar beside its labels, and of a
# native histogram, of each of its buckets and of each of its bounds: at most.
SERIES_BYTES, SAMPLE_BYTES, EXEMPLAR_BYTES = 8, 24, 40
HISTOGRAM_BYTES, BUCKET_BYTES, BOUND_BYTES = 128, 32, 8
NO_EXEMPLARS = RawExemplars(
    np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.uint8),
    np.zeros(0, np.int64), np.zeros(0, np.int64),
)  # fmt: skip
NO_ROWS = np.zeros(0, np.int32)
NO_HISTOGRAMS = columns_of(empty_histograms())

# Tags, that is numbers and wire types, of the fields.
SERIES = LABEL = 0x0A
SAMPLE, EXEMPLAR, HISTOGRAM = 0x12, 0x1A, 0x22
VALUE, TIME = 0x09, 0x10
EXEMPLAR_VALUE, EXEMPLAR_TIME = 0x11, 0x18
COUNT, SUM, SCHEMA, THRESHOLD, ZERO_COUNT = 0x11, 0x19, 0x20, 0x29, 0x39
NEGATIVE_SPANS, NEGATIVE_COUNTS, POSITIVE_SPANS, POSITIVE_COUNTS = 0x42, 0x52, 0x5A, 0x6A
HINT, HISTOGRAM_TIME = 0x70, 0x78
BOUNDS_TAG, BOUNDS_TAG_END = 0x82, 0x01  # the one tag of two bytes
SPAN_OFFSET, SPAN_LENGTH = 0x08, 0x10


@dataclass(frozen=True, slots=True)
class RequestColumns:
    """n series to be written. The labels of series i are label fields as in a request,
    label_bytes[label_offsets[i]:label_offsets[i+1]]; exemplars are in the order of their series."""

    label_bytes: Bytes
    label_offsets: Int64s
    samples: Samples
    exemplars: RawExemplars = NO_EXEMPLARS

    @property
    def series_count(self) -> int:
        return len(self.label_offsets) - 1


@kernel_part
def varint_before(base: Place, place: Place, value: np.uint64) -> Place:
    """Write a varint that ends at `place`; where it begins."""
    size = np.int64(1)
    rest = value >> np.uint64(7)
    while rest:
        rest >>= np.uint64(7)
        size += 1
    first = place - size
    for at in range(first, place - 1):
        store_byte(base, at, value & np.uint64(0x7F) | np.uint64(0x80))
        value >>= np.uint64(7)
    store_byte(base, place - 1, value)
    return first


@kernel_part
def tag_before(base: Place, place: Place, tag: Place) -> Place:
    store_byte(base, place - 1, np.uint64(tag))
    return place - 1


@kernel_part
def number_before(base: Place, place: Place, tag: Place, value: np.uint64) -> Place:
    """Write a varint field."""
    return tag_before(base, varint_before(base, place, value), tag)


@kernel_part
def word_before(base: Place, place: Place, tag: Place, bits: np.uint64) -> Place:
    """Write a field of 64 bits."""
    store_word(base, place - 8, bits)
    return tag_before(base, place - 8, tag)


@kernel_part
def length_before(base: Place, place: Place, end: Place, tag: Place) -> Place:
    """Write the tag and the length of the message place:end, which is written."""
    return number_before(base, place, tag, np.uint64(end - place))


@kernel_part
def zigzag(number: Place) -> np.uint64:
    return np.uint64((number << 1) ^ (number >> 63))


@kernel_part
def spans_before(
    base: Place, place: Place, tag: Place, indexes: Int32s, first: Place, stop: Place
) -> Place:
    """Write the spans of the buckets first:stop: runs of neighbours, the last one first."""
    k = stop
    while k > first:
        last = k
        k -= 1
        while k > first and indexes[k - 1] + 1 == indexes[k]:
            k -= 1
        offset = np.int64(indexes[k]) - (np.int64(indexes[k - 1]) + 1 if k > first else 0)
        end = place
        place = number_before(base, place, SPAN_LENGTH, np.uint64(last - k))
        place = number_before(base, place, SPAN_OFFSET, zigzag(offset))
        place = length_before(base, place, end, tag)
    return place


@kernel_part
def counts_before(
    base: Place, place: Place, tag: Place, bits: UInt64s, first: Place, stop: Place
) -> Place:
    """Write the packed words first:stop; nothing if there are none."""
    if first == stop:
        return place
    end = place
    for k in range(stop - first):
        place -= 8
        store_word(base, place, bits[stop - 1 - k])
    return length_before(base, place, end, tag)


@kernel_part
def histogram_before(base: Place, place: Place, c: Columns, row: Place, time: np.int64) -> Place:
    """Write a native histogram as a field of its series."""
    end = place
    first, stop = c.bound_offsets[row], c.bound_offsets[row + 1]
    if stop > first:
        place = counts_before(base, place, BOUNDS_TAG_END, c.bounds.view(np.uint64), first, stop)
        place = tag_before(base, place, BOUNDS_TAG)
    place = number_before(base, place, HISTOGRAM_TIME, np.uint64(time))
    place = number_before(base, place, HINT, np.uint64(c.hints[row]))
    first, stop = c.positive_offsets[row], c.positive_offsets[row + 1]
    bits = c.positive_counts.view(np.uint64)
    place = counts_before(base, place, POSITIVE_COUNTS, bits, first, stop)
    place = spans_before(base, place, POSITIVE_SPANS, c.positive_indexes, first, stop)
    first, stop = c.negative_offsets[row], c.negative_offsets[row + 1]
    bits = c.negative_counts.view(np.uint64)
    place = counts_before(base, place, NEGATIVE_COUNTS, bits, first, stop)
    place = spans_before(base, place, NEGATIVE_SPANS, c.negative_indexes, first, stop)
    place = word_before(base, place, ZERO_COUNT, c.zero_counts.view(np.uint64)[row])
    place = word_before(base, place, THRESHOLD, c.zero_thresholds.view(np.uint64)[row])
    place = number_before(base, place, SCHEMA, zigzag(c.schemas[row]))
    place = word_before(base, place, SUM, c.sums.view(np.uint64)[row])
    place = word_before(base, place, COUNT, c.counts.view(np.uint64)[row])
    return length_before(base, place, end, HISTOGRAM)


@kernel_part
def copy_before(base: Place, place: Place, source: Place, first: Place, stop: Place) -> Place:
    """Write the bytes first:stop of another address."""
    begin = place - (stop - first)
    for k in range(stop - first):
        store_byte(base, begin + k, load_byte(source, first + k))
    return begin


@kernel
def write_series(
    label_bytes: Bytes,
    label_offsets: Int64s,
    offsets: Int64s,
    timestamps: Int64s,
    value_bits: UInt64s,
    rows: Int32s,
    c: Columns,
    exemplar_series: Int64s,
    exemplar_times: Int64s,
    exemplar_bits: UInt64s,
    exemplar_buffer: Bytes,
    exemplar_starts: Int64s,
    exemplar_ends: Int64s,
    first: int,
    stop: int,
    series_first: int,
    series_stop: int,
    out: Bytes,
) -> Place:
    """Write the samples first:stop, of the series series_first:series_stop, up to the end of `out`;
    where they begin. An exemplar is written where its series begins, rows are NO_HISTOGRAM or those
    of c, or there are none at all."""
    base, labels, texts = out.ctypes.data, label_bytes.ctypes.data, exemplar_buffer.ctypes.data
    place: Place = len(out)
    exemplar = len(exemplar_series)
    for k in range(series_stop - series_first):
        series = series_stop - 1 - k
        lowest, highest = max(first, offsets[series]), min(stop, offsets[series + 1])
        if lowest >= highest:
            continue
        end = place
        while exemplar > 0 and exemplar_series[exemplar - 1] >= series:
            exemplar -= 1
            if exemplar_series[exemplar] > series or offsets[series] < first:
                continue
            within = place
            time, bits = np.uint64(exemplar_times[exemplar]), exemplar_bits[exemplar]
            place = number_before(base, place, EXEMPLAR_TIME, time)
            place = word_before(base, place, EXEMPLAR_VALUE, bits)
            start, behind = exemplar_starts[exemplar], exemplar_ends[exemplar]
            place = copy_before(base, place, texts, start, behind)
            place = length_before(base, place, within, EXEMPLAR)
        for j in range(highest - lowest):
            sample = highest - 1 - j
            if len(rows) > 0 and rows[sample] != NO_HISTOGRAM:
                place = histogram_before(base, place, c, rows[sample], timestamps[sample])
                continue
            within = place
            place = number_before(base, place, TIME, np.uint64(timestamps[sample]))
            place = word_before(base, place, VALUE, value_bits[sample])
            place = length_before(base, place, within, SAMPLE)
        place = copy_before(base, place, labels, label_offsets[series], label_offsets[series + 1])
        place = length_before(base, place, end, SERIES)
    return place


def weights(columns: RequestColumns) -> Int64s:
    """At most so many bytes each sample takes; the labels of a series are its first sample's."""
    samples = columns.samples
    weights = np.full(len(samples), SAMPLE_BYTES, np.int64)
    if samples.natives is not None:
        h, rows = samples.natives.histograms, samples.natives.rows
        own = HISTOGRAM_BYTES + BUCKET_BYTES * (
            np.diff(h.positive.offsets) + np.diff(h.negative.offsets)
        )
        own += BOUND_BYTES * np.diff(h.bounds.offsets)
        mask = rows != NO_HISTOGRAM
        weights[mask] = own[rows[mask]]
    filled = np.diff(samples.offsets) > 0
    firsts = samples.offsets[:-1][filled]
    weights[firsts] += (np.diff(columns.label_offsets) + SERIES_BYTES)[filled]
    return weights


def requests_of(
    columns: RequestColumns, *, bytes_max: int, samples_max: int
) -> Iterator[tuple[bytes, int]]:
    """(body, samples in it) of as many requests as it takes; bytes_max may be exceeded by one
    sample and its labels. Series without samples are left out, with their exemplars."""
    ends = np.concatenate([[0], np.cumsum(weights(columns))])
    natives = columns.samples.natives
    histograms = NO_HISTOGRAMS if natives is None else columns_of(natives.histograms)
    at, total = 0, len(columns.samples)
    while at < total:
        stop = int(np.searchsorted(ends, ends[at] + bytes_max, "right")) - 1
        stop = max(at + 1, min(stop, at + samples_max))
        yield write_request(columns, histograms, at, stop, int(ends[stop] - ends[at])), stop - at
        at = stop


def write_request(
    columns: RequestColumns, histograms: Columns, first: int, stop: int, room: int
) -> bytes:
    """The request with the samples first:stop; room: the weight of these."""
    samples, exemplars = columns.samples, columns.exemplars
    series_first = int(np.searchsorted(samples.offsets, first, "right")) - 1
    series_stop = int(np.searchsorted(samples.offsets, stop, "left"))
    own = slice(*np.searchsorted(exemplars.series, [series_first, series_stop]).tolist())
    lengths = exemplars.label_end[own] - exemplars.label_start[own]
    room += int(lengths.sum()) + EXEMPLAR_BYTES * len(lengths)
    # A series that goes on here has no weight of its labels yet; empty ones never have.
    labels = columns.label_offsets
    room += int(labels[series_stop] - labels[series_first])
    room += SERIES_BYTES * (series_stop - series_first)
    out = np.empty(room, np.uint8)
    rows = NO_ROWS if samples.natives is None else samples.natives.rows
    place = write_series(
        frozen(columns.label_bytes), frozen(labels), frozen(samples.offsets),
        frozen(samples.timestamps), float_bits(samples.values), frozen(rows), histograms,
        frozen(exemplars.series[own]), frozen(exemplars.timestamps[own]),
        float_bits(exemplars.values[own]), frozen(exemplars.buffer),
        frozen(exemplars.label_start[own]), frozen(exemplars.label_end[own]),
        first, stop, series_first, series_stop, out,
    )  # fmt: skip
    return out[place:].tobytes()


def float_bits(values: Float64s) -> UInt64s:
    return frozen(values.view(np.uint64))
