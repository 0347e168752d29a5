"""Downsampled chunks of Thanos as samples that stand for others (storage.samples Weights).

Of each window a chunk of floats has count, sum, least and most, at the time at which the window
ends or its last sample is, and a counter. What a select is for decides which of them it gets:

* what is smallest or largest: those; sums: the sum; any other value: the mean, as Thanos has it;
* rises: the counter. In a chunk it begins with the value of its first sample and only rises; its
  last time comes twice, the second time with the value that the last sample had. The difference
  of the two is what fell. So here the counter rises up to that, falls to zero once, and rises on
  to the value that it had: what follows it goes on from there. The first sample of a window, of
  which nothing is kept, is put where a steady rise has it.

Of native histograms there are counts, sums, and a counter that is corrected for resets within its
chunk and ends once. Rises get the counter, any other value the mean; there is no least or most.
What fell within a chunk is not kept: the next one seems to begin with a reset, as with Thanos.
"""

from dataclasses import dataclass, replace

import numpy as np

from storage.chunks.chunks import ENCODING, FLOAT_HISTOGRAM, HISTOGRAM, LAYOUT, OK, XOR, Chunks
from storage.chunks.floats import DecodedFloats, decode_floats
from storage.chunks.histograms import decode_histograms
from storage.histograms.columns import HINT_GAUGE, HINT_UNKNOWN, Buckets, Histograms, Natives
from storage.histograms.histograms import offsets_of, take
from storage.kernels.arrays import Bools, Float64s, Int8s, Int64s, frozen
from storage.kernels.jit import float_kernel, float_kernel_part
from storage.kernels.words import Place
from storage.options import HOUR_MS, MINUTE_MS
from storage.samples.hint import Purpose, SelectHint
from storage.samples.merge import merge, pick, ranges, sort_rows
from storage.samples.samples import Samples, Weights

# As the StoreAPI numbers what a chunk may have.
RAW, COUNT, SUM, MIN, MAX, COUNTER = range(6)
# What is wanted beside the number of samples.
WANTED = {
    Purpose.VALUES: SUM,
    Purpose.ALL: SUM,
    Purpose.TOTALS: SUM,
    Purpose.LOWEST: MIN,
    Purpose.HIGHEST: MAX,
    Purpose.RISES: COUNTER,
    Purpose.RESETS: COUNTER,
}
# Between two windows there has to be room for a rise and a fall.
ROOM_MS = 3
# What Thanos downsamples to, and how far apart windows of an hour are at least.
FINE_MS, COARSE_MS, APART_MS = 5 * MINUTE_MS, HOUR_MS, 30 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Windows:
    """What is taken of chunks. part: one of those above, beside their number; is_mean: a sum is
    divided by it; resolution_ms: that of all chunks, or the coarsest that may come, if it is not
    known."""

    part: int
    is_mean: bool
    resolution_ms: int
    is_known: bool = False

    @classmethod
    def of(cls, purpose: Purpose, resolution_ms: int, *, is_known: bool = False) -> "Windows":
        is_mean = purpose in (Purpose.VALUES, Purpose.ALL)
        return cls(WANTED[purpose], is_mean, resolution_ms, is_known)

    @classmethod
    def wanted(cls, hint: SelectHint) -> "Windows | None":
        """None: samples as they came are wanted."""
        return cls.of(hint.purpose, hint.resolution_ms) if hint.resolution_ms else None

    @property
    def aggregates(self) -> tuple[int, ...]:
        """What is asked for."""
        return (COUNT, self.part)


