"""Falls of a value at a switch of replicas: a reset that a replica saw, or an effect of the switch.

The timestamp of a scrape is its start; a slow one may read a larger value than a later, quick one
of another replica. Going over from sample x of replica p to the later y of replica q, a fall is
taken for real if p or q saw one that the other cannot have seen before:

* q fell between its last sample at or before x and y (or on its way to y, if it began after x), and
  from some quiet moment before that on it falls more often up to y than p up to x; or
* p falls between x and its first sample at or after y (or on its way from x, if it ended before y),
  and up to some quiet moment after that it falls more often from x on than q from y on.

So a reset that is in the output already is not counted twice. Exceptions: if y is too late to have
been read before x, or if the series falls as gauges do, any fall by p or q in that stretch is
enough. If y is that late and neither replica was there on both sides, nobody could have seen the
fall, and it is taken for real; so is any fall over NEAR_MS.

Nor may a switch step back to before a reset: to a sample stamped later but read earlier.

Positions index the columns of all replicas, without stale markers; a replica is a range of them.
"""

from storage.dedup_algorithm import FALL_REACH_MS
from storage.kernel import kernel, kernel_part
from storage.samples import Float64s, Int64s

# Larger than every distance that is compared, and small enough to be multiplied by 6.
FAR_MS = 1 << 60
# What clocks and scrapes that outlive their interval may add to the lateness of a value.
LATENESS_MS = 5_000
# Samples among which a quiet moment is looked for.
QUIET_STEPS = 4
# A series is taken for a gauge if, in so many steps of each of two replicas on each side, that many
# falls are shallow (a counter falls to near zero) or that many falls are of any kind.
GAUGE_STEPS = 6
SHALLOW_FALLS = 3
GAUGE_FALLS = 8


@kernel_part
def falls(before: float, after: float) -> bool:
    """Whether a counter was reset between two samples of one replica."""
    return after < before


@kernel_part
def distance(before: int, after: int) -> int:
    """From one timestamp to a later one, FAR_MS at most: int64 holds no larger ones safely."""
    apart = after - before
    return apart if 0 <= apart < FAR_MS else FAR_MS


@kernel
def first_around(times: Int64s, start: int, y: int, bound: int) -> int:
    """Of the replica of y, the last position with a time <= bound and at most FALL_REACH_MS before
    it, else the first one after it; -1 if there is none before y."""
    k = y - 1
    while k >= start and times[k] > bound:
        k -= 1
    if k < start or distance(times[k], bound) > FALL_REACH_MS:
        k += 1
    return k if k < y else -1


@kernel
def last_around(times: Int64s, x: int, end: int, bound: int) -> int:
    """Of the replica of x, the first position with a time >= bound and at most FALL_REACH_MS after
    it, else the last one before it; -1 if there is none after x."""
    k = x + 1
    while k < end and times[k] < bound:
        k += 1
    if k == end or distance(bound, times[k]) > FALL_REACH_MS:
        k -= 1
    return k if k > x else -1


@kernel
def falls_back(
    times: Int64s, values: Float64s, start: int, last: int, low: int, high: int, oldest: int
) -> int:
    """The falls of a replica on its way to position `last`, in steps that overlap (low, high) and
    begin at `oldest` or later."""
    count = 0
    for k in range(last, start, -1):
        if times[k] <= low or times[k - 1] < oldest:
            break
        if times[k - 1] < high:
            count += falls(values[k - 1], values[k])
    return count


@kernel
def falls_ahead(
    times: Int64s, values: Float64s, first: int, end: int, low: int, high: int, newest: int
) -> int:
    """The falls of a replica on its way from position `first`, in steps that overlap (low, high)
    and end at `newest` or earlier."""
    count = 0
    for k in range(first, end - 1):
        if times[k] >= high or times[k + 1] > newest:
            break
        if times[k + 1] > low:
            count += falls(values[k], values[k + 1])
    return count


@kernel
def fell_first(
    times: Int64s,
    values: Float64s,
    p_start: int,
    x: int,
    q_start: int,
    q_first: int,
    y: int,
    late: int,
) -> bool:
    """Whether q, up to y, falls more often than p up to x.

    Both are counted from a sample of q at which, give or take `late`, neither of them fell. If
    there is none near, q is counted from q_first and p from `late` before it.
    """
    oldest = times[q_first] - FALL_REACH_MS
    for k in range(q_first, max(q_start - 1, q_first - QUIET_STEPS), -1):
        t = times[k]
        if t - late < oldest:
            break
        around = falls_back(times, values, p_start, x, t - late, t + late, oldest)
        around += falls_back(times, values, q_start, y, t - late, t + late, oldest)
        if around == 0:
            p_falls = falls_back(times, values, p_start, x, t, times[y], oldest)
            return falls_back(times, values, q_start, y, t, times[y], oldest) > p_falls
    t = times[q_first]
    p_falls = falls_back(times, values, p_start, x, t - late, times[y], oldest)
    return falls_back(times, values, q_start, y, t, times[y], oldest) > p_falls


