"""XXH64 with seed 0, as a part of kernels: the hash that Thanos takes of chunks and of labels.

Not keyed: whoever chooses the bytes can choose the hash, so nothing is looked up by it here.
"""

import numpy as np

from storage.kernels.jit import kernel_part
from storage.kernels.words import Place, load_byte, load_word

PRIME_1 = np.uint64(0x9E3779B185EBCA87)
PRIME_2 = np.uint64(0xC2B2AE3D27D4EB4F)
PRIME_3 = np.uint64(0x165667B19E3779F9)
PRIME_4 = np.uint64(0x85EBCA77C2B2AE63)
PRIME_5 = np.uint64(0x27D4EB2F165667C5)
# What four lanes begin with.
LANE_1 = np.uint64((0x9E3779B185EBCA87 + 0xC2B2AE3D27D4EB4F) & 0xFFFFFFFFFFFFFFFF)
LANE_4 = np.uint64((1 << 64) - 0x9E3779B185EBCA87)
STRIPE_BYTES = 32
WORD_BITS = np.uint64(64)


@kernel_part
def rotated(word: np.uint64, bits: np.uint64) -> np.uint64:
    return (word << bits) | (word >> (WORD_BITS - bits))


@kernel_part
def next_lane(lane: np.uint64, word: np.uint64) -> np.uint64:
    return rotated(lane + word * PRIME_2, np.uint64(31)) * PRIME_1


@kernel_part
def with_lane(h: np.uint64, lane: np.uint64) -> np.uint64:
    return (h ^ next_lane(np.uint64(0), lane)) * PRIME_1 + PRIME_4


@kernel_part
def of_stripes(base: Place, start: Place, end: Place) -> np.uint64:
    """The hash of all whole stripes of start:end, of which there is one at least."""
    a, b, c, d = LANE_1, PRIME_2, np.uint64(0), LANE_4
    place = start
    while place + STRIPE_BYTES <= end:
        a = next_lane(a, load_word(base, place))
        b = next_lane(b, load_word(base, place + 8))
        c = next_lane(c, load_word(base, place + 16))
        d = next_lane(d, load_word(base, place + 24))
        place += STRIPE_BYTES
    h = rotated(a, np.uint64(1)) + rotated(b, np.uint64(7))
    h += rotated(c, np.uint64(12)) + rotated(d, np.uint64(18))
    return with_lane(with_lane(with_lane(with_lane(h, a), b), c), d)


@kernel_part
def xxhash64(base: Place, start: Place, end: Place) -> np.uint64:
    """The hash of the bytes start:end from address `base`."""
    h, place = PRIME_5, start
    if end - start >= STRIPE_BYTES:
        h = of_stripes(base, start, end)
        place += (end - start) // STRIPE_BYTES * STRIPE_BYTES
    h += np.uint64(end - start)
    while place + 8 <= end:
        h ^= next_lane(np.uint64(0), load_word(base, place))
        h = rotated(h, np.uint64(27)) * PRIME_1 + PRIME_4
        place += 8
    if place + 4 <= end:
        word = np.uint64(0)
        for k in range(4):
            word |= load_byte(base, place + k) << np.uint64(8 * k)
        h = rotated(h ^ word * PRIME_1, np.uint64(23)) * PRIME_2 + PRIME_3
        place += 4
    while place < end:
        h = rotated(h ^ load_byte(base, place) * PRIME_5, np.uint64(11)) * PRIME_1
        place += 1
    h = (h ^ h >> np.uint64(33)) * PRIME_2
    h = (h ^ h >> np.uint64(29)) * PRIME_3
    return h ^ h >> np.uint64(32)
