"""Folding samples into windows: raw samples in, aggregates out."""

import numpy as np

from storage.downsampling.aggregates import Aggregates, Rows, empty_rows, take_rows
from storage.downsampling.kept import keep_histograms
from storage.downsampling.windows import count_windows, window_of
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.jit import float_kernel, float_kernel_part, kernel
from storage.kernels.stale import STALE_NAN_BITS
from storage.samples.samples import Samples

STALE = np.uint64(STALE_NAN_BITS)
NO_MASK: Bools = np.zeros(0, np.bool_)


def fold(samples: Samples, resolution_ms: int) -> Aggregates:
    """The aggregates of samples as they came, whose stale markers are in them."""
    natives = samples.natives
    others = NO_MASK if natives is None else natives.mask
    size = count_windows(samples.offsets, samples.timestamps, resolution_ms)
    rows, offsets = empty_rows(size), np.zeros_like(samples.offsets)
    fold_floats(
        samples.offsets, samples.timestamps, samples.values, others, resolution_ms, offsets, rows
    )
    rows = take_rows(rows, slice(0, int(offsets[-1])))
    return Aggregates.of(offsets, rows, keep_histograms(samples, resolution_ms))


@float_kernel_part
def compensate(total: float, lost: float, value: float) -> tuple[float, float]:
    """Add to a sum and to what rounding loses of it (Neumaier); an infinite sum loses nothing."""
    added = total + value
    if np.isinf(added):
        return added, 0.0
    if abs(total) >= abs(value):
        return added, lost + ((total - added) + value)
    return added, lost + ((value - added) + total)


@kernel
def start_row(rows: Rows, out: int, t: int, value: float, count: int) -> None:
    """A row of one float, or of one stale marker, which counts as none."""
    rows.first_ms[out] = rows.last_ms[out] = rows.min_ms[out] = rows.max_ms[out] = t
    rows.first[out] = rows.last[out] = rows.min[out] = rows.max[out] = value
    rows.sum[out] = value if count else 0.0
    rows.count[out] = count
    rows.falls[out] = 0
    rows.fallen[out] = 0.0
    rows.stale_ms[out] = 0 if count else t


@float_kernel
def fold_floats(
    offsets: Int64s,
    timestamps: Int64s,
    values: Float64s,
    others: Bools,
    resolution_ms: int,
    out_offsets: Int64s,
    rows: Rows,
) -> None:
    """A row for each window with a float or its stale marker. others: samples that are histograms;
    empty if none are."""
    bits = values.view(np.uint64)
    out = -1
    lost = 0.0
    for i in range(len(offsets) - 1):
        window, begun = 0, False
        for k in range(offsets[i], offsets[i + 1]):
            if len(others) and others[k]:
                continue
            t, value = timestamps[k], values[k]
            stale = bits[k] == STALE
            own = window_of(t, resolution_ms)
            if not begun or own != window:
                if out >= 0:
                    rows.sum[out] += lost
                out += 1
                window, begun, lost = own, True, 0.0
                start_row(rows, out, t, value, 0 if stale else 1)
            elif stale:
                if not rows.stale_ms[out]:
                    rows.stale_ms[out] = t
            elif not rows.count[out]:
                start_row(rows, out, t, value, 1)
            else:
                lost = add_float(rows, out, t, value, lost)
        out_offsets[i + 1] = out + 1
    if out >= 0:
        rows.sum[out] += lost


@float_kernel_part
def add_float(rows: Rows, out: int, t: int, value: float, lost: float) -> float:
    """One more float in the row; returns what its sum has lost by rounding."""
    if value < rows.last[out]:
        rows.falls[out] += 1
        rows.fallen[out] += rows.last[out]
    if value < rows.min[out] or (np.isnan(rows.min[out]) and not np.isnan(value)):
        rows.min_ms[out], rows.min[out] = t, value
    if value > rows.max[out] or (np.isnan(rows.max[out]) and not np.isnan(value)):
        rows.max_ms[out], rows.max[out] = t, value
    rows.last_ms[out], rows.last[out] = t, value
    rows.sum[out], lost = compensate(rows.sum[out], lost, value)
    rows.count[out] += 1
    rows.stale_ms[out] = 0
    return lost
