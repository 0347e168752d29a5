"""Merging sorted columns of samples.

Where two sources have a sample of one series at one timestamp, the one written first wins; sources
are given in that order. Start timestamps and histograms follow their samples; where there are none,
nothing is spent on them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from storage.histograms.columns import HINT_GAUGE, HINT_UNKNOWN, NO_HISTOGRAM, Natives
from storage.histograms.histograms import concat, take
from storage.histograms.rows import few_of
from storage.kernels.arrays import Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.samples.samples import Samples, Weights, empty_samples, weights_of


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
    size = len(first) + len(second)
    timestamps, bits = np.empty(size, np.int64), np.empty(size, np.uint64)
    plain = is_plain(first) and is_plain(second)
    a, b = first.values.view(np.uint64), second.values.view(np.uint64)
    if not plain:  # what is merged is not the values but where all that belongs to them lies
        a, b = np.split(np.arange(size, dtype=np.uint64), [len(first)])
    merge_sorted(
        first.offsets, first.timestamps, a, second.offsets, second.timestamps, b,
        offsets, timestamps, bits,
    )  # fmt: skip
    bits = bits[: offsets[-1]]
    if plain:
        return Samples(offsets, timestamps[: offsets[-1]], bits.view(np.float64))
    return pick(stack([first, second]), offsets, bits.view(np.int64))


def stack(parts: Sequence[Samples]) -> Samples:
    """The series of all parts under each other."""
    if not parts:
        return empty_samples(0)
    if len(parts) == 1:
        return parts[0]
    sizes = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    ends = [part.offsets[1:] + size for part, size in zip(parts, sizes, strict=False)]
    starts = None
    if any(part.starts is not None for part in parts):
        zeros = np.zeros(int(np.diff(sizes).max()), np.int64)
        starts = np.concatenate(
            [zeros[: len(part)] if part.starts is None else part.starts for part in parts]
        )
    return Samples(
        np.concatenate([np.zeros(1, np.int64), *ends]),
        np.concatenate([part.timestamps for part in parts]),
        np.concatenate([part.values for part in parts]),
        starts,
        stack_natives(parts),
        stack_weights(parts),
    )


def stack_weights(parts: Sequence[Samples]) -> Weights | None:
    """What the samples of all parts stand for, one after the other."""
    if all(part.weights is None for part in parts):
        return None
    found = [weights_of(part) for part in parts]
    return Weights(
        np.concatenate([each.counts for each in found]),
        np.concatenate([each.since for each in found]),
    )


def stack_natives(parts: Sequence[Samples]) -> Natives | None:
    """The histograms that the samples of all parts have, one after the other."""
    if all(part.natives is None for part in parts):
        return None
    found, columns = [], []
    count = 0
    for part in parts:
        rows = np.full(len(part), NO_HISTOGRAM, np.int32)
        if part.natives is not None:
            mixed = np.flatnonzero(part.natives.mask)
            rows[mixed] = np.arange(count, count + len(mixed), dtype=np.int32)
            found.append(take(part.natives.histograms, part.natives.rows[mixed].astype(np.int64)))
            count += len(mixed)
        columns.append(rows)
    return Natives(concat(found), np.concatenate(columns))


def pick(samples: Samples, offsets: Int64s, places: Int64s) -> Samples:
    """The samples at the places, as series with the given offsets.

    A histogram that does not follow the one before it in `samples` cannot say whether the counter
    was reset in between: its hint becomes unknown.
    """
    natives = samples.natives
    if natives is not None:
        natives = natives.at(places)
        series = np.searchsorted(samples.offsets, places, side="right")
        torn = np.ones(len(places), np.bool_)
        torn[1:] = (np.diff(places) != 1) | (np.diff(series) != 0)
        torn[offsets[:-1][np.diff(offsets) > 0]] = False
        torn_rows = natives.rows[torn & natives.mask]
        if len(torn_rows):
            hints = natives.histograms.hints.copy()
            hints[torn_rows[hints[torn_rows] != HINT_GAUGE]] = HINT_UNKNOWN
            natives = replace(natives, histograms=replace(natives.histograms, hints=hints))
    return Samples(
        offsets,
        samples.timestamps[places],
        samples.values[places],
        None if samples.starts is None else samples.starts[places],
        natives,
        None if samples.weights is None else samples.weights.at(places),
    )


def is_plain(samples: Samples) -> bool:
    """Whether all samples are floats without start timestamps, as they came."""
    return samples.natives is None and samples.starts is None and samples.weights is None


def sort_rows(rows: Int64s, timestamps: Int64s, series_count: int) -> tuple[Int64s, Int64s]:
    """The offsets of rows, and the order in which samples stand in them; the first of equal
    (row, timestamp) is kept."""
    order = np.arange(len(rows))
    if len(rows) > 1:
        descends = (rows[1:] < rows[:-1]) | (
            (rows[1:] == rows[:-1]) & (timestamps[1:] <= timestamps[:-1])
        )
        if descends.any():
            order = np.lexsort((timestamps, rows))  # stable
            rows, timestamps = rows[order], timestamps[order]
            same = (rows[1:] == rows[:-1]) & (timestamps[1:] == timestamps[:-1])
            keep = np.concatenate([[True], ~same])
            rows, order = rows[keep], order[keep]
    offsets = np.searchsorted(rows, np.arange(series_count + 1)).astype(np.int64)
    return offsets, order


def clip(samples: Samples, first_row: int, end_row: int) -> Samples:
    """The samples of rows [first_row, end_row), sharing memory."""
    offsets = samples.offsets[first_row : end_row + 1]
    start, end = offsets[0], offsets[-1]
    starts, natives, weights = samples.starts, samples.natives, samples.weights
    return Samples(
        offsets - start,
        samples.timestamps[start:end],
        samples.values[start:end],
        None if starts is None else starts[start:end],
        None if natives is None else few_of(natives.at(slice(start, end))),
        None if weights is None else weights.at(slice(start, end)),
    )


def between(samples: Samples, start_ms: int, end_ms: int) -> Samples:
    """The samples with times in [start_ms, end_ms]; the same object if those are all."""
    offsets = np.zeros_like(samples.offsets)
    firsts = np.empty(samples.series_count, np.int64)
    count_between(samples.offsets, samples.timestamps, start_ms, end_ms, firsts, offsets[1:])
    np.cumsum(offsets, out=offsets)
    if offsets[-1] == len(samples):
        return samples
    if not is_plain(samples):
        return pick(samples, offsets, ranges(firsts, offsets))
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
    places = ranges(samples.offsets[rows], offsets)
    if not is_plain(samples):
        return pick(samples, offsets, places)
    return Samples(offsets, samples.timestamps[places], samples.values[places])


def ranges(firsts: Int64s, offsets: Int64s) -> Int64s:
    """The places from firsts[i] on, as many as offsets gives series i."""
    return np.arange(offsets[-1]) + np.repeat(firsts - offsets[:-1], np.diff(offsets))


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
        first, start, end = firsts[i], offsets[i], offsets[i + 1]
        # A slice is indexed from 0 up, which lets the loop be vectorized.
        times, room = timestamps[first : first + end - start], out_times[start:end]
        own, own_room = bits[first : first + end - start], out_bits[start:end]
        for k in range(len(room)):
            room[k] = times[k]
            own_room[k] = own[k]


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
