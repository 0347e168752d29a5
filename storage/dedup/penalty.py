"""The choice `penalty`, which answers as Thanos does: a chain of two-way choices with penalties.

Replicas r0, r1, r2 ... are folded to D(D(r0, r1), r2) ... A node D(a, b) takes the earlier of its
two current samples, ties from a, and bars the other side from the next 2 * (taken - taken before)
milliseconds, 5000 at the first sample. With `counter`, a change of side raises what a side gives
from then on to the value given before, if it is lower. Both depend on where the samples start.

So does what a replica is: Thanos knows chunks of one series without the labels of replicas, and
takes for a replica what does not overlap (`split_overlaps`). Here as in the chunks that are sent to
it, each CHUNK samples of a replica are one, from the first sample on. Values of counters are those
that Thanos' readers make of them, without falls (`totals`).

State of a group: node i has leaf i+1 as side b, and node i-1, or leaf 0, as side a. Each column of
`state` is a node, each row one of the quantities below.
"""

import numpy as np

from storage.kernels.arrays import Bools, Float64s, Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.kernels.stale import STALE_NAN_BITS

STALE = np.uint64(STALE_NAN_BITS)
# Samples of a chunk.
CHUNK = 120
INITIAL_PENALTY_MS = 5_000
NO_TIME = np.int64(np.iinfo(np.int64).min)

# Rows of the state: times are those of the last sample given, sides 1 for a and 0 for b.
LAST, PENALTY_A, PENALTY_B, ON_A, MORE_A, MORE_B = range(6)
ROWS = 6


@kernel
def split_overlaps(
    members: Int64s, offsets: Int64s, times: Int64s, bits: UInt64s, is_passed_over: Bools,
    out_members: Int64s, out_offsets: Int64s, places: Int64s,
) -> None:  # fmt: skip
    """Write where the samples of each group's replicas are, as Thanos finds them: group g has the
    series out_members[g]:out_members[g+1], and series i is places[out_offsets[i]:out_offsets[i+1]].

    Chunks are sorted, and each is put to the first replica whose latest one ends before it begins.
    So there are at most as many as members. Samples that are passed over count for chunks alone.
    """
    widest = 1
    for g in range(len(members) - 1):
        widest = max(widest, members[g + 1] - members[g])
    following, latest = np.empty(widest, np.int64), np.empty(widest, np.int64)
    room = len(times) // CHUNK + len(offsets)
    owner, begin, end = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    series = out = 0
    for g in range(len(members) - 1):
        first, count = members[g], members[g + 1] - members[g]
        for m in range(count):
            following[m] = offsets[first + m]
        found = chunks = 0
        while True:
            m = next_chunk(first, count, following, offsets, times, bits)
            if m < 0:
                break
            a = following[m]
            b = min(a + CHUNK, offsets[first + m + 1])
            following[m] = b
            own = 0
            while own < found and latest[own] >= times[a]:
                own += 1
            found = max(found, own + 1)
            latest[own] = times[b - 1]
            owner[chunks], begin[chunks], end[chunks] = own, a, b
            chunks += 1
        for own in range(found):
            for chunk in range(chunks):
                if owner[chunk] == own:
                    for k in range(begin[chunk], end[chunk]):
                        if not is_passed_over[k]:
                            places[out] = k
                            out += 1
            series += 1
            out_offsets[series] = out
        out_members[g + 1] = series


@kernel
def next_chunk(
    first: int, count: int, following: Int64s, offsets: Int64s, times: Int64s, bits: UInt64s
) -> int:
    """The member whose next chunk is sorted before those of the others; -1 if none has one."""
    best = -1
    for m in range(count):
        a, a_end = following[m], offsets[first + m + 1]
        if a < a_end and (
            best < 0 or is_before(a, a_end, following[best], offsets[first + best + 1], times, bits)
        ):
            best = m
    return best


@kernel
def is_before(a: int, a_end: int, b: int, b_end: int, times: Int64s, bits: UInt64s) -> bool:
    """Whether the chunk at `a` is sorted before that at `b`: by its first time, its last time, and
    then descending by its bytes, which begin with how many samples it has and the value of the
    first one."""
    a_end, b_end = min(a + CHUNK, a_end), min(b + CHUNK, b_end)
    if times[a] != times[b]:
        return bool(times[a] < times[b])
    if times[a_end - 1] != times[b_end - 1]:
        return bool(times[a_end - 1] < times[b_end - 1])
    if a_end - a != b_end - b:
        return bool(a_end - a > b_end - b)
    return bool(bits[a] > bits[b])


@kernel
def totals(offsets: Int64s, values: Float64s, out: Float64s) -> None:
    """Write what each counter rose to since its first sample, a fall being a reset. What is no
    number is passed over."""
    for row in range(len(offsets) - 1):
        last = total = np.nan
        for k in range(offsets[row], offsets[row + 1]):
            value = values[k]
            out[k] = value
            if np.isnan(value):
                continue
            if np.isnan(last):
                total = value
            elif value >= last:
                total += value - last
            else:
                total += value
            last = value
            out[k] = total