def samples_of(
    counts: Chunks, values: Chunks, offsets: Int64s, windows: Windows
) -> tuple[Samples, Int8s]:
    """The samples of n series, and OK of each chunk or why it has none.

    counts: how many samples each window has; values: what is wanted of them. The chunks of series
    i are offsets[i]:offsets[i+1], in order of time.
    """
    is_native = (values.encodings == HISTOGRAM) | (values.encodings == FLOAT_HISTOGRAM)
    reasons = np.full(len(values), ENCODING, np.int8)
    found: list[Samples] = []
    for mask, read in ((~is_native, float_samples), (is_native, native_samples)):
        own = np.flatnonzero(mask & (counts.encodings == XOR))
        if len(own) or not found:
            inner = np.searchsorted(own, offsets)
            samples, reasons[own] = read(counts.at(own), values.at(own), inner, windows)
            found.append(ordered(samples))
    return (found[0] if len(found) == 1 else merge(*found)), reasons


def float_samples(
    counts: Chunks, values: Chunks, offsets: Int64s, windows: Windows
) -> tuple[Samples, Int8s]:
    is_counter = windows.part == COUNTER
    numbers, levels = decode_floats(counts), decode_floats(values, ends_twice=is_counter)
    reasons = np.where(numbers.reasons != OK, numbers.reasons, levels.reasons)
    reasons[values.encodings != XOR] = ENCODING
    if not is_counter:
        reasons = matched(reasons, numbers, levels.offsets, levels.timestamps)
    numbers, levels = only(numbers, reasons), only(levels, reasons)
    if is_counter:
        return counter_samples(numbers, levels, offsets), reasons
    own = levels.values
    if windows.is_mean:
        with np.errstate(divide="ignore", invalid="ignore"):
            own = own / numbers.values
    return placed(numbers, own, offsets, resolutions_of(numbers, windows)), reasons


def native_samples(
    counts: Chunks, values: Chunks, offsets: Int64s, windows: Windows
) -> tuple[Samples, Int8s]:
    numbers, decoded = decode_floats(counts), decode_histograms(values)
    reasons = np.where(numbers.reasons != OK, numbers.reasons, decoded.reasons)
    reasons = matched(reasons, numbers, decoded.offsets, decoded.timestamps)
    kept = ranges(decoded.offsets[:-1], offsets_of(sizes_of(decoded.offsets, reasons)))
    numbers = only(numbers, reasons)
    histograms = take(decoded.histograms, kept)
    if windows.part == SUM:
        histograms = means(histograms, numbers.values)
    else:
        histograms = with_unknown(histograms, numbers.offsets)
    samples = placed(numbers, histograms.sums, offsets, resolutions_of(numbers, windows))
    natives = Natives(histograms, np.arange(len(kept), dtype=np.int32))
    return replace(samples, natives=natives), reasons


def with_unknown(histograms: Histograms, offsets: Int64s) -> Histograms:
    """Counters, the first one of each chunk without a word about the one before: what its chunk
    says of that is about samples as they came, and the one before may have been corrected."""
    hints = histograms.hints.copy()
    firsts = offsets[:-1][np.diff(offsets) > 0]
    hints[firsts[hints[firsts] != HINT_GAUGE]] = HINT_UNKNOWN
    return replace(histograms, hints=hints)


def means(histograms: Histograms, numbers: Float64s) -> Histograms:
    """Sums of histograms divided by their numbers; what is a mean is no counter."""

    own = np.maximum(numbers, 1.0)

    def divided(buckets: Buckets) -> Buckets:
        return replace(buckets, counts=buckets.counts / np.repeat(own, np.diff(buckets.offsets)))

    return replace(
        histograms,
        hints=np.full(len(histograms), HINT_GAUGE, np.int8),
        counts=histograms.counts / own,
        sums=histograms.sums / own,
        zero_counts=histograms.zero_counts / own,
        positive=divided(histograms.positive),
        negative=divided(histograms.negative),
    )


def placed(
    numbers: DecodedFloats, values: Float64s, offsets: Int64s, resolutions: Int64s
) -> Samples:
    """A sample for each window, which stands for all of it."""
    times, ends = numbers.timestamps, numbers.offsets[offsets]
    stood = np.nan_to_num(numbers.values, nan=0.0, posinf=1.0, neginf=0.0)
    sizes = np.rint(np.clip(stood, 0, 1 << 40)).astype(np.int64)
    own = np.repeat(resolutions, np.diff(numbers.offsets))
    return Samples(ends, times, values, weights=weights_of(times, sizes, ends, own))