@kernel
def falls_later(
    times: Int64s,
    values: Float64s,
    p_end: int,
    p_last: int,
    x: int,
    q_end: int,
    y: int,
    late: int,
) -> bool:
    """Whether p, from x on, falls more often than q from y on: fell_first with time reversed."""
    newest = times[p_last] + FALL_REACH_MS
    for k in range(p_last, min(p_end, p_last + QUIET_STEPS)):
        t = times[k]
        if t + late > newest:
            break
        around = falls_ahead(times, values, x, p_end, t - late, t + late, newest)
        around += falls_ahead(times, values, y, q_end, t - late, t + late, newest)
        if around == 0:
            q_falls = falls_ahead(times, values, y, q_end, times[x], t, newest)
            return falls_ahead(times, values, x, p_end, times[x], t, newest) > q_falls
    t = times[p_last]
    q_falls = falls_ahead(times, values, y, q_end, times[x], t + late, newest)
    return falls_ahead(times, values, x, p_end, times[x], t, newest) > q_falls


@kernel_part
def is_deep(before: float, after: float) -> bool:
    """Whether a value falls as counters do: to less than half, and not below zero."""
    return 2 * after < before and after >= 0


@kernel
def gauge_signs(
    times: Int64s, values: Float64s, start: int, end: int, k: int, oldest: int, newest: int
) -> tuple[int, int]:
    """The steps around k, at most GAUGE_STEPS on each side and from `oldest` to `newest`, that are
    (shallow falls, falls)."""
    shallow = count = 0
    low, high = max(start, k - GAUGE_STEPS), min(end - 1, k + GAUGE_STEPS)
    for j in range(low, high):
        if times[j] < oldest or times[j + 1] > newest:
            continue
        if falls(values[j], values[j + 1]):
            count += 1
            shallow += not is_deep(values[j], values[j + 1])
    return shallow, count


@kernel
def switch_is_sound(
    times: Int64s,
    values: Float64s,
    p_start: int,
    p_end: int,
    x: int,
    q_start: int,
    q_end: int,
    y: int,
    interval: int,
) -> bool:
    """Whether y of replica q may come next after the earlier x of replica p."""
    if falls(values[x], values[y]):
        return fall_is_real(times, values, p_start, p_end, x, q_start, q_end, y, interval)
    return not is_older(times, values, p_start, x, q_start, q_end, y, interval)


@kernel
def is_older(
    times: Int64s,
    values: Float64s,
    p_start: int,
    x: int,
    q_start: int,
    q_end: int,
    y: int,
    interval: int,
) -> bool:
    """Whether y, though stamped later, was read before a reset and x after it: p fell to x, and q
    goes on from the value before that, and is to fall after y. To go from x to y and on would make
    two resets of one."""
    if x == p_start or y + 1 == q_end or values[y] < values[x - 1]:
        return False
    if distance(times[x], times[y]) > min(interval, FALL_REACH_MS) + LATENESS_MS:
        return False
    if min(distance(times[x - 1], times[x]), distance(times[y], times[y + 1])) > FALL_REACH_MS:
        return False
    if y > q_start and falls(values[y - 1], values[y]):
        return False
    return is_deep(values[x - 1], values[x]) and is_deep(values[y], values[y + 1])


@kernel
def fall_is_real(
    times: Int64s,
    values: Float64s,
    p_start: int,
    p_end: int,
    x: int,
    q_start: int,
    q_end: int,
    y: int,
    interval: int,
) -> bool:
    """Whether the fall from x of replica p to the later y of replica q is one that happened."""
    q_first = first_around(times, q_start, y, times[x])
    p_last = last_around(times, x, p_end, times[y])
    late = min(interval, FALL_REACH_MS)
    seen = False
    if q_first >= 0:
        seen = falls_back(times, values, q_start, y, times[x], times[y], times[q_first]) > 0
        if seen and fell_first(times, values, p_start, x, q_start, q_first, y, late):
            return True
    if p_last >= 0:
        fell = falls_ahead(times, values, x, p_end, times[x], times[y], times[p_last]) > 0
        if fell and falls_later(times, values, p_end, p_last, x, q_end, y, late):
            return True
        seen = seen or fell
    if distance(times[x], times[y]) > late + LATENESS_MS:
        unseeable = q_first < 0 or times[q_first] > times[x]
        unseeable = unseeable and (p_last < 0 or times[p_last] < times[y])
        return seen or unseeable
    if not seen:
        return False
    oldest, newest = times[x] - FALL_REACH_MS, times[y] + FALL_REACH_MS
    p_shallow, p_count = gauge_signs(times, values, p_start, p_end, x, oldest, newest)
    q_shallow, q_count = gauge_signs(times, values, q_start, q_end, y, oldest, newest)
    return p_shallow + q_shallow >= SHALLOW_FALLS or p_count + q_count >= GAUGE_FALLS
