"""Kernels of count_values: equal values numbered and counted."""

import numpy as np

from api.promql.aggregations.kernels import UInt64s
from api.promql.vectors.blocks import Check, blocks
from storage.kernels.arrays import Int64s
from storage.kernels.jit import kernel

# Finding a word in a large table takes about as long as other work on so many cells.
WORD_CELLS = 8


def number_words(words: UInt64s, check: Check = lambda: None) -> tuple[UInt64s, Int64s]:
    """(the distinct words in the order of their first appearance, the number of each word). check:
    between blocks of words."""
    numbers, distinct = np.empty(len(words), np.int64), np.empty(len(words), np.uint64)
    slots, count = np.full(1024, -1, np.int64), 0
    for part in blocks(check, len(words), WORD_CELLS):
        slots, count = number_more(words[part], slots, distinct, count, numbers[part])
    return distinct[:count].copy(), numbers


@kernel
def number_more(
    words: UInt64s, slots: Int64s, distinct: UInt64s, count: int, numbers: Int64s
) -> tuple[Int64s, int]:
    """Number more words, of which `count` are known; returns the table, which may have grown, and
    how many are known then."""
    for i in range(len(words)):
        if 2 * count >= len(slots):
            slots = np.full(4 * len(slots), -1, np.int64)
            for n in range(count):
                slots[find_slot(slots, distinct, distinct[n])] = n
        slot = find_slot(slots, distinct, words[i])
        if slots[slot] < 0:
            slots[slot] = count
            distinct[count] = words[i]
            count += 1
        numbers[i] = slots[slot]
    return slots, count


@kernel
def find_slot(slots: Int64s, distinct: UInt64s, word: np.uint64) -> int:
    """The slot of a word in an open-addressing table of numbers, or the free one for it."""
    mixed = word * np.uint64(0x9E3779B97F4A7C15)
    slot = np.int64((mixed ^ (mixed >> np.uint64(32))) & np.uint64(len(slots) - 1))
    while slots[slot] >= 0 and distinct[slots[slot]] != word:
        slot = (slot + 1) & (len(slots) - 1)
    return int(slot)


@kernel
def count_cells(cell_group: Int64s, cell_step: Int64s, out: Int64s) -> None:
    """Add how often each (group, step) occurs."""
    for i in range(len(cell_group)):
        out[cell_group[i], cell_step[i]] += 1
