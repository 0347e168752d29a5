"""The byte order of the texts of a symbol table, found once and kept.

Label values are listed in the order of their bytes. Where they are most of a table, all of its
texts are sorted, and those that are new later on are put in their places. A few are sorted by
themselves.

Invariant: an order that was handed out is not changed any more.
"""

import threading

import numpy as np

from storage.kernels.arrays import Bools, Bytes, Int32s, Int64s
from storage.kernels.jit import kernel

# So many times the texts that are asked for are sorted, once, to have the order of all.
WHOLE_SHARE = 8


class TextOrder:
    """Of one table, whose texts lie in an arena. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._order: Int32s = np.zeros(0, np.int32)

    def of(self, arena: Bytes, offsets: Int64s, count: int, codes: Int32s) -> Int32s:
        """These codes, of which none is there twice, in order. count: of the texts there are."""
        if len(self._order) < count and len(codes) * WHOLE_SHARE < count:
            few = codes.astype(np.int32)
            sort_texts(arena, offsets, few, np.empty_like(few))
            return few
        order = self._up_to(arena, offsets, count)
        wanted: Bools = np.zeros(len(order), np.bool_)
        wanted[codes] = True
        chosen: Int32s = order[wanted[order]]
        return chosen

    def _up_to(self, arena: Bytes, offsets: Int64s, count: int) -> Int32s:
        """All codes below `count`, and maybe more."""
        with self._lock:
            known = len(self._order)
            if known < count:
                new = np.arange(known, count, dtype=np.int32)
                sort_texts(arena, offsets, new, np.empty_like(new))
                places = places_among(arena, offsets, self._order, new)
                self._order = np.insert(self._order, places, new)
            return self._order


@kernel
def is_before(arena: Bytes, offsets: Int64s, a: int, b: int) -> bool:
    """Whether text a comes before text b in the order of bytes."""
    start_a, start_b = offsets[a], offsets[b]
    length_a, length_b = offsets[a + 1] - start_a, offsets[b + 1] - start_b
    for k in range(min(length_a, length_b)):
        if arena[start_a + k] != arena[start_b + k]:
            return bool(arena[start_a + k] < arena[start_b + k])
    return bool(length_a < length_b)


@kernel
def sort_texts(arena: Bytes, offsets: Int64s, codes: Int32s, scratch: Int32s) -> None:
    """Sort codes by their texts: runs are merged two by two, each time into the other array."""
    n, width = len(codes), 1
    source, target = codes, scratch
    swapped = False
    while width < n:
        for first in range(0, n, 2 * width):
            middle, end = min(first + width, n), min(first + 2 * width, n)
            a, b = first, middle
            for k in range(first, end):
                takes_b = a >= middle or (
                    b < end and is_before(arena, offsets, source[b], source[a])
                )
                if takes_b:
                    target[k] = source[b]
                    b += 1
                else:
                    target[k] = source[a]
                    a += 1
        source, target = target, source
        swapped = not swapped
        width *= 2
    if swapped:
        target[:] = source


@kernel
def places_among(arena: Bytes, offsets: Int64s, order: Int32s, codes: Int32s) -> Int64s:
    """Before how many texts of an order each text has to stand."""
    places = np.empty(len(codes), np.int64)
    for i in range(len(codes)):
        low, high = 0, len(order)
        while low < high:
            middle = (low + high) // 2
            if is_before(arena, offsets, order[middle], codes[i]):
                low = middle + 1
            else:
                high = middle
        places[i] = low
    return places
