"""Kernels between samples as stored and the cells of vectors."""

import numpy as np

from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.stale import STALE_NAN_BITS

_STALE = np.uint64(STALE_NAN_BITS)


@kernel
def latest_values(
    of_times: bool,
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    times: Int64s,
    lookback_ms: int,
    out: Float64s,
    present: Bools,
) -> None:
    """The newest sample in (time - lookback, time] of each series; a stale marker counts as none.

    of_times: its time in seconds in place of its value. times never decrease.
    """
    bits = values.view(np.uint64)
    for i in range(len(offsets) - 1):
        after = offsets[i]
        stop = offsets[i + 1]
        for k in range(len(times)):
            while after < stop and timestamps[after] <= times[k]:
                after += 1
            last = after - 1
            if last < offsets[i] or timestamps[last] <= times[k] - lookback_ms:
                continue
            if bits[last] != _STALE:
                out[i, k] = timestamps[last] / 1000.0 if of_times else values[last]
                present[i, k] = True


@kernel
def latest_positions(
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    times: Int64s,
    lookback_ms: int,
    out: Int64s,
    present: Bools,
) -> None:
    """Like latest_values, with the sample's position in place of its value.

    Histograms and starts are looked up by it. If times and values were too, the most common query
    would cost an eighth more.
    """
    bits = values.view(np.uint64)
    for i in range(len(offsets) - 1):
        after = offsets[i]
        stop = offsets[i + 1]
        for k in range(len(times)):
            while after < stop and timestamps[after] <= times[k]:
                after += 1
            last = after - 1
            if last < offsets[i] or timestamps[last] <= times[k] - lookback_ms:
                continue
            if bits[last] != _STALE:
                out[i, k] = last
                present[i, k] = True


@kernel
def latest_of_stretches(
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    since: Int64s,
    times: Int64s,
    lookback_ms: int,
    out: Int64s,
    present: Bools,
) -> None:
    """Like latest_positions, of downsampled samples. A time within a stretch of hidden samples has
    the newest one that is there, however long ago that is: there is a newer one."""
    bits = values.view(np.uint64)
    for i in range(len(offsets) - 1):
        after = offsets[i]
        stop = offsets[i + 1]
        for k in range(len(times)):
            while after < stop and timestamps[after] <= times[k]:
                after += 1
            last = after - 1
            if last < offsets[i] or bits[last] == _STALE:
                continue
            goes_on = after < stop and since[after] <= timestamps[last]
            if goes_on or timestamps[last] > times[k] - lookback_ms:
                out[i, k] = last
                present[i, k] = True


@kernel
def count_stale(values: Float64s) -> int:
    bits = values.view(np.uint64)
    count = 0
    for i in range(len(bits)):
        if bits[i] == _STALE:
            count += 1
    return count


@kernel
def pick_fresh(
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    start_ms: int,
    end_ms: int,
    out_offsets: Int64s,
    out_timestamps: Int64s,
    out_values: Float64s,
) -> None:
    """Copy the samples of [start_ms, end_ms] that are not stale markers."""
    bits = values.view(np.uint64)
    at = 0
    out_offsets[0] = 0
    for i in range(len(offsets) - 1):
        for j in range(offsets[i], offsets[i + 1]):
            if bits[j] != _STALE and start_ms <= timestamps[j] <= end_ms:
                out_timestamps[at] = timestamps[j]
                out_values[at] = values[j]
                at += 1
        out_offsets[i + 1] = at


@kernel
def gather_cells(
    values: Float64s,
    present: Bools,
    steps: Int64s,
    offsets: Int64s,
    out_timestamps: Int64s,
    out_values: Float64s,
) -> None:
    """Make the present cells of each row into samples at the times of their steps.

    offsets: int64[rows + 1], written too; the other outputs have room for all present cells.
    """
    at = 0
    offsets[0] = 0
    for i in range(values.shape[0]):
        for k in range(values.shape[1]):
            if present[i, k]:
                out_timestamps[at] = steps[k]
                out_values[at] = values[i, k]
                at += 1
        offsets[i + 1] = at
