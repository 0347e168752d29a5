"""Merging sorted columns of samples.

Where two sources have a sample of one series at one timestamp, the one written first wins; sources
are given in that order.
"""

import numpy as np

from storage.batch import UInt64s
from storage.kernel import kernel
from storage.samples import Float64s, Int64s, Samples, empty_samples


def merge_all(sources: list[Samples], series_count: int) -> Samples:
    """The union of sources over the same series; earlier sources win."""
    filled = [source for source in sources if len(source)]
    if not filled:
        return empty_samples(series_count)
    merged = filled[0]
    for source in filled[1:]:
        merged = merge(merged, source)
    return merged


def merge(first: Samples, second: Samples) -> Samples:
    """The union of two sources over the same series; `first` wins at equal timestamps."""
    offsets = np.zeros(len(first.offsets), np.int64)
    timestamps = np.empty(len(first) + len(second), np.int64)
    bits = np.empty(len(timestamps), np.uint64)
    merge_sorted(
        first.offsets, first.timestamps, first.values.view(np.uint64),
        second.offsets, second.timestamps, second.values.view(np.uint64),
        offsets, timestamps, bits,
    )  # fmt: skip
    size = offsets[-1]
    return Samples(offsets, timestamps[:size], bits[:size].view(np.float64))


def from_rows(rows: Int64s, timestamps: Int64s, values: Float64s, series_count: int) -> Samples:
    """Samples from parallel columns in any order; the first of equal (row, timestamp) is kept."""
    if len(rows) > 1:
        descends = (rows[1:] < rows[:-1]) | (
            (rows[1:] == rows[:-1]) & (timestamps[1:] <= timestamps[:-1])
        )
        if descends.any():
            order = np.lexsort((timestamps, rows))  # stable
            rows, timestamps, values = rows[order], timestamps[order], values[order]
            same = (rows[1:] == rows[:-1]) & (timestamps[1:] == timestamps[:-1])
            keep = np.concatenate([[True], ~same])
            rows, timestamps, values = rows[keep], timestamps[keep], values[keep]
    offsets = np.searchsorted(rows, np.arange(series_count + 1)).astype(np.int64)
    return Samples(offsets, timestamps, values)


def clip(samples: Samples, first_row: int, end_row: int) -> Samples:
    """The samples of rows [first_row, end_row), sharing memory."""
    offsets = samples.offsets[first_row : end_row + 1]
    start, end = offsets[0], offsets[-1]
    return Samples(offsets - start, samples.timestamps[start:end], samples.values[start:end])


def between(samples: Samples, start_ms: int, end_ms: int) -> Samples:
    """The samples with times in [start_ms, end_ms]; the same object if those are all."""
    offsets = np.zeros_like(samples.offsets)
    firsts = np.empty(samples.series_count, np.int64)
    count_between(samples.offsets, samples.timestamps, start_ms, end_ms, firsts, offsets[1:])
    np.cumsum(offsets, out=offsets)
    if offsets[-1] == len(samples):
        return samples
    timestamps = np.empty(offsets[-1], np.int64)
    bits = np.empty(offsets[-1], np.uint64)
    copy_ranges(
        firsts, offsets, samples.timestamps, samples.values.view(np.uint64), timestamps, bits
    )
    return Samples(offsets, timestamps, bits.view(np.float64))


def take_rows(samples: Samples, rows: Int64s) -> Samples:
    """The samples of the given rows, in their order."""
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(np.diff(samples.offsets)[rows], out=offsets[1:])
    shift = np.repeat(samples.offsets[rows] - offsets[:-1], np.diff(offsets))
    positions = np.arange(offsets[-1]) + shift
    return Samples(offsets, samples.timestamps[positions], samples.values[positions])


@kernel
def count_between(
    offsets: Int64s,
    timestamps: Int64s,
    start_ms: int,
    end_ms: int,
    firsts: Int64s,
    counts: Int64s,
) -> None:
    """Of each series, the first position in [start_ms, end_ms] and how many there are.

    Searched from both ends: what is cut off is short.
    """
    for i in range(len(offsets) - 1):
        first, end = offsets[i], offsets[i + 1]
        while first < end and timestamps[first] < start_ms:
            first += 1
        while first < end and timestamps[end - 1] > end_ms:
            end -= 1
        firsts[i] = first
        counts[i] = end - first


@kernel
def copy_ranges(
    firsts: Int64s,
    offsets: Int64s,
    timestamps: Int64s,
    bits: UInt64s,
    out_times: Int64s,
    out_bits: UInt64s,
) -> None:
    """Copy the samples from firsts[i] on to the places that offsets gives series i."""
    for i in range(len(firsts)):
        first = firsts[i] - offsets[i]
        for k in range(offsets[i], offsets[i + 1]):
            out_times[k] = timestamps[first + k]
            out_bits[k] = bits[first + k]


@kernel
def merge_sorted(
    a_offsets: Int64s,
    a_times: Int64s,
    a_bits: UInt64s,
    b_offsets: Int64s,
    b_times: Int64s,
    b_bits: UInt64s,
    offsets: Int64s,
    timestamps: Int64s,
    bits: UInt64s,
) -> None:
    """Series by series, the union of a and b in time order; a wins at equal times."""
    out = 0
    for i in range(len(a_offsets) - 1):
        a, a_end = a_offsets[i], a_offsets[i + 1]
        b, b_end = b_offsets[i], b_offsets[i + 1]
        while a < a_end or b < b_end:
            if b >= b_end or (a < a_end and a_times[a] <= b_times[b]):
                if b < b_end and a_times[a] == b_times[b]:
                    b += 1
                timestamps[out] = a_times[a]
                bits[out] = a_bits[a]
                a += 1
            else:
                timestamps[out] = b_times[b]
                bits[out] = b_bits[b]
                b += 1
            out += 1
        offsets[i + 1] = out
