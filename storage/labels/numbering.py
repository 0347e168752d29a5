"""Numbering: distinct codes, and rows of codes that are equal, counted off in order."""

from __future__ import annotations

import numpy as np

from storage.kernels.arrays import Int32s, Int64s
from storage.kernels.jit import kernel

# Label names of one query that are told apart without sorting.
DISTINCT_SLOTS = 1 << 12
# Codes are marked, instead of sorted, if the largest is not this many times their number.
MARKED_SHARE = 64


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
    size, count = DISTINCT_SLOTS, -1
    while count < 0:
        found = np.zeros(size // 2, np.int32)
        count = number_distinct(
            codes.reshape(-1), np.zeros(size, np.int32), found, numbers.reshape(-1)
        )
        size *= 8
    return found[:count], numbers


@kernel
def number_distinct(codes: Int32s, slots: Int32s, found: Int32s, numbers: Int32s) -> int:
    """Number codes in order of appearance, behind the code 0; returns how many there are, or -1 if
    they do not fit `found`.

    slots: open addressing of numbers, all 0, a power of two and twice as long as `found`.
    """
    mask = len(slots) - 1
    count = 1
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


@kernel
def group_rows(matrix: Int32s) -> tuple[Int64s, Int64s]:
    """Number the distinct rows of int32[n, k] in order of appearance.

    Returns (group int64[n], first int64[groups]). Open addressing; rows are compared in full, so
    equal hashes never join different rows.
    """
    n, width = matrix.shape
    size = 8
    while size < 2 * n:
        size *= 2
    slots = np.full(size, -1, np.int64)
    group = np.empty(n, np.int64)
    first = np.empty(n, np.int64)
    count = 0
    for i in range(n):
        h = np.uint64(0x9E3779B97F4A7C15)
        for k in range(width):
            h = (h ^ np.uint64(np.uint32(matrix[i, k]))) * np.uint64(0xD6E8FEB86659FD93)
            h ^= h >> np.uint64(32)
        slot = np.int64(h & np.uint64(size - 1))
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
            slot = (slot + 1) & (size - 1)
    return group, first[:count].copy()