def weights_of(times: Int64s, counts: Int64s, offsets: Int64s, resolutions: Int64s) -> Weights:
    """Each sample stands for all of its window, which begins where the one before ended.

    A sample at the very first moment of a window of Thanos is of the range of PromQL that ends
    there. That is rare, so windows are taken to begin right behind it, as those of Cupola do.
    """
    before = np.full(len(times), np.iinfo(np.int64).min)
    before[1:] = times[:-1] + 1
    firsts = offsets[:-1][np.diff(offsets) > 0]
    before[firsts] = np.iinfo(np.int64).min
    begins = np.maximum(times - (times - 1) % resolutions, before)
    return Weights(counts, np.where(counts > 1, np.minimum(begins, times), times))


def resolutions_of(numbers: DecodedFloats, windows: Windows) -> Int64s:
    """How long the windows of each chunk are. Where that is not known they are of an hour if that
    may be and most of them are that far apart, and of five minutes else."""
    sizes = np.diff(numbers.offsets)
    if windows.is_known:
        return np.full(len(sizes), windows.resolution_ms)
    if windows.resolution_ms < COARSE_MS:
        return np.full(len(sizes), min(windows.resolution_ms, FINE_MS))
    times, ends = numbers.timestamps, numbers.offsets[1:]
    is_far = np.zeros(len(times), np.int64)
    is_far[1:] = np.diff(times) > APART_MS
    far = offsets_of(is_far)
    # The last window may be cut short.
    gaps = np.maximum(sizes - 1 - (sizes > 2), 0)
    firsts = np.minimum(numbers.offsets[:-1] + 1, ends)
    inside = far[firsts + gaps] - far[firsts]
    last = np.concatenate([times, np.zeros(1, np.int64)])[ends - 1]
    is_coarse = np.where(sizes > 1, 2 * inside > gaps, (last + 1) % COARSE_MS == 0)
    return np.where(is_coarse, COARSE_MS, FINE_MS).astype(np.int64)


def ordered(samples: Samples) -> Samples:
    """Samples with ascending times in each series; the first of equal times stays."""
    owners = np.repeat(np.arange(samples.series_count), np.diff(samples.offsets))
    offsets, order = sort_rows(owners, samples.timestamps, samples.series_count)
    if len(order) == len(samples) and (np.diff(order) == 1).all():
        return samples
    return pick(samples, offsets, order)


def matched(reasons: Int8s, numbers: DecodedFloats, offsets: Int64s, times: Int64s) -> Int8s:
    """LAYOUT of those chunks whose two parts are of different windows."""
    wrong = (reasons == OK) & (np.diff(numbers.offsets) != np.diff(offsets))
    found = np.where(wrong, LAYOUT, reasons).astype(np.int8)
    sizes = offsets_of(sizes_of(offsets, found))
    differs: Bools = (
        numbers.timestamps[ranges(numbers.offsets[:-1], sizes)]
        != times[ranges(offsets[:-1], sizes)]
    )
    owners = np.repeat(np.arange(len(found)), np.diff(sizes))
    found[np.unique(owners[differs])] = LAYOUT
    return found


def sizes_of(offsets: Int64s, reasons: Int8s) -> Int64s:
    """How much of each chunk is used: nothing of one that has a reason."""
    return np.where(reasons == OK, np.diff(offsets), 0)


def only(decoded: DecodedFloats, reasons: Int8s) -> DecodedFloats:
    """Nothing of those chunks that have a reason."""
    offsets = offsets_of(sizes_of(decoded.offsets, reasons))
    if offsets[-1] == decoded.offsets[-1]:
        return decoded
    places = ranges(decoded.offsets[:-1], offsets)
    times, values = decoded.timestamps[places], decoded.values[places]
    return replace(decoded, offsets=offsets, timestamps=times, values=values)


