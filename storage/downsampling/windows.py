"""Windows of time, left-open: the end of a window is in it, as the end of a range of PromQL is."""

from storage.kernels.arrays import Int64s
from storage.kernels.jit import kernel, kernel_part


def window_ends(timestamps: Int64s, resolution_ms: int) -> Int64s:
    """When the windows end that these times are in."""
    ends: Int64s = -(-timestamps // resolution_ms) * resolution_ms
    return ends


@kernel_part
def window_of(t: int, resolution_ms: int) -> int:
    """The number of the window that a time is in; the end of a window is in it."""
    return t // resolution_ms - (t % resolution_ms == 0)


@kernel
def count_windows(offsets: Int64s, timestamps: Int64s, resolution_ms: int) -> int:
    """How many windows have samples, series by series."""
    count = 0
    for i in range(len(offsets) - 1):
        window = 0
        for k in range(offsets[i], offsets[i + 1]):
            own = window_of(timestamps[k], resolution_ms)
            count += k == offsets[i] or own != window
            window = own
    return count
