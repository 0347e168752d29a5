"""The byte order of the texts of a symbol table, found once and kept.

Label values are listed in the order of their bytes. Where they are most of a table, all of its
texts are sorted, and those that are new later on are put in their places. A few are sorted by
themselves, and the latest order of the values of some labels is kept.

Invariant: an order that was handed out is not changed any more.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable

import numpy as np

from storage.kernels.arrays import Bools, Bytes, Int32s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.stops import holding, look, pieces

# So many times the texts that are asked for are sorted, once, to have the order of all.
WHOLE_SHARE = 8
# Texts are looked for one by one among this many times as many.
FEW_SHARE = 32
# Of labels, the orders of their values that are kept; from so many values on.
SETS_KEPT_MAX, SET_MIN = 64, 1 << 10
# So many texts are sorted, and merged, between two looks, which takes some 10 to 20 ms.
TEXTS_AT_ONCE, MERGED_AT_ONCE = 1 << 15, 1 << 19


NO_CODES: Int32s = np.zeros(0, np.int32)


class TextOrder:
    """Of one table, whose texts lie in an arena. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._order: Int32s = np.zeros(0, np.int32)
        self._sets: OrderedDict[Hashable, Int32s] = OrderedDict()

    def of(
        self, arena: Bytes, offsets: Int64s, count: int, codes: Int32s, key: Hashable = None
    ) -> Int32s:
        """These codes, of which none is there twice, in order. count: of the texts there are; key:
        of what they are the values, most of which were asked for before."""
        if len(self._order) < count and len(codes) * WHOLE_SHARE < count:
            if key is None or len(codes) < SET_MIN:
                return in_order(arena, offsets, codes.astype(np.int32))
            return self._of_set(arena, offsets, codes, key)
        return chosen(self._up_to(arena, offsets, count), codes)

    def _of_set(self, arena: Bytes, offsets: Int64s, codes: Int32s, key: Hashable) -> Int32s:
        """The same, by the order that is kept for a key."""
        with self._lock:
            known = self._sets.get(key, NO_CODES)
        found = chosen(known, codes)
        if len(found) == len(codes):
            return found
        missing = in_order(arena, offsets, np.setdiff1d(codes, found).astype(np.int32))
        ordered = merged(arena, offsets, found, missing)
        with self._lock:
            self._sets[key] = ordered
            self._sets.move_to_end(key)
            if len(self._sets) > SETS_KEPT_MAX:
                self._sets.popitem(last=False)
        return ordered

    def _up_to(self, arena: Bytes, offsets: Int64s, count: int) -> Int32s:
        """All codes below `count`, and maybe more."""
        with holding(self._lock):
            while len(self._order) < count:
                known = len(self._order)
                end = min(count, known + max(known, TEXTS_AT_ONCE))
                new = in_order(arena, offsets, np.arange(known, end, dtype=np.int32))
                self._order = merged(arena, offsets, self._order, new)
                look()
            return self._order


def chosen(order: Int32s, codes: Int32s) -> Int32s:
    """Those of an order that are among the codes."""
    largest = max(int(order.max(initial=0)), int(codes.max(initial=0)))
    wanted: Bools = np.zeros(largest + 1, np.bool_)
    wanted[codes] = True
    found: Int32s = order[wanted[order]]
    return found


def in_order(arena: Bytes, offsets: Int64s, codes: Int32s) -> Int32s:
    """These codes, which are changed, in the order of their texts."""
    runs = []
    for part in pieces(len(codes), TEXTS_AT_ONCE):
        run = codes[part]
        sort_texts(arena, offsets, run, np.empty_like(run))
        runs.append(run)
    while len(runs) > 1:
        pairs = zip(runs[::2], [*runs[1::2], codes[:0]], strict=False)
        runs = [merged(arena, offsets, first, second) for first, second in pairs]
    return runs[0]


def merged(arena: Bytes, offsets: Int64s, a: Int32s, b: Int32s) -> Int32s:
    """Two orders as one."""
    if len(a) < len(b):
        a, b = b, a
    if not len(b):
        return a
    if len(b) * FEW_SHARE < len(a):
        return np.insert(a, places_among(arena, offsets, a, b), b)
    out = np.empty(len(a) + len(b), np.int32)
    for part in pieces(len(out), MERGED_AT_ONCE):
        merge_texts(arena, offsets, a, b, part.start, out[part])
    return out


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
def merge_texts(
    arena: Bytes, offsets: Int64s, order: Int32s, codes: Int32s, start: int, out: Int32s
) -> None:
    """Write those of two orders, merged, that have the places from `start` on."""
    a = taken_of_first(arena, offsets, order, codes, start)
    b = start - a
    for k in range(len(out)):
        takes_b = a >= len(order) or (
            b < len(codes) and is_before(arena, offsets, codes[b], order[a])
        )
        if takes_b:
            out[k] = codes[b]
            b += 1
        else:
            out[k] = order[a]
            a += 1


@kernel
def taken_of_first(arena: Bytes, offsets: Int64s, order: Int32s, codes: Int32s, start: int) -> int:
    """How many of the first `start` merged ones come from `order`."""
    low, high = max(0, start - len(codes)), min(start, len(order))
    while low < high:
        middle = (low + high) // 2
        if is_before(arena, offsets, codes[start - middle - 1], order[middle]):
            high = middle
        else:
            low = middle + 1
    return low


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