@float_kernel_part
def level_at(begin: Place, end: Place, time: Place, from_level: float, to_level: float) -> float:
    """Where the line between two samples is at a time between them."""
    return from_level + (to_level - from_level) * ((time - begin) / (end - begin))


@float_kernel
def place_counters(
    count_offsets: Int64s, count_times: Int64s, counted: Float64s,
    offsets: Int64s, times: Int64s, values: Float64s,
    out_offsets: Int64s, out_times: Int64s, out_values: Float64s,
    counts: Int64s, since: Int64s,
) -> None:  # fmt: skip
    """Write the samples of the counters of all chunks, and where those of each chunk end.

    A window has two samples of its own: the first one is put where a steady rise has it, where it
    is not there. Between two samples all that fell in a chunk is put, as two more: up and down.
    """
    out = 0
    out_offsets[0] = 0
    for chunk in range(len(offsets) - 1):
        first, end = offsets[chunk], offsets[chunk + 1]
        window = count_offsets[chunk]
        fallen, lowered = 0.0, 0.0
        if end - first > 1 and times[end - 1] == times[end - 2]:
            end -= 1
            fallen = values[end - 1] - values[end]
        # Of the window so far: its first sample, and how many stand for one; of counts: the rest.
        begun, stood, rest = out, np.int64(0), np.int64(0)
        before, level = np.int64(0), 0.0  # of the last sample, before anything fell
        for k in range(first, end):
            while window < count_offsets[chunk + 1] and count_times[window] <= times[k]:
                rest += np.int64(counted[window])
                window += 1
            gap, number = times[k] - before, rest - stood
            needs_first = k > first and stood == 0 and 1 < number < gap
            for is_last in range(0 if needs_first else 1, 2):
                time, value = times[k], values[k]
                if not is_last:
                    time = before + gap // number
                    value = level_at(before, times[k], time, level, values[k])
                falls = value > fallen or (value == fallen and is_last and k == end - 1)
                if fallen > lowered and falls:
                    if k > first and time - before >= ROOM_MS:
                        at = before + 1
                        if value > level:
                            at += np.int64((fallen - level) / (value - level) * (time - at - 2))
                        for down in range(2):
                            out_times[out] = at + down
                            out_values[out] = 0.0 if down else fallen
                            counts[out] = 0
                            since[out] = out_times[begun] if stood else at + down
                            out += 1
                    lowered = fallen
                if stood == 0:
                    begun = out
                out_times[out], out_values[out] = time, value - lowered
                counts[out] = max(np.int64(0), rest - stood) if is_last and rest else np.int64(1)
                since[out] = out_times[begun]
                before, level = time, value
                stood += counts[out]
                out += 1
            if rest > 0:  # a window has ended
                stood, rest = np.int64(0), np.int64(0)
        out_offsets[chunk + 1] = out


def counter_samples(counts: DecodedFloats, counters: DecodedFloats, offsets: Int64s) -> Samples:
    room = 2 * len(counters.timestamps) + 2 * len(counters.offsets)
    ends = np.empty(len(counters.offsets), np.int64)
    times, values = np.empty(room, np.int64), np.empty(room, np.float64)
    own, since = np.empty(room, np.int64), np.empty(room, np.int64)
    stood = np.clip(np.nan_to_num(counts.values, nan=0.0, posinf=1.0, neginf=0.0), 0, 1 << 40)
    place_counters(
        frozen(counts.offsets), frozen(counts.timestamps), frozen(stood),
        frozen(counters.offsets), frozen(counters.timestamps), frozen(counters.values),
        ends, times, values, own, since,
    )  # fmt: skip
    size = int(ends[-1])
    weights = Weights(own[:size], since[:size])
    return Samples(ends[offsets], times[:size], values[:size], weights=weights)
