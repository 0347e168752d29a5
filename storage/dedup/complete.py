"""Groups that `auto` dedups to their first replica as it is, found from what lies near the range.

Most groups have a first replica without holes, and then nothing of the others is needed. That is
proven here from fewer samples than the rules of `auto` need in general (storage/dedup/auto.py): a
replica's samples of the range, and LEAD more on each side.

Why that is enough: a sample of the second replica is wanted only in a hole wider than 1.5 scrape
intervals, or where a scrape of the first is overdue by a twentieth of an interval; and an interval
is never shorter than the least gap of GAPS_ASIDE samples on each side of those involved: the second
replica's in the range, and the first one's beside it. That holds for short intervals only, of which
a read knows all samples that count; others are left undecided.

Invariants:
* What is said to be complete is what `auto` gives; of what is not, nothing is known.
* Stale markers are no samples, and more replicas may fill in what the second one did: groups with
  either are never said to be complete, unless there is but one replica.
"""

import numpy as np

from storage.dedup.algorithm import SHORT_MS
from storage.dedup.auto import GAPS_ASIDE, NEAR_MS, least_gap, widest_gap
from storage.dedup.dedup import holds_stale
from storage.dedup.falls import FAR_MS, distance
from storage.kernels.arrays import Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.samples.merge import copy_ranges
from storage.samples.samples import Samples

# The neighbour of the range, and the samples that its interval is estimated by.
LEAD = GAPS_ASIDE + 1
UNDECIDED = -1


def complete_groups(
    samples: Samples, members: Int64s, span: tuple[int, int]
) -> tuple[Int64s, Int64s]:
    """Of each group, where its samples of the span begin, and how many there are: UNDECIDED if
    that must be found out from more.

    samples: those of the span, and at least LEAD more on each side, if there are so many within
    the reach of `auto`.
    """
    firsts = np.empty(len(members) - 1, np.int64)
    counts = np.empty(len(members) - 1, np.int64)
    bits = samples.values.view(np.uint64)
    count_complete(members, samples.offsets, samples.timestamps, bits, *span, firsts, counts)
    return firsts, counts


def ranges_of(samples: Samples, firsts: Int64s, counts: Int64s) -> Samples:
    """The samples from firsts[g] on, counts[g] of them, as series g; plain ones only."""
    offsets = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=offsets[1:])
    timestamps = np.empty(offsets[-1], np.int64)
    bits = np.empty(offsets[-1], np.uint64)
    copy_ranges(
        firsts, offsets, samples.timestamps, samples.values.view(np.uint64), timestamps, bits
    )
    return Samples(offsets, timestamps, bits.view(np.float64))


@kernel
def count_complete(
    members: Int64s,
    offsets: Int64s,
    times: Int64s,
    bits: UInt64s,
    start_ms: int,
    end_ms: int,
    firsts: Int64s,
    counts: Int64s,
) -> None:
    """firsts[g], counts[g]: the samples of group g in [start_ms, end_ms], or UNDECIDED."""
    for g in range(len(members) - 1):
        m = members[g]
        size = members[g + 1] - m
        first, end = offsets[m], offsets[m + 1]
        whole = size == 1 or (
            size == 2
            and first < end
            and needs_no_other(offsets, times, m, start_ms, end_ms)
            and not holds_stale(bits[first : offsets[m + 2]])
        )
        while first < end and times[first] < start_ms:
            first += 1
        while first < end and times[end - 1] > end_ms:
            end -= 1
        firsts[g] = first
        counts[g] = end - first if whole else UNDECIDED


@kernel
def needs_no_other(offsets: Int64s, times: Int64s, m: int, start_ms: int, end_ms: int) -> bool:
    """Whether replica m, which has samples, surely has no hole that m + 1 may fill in the range."""
    first, last = offsets[m], offsets[m + 1] - 1
    other, other_last = offsets[m + 1], offsets[m + 2] - 1
    if other > other_last:
        return True
    own = times[first : last + 1]
    widest = widest_gap(own)
    if len(own) < 2 or widest > SHORT_MS or not is_close(times[other : other_last + 1]):
        return False
    least = least_gap(offsets, times, m, m + 2)
    overdue = 0
    if times[first] > start_ms and times[other] < times[first]:
        overdue = distance(times[other], times[first])
    if times[last] < end_ms and times[other_last] > times[last]:
        overdue = max(overdue, distance(times[last], times[other_last]))
    if overdue > NEAR_MS or 2 * widest > 3 * least:
        return False
    return bool(20 * overdue < 21 * least)


@kernel
def is_close(times: Int64s) -> bool:
    """Whether each time has another one SHORT_MS away at most."""
    before = FAR_MS
    for k in range(len(times)):
        after = distance(times[k], times[k + 1]) if k + 1 < len(times) else FAR_MS
        if min(before, after) > SHORT_MS:
            return False
        before = after
    return True
