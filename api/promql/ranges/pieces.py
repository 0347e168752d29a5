"""Windows computed a few steps at a time, so that a query can end between two of these pieces.

How long a function takes goes by how often it looks at a sample: a block of a few series may have
thousands of steps, each with a window of thousands of samples. Windows are independent of each
other, so the pieces put together are what the function gives for all steps at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from api.promql.ranges.floats import FloatFunction
from api.promql.ranges.windows import Windows
from api.promql.vectors.cells import Cells, empty_cells
from storage.kernels.arrays import Float64s
from storage.samples.samples import Samples

# Looks at samples of one piece: 10 to 40 ms, going by measurements of 1 to 8 ns each.
PIECE_LOOKS = 1 << 22


def in_pieces(
    function: FloatFunction,
    samples: Samples,
    windows: Windows,
    params: list[Float64s],
    *,
    check: Callable[[], None],
    looks: int = PIECE_LOOKS,
) -> Cells:
    """What `function` gives. check: called before each piece but for a lone one; raises if the
    query has to stop. looks: of one piece."""
    steps = steps_at_once(samples, windows, looks)
    if steps >= len(windows.ends):
        return function(samples, windows, params)
    out, present = empty_cells(samples.series_count, len(windows.ends))
    for first, end in spans(len(windows.ends), steps):
        check()
        part = windows.part(first, end)
        cells = function(seen_by(samples, part), part, [each[first:end] for each in params])
        out[:, first:end], present[:, first:end] = cells
    return out, present


def spans(count: int, size: int) -> Iterator[tuple[int, int]]:
    for first in range(0, count, size):
        yield first, min(count, first + size)


def steps_at_once(samples: Samples, windows: Windows, looks: int) -> int:
    """How many steps have about so many looks at samples; at least one."""
    count = len(windows.ends)
    if count == 0 or len(samples) == 0:
        return max(1, count)
    reach_ms = int(windows.ends[-1] - windows.ends[0]) + windows.range_ms
    of_step = len(samples) * windows.range_ms / max(1, reach_ms)
    return max(1, int(looks / max(1.0, of_step)))


def seen_by(samples: Samples, windows: Windows) -> Samples:
    """The samples without some that no window sees. Those of several series are left as they are:
    they are as few as a block has, and the function passes over them."""
    if samples.series_count != 1:
        return samples
    bounds = [windows.ends[0] - windows.range_ms, windows.ends[-1]]
    low, high = np.searchsorted(samples.timestamps, bounds, "right")
    offsets = np.array([0, high - low], np.int64)
    return Samples(offsets, samples.timestamps[low:high], samples.values[low:high])
