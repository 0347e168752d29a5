"""The kernel that reads Thrift's compact protocol: headers of Parquet files are written in it.

A message is a struct of fields, which are numbers, texts, and again structs and lists of these. It
is read into a flat list of what it has, in its order: for each field or element a *place*, which is
the fields that lead to it, and what is there. Nothing is known of what fields mean.

    place of field f of the struct at place p    p * FIELDS + f
    place of an element of the list at place p   p

The input may be damaged: nothing is read out of its bounds, and nesting is limited.
"""

from typing import Any

import numpy as np

from storage.kernels.arrays import Bytes, Int64s
from storage.kernels.jit import kernel, kernel_part

FIELDS = 32
DEPTH_MAX = 12  # 32^12 places are fewer than int64 has
VARINT_BYTES_MAX = 10
# Types as they are written.
TRUE, FALSE, BYTE, INT64, DOUBLE, TEXT, LIST, SET, STRUCT = 1, 2, 3, 6, 7, 8, 9, 10, 12
DAMAGED = -1


@kernel_part
def read_varint(data: Bytes, at: int, end: int) -> tuple[Any, Any]:
    """An unsigned number and where it ends; DAMAGED where it does not."""
    number = np.uint64(0)
    for i in range(VARINT_BYTES_MAX):
        if at >= end:
            return 0, DAMAGED
        byte = np.uint64(data[at])
        at += 1
        number |= (byte & np.uint64(0x7F)) << np.uint64(7 * i)
        if byte < np.uint64(0x80):
            return np.int64(number), at
    return 0, DAMAGED


@kernel_part
def read_number(data: Bytes, at: int, end: int) -> tuple[Any, Any]:
    """A signed number, written as zigzag varint, and where it ends."""
    coded, at = read_varint(data, at, end)
    unsigned = np.uint64(coded)
    number = np.int64(unsigned >> np.uint64(1)) ^ -np.int64(unsigned & np.uint64(1))
    return number, at


@kernel
def read_message(data: Bytes, at: int, end: int, found: Int64s) -> tuple[int, int]:
    """Read the struct that begins at `at`.

    found: int64[n, 3], gets a place, a number and a position in `data` for each entry: of numbers
    the number, of texts their length and where they begin, of lists their length; a struct has an
    entry before those of its fields. Returns how many entries there are, also if they are more than
    n, and where the message ends: DAMAGED if it is none.
    """
    places, fields = np.zeros(DEPTH_MAX, np.int64), np.zeros(DEPTH_MAX, np.int64)
    left, kinds = np.zeros(DEPTH_MAX, np.int64), np.full(DEPTH_MAX, STRUCT, np.int64)
    depth = count = 0
    while True:
        kind: Any
        place, in_list = places[depth], kinds[depth] != STRUCT
        if in_list:
            over = left[depth] == 0
            left[depth] -= 1
            kind = kinds[depth] - FIELDS
        else:
            if at >= end:
                return count, DAMAGED
            jump: Any = np.int64(data[at]) >> 4
            kind = np.int64(data[at]) & 15
            at += 1
            over = kind == 0
            if jump == 0 and not over:
                jump, at = read_number(data, at, end)
                fields[depth] = 0
                if at < 0:
                    return count, DAMAGED
            fields[depth] += jump
            place = place * FIELDS + min(max(fields[depth], 0), FIELDS - 1)
        if over:
            depth -= 1
            if depth < 0:
                return count, at
            continue
        number, start, at = read_value(data, at, end, kind, in_list)
        if at < 0:
            return count, DAMAGED
        if count < len(found):
            found[count, 0], found[count, 1], found[count, 2] = place, number, start
        count += 1
        if kind in (STRUCT, LIST, SET):
            depth += 1
            if depth == DEPTH_MAX:
                return count, DAMAGED
            places[depth], fields[depth] = place, 0
            left[depth] = number
            kinds[depth] = STRUCT if kind == STRUCT else FIELDS + start
    return count, DAMAGED


@kernel
def read_value(data: Bytes, at: int, end: int, kind: int, in_list: bool) -> tuple[Any, Any, Any]:
    """A value of a kind: its number, a position, and where it ends; of a list the number is its
    length and the position the kind of its elements. What structs and lists have is not read."""
    if kind == STRUCT:
        return 0, at, at
    if kind in (TRUE, FALSE):
        if not in_list:
            return np.int64(kind == TRUE), at, at
        return (np.int64(data[at] == TRUE), at, at + 1) if at < end else (0, 0, DAMAGED)
    if kind == BYTE:
        return (np.int64(data[at]), at, at + 1) if at < end else (0, 0, DAMAGED)
    if BYTE < kind <= INT64:
        number, behind = read_number(data, at, end)
        return number, at, behind
    if kind == DOUBLE:
        return (0, at, at + 8) if at + 8 <= end else (0, 0, DAMAGED)
    if kind == TEXT:
        size, start = read_varint(data, at, end)
        if start < 0 or size < 0 or size > end - start:
            return 0, 0, DAMAGED
        return size, start, start + size
    if kind in (LIST, SET) and at < end:
        size = np.int64(data[at]) >> 4
        element = np.int64(data[at]) & 15
        at += 1
        if size == 15:
            size, at = read_varint(data, at, end)
        # Each element takes a byte at least; a struct that ends at once does, too.
        if at < 0 or size < 0 or size > end - at:
            return 0, 0, DAMAGED
        return size, element, at
    return 0, 0, DAMAGED


@kernel
def gather_entries(found: Int64s, marker: int, places: Int64s, out: Int64s) -> int:
    """Sort entries by what they belong to: out[k, j] gets the number and the position of the entry
    at places[j] behind the k-th entry at the place `marker`. Returns how many markers there are."""
    count = 0
    for i in range(len(found)):
        if found[i, 0] == marker:
            count += 1
            continue
        if 0 < count <= len(out):
            for j in range(len(places)):
                if found[i, 0] == places[j]:
                    out[count - 1, j, 0], out[count - 1, j, 1] = found[i, 1], found[i, 2]
    return count
