"""Chunks of downsampled series as samples that stand for others (storage.samples Weights).

Each sample is about one window: its mean, its sum, its least or its most, at the window's time, and
for how many samples it stands; these are taken to have come evenly since the window before, and
those of a counter to have risen steadily.

A counter is corrected for resets within each of its chunks. Its last time comes twice there, the
second time with the value that it really had. Here a counter ends its chunk at that value, so that
it goes on as what others have of the same series does: all of its resets are shown as one, by a
rise to what fell and a fall to next to nothing, each a millisecond of its own. The first sample of
a window, which is not there, is put where a steady rise has it.
"""

from dataclasses import dataclass

import numpy as np

from receiver.stores.errors import LyingStore
from receiver.stores.storeapi.frames import ENCODING, END, FIRST_MS, KIND, LAST_MS, OWNER, START
from storage.chunks.chunks import OK, XOR, Chunks
from storage.chunks.floats import DecodedFloats, decode_floats
from storage.kernels.arrays import Bytes, Float64s, Int64s
from storage.kernels.jit import float_kernel
from storage.samples.hint import Purpose, SelectHint
from storage.samples.merge import pick, sort_rows
from storage.samples.samples import Samples, Weights

# As requests and pieces number them.
RAW, COUNT, SUM, MIN, MAX, COUNTER = range(6)
# What is asked for beside the number of samples.
WANTED = {
    Purpose.VALUES: SUM,
    Purpose.ALL: SUM,
    Purpose.TOTALS: SUM,
    Purpose.LOWEST: MIN,
    Purpose.HIGHEST: MAX,
    Purpose.RISES: COUNTER,
    Purpose.RESETS: COUNTER,
}
# Next to nothing, so that a fall to it makes a counter rise by nothing.
TINY = 5e-324
# Times that a pair of its own takes between two windows.
PAIR_MS = 3


@dataclass(frozen=True, slots=True)
class Windows:
    """Which aggregates are taken. part: one of those above, beside their number; is_mean: a sum is
    divided by it; resolution_ms: the coarsest that may come."""

    part: int
    is_mean: bool
    resolution_ms: int

    @classmethod
    def of(cls, hint: SelectHint) -> "Windows | None":
        """None: samples as they came are wanted."""
        if not hint.resolution_ms:
            return None
        is_mean = hint.purpose in (Purpose.VALUES, Purpose.ALL)
        return cls(WANTED[hint.purpose], is_mean, hint.resolution_ms)

    @property
    def aggregates(self) -> tuple[int, ...]:
        """What is asked for."""
        return (COUNT, self.part)


@dataclass(frozen=True, slots=True)
class Damage:
    """Of chunks that could not be read: how many, and why one of them could not."""

    count: int = 0
    reason: int = OK


def samples_of(
    buffer: Bytes, pieces: Int64s, series: int, windows: Windows
) -> tuple[Samples, Damage]:
    """The samples of the aggregates among the pieces of so many series. Raises LyingStore where
    chunks lack what was asked for."""
    numbers, found = (pieces[pieces[:, KIND] == kind] for kind in windows.aggregates)
    where = [OWNER, FIRST_MS, LAST_MS]
    if len(numbers) != len(found) or (numbers[:, where] != found[:, where]).any():
        raise LyingStore("its downsampled chunks have not the aggregates that were asked for")
    counts = decode_floats(chunks_at(buffer, numbers))
    is_counter = windows.part == COUNTER
    values = decode_floats(chunks_at(buffer, found), ends_twice=is_counter)
    reasons = np.maximum(counts.reasons, values.reasons)
    sound = np.flatnonzero(reasons == OK)
    wrong = len(reasons) - len(sound)
    damage = Damage(wrong, int(reasons.max(initial=OK)))
    rows = found[sound, OWNER]
    if wrong:
        counts = decode_floats(chunks_at(buffer, numbers[sound]))
        values = decode_floats(chunks_at(buffer, found[sound]), ends_twice=is_counter)
    if is_counter:
        return counter_samples(counts, values, rows, series), damage
    if not np.array_equal(counts.timestamps, values.timestamps):
        raise LyingStore("its downsampled chunks have aggregates of different windows")
    levels = values.values / counts.values if windows.is_mean else values.values
    owners = np.repeat(rows, np.diff(values.offsets))
    return weighted(owners, values.timestamps, levels, counts.values, series), damage


