"""Row groups decoded straight to where their rows belong in an answer.

Of a large read nothing is kept decoded. So each row group is decoded to room that stays in the
processor's cache, and copied from there: memory is written once, where rows that were decoded first
and put in place then are written twice.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from storage.kernels.arrays import Bools, Bytes, Float64s, Int64s, UInt64s, frozen
from storage.kernels.jit import kernel
from storage.segments.encoding.footers import SCALED, TIMES, Footer
from storage.segments.encoding.pages import SCRATCH_WORDS, decode_chunk, same_bytes
from storage.segments.encoding.scaling import POWERS, from_integers
from storage.segments.runs import place_rows

# Row groups whose times are held: a series of eight days, every 15 s, has three.
HELD_TIMES = 4


@dataclass(frozen=True, slots=True)
class Target:
    """Where rows go: run r has the rows firsts[r]:ends[r], ascending, the first of which belongs to
    places[r] of timestamps and bits."""

    firsts: Int64s
    ends: Int64s
    places: Int64s
    timestamps: Int64s
    bits: UInt64s

    def put(
        self, first_row: int, timestamps: Int64s, bits: UInt64s, runs: slice = slice(None)
    ) -> None:
        """Put decoded rows in place. runs: those that have some of them, at least."""
        place_rows(
            first_row, timestamps, bits, self.firsts[runs], self.ends[runs], self.places[runs],
            self.timestamps, self.bits,
        )  # fmt: skip


def place_run(footer: Footer, run: tuple[int, int], data: Bytes, start: int, target: Target) -> int:
    """Put the wanted rows of those row groups of [run[0], run[1]) in place that are scaled
    integers, up to the first that is not or is damaged; returns how many groups they are.

    data: bytes of the file, of which the first lies at `start`.
    """
    if footer.scales[run[0]] < 0 or footer.has_nulls[slice(*run)].any():
        return 0
    return int(
        place_groups(
            *stored_groups(footer, np.arange(*run), data, start), target.firsts, target.ends,
            target.places, target.timestamps, target.bits.view(np.float64),
        )
    )  # fmt: skip


def stored_groups(
    footer: Footer, numbers: Int64s, data: Bytes, starts: int | Int64s
) -> tuple[Bytes, Int64s, Int64s, Float64s, Bools, Int64s]:
    """What kernels need to decode row groups: data, chunks, scales, powers, optional, bounds.

    starts: what is to be taken off a position in the file to get that in data, of all groups or of
    each.
    """
    columns = [TIMES, SCALED]
    begins = footer.starts[numbers][:, columns] - np.reshape(starts, (-1, 1))
    bounds = np.stack([begins, begins + footer.sizes[numbers][:, columns]], 2)
    codecs = footer.codecs[numbers][:, columns]
    chunks = np.concatenate([bounds.reshape(len(begins), 4), codecs], 1)
    optional = np.array([footer.optional[column] for column in columns])
    rows = np.stack([footer.offsets[numbers], footer.offsets[numbers + 1]], 1)
    return frozen(data), chunks, frozen(footer.scales[numbers]), POWERS, optional, rows


@kernel
def slot_of(
    data: Bytes,
    chunks: Int64s,
    bounds: Int64s,
    group: int,
    wanted: int,
    held: Int64s,
    held_rows: Int64s,
) -> int:
    """Where the first `wanted` times of a row group are held; HELD_TIMES if they are not. held: the
    groups whose times are there, and how many of them."""
    rows = bounds[group, 1] - bounds[group, 0]
    for slot in range(HELD_TIMES):
        other = held[slot]
        if (
            held_rows[slot] >= wanted
            and bounds[other, 1] - bounds[other, 0] == rows
            and same_bytes(data, chunks[other], chunks[group])
        ):
            return slot
    return HELD_TIMES


@kernel
def wanted_rows(firsts: Int64s, ends: Int64s, run: int, first: int, end: int) -> tuple[Any, Any]:
    """The number of the first rows of [first, end) that runs from `run` on reach to, and the first
    run that begins behind them."""
    wanted: Any = 0
    behind: Any = run
    while behind < len(firsts) and firsts[behind] < end:
        if ends[behind] > firsts[behind]:
            wanted = min(ends[behind], end) - first
        behind += 1
    return wanted, behind


@kernel
def decode_held(
    data: Bytes,
    chunks: Int64s,
    optional: Bools,
    bounds: Int64s,
    group: int,
    wanted: int,
    held: Int64s,
    held_rows: Int64s,
    times: Int64s,
    integers: Int64s,
    falls: Int64s,
    scratch: UInt64s,
) -> Any:
    """Decode the first `wanted` rows of a row group; returns the slot of `times` that has theirs,
    HELD_TIMES if the group is damaged. held[HELD_TIMES]: the slot that is given up next. falls:
    gets where the integers may fall."""
    rows = bounds[group, 1] - bounds[group, 0]
    slot: Any = slot_of(data, chunks, bounds, group, wanted, held, held_rows)
    if slot == HELD_TIMES:
        slot = held[HELD_TIMES]
        held[HELD_TIMES] = (slot + 1) % HELD_TIMES
        held[slot], held_rows[slot] = group, wanted
        if not decode_chunk(
            data, chunks[group, 0], chunks[group, 1], chunks[group, 4], optional[0], scratch, rows,
            times[slot, :wanted], falls,
        ):  # fmt: skip
            return HELD_TIMES
    if not decode_chunk(
        data, chunks[group, 2], chunks[group, 3], chunks[group, 5], optional[1], scratch, rows,
        integers[:wanted], falls,
    ):  # fmt: skip
        return HELD_TIMES
    return slot


@kernel
def longest_group(bounds: Int64s) -> int:
    longest = 0
    for g in range(len(bounds)):
        longest = max(longest, bounds[g, 1] - bounds[g, 0])
    return longest


@kernel
def place_groups(
    data: Bytes,
    chunks: Int64s,
    scales: Int64s,
    powers: Float64s,
    optional: Bools,
    bounds: Int64s,
    firsts: Int64s,
    ends: Int64s,
    places: Int64s,
    timestamps: Int64s,
    values: Float64s,
) -> int:
    """Decode row groups of scaled integers to where their rows belong; returns how many: the next
    has something else or is damaged.

    chunks: [group, 6]: where in data times and integers begin and end, and their compressions.
    Group g has the rows bounds[g, 0]:bounds[g, 1]; run r, of rows firsts[r]:ends[r] that ascend,
    goes to places[r] of timestamps and values. Nothing behind the last wanted row of a group is
    decoded. Groups of series that are scraped together often have the same times: those are decoded
    once, also where a series has several groups.
    """
    longest = longest_group(bounds)
    times, integers = np.empty((HELD_TIMES, longest), np.int64), np.empty(longest, np.int64)
    scratch, falls = np.empty(longest * 2 + SCRATCH_WORDS, np.uint64), np.empty(1, np.int64)
    # The groups whose times are there, and how many of them.
    held, held_rows = np.full(HELD_TIMES + 1, 0), np.zeros(HELD_TIMES, np.int64)
    run: Any = 0
    for g in range(len(scales)):
        first, end, scale = bounds[g, 0], bounds[g, 1], scales[g]
        if scale < 0 or scale >= len(powers):
            return g
        while run < len(firsts) and ends[run] <= first:
            run += 1
        wanted, behind = wanted_rows(firsts, ends, run, first, end)
        if wanted == 0:
            continue
        slot = decode_held(
            data, chunks, optional, bounds, g, wanted, held, held_rows, times, integers, falls,
            scratch,
        )  # fmt: skip
        if slot == HELD_TIMES:
            return g
        for r in range(run, behind):
            low, high = max(firsts[r], first) - first, min(ends[r], end) - first
            if low < high:
                place = places[r] + low + first - firsts[r]
                room, own = timestamps[place : place + high - low], times[slot, low:high]
                for k in range(high - low):
                    room[k] = own[k]
                from_integers(integers[low:high], powers[scale], values[place : place + high - low])
    return len(scales)
