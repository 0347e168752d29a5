"""Kernels of the head: append decoded samples to the chunk pool, count and copy them out again.

Values travel as their uint64 bits: duplicates are compared bit for bit, and NaN payloads survive.
The chunks of a series form a chain from its newest to its oldest chunk; chunk numbers are kept plus
one, so that 0 means none.
"""

import numpy as np

from storage.kernels.arrays import Bools, Int32s, Int64s, UInt64s
from storage.kernels.jit import kernel, kernel_part
from storage.kernels.words import Place, prefetch
from storage.reasons import CONFLICT, OK, TOO_FAR_IN_FUTURE, TOO_OLD

# Refused samples of a batch that are remembered, by reason.
EXAMPLES_MAX = 8
MIX = np.uint64(0x9E3779B97F4A7C15)
# How many series ahead of the one that is appended to the chunks are fetched into the cache.
AHEAD = 12
SAMPLE_BYTES = 8

# What became of a sample, where it is noted; else the place where it is kept (head/pool.py).
COPY = -4  # passed over: another replica's samples of the series are kept
UNSOUND = -3  # refused before, for its histogram
REFUSED = -2
REPEATED = -1  # accepted, and known already

# Positions in the head's state.
CHUNKS_USED = 0
SAMPLES = 1
OOO_SAMPLES = 2


@kernel
def append_samples(
    refs: Int32s,
    sample_offsets: Int64s,
    timestamps: Int64s,
    bits: UInt64s,
    keys: UInt64s,
    places: Int64s,
    oldest_ms: int,
    newest_ms: int,
    last_ms: Int64s,
    last_keys: UInt64s,
    chunk_times: Int64s,
    chunk_bits: UInt64s,
    previous: Int32s,
    current: Int32s,
    fill: Int32s,
    late: Int64s,
    late_refs: Int32s,
    state: Int64s,
    counts: Int64s,
    examples: Int64s,
) -> int:
    """Append the samples of a batch whose series are known (ref >= 0); returns how many are late.

    A sample newer than its series' last goes to the series' chunk; an older one is left to
    append_late() (storage/head/late.py): late[n], late_refs[n] = where it is and its series. keys:
    what must be equal in two samples of one moment. counts[i], examples[i]: how many samples were
    refused for reason TOO_OLD + i, and where some are. places: empty, or UNSOUND or COPY for those
    to pass over; of others it takes the slot of the chunks they are in. There must be room.
    """
    late_count, size, noted = 0, chunk_times.shape[1], len(places) > 0
    times_at, bits_at = chunk_times.ctypes.data, chunk_bits.ctypes.data
    for i in range(len(refs)):
        ref = refs[i]
        fetch_slot(times_at, bits_at, size, current, fill, refs[min(i + AHEAD, len(refs) - 1)])
        if ref < 0:
            continue
        for k in range(sample_offsets[i], sample_offsets[i + 1]):
            if noted and places[k] <= UNSOUND:
                continue
            t = timestamps[k]
            repeated = t == last_ms[ref]
            reason = refusal(t, oldest_ms, newest_ms, repeated and keys[k] != last_keys[ref])
            if reason != OK:
                row = reason - TOO_OLD
                slot = example_slot(counts[row], t)
                if slot < EXAMPLES_MAX:
                    examples[row, slot] = k
                counts[row] += 1
                continue
            chunk, place = current[ref] - 1, REPEATED
            if t > last_ms[ref]:
                last_ms[ref], last_keys[ref] = t, keys[k]
                if chunk < 0 or fill[ref] == size:
                    previous[state[CHUNKS_USED]] = chunk + 1
                    chunk = state[CHUNKS_USED]
                    state[CHUNKS_USED] = chunk + 1
                    current[ref], fill[ref] = chunk + 1, 0
                chunk_times[chunk, fill[ref]] = t
                chunk_bits[chunk, fill[ref]] = bits[k]
                place = chunk * size + fill[ref]
                fill[ref] += 1
                state[SAMPLES] += 1
            elif not repeated:
                late[late_count], late_refs[late_count] = k, ref
                late_count += 1
                continue
            if noted:
                places[k] = place
    return late_count


