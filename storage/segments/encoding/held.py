"""Row groups that are there decoded, each an array of its own, looked at by kernels all at once.

One by one, Python took longer to hand them to kernels than these took: a few series of many
segments are hundreds of row groups, of which each read wants a few rows.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.extending import intrinsic

from storage.kernels.arrays import Float64s, Int64s, UInt64s, frozen
from storage.kernels.jit import float_kernel, kernel
from storage.samples.edges import ANYWHERE, EdgeRoom, has_stale, take_edges
from storage.samples.search import end_at_most, first_at_least
from storage.segments.encoding.groups import Group


class HeldGroups:
    """Row groups by their first rows, ascending; there may be others between them."""

    def __init__(self, groups: Sequence[tuple[int, Group]]) -> None:
        self._groups = groups  # which keeps what lies at the addresses
        found = [(row, len(group.timestamps), *group.addresses) for row, group in groups]
        self._places = np.array(found, np.int64).reshape(-1, 4)

    def trim(self, firsts: Int64s, ends: Int64s, span: tuple[int, int]) -> tuple[Int64s, Int64s]:
        """Of runs of rows, ascending, those rows of the groups with times in the span."""
        low, high = np.empty_like(firsts), np.empty_like(ends)
        trim_runs(self._places, frozen(firsts), frozen(ends), *span, low, high)
        return low, high

    def put(
        self, firsts: Int64s, ends: Int64s, places: Int64s, timestamps: Int64s, bits: UInt64s
    ) -> None:
        """Copy rows of runs, the first of which belongs to places[r] of timestamps and bits."""
        runs = frozen(firsts), frozen(ends), frozen(places)
        put_runs(self._places, *runs, timestamps, bits.view(np.int64))

    def take(self, series: Int64s, firsts: Int64s, ends: Int64s, room: EdgeRoom) -> bool:
        """Have a room take the rows of runs, which are of these series. False if some are stale
        markers, come in no order, or are of a group that is not there."""
        runs: tuple[Any, ...] = frozen(series), frozen(firsts), frozen(ends)
        return bool(take_runs(self._places, *runs, *room.arguments))


def _numbers_at(typing_context: Any, address: Any) -> tuple[Any, Any]:
    kind = types.CPointer(types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())

    return kind(types.int64), generate


# The numbers that lie from an address on; whoever calls holds them, and knows how many there are.
numbers_at: Any = intrinsic(_numbers_at)


@kernel
def trim_runs(
    places: Int64s,
    firsts: Int64s,
    ends: Int64s,
    start_ms: int,
    end_ms: int,
    low: Int64s,
    high: Int64s,
) -> None:
    """places: [group, 4]: first row, rows, address of times and of values."""
    g: Any = 0
    for r in range(len(firsts)):
        while g < len(places) and places[g, 0] + places[g, 1] <= firsts[r]:
            g += 1
        low[r], high[r] = ends[r], ends[r]
        at: Any = g
        while at < len(places) and places[at, 0] < ends[r]:
            row, size = places[at, 0], places[at, 1]
            times = carray(numbers_at(places[at, 2]), (size,))
            begin = max(firsts[r] - row, 0)
            end = max(begin, min(ends[r] - row, size))
            begin = first_at_least(times, begin, end, start_ms)
            end = end_at_most(times, begin, end, end_ms)
            if begin < end:
                low[r] = min(low[r], row + begin)
                high[r] = row + end
            at += 1
        if low[r] == ends[r]:
            high[r] = low[r]


@kernel
def put_runs(
    places: Int64s,
    firsts: Int64s,
    ends: Int64s,
    targets: Int64s,
    timestamps: Int64s,
    bits: Int64s,
) -> None:
    g: Any = 0
    for r in range(len(firsts)):
        while g < len(places) and places[g, 0] + places[g, 1] <= firsts[r]:
            g += 1
        at: Any = g
        while at < len(places) and places[at, 0] < ends[r]:
            row, size = places[at, 0], places[at, 1]
            begin, end = max(firsts[r] - row, 0), min(ends[r] - row, size)
            if begin < end:
                times = carray(numbers_at(places[at, 2]), (size,))[begin:end]
                values = carray(numbers_at(places[at, 3]), (size,))[begin:end]
                place = targets[r] + row + begin - firsts[r]
                times_room = timestamps[place : place + end - begin]
                bits_room = bits[place : place + end - begin]
                for k in range(len(times_room)):
                    times_room[k] = times[k]
                    bits_room[k] = values[k]
            at += 1


@float_kernel
def take_runs(
    places: Int64s,
    series: Int64s,
    firsts: Int64s,
    behinds: Int64s,
    is_counter: bool,
    ends: Int64s,
    range_ms: int,
    span_first: int,
    span_last: int,
    state: Int64s,
    latest: Float64s,
    low: Int64s,
    high: Int64s,
    first_ms: Int64s,
    last_ms: Int64s,
    first: Float64s,
    last: Float64s,
    falls: Int64s,
    before: Float64s,
    count: Int64s,
) -> bool:
    anywhere = np.full(1, ANYWHERE)
    g: Any = 0
    for r in range(len(firsts)):
        row: Any = firsts[r]
        while row < behinds[r]:
            while g < len(places) and places[g, 0] + places[g, 1] <= row:
                g += 1
            if g == len(places) or places[g, 0] > row:
                return False
            size = places[g, 1]
            begin, end = row - places[g, 0], min(behinds[r] - places[g, 0], size)
            row = places[g, 0] + end
            times = carray(numbers_at(places[g, 2]), (size,))
            begin = first_at_least(times, begin, end, span_first)
            end = end_at_most(times, begin, end, span_last)
            times = times[begin:end]
            bits = carray(numbers_at(places[g, 3]), (size,))[begin:end]
            if has_stale(bits.view(np.uint64)) or not take_edges(
                series[r], times, bits.view(np.float64), 1.0, 0, anywhere, is_counter, ends,
                range_ms, span_first, span_last, state, latest, low, high, first_ms, last_ms,
                first, last, falls, before, count,
            ):  # fmt: skip
                return False
    return True
