"""Combining windows into larger ones: of all columns exactly what folding their samples gives,
sums up to the last bit's rounding."""

import numpy as np

from storage.downsampling.aggregates import Aggregates, Rows, empty_rows, take_rows
from storage.downsampling.folding import compensate
from storage.downsampling.kept import combine_histograms
from storage.downsampling.windows import count_windows, window_of
from storage.kernels.arrays import Int64s
from storage.kernels.jit import float_kernel, kernel_part


def combine(finer: Aggregates, resolution_ms: int) -> Aggregates:
    """The aggregates over windows of resolution_ms, of those over a divisor of it."""
    size = count_windows(finer.offsets, finer.last_ms, resolution_ms)
    rows, offsets = empty_rows(size), np.zeros_like(finer.offsets)
    combine_rows(finer.offsets, finer.rows, resolution_ms, offsets, rows)
    rows = take_rows(rows, slice(0, int(offsets[-1])))
    return Aggregates.of(offsets, rows, combine_histograms(finer.histograms, resolution_ms))


@float_kernel
def combine_rows(
    offsets: Int64s, finer: Rows, resolution_ms: int, out_offsets: Int64s, rows: Rows
) -> None:
    out = -1
    lost = 0.0
    for i in range(len(offsets) - 1):
        window, begun = 0, False
        for k in range(offsets[i], offsets[i + 1]):
            own = window_of(finer.last_ms[k], resolution_ms)
            if not begun or own != window:
                if out >= 0:
                    rows.sum[out] += lost
                out += 1
                window, begun, lost = own, True, 0.0
                copy_row(finer, k, rows, out)
            elif not finer.count[k]:
                if not rows.stale_ms[out]:
                    rows.stale_ms[out] = finer.stale_ms[k]
            elif not rows.count[out]:
                copy_row(finer, k, rows, out)
            else:
                rows.sum[out], lost = compensate(rows.sum[out], lost, finer.sum[k])
                add_row(finer, k, rows, out)
        out_offsets[i + 1] = out + 1
    if out >= 0:
        rows.sum[out] += lost


@float_kernel
def copy_row(finer: Rows, k: int, rows: Rows, out: int) -> None:
    rows.first_ms[out], rows.first[out] = finer.first_ms[k], finer.first[k]
    rows.last_ms[out], rows.last[out] = finer.last_ms[k], finer.last[k]
    rows.min_ms[out], rows.min[out] = finer.min_ms[k], finer.min[k]
    rows.max_ms[out], rows.max[out] = finer.max_ms[k], finer.max[k]
    rows.sum[out], rows.count[out] = finer.sum[k], finer.count[k]
    rows.falls[out], rows.fallen[out] = finer.falls[k], finer.fallen[k]
    rows.stale_ms[out] = finer.stale_ms[k]


@kernel_part
def add_row(finer: Rows, k: int, rows: Rows, out: int) -> None:
    """All but the sum; both have floats."""
    if finer.first[k] < rows.last[out]:
        rows.falls[out] += 1
        rows.fallen[out] += rows.last[out]
    rows.falls[out] += finer.falls[k]
    rows.fallen[out] += finer.fallen[k]
    smallest, largest = rows.min[out], rows.max[out]
    if finer.min[k] < smallest or (np.isnan(smallest) and not np.isnan(finer.min[k])):
        rows.min_ms[out], rows.min[out] = finer.min_ms[k], finer.min[k]
    if finer.max[k] > largest or (np.isnan(largest) and not np.isnan(finer.max[k])):
        rows.max_ms[out], rows.max[out] = finer.max_ms[k], finer.max[k]
    rows.last_ms[out], rows.last[out] = finer.last_ms[k], finer.last[k]
    rows.count[out] += finer.count[k]
    rows.stale_ms[out] = finer.stale_ms[k]