@kernel_part
def fetch_slot(
    times_at: Place, bits_at: Place, size: int, current: Int32s, fill: Int32s, ref: np.int32
) -> None:
    """Have the next slot of a series in the cache when its turn comes: the chunks of series that
    follow each other lie anywhere. No series and no chunk do no harm."""
    known = np.int64(max(np.int64(ref), np.int64(0)))
    slot = size * (np.int64(current[known]) - 1) + fill[known]
    prefetch(times_at, SAMPLE_BYTES * slot)
    prefetch(bits_at, SAMPLE_BYTES * slot)


@kernel_part
def example_slot(before: np.int64, t: np.int64) -> np.int64:
    """Where to keep a refused sample, `before` of which were refused for its reason already: a
    sample drawn at random from all of them (reservoir sampling), so that each has its turn."""
    if before < EXAMPLES_MAX:
        return before
    mixed = (np.uint64(t) ^ np.uint64(before)) * MIX
    return np.int64(mixed >> np.uint64(33)) % (before + 1)


@kernel_part
def refusal(t: int, oldest_ms: int, newest_ms: int, conflicts: bool) -> int:
    """Why a sample is refused, or OK."""
    if t < oldest_ms:
        return TOO_OLD
    if t > newest_ms:
        return TOO_FAR_IN_FUTURE
    return CONFLICT if conflicts else OK


@kernel_part
def in_chunk(chunk_times: Int64s, chunk: int, used: int, t: int) -> bool:
    """Whether a chunk's first `used` samples have one at t."""
    found = False
    for f in range(used):
        found = found or chunk_times[chunk, f] == t
    return found


@kernel
def keep_starts(
    refs: Int32s,
    sample_offsets: Int64s,
    starts: Int64s,
    rows: Int32s,
    places: Int64s,
    kept: Int64s,
    marked: Bools,
) -> int:
    """Keep the known starts of the samples that have a place, and mark their series.

    rows: empty, or not negative for a histogram. Returns how many of them are floats.
    """
    floats = 0
    for i in range(len(refs)):
        for k in range(sample_offsets[i], sample_offsets[i + 1]):
            if places[k] >= 0 and starts[k] != 0:
                kept[places[k]] = starts[k]
                marked[refs[i]] = True
                if len(rows) == 0 or rows[k] < 0:
                    floats += 1
    return floats


@kernel
def count_chunks(
    chunk_times: Int64s,
    previous: Int32s,
    current: Int32s,
    fill: Int32s,
    start_ms: int,
    end_ms: int,
    counts: Int64s,
) -> None:
    """counts[i] = samples in [start_ms, end_ms] on the chain that starts at current[i], fill[i]."""
    size = chunk_times.shape[1]
    for i in range(len(current)):
        chunk = current[i] - 1
        used = fill[i]
        count = 0
        while chunk >= 0 and chunk_times[chunk, used - 1] >= start_ms:
            if chunk_times[chunk, 0] >= start_ms and chunk_times[chunk, used - 1] <= end_ms:
                count += used
            else:
                for f in range(used):
                    if start_ms <= chunk_times[chunk, f] <= end_ms:
                        count += 1
            chunk = previous[chunk] - 1
            used = size
        counts[i] = count


@kernel
def newest_within(last_ms: Int64s, current: Int32s, refs: Int64s, span: tuple[int, int]) -> bool:
    """Whether each of the series has chunks, and its newest sample there, which is last_ms[ref], is
    within the span, both ends inclusive. Chunks lie anywhere in memory and are not looked at."""
    for ref in refs:
        if current[ref] == 0:
            return False
        if not span[0] <= last_ms[ref] <= span[1]:
            return False
    return True


