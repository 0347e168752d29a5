"""The choice `penalty`, which answers as Thanos does: a chain of two-way choices with penalties.

Replicas r0, r1, r2 ... are folded to D(D(r0, r1), r2) ... A node D(a, b) takes the earlier of its
two current samples, ties from a, and bars the other side from the next 2 * (taken - taken before)
milliseconds, 5000 at the first sample. With `counter`, a change of side raises what a side gives
from then on to the value given before, if it is lower. Both depend on where the samples start.

What it does not follow: a stale marker is never raised, so that it stays one.

State of a group: node i has leaf i+1 as side b, and node i-1, or leaf 0, as side a. Each column of
`state` is a node, each row one of the quantities below.
"""

import numpy as np

from storage.kernels.arrays import Float64s, Int64s, UInt64s
from storage.kernels.jit import kernel
from storage.kernels.stale import STALE_NAN_BITS

STALE = np.uint64(STALE_NAN_BITS)
INITIAL_PENALTY_MS = 5_000
NO_TIME = np.int64(np.iinfo(np.int64).min)

# Rows of the state: times are those of the last sample given, sides 1 for a and 0 for b.
LAST, PENALTY_A, PENALTY_B, ON_A, MORE_A, MORE_B = range(6)
ROWS = 6


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
