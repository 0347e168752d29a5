"""The samples of series, from the chunks that each of them has."""

from dataclasses import dataclass

import numpy as np

from storage.chunks.chunks import ENCODING, FLOAT_HISTOGRAM, HISTOGRAM, OK, XOR, Chunks
from storage.chunks.floats import decode_floats
from storage.chunks.histograms import DecodedHistograms, decode_histograms
from storage.histograms.columns import NO_HISTOGRAM, Natives
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Bools, Int8s, Int32s, Int64s
from storage.samples.samples import Samples


@dataclass(frozen=True, slots=True)
class DecodedSeries:
    """The samples of series, and for each chunk OK or why it has none."""

    samples: Samples
    reasons: Int8s


def decode_series(chunks: Chunks, offsets: Int64s) -> DecodedSeries:
    """The samples of n series; the chunks of series i are offsets[i]:offsets[i+1], in order of
    time. Where chunks overlap, the earlier one's sample of a moment counts."""
    is_histogram = (chunks.encodings == HISTOGRAM) | (chunks.encodings == FLOAT_HISTOGRAM)
    floats_at, natives_at = np.flatnonzero(chunks.encodings == XOR), np.flatnonzero(is_histogram)
    reasons = np.full(len(chunks), ENCODING, np.int8)
    counts = np.zeros(len(chunks), np.int64)
    floats = decode_floats(chunks.at(floats_at))
    reasons[floats_at], counts[floats_at] = floats.reasons, np.diff(floats.offsets)
    if not len(natives_at):
        own = offsets_of(counts)[offsets]
        return DecodedSeries(in_order(Samples(own, floats.timestamps, floats.values)), reasons)
    natives = decode_histograms(chunks.at(natives_at))
    reasons[natives_at], counts[natives_at] = natives.reasons, np.diff(natives.offsets)
    # Of each sample: whether it is a histogram.
    mask = np.repeat(is_histogram & (reasons == OK), counts)
    timestamps, values = np.empty(len(mask), np.int64), np.empty(len(mask), np.float64)
    timestamps[~mask], values[~mask] = floats.timestamps, floats.values
    timestamps[mask], values[mask] = natives.timestamps, natives.histograms.sums
    own = offsets_of(counts)[offsets]
    samples = Samples(own, timestamps, values, natives=natives_of(natives, mask))
    return DecodedSeries(in_order(samples), reasons)


def natives_of(decoded: DecodedHistograms, mask: Bools) -> Natives:
    rows: Int32s = np.full(len(mask), NO_HISTOGRAM, np.int32)
    rows[mask] = np.arange(len(decoded.timestamps))
    return Natives(decoded.histograms, rows)


def in_order(samples: Samples) -> Samples:
    """The samples with ascending times in each series, as they are if they ascend already."""
    steps_back = np.flatnonzero(np.diff(samples.timestamps) <= 0) + 1
    if np.isin(steps_back, samples.offsets).all():
        return samples
    owners = np.repeat(np.arange(samples.series_count), np.diff(samples.offsets))
    # Stable: of equal times the first stays first.
    order = np.lexsort((samples.timestamps, owners))
    times, owners = samples.timestamps[order], owners[order]
    is_first = np.ones(len(order), np.bool_)
    is_first[1:] = (np.diff(times) != 0) | (np.diff(owners) != 0)
    return pick(samples, order[is_first], owners[is_first])


def pick(samples: Samples, places: Int64s, owners: Int64s, count: int = -1) -> Samples:
    """The samples at these places, of these series; count: of series, by default as many as
    before."""
    series = samples.series_count if count < 0 else count
    return Samples(
        np.searchsorted(owners, np.arange(series + 1)),
        samples.timestamps[places],
        samples.values[places],
        None if samples.starts is None else samples.starts[places],
        None if samples.natives is None else samples.natives.at(places),
    )
