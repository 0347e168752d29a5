"""Windows of time: aligned to 1970, they are the pieces into which samples are cut for segments.

Samples are sealed by windows of two hours; what is older than a day, or that far ahead, by windows
of a day, and what is older than eight days by windows of eight days, so that a head with samples of
months makes few segments. Compaction makes each window one segment.

A slot is the number of a window of two hours. Counted in slots no time overflows an int64.
"""

from dataclasses import dataclass

import numpy as np

from storage.kernels.arrays import Int64s
from storage.options import DAY_MS, HOUR_MS

SLOT_MS = 2 * HOUR_MS
# By level of compaction, counted from 1.
LEVELS_MS = (SLOT_MS, DAY_MS, 8 * DAY_MS)
DAY_SLOTS, SPAN_SLOTS = (width // SLOT_MS for width in LEVELS_MS[1:])
# Of one head. Windows of two hours and of a day are about a hundred at most; those that are
# further away are made as large as it takes.
WINDOWS_MAX = 128
INT64 = np.iinfo(np.int64)

# First and last ms, both inclusive.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Nearness:
    """Which slots are near some moment. [day_from, day_to): those that are cut by two hours;
    [far_from, far_to): those that are cut by days at most."""

    far_from: int
    day_from: int
    day_to: int
    far_to: int

    @classmethod
    def of(cls, now_ms: int) -> "Nearness":
        return cls(
            (now_ms - LEVELS_MS[2]) // LEVELS_MS[2] * SPAN_SLOTS,
            (now_ms - DAY_MS) // DAY_MS * DAY_SLOTS,
            -(-(now_ms + DAY_MS) // DAY_MS) * DAY_SLOTS,
            -(-(now_ms + LEVELS_MS[2]) // LEVELS_MS[2]) * SPAN_SLOTS,
        )


def slots_of(timestamps: Int64s) -> Int64s:
    """The slots that some of the times are in, ascending; cheap where times hardly jump."""
    slots = timestamps // SLOT_MS
    jumps = np.ones(len(slots), np.bool_)
    jumps[1:] = slots[1:] != slots[:-1]
    return np.unique(slots[jumps])


def seal_windows(slots: Int64s, now_ms: int, windows_max: int = WINDOWS_MAX) -> list[Span]:
    """The windows, ascending and disjoint, into which samples of these slots are cut."""
    near = Nearness.of(now_ms)
    width = SPAN_SLOTS
    while True:
        firsts = window_firsts(slots, near, width)
        if len(firsts) <= windows_max or width > INT64.max // SLOT_MS:
            return [span_of(first, near, width) for first in firsts.tolist()]
        width *= 2


def window_firsts(slots: Int64s, near: Nearness, width: int) -> Int64s:
    """The first slots of the windows; width: of those that are far away."""
    by_day = np.maximum(slots // DAY_SLOTS * DAY_SLOTS, near.far_from)
    # Aligned as they are, the first window behind those that are near could begin before its end.
    behind = np.maximum(slots // width * width, near.far_to)
    firsts = np.select(
        [
            slots < near.far_from,
            slots < near.day_from,
            slots < near.day_to,
            slots < near.far_to,
        ],
        [slots // width * width, by_day, slots, by_day],
        behind,
    )
    return np.unique(firsts)


def span_of(first: int, near: Nearness, width: int) -> Span:
    """The window that begins with this slot."""
    if near.day_from <= first < near.day_to:
        end = first + 1
    elif near.far_from <= first < near.far_to:
        end = first + DAY_SLOTS
    else:
        end = (first // width + 1) * width
        if first < near.far_from:
            end = min(end, near.far_from)
    return max(first * SLOT_MS, int(INT64.min)), min(end * SLOT_MS - 1, int(INT64.max))


def window_of(span: Span, width_ms: int) -> Span | None:
    """The window of this width that holds the span; None if it straddles windows."""
    number = span[0] // width_ms
    if span[1] // width_ms != number:
        return None
    return number * width_ms, (number + 1) * width_ms - 1


def level_of(span: Span) -> int | None:
    """The first level whose windows hold the span; None if it is too long for all."""
    for level, width_ms in enumerate(LEVELS_MS, 1):
        if window_of(span, width_ms) is not None:
            return level
    return None


def nearest_windows(windows: list[Span], timestamps: Int64s) -> Int64s:
    """For each time the window it is in, or the one before it, or the first one."""
    firsts = np.array([first for first, _ in windows], np.int64)
    return np.maximum(np.searchsorted(firsts, timestamps, side="right") - 1, 0)
