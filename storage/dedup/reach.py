"""Whether a read went far enough for `auto` to decide, group by group.

How far a decision looks follows from the scrape intervals around it, and they are not known before
the samples are read. A read of reach_ms() for some longest interval is far enough for a group if no
sample in it has a longer one, or a nearest neighbour that is further away: the interval of a sample
depends on what is REACH_UNITS around it at most, so those that count for the range are measured as
any longer read would measure them.

A group without a sample in the range gives none there, whatever lies around it.
"""

import numpy as np

from storage.dedup.auto import interval_at, widest_gap
from storage.dedup.dedup import holds_stale
from storage.dedup.falls import distance
from storage.dedup.markers import STALE
from storage.kernels.arrays import Bools, Int64s
from storage.kernels.jit import kernel
from storage.samples.samples import Samples
from storage.samples.search import first_at_least


def unsettled_groups(
    samples: Samples, members: Int64s, span: tuple[int, int], longest_ms: int
) -> Int64s:
    """The groups for which a read for intervals up to longest_ms is not enough.

    samples: of such a read; group g has the series members[g]:members[g+1] of them.
    """
    unsettled = np.zeros(len(members) - 1, np.bool_)
    find_unsettled(members, samples.offsets, samples.timestamps, *span, longest_ms, unsettled)
    bits = samples.values.view(np.uint64)
    if holds_stale(bits):
        live = np.flatnonzero(bits != STALE)
        offsets = np.searchsorted(live, samples.offsets).astype(np.int64)
        times = samples.timestamps[live]
        find_unsettled(members, offsets, times, *span, longest_ms, unsettled)
    return np.flatnonzero(unsettled)


@kernel
def find_unsettled(
    members: Int64s,
    offsets: Int64s,
    times: Int64s,
    start_ms: int,
    end_ms: int,
    longest_ms: int,
    unsettled: Bools,
) -> None:
    """Mark the groups with a sample in [start_ms, end_ms] and some interval above longest_ms."""
    for g in range(len(members) - 1):
        first, last = members[g], members[g + 1]
        if last - first < 2 or unsettled[g]:
            continue
        within = longer = False
        for m in range(first, last):
            own = times[offsets[m] : offsets[m + 1]]
            at = first_at_least(own, 0, len(own), start_ms)
            within = within or (at < len(own) and own[at] <= end_ms)
            longer = longer or has_longer(own, longest_ms)
        unsettled[g] = within and longer


@kernel
def has_longer(times: Int64s, longest_ms: int) -> bool:
    """Whether some sample of a replica has an interval or a nearest neighbour above longest_ms."""
    if len(times) > 1 and widest_gap(times) <= longest_ms:
        return False
    for k in range(len(times)):
        # With a neighbour on both sides, the second smallest gap is no wider than the two to them.
        before = k > 0 and distance(times[k - 1], times[k]) <= longest_ms
        after = k + 1 < len(times) and distance(times[k], times[k + 1]) <= longest_ms
        if not before and not after:
            return True
        if not (before and after) and interval_at(times, 0, len(times), k) > longest_ms:
            return True
    return False
