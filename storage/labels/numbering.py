"""Numbering: distinct codes, and rows of codes that are equal, counted off in order."""

from __future__ import annotations

import numpy as np

from storage.kernels.arrays import Int32s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.stops import pieces

# Label names of one query that are told apart without sorting.
DISTINCT_SLOTS = 1 << 12
# Codes are marked, instead of sorted, if the largest is not this many times their number.
MARKED_SHARE = 64
# So many codes are numbered between two looks, which takes some 5 to 20 ms.
CODES_AT_ONCE = 1 << 20


def distinct_codes(codes: Int32s) -> Int32s:
    """The distinct codes of a column that has few of them, in any order."""
    found = np.empty(DISTINCT_SLOTS // 2, np.int32)
    count = find_distinct(codes, found)
    if count >= 0:
        return found[:count]
    largest = int(codes.max())
    if largest > MARKED_SHARE * len(codes):
        return np.unique(codes)
    seen = np.zeros(largest + 1, np.bool_)
    seen[codes] = True
    return np.flatnonzero(seen).astype(np.int32)


@kernel
def find_distinct(codes: Int32s, found: Int32s) -> int:
    """Write the distinct codes to `found`; returns how many, or -1 if they do not fit."""
    slots = np.full(DISTINCT_SLOTS, -1, np.int32)
    count = 0
    for i in range(len(codes)):
        slot = (codes[i] * 40503) & (DISTINCT_SLOTS - 1)
        while slots[slot] >= 0 and slots[slot] != codes[i]:
            slot = (slot + 1) & (DISTINCT_SLOTS - 1)
        if slots[slot] < 0:
            if count == len(found):
                return -1
            slots[slot] = codes[i]
            found[count] = codes[i]
            count += 1
    return count


def number_codes(codes: Int32s) -> tuple[Int32s, Int32s]:
    """The distinct codes, of which the first is 0, and for each code its place among them."""
    numbers = np.empty(codes.shape, np.int32)
    flat, out = codes.reshape(-1), numbers.reshape(-1)
    size, count = DISTINCT_SLOTS, -1
    while count < 0:
        slots, found, count = np.zeros(size, np.int32), np.zeros(size // 2, np.int32), 1
        for part in pieces(len(flat), CODES_AT_ONCE):
            count = number_distinct(flat[part], slots, found, out[part], count)
            if count < 0:
                break
        size *= 8
    return found[:count], numbers


@kernel
def number_distinct(
    codes: Int32s, slots: Int32s, found: Int32s, numbers: Int32s, count: int
) -> int:
    """Number codes in order of appearance, behind the code 0, of which `count` are known; returns
    how many there are then, or -1 if they do not fit `found`.

    slots: open addressing of numbers, at first all 0, a power of two and twice as long as `found`.
    """
    mask = len(slots) - 1
    for i in range(len(codes)):
        code = codes[i]
        if code == 0:
            numbers[i] = 0
            continue
        slot = (code * 40503) & mask
        while slots[slot] != 0 and found[slots[slot]] != code:
            slot = (slot + 1) & mask
        if slots[slot] == 0:
            if count == len(found):
                return -1
            slots[slot] = count
            found[count] = code
            count += 1
        numbers[i] = slots[slot]
    return count


def group_rows(matrix: Int32s) -> tuple[Int64s, Int64s]:
    """Number the distinct rows of int32[n, k] in order of appearance.

    Returns (group int64[n], first int64[groups]).
    """
    rows = len(matrix)
    size = 8
    while size < 2 * rows:
        size *= 2
    slots, group = np.full(size, -1, np.int64), np.empty(rows, np.int64)
    firsts, count = np.empty(rows, np.int64), 0
    for part in pieces(rows, max(1, CODES_AT_ONCE // max(1, matrix.shape[1]))):
        count = group_more_rows(matrix, part.start, part.stop, slots, group, firsts, count)
    return group, firsts[:count].copy()


@kernel
def group_more_rows(
    matrix: Int32s,
    start: int,
    end: int,
    slots: Int64s,
    group: Int64s,
    first: Int64s,
    count: int,
) -> int:
    """Number the rows from start to end, `count` different ones being known; returns how many are
    known then. Open addressing; rows are compared in full, so equal hashes never join different
    rows.
    """
    width, mask = matrix.shape[1], np.uint64(len(slots) - 1)
    for i in range(start, end):
        h = np.uint64(0x9E3779B97F4A7C15)
        for k in range(width):
            h = (h ^ np.uint64(np.uint32(matrix[i, k]))) * np.uint64(0xD6E8FEB86659FD93)
            h ^= h >> np.uint64(32)
        slot = np.int64(h & mask)
        while True:
            g = slots[slot]
            if g < 0:
                slots[slot] = count
                first[count] = i
                group[i] = count
                count += 1
                break
            same = True
            for k in range(width):
                if matrix[first[g], k] != matrix[i, k]:
                    same = False
                    break
            if same:
                group[i] = g
                break
            slot = (slot + 1) & (len(slots) - 1)
    return count