@kernel
def copy_chunks(
    chunk_times: Int64s,
    chunk_bits: UInt64s,
    previous: Int32s,
    current: Int32s,
    fill: Int32s,
    start_ms: int,
    end_ms: int,
    offsets: Int64s,
    timestamps: Int64s,
    bits: UInt64s,
    places: Int64s,
) -> None:
    """Copy the samples that count_chunks() counted to offsets[i]:offsets[i+1], oldest first.

    places: empty, or takes the slots from which they come.
    """
    size = chunk_times.shape[1]
    noted = len(places) > 0
    for i in range(len(current)):
        chunk = current[i] - 1
        used = fill[i]
        at = offsets[i + 1]
        while at > offsets[i]:
            for f in range(used - 1, -1, -1):
                t = chunk_times[chunk, f]
                if t < start_ms:
                    break
                if t <= end_ms:
                    at -= 1
                    timestamps[at] = t
                    bits[at] = chunk_bits[chunk, f]
                    if noted:
                        places[at] = chunk * size + f
            chunk = previous[chunk] - 1
            used = size


@kernel
def count_near(
    chunk_times: Int64s,
    previous: Int32s,
    current: Int32s,
    fill: Int32s,
    reach: tuple[int, int],
    span: tuple[int, int],
    lead: int,
    skips: Int64s,
    counts: Int64s,
) -> None:
    """counts[i] = samples of the span, and up to `lead` more on each side within the reach, on the
    chain that starts at current[i], fill[i]; skips[i] = the newer ones. All ends inclusive;
    lead: not 0."""
    size = chunk_times.shape[1]
    for i in range(len(current)):
        chunk = current[i] - 1
        used = fill[i]
        beyond = after = within = before = 0
        while chunk >= 0 and before < lead and chunk_times[chunk, used - 1] >= reach[0]:
            own = chunk_times[chunk, :used]
            if own[0] >= span[0] and own[-1] <= span[1]:
                within += used
            else:
                for f in range(used - 1, -1, -1):
                    if own[f] > reach[1]:
                        beyond += 1
                    elif own[f] > span[1]:
                        after += 1
                    elif own[f] >= span[0]:
                        within += 1
                    elif own[f] >= reach[0] and before < lead:
                        before += 1
                    else:
                        break
            chunk = previous[chunk] - 1
            used = size
        skips[i] = beyond + max(0, after - lead)
        counts[i] = min(after, lead) + within + before


@kernel
def copy_near(
    chunk_times: Int64s,
    chunk_bits: UInt64s,
    previous: Int32s,
    current: Int32s,
    fill: Int32s,
    skips: Int64s,
    offsets: Int64s,
    timestamps: Int64s,
    bits: UInt64s,
) -> None:
    """Copy the samples that count_near() counted to offsets[i]:offsets[i+1], oldest first."""
    size = chunk_times.shape[1]
    for i in range(len(current)):
        chunk = current[i] - 1
        used = fill[i]
        skip = skips[i]
        at = offsets[i + 1]
        while at > offsets[i]:
            end = max(0, used - skip)
            skip = max(0, skip - used)
            start = max(0, end - (at - offsets[i]))
            at -= end - start
            # Item by item: assigning slices would compile for seconds, texts of errors included. A
            # slice is indexed from 0 up, which lets the loop be vectorized.
            times, own_times = timestamps[at : at + end - start], chunk_times[chunk, start:end]
            room, own = bits[at : at + end - start], chunk_bits[chunk, start:end]
            for k in range(len(times)):
                times[k] = own_times[k]
                room[k] = own[k]
            chunk = previous[chunk] - 1
            used = size


@kernel
def select_ooo(
    ooo_refs: Int32s,
    ooo_times: Int64s,
    count: int,
    row_of_ref: Int32s,
    start_ms: int,
    end_ms: int,
    rows: Int64s,
    positions: Int64s,
) -> int:
    """The out-of-order samples of chosen series in [start_ms, end_ms]: their rows and positions.

    row_of_ref: row + 1 of a chosen series, 0 for others. Returns how many there are.
    """
    found = 0
    for k in range(count):
        ref = ooo_refs[k]
        if ref < len(row_of_ref) and row_of_ref[ref] > 0 and start_ms <= ooo_times[k] <= end_ms:
            rows[found] = row_of_ref[ref] - 1
            positions[found] = k
            found += 1
    return found
