"""The hash of label sets by which limit_ratio samples series, equal to that of Prometheus.

A label set is written as a run of strings, name and value in turn and sorted by name; each string
is preceded by its length in bytes: one byte, or 0xff and three little-endian bytes from 255 on.
The hash is XXH64 of that with seed 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from api.promql.vectors.blocks import Check, blocks
from storage.kernels.arrays import Int64s
from storage.kernels.jit import kernel
from storage.labels.frames import LabelFrame, label_sort_key

UInt64s = NDArray[np.uint64]
UInt8s = NDArray[np.uint8]

PRIME_1 = np.uint64(0x9E3779B185EBCA87)
PRIME_2 = np.uint64(0xC2B2AE3D27D4EB4F)
PRIME_3 = np.uint64(0x165667B19E3779F9)
PRIME_4 = np.uint64(0x85EBCA77C2B2AE63)
PRIME_5 = np.uint64(0x27D4EB2F165667C5)
START_1 = np.uint64(0x60EA27EEADC0B5D6)  # PRIME_1 + PRIME_2
START_4 = np.uint64(0x61C8864E7A143579)  # -PRIME_1

# Hashing a label takes about as long as other work on so many cells.
ROW_CELLS = 16


def hash_rows(labels: LabelFrame, check: Check = lambda: None) -> UInt64s:
    """The hash of each row's label set, uint64[rows]. check: between blocks of rows."""
    names = labels.names
    matrix = labels.matrix(names)
    codes, places = np.unique(matrix, return_inverse=True)
    names_of = _pack([_with_length(name) for name in names])
    values_of = _pack([_with_length(text) for text in labels.symbols.texts(codes)])
    present = matrix != 0
    longest = int(np.diff(names_of[1]).sum() + len(names) * np.diff(values_of[1]).max(initial=0))
    numbers = places.reshape(matrix.shape).astype(np.int64)
    out = np.empty(labels.rows, np.uint64)
    for rows in blocks(check, labels.rows, ROW_CELLS * len(names)):
        out[rows] = hash_label_rows(numbers[rows], present[rows], *names_of, *values_of, longest)
    return out


def _with_length(text: str) -> bytes:
    data = label_sort_key(text)
    if len(data) < 255:
        return bytes((len(data),)) + data
    return b"\xff" + len(data).to_bytes(3, "little") + data


def _pack(strings: list[bytes]) -> tuple[UInt8s, Int64s]:
    """The strings end to end, and where each begins."""
    offsets = np.zeros(len(strings) + 1, np.int64)
    np.cumsum([len(data) for data in strings], out=offsets[1:])
    return np.frombuffer(b"".join(strings), np.uint8), offsets


@kernel
def hash_label_rows(
    places: Int64s,
    present: NDArray[np.bool_],
    names: UInt8s,
    name_offsets: Int64s,
    values: UInt8s,
    value_offsets: Int64s,
    longest: int,
) -> UInt64s:
    """Write out each row's labels and hash them. places: the value of each label, by number."""
    out = np.empty(places.shape[0], np.uint64)
    data = np.empty(longest, np.uint8)
    for i in range(places.shape[0]):
        size = 0
        for j in range(places.shape[1]):
            if not present[i, j]:
                continue
            for k in range(name_offsets[j], name_offsets[j + 1]):
                data[size] = names[k]
                size += 1
            for k in range(value_offsets[places[i, j]], value_offsets[places[i, j] + 1]):
                data[size] = values[k]
                size += 1
        out[i] = xxh64(data[:size])
    return out


@kernel
def rotate(x: np.uint64, bits: int) -> np.uint64:
    return np.uint64((x << np.uint64(bits)) | (x >> np.uint64(64 - bits)))


@kernel
def read_word(data: UInt8s, at: int, size: int) -> np.uint64:
    """`size` bytes from `at` on as a little-endian number."""
    word = np.uint64(0)
    for k in range(size):
        word |= np.uint64(data[at + k]) << np.uint64(8 * k)
    return word


@kernel
def mix(lane: np.uint64, word: np.uint64) -> np.uint64:
    """One round of XXH64."""
    return np.uint64(rotate(np.uint64(lane + word * PRIME_2), 31) * PRIME_1)


@kernel
def fold_lane(h: np.uint64, lane: np.uint64) -> np.uint64:
    return np.uint64((h ^ mix(np.uint64(0), lane)) * PRIME_1 + PRIME_4)


@kernel
def xxh64(data: UInt8s) -> np.uint64:
    """XXH64 with seed 0, after its published specification."""
    n, at = len(data), 0
    if n >= 32:
        a, b, c, d = START_1, PRIME_2, np.uint64(0), START_4
        while at + 32 <= n:
            a = mix(a, read_word(data, at, 8))
            b = mix(b, read_word(data, at + 8, 8))
            c = mix(c, read_word(data, at + 16, 8))
            d = mix(d, read_word(data, at + 24, 8))
            at += 32
        h = np.uint64(rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18))
        h = fold_lane(fold_lane(fold_lane(fold_lane(h, a), b), c), d)
    else:
        h = PRIME_5
    h = np.uint64(h + np.uint64(n))
    while at + 8 <= n:
        h ^= mix(np.uint64(0), read_word(data, at, 8))
        h = np.uint64(rotate(h, 27) * PRIME_1 + PRIME_4)
        at += 8
    if at + 4 <= n:
        h ^= np.uint64(read_word(data, at, 4) * PRIME_1)
        h = np.uint64(rotate(h, 23) * PRIME_2 + PRIME_3)
        at += 4
    while at < n:
        h ^= np.uint64(np.uint64(data[at]) * PRIME_5)
        h = np.uint64(rotate(h, 11) * PRIME_1)
        at += 1
    h = np.uint64((h ^ (h >> np.uint64(33))) * PRIME_2)
    h = np.uint64((h ^ (h >> np.uint64(29))) * PRIME_3)
    return np.uint64(h ^ (h >> np.uint64(32)))
