"""The samples of downsampled blocks of Thanos, as those of downsampled series here: with weights.

Of each window of a block there are count, sum, least and most, at the time at which the window ends
or its last sample is, and a counter. What a select is for decides which of them it gets:

* what is smallest or largest: those; sums: the sum; any other value: the mean, as Thanos has it;
* rises: the counter. In a chunk it begins with the value of its first sample and only rises; its
  last time comes twice, the second time with the value that the last sample had. The difference
  of the two is what fell. So here the counter rises up to that, falls to zero once, and rises on
  to the value that it had: what follows it goes on from there.
"""

from dataclasses import replace

import numpy as np

from receiver.stores.bucket.chunks import Parts
from storage.chunks.chunks import ENCODING, LAYOUT, OK, XOR
from storage.chunks.floats import DecodedFloats, decode_floats
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Float64s, Int8s, Int64s, frozen
from storage.kernels.jit import float_kernel
from storage.samples.hint import Purpose
from storage.samples.merge import ranges
from storage.samples.samples import Samples, Weights

COUNT, SUM, MIN, MAX, COUNTER = range(5)
PART_OF = {
    Purpose.LOWEST: MIN,
    Purpose.HIGHEST: MAX,
    Purpose.RISES: COUNTER,
    Purpose.RESETS: COUNTER,
}
# Between two windows there has to be room for a rise and a fall.
ROOM_MS = 3


def samples_of_parts(
    parts: Parts, offsets: Int64s, purpose: Purpose, resolution_ms: int
) -> tuple[Samples, Int8s]:
    """The samples of n series, the chunks of which are offsets[i]:offsets[i+1] in order of time,
    and OK of each chunk or why it has none."""
    number = PART_OF.get(purpose, SUM)
    counts, values, reasons = decoded_parts(parts, number)
    if number == COUNTER:
        return counter_samples(counts, values, offsets, resolution_ms), reasons
    times = counts.timestamps
    sizes = np.rint(counts.values).astype(np.int64)
    own = values.values
    if number == SUM and purpose is not Purpose.TOTALS:
        with np.errstate(divide="ignore", invalid="ignore"):
            own = own / counts.values
    ends = counts.offsets[offsets]
    return Samples(ends, times, own, weights=weights_of(times, sizes, ends, resolution_ms)), reasons


def weights_of(times: Int64s, counts: Int64s, offsets: Int64s, resolution_ms: int) -> Weights:
    """Each sample stands for all of its window, which begins where the one before ended.

    A sample at the very first moment of a window is of the range of PromQL that ends there. That is
    rare, so the window is taken to begin right behind it.
    """
    before = np.full(len(times), np.iinfo(np.int64).min)
    before[1:] = times[:-1] + 1
    firsts = offsets[:-1][np.diff(offsets) > 0]
    before[firsts] = np.iinfo(np.int64).min
    begins = np.maximum(times - times % resolution_ms + 1, before)
    return Weights(counts, np.where(counts > 1, begins, times))


def decoded_parts(parts: Parts, number: int) -> tuple[DecodedFloats, DecodedFloats, Int8s]:
    """The counts and another part of all chunks that have both, of the same windows; and OK of each
    chunk, or why it has nothing."""
    counts = decode_floats(parts.of(COUNT))
    values = decode_floats(parts.of(number), ends_twice=number == COUNTER)
    reasons = np.where(counts.reasons != OK, counts.reasons, values.reasons)
    reasons[(parts.encodings[:, [COUNT, number]] != XOR).any(axis=1)] = ENCODING
    if number != COUNTER:
        sizes, others = np.diff(counts.offsets), np.diff(values.offsets)
        reasons[(reasons == OK) & (sizes != others)] = LAYOUT
    counts, values = only(counts, reasons), only(values, reasons)
    if number != COUNTER and not np.array_equal(counts.timestamps, values.timestamps):
        owners = np.repeat(np.arange(len(reasons)), np.diff(counts.offsets))
        reasons[np.unique(owners[counts.timestamps != values.timestamps])] = LAYOUT
        counts, values = only(counts, reasons), only(values, reasons)
    return counts, values, reasons


