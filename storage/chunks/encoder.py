"""The samples of series to chunks: which sample begins a new one, and all chunks in order of time.

A chunk has at most SAMPLES_MAX samples, all floats or all histograms. Histograms of a chunk have
one schema, zero threshold and bounds, and are all gauges or none. No counter is reset within a
chunk, by its hint or by its numbers: a reader takes each histogram but the first for one that goes
on. Stale markers may follow any of them, and only stale markers follow one.
"""

from dataclasses import dataclass

import numpy as np

from storage.chunks.chunks import FLOAT_HISTOGRAM, HISTOGRAM, XOR
from storage.chunks.floats import encode_floats
from storage.chunks.histogram_writer import encode_histograms
from storage.chunks.histograms import STALE
from storage.histograms.columns import HINT_GAUGE, NO_HISTOGRAM, Natives
from storage.histograms.histograms import Columns, columns_of, offsets_of
from storage.histograms.resets import bounds_match, detect_resets
from storage.kernels.arrays import Bools, Bytes, Int64s
from storage.kernels.jit import kernel
from storage.samples.samples import Samples

# As many as Prometheus puts into a chunk.
SAMPLES_MAX = 120


@dataclass(frozen=True, slots=True)
class EncodedSeries:
    """The chunks of n series: those of series i are offsets[i]:offsets[i+1], in order of time.

    first_ms, last_ms: of the samples of each chunk; its data are data[starts[k]:ends[k]].
    """

    offsets: Int64s
    first_ms: Int64s
    last_ms: Int64s
    encodings: Int64s
    starts: Int64s
    ends: Int64s
    data: Bytes


@kernel
def cut_series(offsets: Int64s, breaks: Bools, samples_max: int, firsts: Int64s) -> int:
    """Write the place of each chunk's first sample; how many chunks there are."""
    count = 0
    for row in range(len(offsets) - 1):
        length = samples_max
        for place in range(offsets[row], offsets[row + 1]):
            if length == samples_max or breaks[place]:
                firsts[count] = place
                count += 1
                length = 0
            length += 1
    return count


@kernel
def differ(c: Columns, before: Int64s, rows: Int64s) -> Bools:
    """Whether a chunk cannot have the histogram rows[i] behind before[i]."""
    out = np.empty(len(rows), np.bool_)
    words = c.sums.view(np.uint64)
    for k in range(len(rows)):
        a, b = before[k], rows[k]
        out[k] = words[b] != STALE and (
            words[a] == STALE
            or c.schemas[a] != c.schemas[b]
            or c.zero_thresholds[a] != c.zero_thresholds[b]
            or (c.hints[a] == HINT_GAUGE) != (c.hints[b] == HINT_GAUGE)
            or not bounds_match(c, a, c, b)
        )
    return out


def encode_series(samples: Samples, *, samples_max: int = SAMPLES_MAX) -> EncodedSeries:
    """The chunks of all series."""
    firsts = np.empty(len(samples), np.int64)
    breaks = breaks_of(samples)
    count = cut_series(np.ascontiguousarray(samples.offsets), breaks, samples_max, firsts)
    firsts = firsts[:count]
    ends = np.append(firsts[1:], len(samples)) if count else firsts
    offsets = np.searchsorted(firsts, samples.offsets)
    first_ms, last_ms = samples.timestamps[firsts], samples.timestamps[ends - 1]
    mask = np.zeros(count, np.bool_)
    if samples.natives is not None:
        mask = samples.natives.mask[firsts]
    encodings, starts = np.full(count, XOR, np.int64), np.empty(count, np.int64)
    stops = np.empty(count, np.int64)
    lengths = ends - firsts
    data, bounds = floats_of(samples, lengths[~mask])
    starts[~mask], stops[~mask] = bounds[:-1], bounds[1:]
    if samples.natives is not None and mask.any():
        more, bounds, are_whole = natives_of(samples, samples.natives, lengths[mask])
        encodings[mask] = np.where(are_whole, HISTOGRAM, FLOAT_HISTOGRAM)
        starts[mask], stops[mask] = bounds[:-1] + len(data), bounds[1:] + len(data)
        data = np.concatenate([data, more])
    return EncodedSeries(offsets, first_ms, last_ms, encodings, starts, stops, data)


def breaks_of(samples: Samples) -> Bools:
    """Which samples need a new chunk because of the sample before, whatever series that is of."""
    breaks = np.zeros(len(samples), np.bool_)
    natives = samples.natives
    if natives is None or not len(samples):
        return breaks
    mask = natives.mask
    breaks[1:] = mask[1:] != mask[:-1]
    pairs = np.flatnonzero(mask[1:] & mask[:-1]) + 1
    rows = natives.rows.astype(np.int64)
    before, after = rows[pairs - 1], rows[pairs]
    c = columns_of(natives.histograms)
    resets = detect_resets(natives.histograms, before, after)
    is_counter = (c.hints[after] != HINT_GAUGE) & (c.sums.view(np.uint64)[after] != STALE)
    breaks[pairs] = differ(c, before, after) | (resets & is_counter)
    return breaks


def floats_of(samples: Samples, lengths: Int64s) -> tuple[Bytes, Int64s]:
    """The chunks of floats, of so many samples each, and where they begin and end."""
    timestamps, values = samples.timestamps, samples.values
    if samples.natives is not None:
        floats = samples.natives.rows == NO_HISTOGRAM
        timestamps, values = timestamps[floats], values[floats]
    return encode_floats(offsets_of(lengths), timestamps, values)


def natives_of(samples: Samples, natives: Natives, lengths: Int64s) -> tuple[Bytes, Int64s, Bools]:
    """The chunks of histograms, as floats_of(), and which of them are of integers."""
    mask = natives.mask
    rows = natives.rows[mask].astype(np.int64)
    return encode_histograms(
        offsets_of(lengths), samples.timestamps[mask], natives.histograms, rows
    )