def chunks_at(buffer: Bytes, pieces: Int64s) -> Chunks:
    starts, ends = (np.ascontiguousarray(pieces[:, column]) for column in (START, END))
    return Chunks(buffer, starts, ends, pieces[:, ENCODING] + XOR)


def weighted(
    owners: Int64s,
    times: Int64s,
    values: Float64s,
    numbers: Float64s,
    series: int,
    *,
    is_line: bool = False,
) -> Samples:
    """Samples of series with what they stand for; numbers: of samples, which came evenly; is_line:
    they lie on a line from the one before to this one."""
    offsets, order = sort_rows(owners, times, series)
    placed = pick(Samples(offsets, times, values), offsets, order)
    stood = np.nan_to_num(numbers[order], nan=0.0, posinf=1.0, neginf=0.0)
    counts = np.clip(stood, 0, 1 << 40).astype(np.int64)
    gaps = np.zeros(len(order), np.int64)
    gaps[1:] = np.diff(placed.timestamps)
    filled = offsets[:-1][np.diff(offsets) > 0]
    # Before the first window of a series there is none.
    later = np.minimum(filled + 1, len(order) - 1)
    gaps[filled] = np.where(np.isin(later, offsets), 0, gaps[later])
    hidden = gaps if is_line else gaps - gaps // np.maximum(counts, 1)
    since = placed.timestamps - np.where(counts > 1, hidden, 0)
    return Samples(offsets, placed.timestamps, placed.values, weights=Weights(counts, since))


@float_kernel
def place_counters(
    chunks: Int64s, times: Int64s, values: Float64s,
    windows: Int64s, window_times: Int64s, window_counts: Float64s,
    out: Int64s, at: Int64s, levels: Float64s, numbers: Float64s,
) -> None:  # fmt: skip
    """Write the samples of each chunk from out[i] on, and what they stand for. windows: of each
    chunk, the times of its windows and how many samples they have."""
    place = 0
    out[0] = 0
    for chunk in range(len(chunks) - 1):
        first, end, window = chunks[chunk], chunks[chunk + 1], windows[chunk]
        begun, fallen, has_fallen = place, 0.0, False
        if end - first > 1 and times[end - 1] == times[end - 2]:
            end -= 1
            fallen = values[end - 1] - values[end]
        for k in range(first, end):
            value = values[k]
            if fallen > 0.0 and (value > fallen or (value == fallen and k == end - 1)):
                if not has_fallen and k > first and times[k] - times[k - 1] >= PAIR_MS:
                    at[place], levels[place], numbers[place] = times[k] - 2, fallen, 1.0
                    at[place + 1], levels[place + 1] = times[k] - 1, TINY
                    numbers[place + 1] = 1.0
                    place += 2
                has_fallen = True
                value -= fallen
            while window < windows[chunk + 1] and window_times[window] < times[k]:
                window += 1
            number = 1.0
            if window < windows[chunk + 1] and window_times[window] == times[k]:
                number = max(1.0, window_counts[window] - (place - begun))
                gap = times[k] - at[place - 1] if k > first else 0
                if begun == place and 1.0 < number < gap:
                    # The first sample of the window is not there.
                    at[place] = at[place - 1] + int(gap / number)
                    levels[place] = levels[place - 1] + (value - levels[place - 1]) / number
                    numbers[place] = 1.0
                    number -= 1.0
                    place += 1
                begun = place + 1
            at[place], levels[place], numbers[place] = times[k], value, number
            place += 1
        out[chunk + 1] = place


def counter_samples(
    counts: DecodedFloats, values: DecodedFloats, rows: Int64s, series: int
) -> Samples:
    """Counters; counts: how many samples each of their windows has, chunk by chunk."""
    room = 2 * len(values.timestamps) + 2 * len(rows)
    out, times = np.empty(len(rows) + 1, np.int64), np.empty(room, np.int64)
    levels, numbers = np.empty(room), np.empty(room)
    place_counters(
        values.offsets, values.timestamps, values.values,
        counts.offsets, counts.timestamps, counts.values, out, times, levels, numbers,
    )  # fmt: skip
    size, owners = int(out[-1]), np.repeat(rows, np.diff(out))
    return weighted(owners, times[:size], levels[:size], numbers[:size], series, is_line=True)