@kernel
def choose_penalty(
    members: Int64s,
    offsets: Int64s,
    times: Int64s,
    values: Float64s,
    bits: UInt64s,
    counter: bool,
    out_offsets: Int64s,
    chosen: Int64s,
    out_values: Float64s,
) -> None:
    """Write positions, and values raised where `counter` asks for it, of each group in time order
    to out_offsets[g]:out_offsets[g+1] of `chosen` and `out_values`."""
    widest = 1
    for g in range(len(members) - 1):
        widest = max(widest, members[g + 1] - members[g])
    at = np.empty(widest, np.int64)
    ends = np.empty(widest, np.int64)
    raised = np.empty(widest, np.float64)
    state = np.empty((ROWS, widest), np.int64)
    out = 0
    for g in range(len(members) - 1):
        count = members[g + 1] - members[g]
        for r in range(count):
            at[r] = offsets[members[g] + r]
            ends[r] = offsets[members[g] + r + 1]
            raised[r] = 0.0
        begin(count - 1, state, at, ends, times, values, raised, counter)
        more = count > 0 and at[0] < ends[0]
        if count > 1:
            more = advance(count - 2, state, at, ends, times, values, raised, counter)
        while more:
            leaf = current(count - 2, state)
            chosen[out] = at[leaf]
            out_values[out] = values[at[leaf]]
            if raised[leaf] != 0.0 and bits[at[leaf]] != STALE:
                out_values[out] += raised[leaf]
            out += 1
            if count > 1:
                more = advance(count - 2, state, at, ends, times, values, raised, counter)
            else:
                at[0] += 1
                more = at[0] < ends[0]
        out_offsets[g + 1] = out


@kernel
def begin(
    nodes: int,
    state: Int64s,
    at: Int64s,
    ends: Int64s,
    times: Int64s,
    values: Float64s,
    raised: Float64s,
    counter: bool,
) -> None:
    """Put every node before its first sample, which takes the first step of both its sides."""
    for node in range(nodes):
        state[LAST, node] = NO_TIME
        state[PENALTY_A, node] = 0
        state[PENALTY_B, node] = 0
        state[ON_A, node] = 1
        state[MORE_B, node] = at[node + 1] < ends[node + 1]
        if node == 0:
            state[MORE_A, node] = at[0] < ends[0]
        else:
            state[MORE_A, node] = advance(node - 1, state, at, ends, times, values, raised, counter)


@kernel
def current(node: int, state: Int64s) -> int:
    """The leaf whose current sample is that of the node; node -1 is leaf 0."""
    while node >= 0 and state[ON_A, node] == 1:
        node -= 1
    return node + 1


@kernel
def advance(
    node: int,
    state: Int64s,
    at: Int64s,
    ends: Int64s,
    times: Int64s,
    values: Float64s,
    raised: Float64s,
    counter: bool,
) -> bool:
    """Step a node to its next sample; whether there is one."""
    was_on_a = state[ON_A, node]
    has_value = state[MORE_A if was_on_a else MORE_B, node] == 1
    value = 0.0
    if has_value:
        leaf = current(node - 1, state) if was_on_a else node + 1
        value = values[at[leaf]] + raised[leaf]
    if state[MORE_A, node]:
        bound = state[LAST, node] + 1 + state[PENALTY_A, node]
        if node == 0:
            state[MORE_A, node] = seek(0, bound, at, ends, times)
        else:
            more = True
            while more and times[at[current(node - 1, state)]] < bound:
                more = advance(node - 1, state, at, ends, times, values, raised, counter)
            state[MORE_A, node] = more
    if state[MORE_B, node]:
        bound = state[LAST, node] + 1 + state[PENALTY_B, node]
        state[MORE_B, node] = seek(node + 1, bound, at, ends, times)
    more = choose_side(node, state, at, times)
    if counter and has_value and state[ON_A, node] != was_on_a:
        raise_to(value, node, state, at, values, raised)
    return more


@kernel
def seek(leaf: int, bound: int, at: Int64s, ends: Int64s, times: Int64s) -> bool:
    """Step a leaf to its first sample at or after a time; whether there is one."""
    while at[leaf] < ends[leaf] and times[at[leaf]] < bound:
        at[leaf] += 1
    return bool(at[leaf] < ends[leaf])


@kernel
def choose_side(node: int, state: Int64s, at: Int64s, times: Int64s) -> bool:
    """Take the earlier side and set the other's penalty; False if both are exhausted."""
    more_a, more_b = state[MORE_A, node] == 1, state[MORE_B, node] == 1
    if not more_a and not more_b:
        state[ON_A, node] = 0
        return False
    time_a = times[at[current(node - 1, state)]] if more_a else np.int64(0)
    time_b = times[at[node + 1]] if more_b else np.int64(0)
    on_a = more_a and (not more_b or time_a <= time_b)
    taken = time_a if on_a else time_b
    if more_a and more_b:
        last = state[LAST, node]
        penalty = 2 * (taken - last) if last != NO_TIME else INITIAL_PENALTY_MS
        state[PENALTY_B if on_a else PENALTY_A, node] = penalty
    state[PENALTY_A if on_a else PENALTY_B, node] = 0
    state[ON_A, node] = on_a
    state[LAST, node] = taken
    return True


@kernel
def raise_to(
    value: float, node: int, state: Int64s, at: Int64s, values: Float64s, raised: Float64s
) -> None:
    """Raise every leaf below the node that is not exhausted, and is lower now, to a value."""
    live = True
    while node >= 0:
        if state[MORE_B, node] == 1 and live:
            raise_leaf(value, node + 1, at, values, raised)
        live = live and state[MORE_A, node] == 1
        node -= 1
    if live:
        raise_leaf(value, 0, at, values, raised)


@kernel
def raise_leaf(value: float, leaf: int, at: Int64s, values: Float64s, raised: Float64s) -> None:
    now = values[at[leaf]] + raised[leaf]
    if value > now:
        raised[leaf] += value - now
