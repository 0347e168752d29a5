"""Falls of a value at a switch of replicas: a reset that a replica saw, or an effect of the switch.

The timestamp of a scrape is when it began; a slow one may read a larger value than one that another
replica begins later. So where the output goes over from sample x of replica p to the later y of
replica q, the value may fall without a reset. A fall from x to y is taken for real only if p or q
fell by itself in a step that overlaps the time between x and y.

A reset must not be counted twice either. If x and y are so close that y may have been read before
x, a reset that p went through just before x may be the one that q goes through before y, and one
that q goes through just after y the one that p goes through after x: they are no evidence. And if
p fell just before x and q just after y, then y is from before the reset that the output has passed
at x: it is not sound, even though the value rises. Only deep falls are taken for such resets, so
that a gauge may go up and down.

Positions index the columns of all replicas, without stale markers; a replica is a range of them.
"""

from storage.dedup.algorithm import REACH_UNITS, SHORT_MS, UNIT_MS
from storage.kernels.arrays import Float64s, Int64s
from storage.kernels.jit import kernel, kernel_part
from storage.samples.search import first_at_least

# Larger than every distance that is compared, and small enough to be multiplied by 21.
FAR_MS = 1 << 58
# How much later than another sample one with a smaller timestamp may have been read: Prometheus
# gives a scrape 10 s unless it is configured otherwise, and clocks of replicas may differ by 2 s.
# A scrape each second takes less, but three seconds for it made twenty false resets where twelve
# made one (load-tests/dedup_simulation.py): clocks count for more then.
LATE_MS = 12_000


@kernel_part
def distance(before: int, after: int) -> int:
    """From one timestamp to a later one, FAR_MS at most: int64 holds no larger ones safely."""
    apart = after - before
    return apart if 0 <= apart < FAR_MS else FAR_MS


@kernel_part
def unit_of(interval: int) -> int:
    """What distances are multiples of at a scrape interval; FAR_MS: it is not known."""
    return interval if SHORT_MS < interval < FAR_MS else UNIT_MS


@kernel_part
def is_deep(before: float, after: float) -> bool:
    """Whether a value falls as counters do: to less than half, and not below zero."""
    return 2 * after < before and after >= 0


@kernel
def fell(
    times: Int64s,
    values: Float64s,
    first: int,
    last: int,
    interval: int,
    low: int,
    high: int,
    deep: bool,
) -> bool:
    """Whether the value falls in a step from one of the positions first to last to the next, that
    overlaps (low, high). Steps of more than REACH_UNITS show nothing. deep: only as counters do."""
    longest = REACH_UNITS * unit_of(interval)
    k = max(first, first_at_least(times, first, last + 1, low + 1) - 1) + 1
    while k <= last and times[k - 1] < high:
        known = distance(times[k - 1], times[k]) <= longest
        falls = is_deep(values[k - 1], values[k]) if deep else values[k] < values[k - 1]
        if known and falls:
            return True
        k += 1
    return False


@kernel
def switch_is_sound(
    times: Int64s,
    values: Float64s,
    p_start: int,
    p_end: int,
    p_interval: int,
    x: int,
    q_start: int,
    q_end: int,
    q_interval: int,
    y: int,
) -> bool:
    """Whether y of replica q, at q_start:q_end, may come next after the earlier x of replica p.

    The intervals are those of the scrapes there, FAR_MS if unknown.
    """
    low, high = times[x], times[y]
    passed = coming = False
    if distance(low, high) <= LATE_MS:
        passed = fell(times, values, p_start, x, p_interval, low - LATE_MS, high, True)
        coming = fell(times, values, y, q_end - 1, q_interval, low, high + LATE_MS, True)
        if passed and coming:
            return False
    if not values[y] < values[x]:
        return True
    if not passed and fell(times, values, q_start, y, q_interval, low, high, False):
        return True
    return not coming and fell(times, values, x, p_end - 1, p_interval, low, high, False)
