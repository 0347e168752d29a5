"""The edges of windows taken out of row groups that are decoded for it and forgotten.

A row group is decoded to room that stays in the processor's cache, and looked at there. Integers
are compared as they are, and only those at edges are divided.
"""

from typing import Any

import numpy as np

from storage.kernels.arrays import Bools, Bytes, Float64s, Int64s, frozen
from storage.kernels.jit import float_kernel
from storage.samples.edges import EdgeRoom, take_edges
from storage.segments.encoding.expanding import expanded
from storage.segments.encoding.footers import Footer
from storage.segments.encoding.pages import SCRATCH_WORDS, ZSTD
from storage.segments.encoding.placing import (
    HELD_TIMES,
    decode_held,
    longest_group,
    stored_groups,
    wanted_rows,
)

# Stretches of a row group in which integers may fall: series that share it, and their resets.
FALLS_NOTED = 64


def edges_of(
    footer: Footer,
    numbers: Int64s,
    stored: tuple[Bytes, Int64s],
    room: EdgeRoom,
    *,
    wanted: tuple[Int64s, Int64s, Int64s],
) -> bool:
    """Take the wanted rows of row groups of scaled integers, ascending. False if some are damaged,
    or do not come in order.

    stored: bytes of the file, and what is to be taken off a position in the file to get that in
    them, of each group. wanted: runs of rows: the series of each, its first row and the one behind
    its last.
    """
    groups: list[Any] = list(stored_groups(footer, numbers, *stored))
    if (groups[1][:, 4:] == ZSTD).any():
        groups[:2] = expanded(*groups[:2])
    return bool(edge_groups(*groups, *columns_of(wanted), *room.arguments))


def columns_of(wanted: tuple[Int64s, Int64s, Int64s]) -> tuple[Any, ...]:
    return tuple(map(frozen, wanted))


@float_kernel
def edge_groups(
    data: Bytes,
    chunks: Int64s,
    scales: Int64s,
    powers: Float64s,
    optional: Bools,
    bounds: Int64s,
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
    """As place_groups() decodes, and take_edges() takes."""
    longest = longest_group(bounds)
    times, integers = np.empty((HELD_TIMES, longest), np.int64), np.empty(longest, np.int64)
    scratch = np.empty(longest * 2 + SCRATCH_WORDS, np.uint64)
    fallen = np.empty(1 + 2 * FALLS_NOTED, np.int64)
    held, held_rows = np.full(HELD_TIMES + 1, 0), np.zeros(HELD_TIMES, np.int64)
    run: Any = 0
    for g in range(len(scales)):
        begin, end, scale = bounds[g, 0], bounds[g, 1], scales[g]
        if scale < 0 or scale >= len(powers):
            return False
        while run < len(firsts) and behinds[run] <= begin:
            run += 1
        wanted, behind = wanted_rows(firsts, behinds, run, begin, end)
        if wanted == 0:
            continue
        slot = decode_held(
            data, chunks, optional, bounds, g, wanted, held, held_rows, times, integers, fallen,
            scratch,
        )  # fmt: skip
        if slot == HELD_TIMES:
            return False
        for r in range(run, behind):
            piece = slice(max(firsts[r], begin) - begin, min(behinds[r], end) - begin)
            if piece.start < piece.stop and not take_edges(
                series[r], times[slot, piece], integers[piece], powers[scale], piece.start,
                fallen, is_counter, ends, range_ms, span_first, span_last, state, latest, low,
                high, first_ms, last_ms, first, last, falls, before, count,
            ):  # fmt: skip
                return False
    return True