def only(decoded: DecodedFloats, reasons: Int8s) -> DecodedFloats:
    """Nothing of those chunks that have a reason."""
    sizes = np.where(reasons == OK, np.diff(decoded.offsets), 0)
    offsets = offsets_of(sizes)
    if offsets[-1] == decoded.offsets[-1]:
        return decoded
    places = ranges(decoded.offsets[:-1], offsets)
    times, values = decoded.timestamps[places], decoded.values[places]
    return replace(decoded, offsets=offsets, timestamps=times, values=values)


@float_kernel
def place_counters(
    count_offsets: Int64s, count_times: Int64s, counted: Float64s,
    offsets: Int64s, times: Int64s, values: Float64s, resolution_ms: int,
    out_offsets: Int64s, out_times: Int64s, out_values: Float64s,
    counts: Int64s, since: Int64s,
) -> None:  # fmt: skip
    """Write the samples of the counters of all chunks, and where those of each chunk end."""
    out = 0
    for chunk in range(len(offsets) - 1):
        first, end = offsets[chunk], offsets[chunk + 1]
        window = count_offsets[chunk]
        fallen = 0.0
        if end - first > 1 and times[end - 1] == times[end - 2]:
            end -= 1
            fallen = values[end - 1] - values[end]
        waits = fallen > 0.0
        lowered = 0.0
        rest = np.int64(0)  # of counts of windows that have no sample of their own
        for k in range(first, end):
            if k > first and times[k] == times[k - 1]:
                continue
            if waits and k > first and values[k] >= fallen:
                gap = times[k] - out_times[out - 1] - ROOM_MS
                if gap >= 0:
                    rise = values[k] - values[k - 1]
                    share = (fallen - values[k - 1]) / rise if rise > 0.0 else 1.0
                    at = out_times[out - 1] + 1 + np.int64(share * gap)
                    out_times[out], out_values[out] = at, fallen
                    out_times[out + 1], out_values[out + 1] = at + 1, 0.0
                    counts[out] = counts[out + 1] = 0
                    since[out], since[out + 1] = at, at + 1
                    out += 2
                    lowered, waits = fallen, False
            while window < count_offsets[chunk + 1] and count_times[window] <= times[k]:
                rest += np.int64(counted[window])
                window += 1
            begin = times[k] - times[k] % resolution_ms + 1
            if k > first:
                begin = max(begin, times[k - 1] + 1)
            out_times[out], out_values[out] = times[k], values[k] - lowered
            # The first one of a chunk is a sample by itself, whose window comes with the next one.
            own = rest if k > first else max(np.int64(1), rest)
            rest = rest - own
            counts[out] = max(np.int64(0), own)
            since[out] = begin if own > 1 else times[k]
            out += 1
        out_offsets[chunk + 1] = out


def counter_samples(
    counts: DecodedFloats, counters: DecodedFloats, offsets: Int64s, resolution_ms: int
) -> Samples:
    chunks = len(counters.offsets) - 1
    room = len(counters.timestamps) + 2 * chunks
    ends = np.zeros(chunks + 1, np.int64)
    times, values = np.empty(room, np.int64), np.empty(room, np.float64)
    own, since = np.empty(room, np.int64), np.empty(room, np.int64)
    place_counters(
        frozen(counts.offsets), frozen(counts.timestamps), frozen(counts.values),
        frozen(counters.offsets), frozen(counters.timestamps), frozen(counters.values),
        resolution_ms, ends, times, values, own, since,
    )  # fmt: skip
    size = int(ends[-1])
    weights = Weights(own[:size], since[:size])
    return Samples(ends[offsets], times[:size], values[:size], weights=weights)
