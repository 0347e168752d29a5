"""The choice `chain`: every timestamp that any replica has, for copies of one and the same series.

At equal timestamps the first replica wins. Copies that were scraped apart become denser by it, and
their values may step back: that is what `auto` is for.
"""

import numpy as np

from storage.kernels.arrays import Int64s
from storage.kernels.jit import kernel


@kernel
def choose_chain(
    members: Int64s, offsets: Int64s, times: Int64s, out_offsets: Int64s, chosen: Int64s
) -> None:
    """Write the chosen positions of each group, in time order, to out_offsets[g]:out_offsets[g+1]
    of `chosen`."""
    widest = 1
    for g in range(len(members) - 1):
        widest = max(widest, members[g + 1] - members[g])
    at = np.empty(widest, np.int64)
    out = 0
    for g in range(len(members) - 1):
        first, count = members[g], members[g + 1] - members[g]
        for r in range(count):
            at[r] = offsets[first + r]
        while True:
            best = -1
            for r in range(count):
                if at[r] < offsets[first + r + 1] and (best < 0 or times[at[r]] < times[at[best]]):
                    best = r
            if best < 0:
                break
            chosen[out] = at[best]
            now = times[at[best]]
            for r in range(count):
                if at[r] < offsets[first + r + 1] and times[at[r]] == now:
                    at[r] += 1
            out += 1
        out_offsets[g + 1] = out
