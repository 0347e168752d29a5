"""A keyed 64-bit hash of byte runs, as a part of kernels.

Words of 8 bytes are folded by a 64 x 64 -> 128 bit multiplication whose halves are xored, as in the
wyhash family. The key is random for each process, so no one outside can prepare texts that pile up
in one place of a hash table. Equal hashes are always followed by a comparison of the bytes.
"""

import secrets

import numpy as np

from storage.kernels.arrays import UInt64s
from storage.kernels.jit import kernel_part
from storage.kernels.words import Place, load_byte, load_word, multiply_add

KEY_WORDS = 3


def random_key() -> UInt64s:
    """A secret of uint64[KEY_WORDS]; every word is odd, so that no factor is 0 by itself."""
    return np.frombuffer(secrets.token_bytes(8 * KEY_WORDS), np.uint64) | np.uint64(1)


@kernel_part
def fold_multiply(a: np.uint64, b: np.uint64) -> np.uint64:
    """The two halves of the 128-bit product, xored."""
    low, high = multiply_add(np.uint64(0), np.uint64(0), a, b)
    return low ^ high


@kernel_part
def hash64(base: Place, start: Place, end: Place, key: UInt64s) -> np.uint64:
    """The hash of the bytes start:end from address `base`."""
    h = key[0] ^ np.uint64(end - start)
    place = start
    while place + 8 <= end:
        h = fold_multiply(h ^ load_word(base, place), key[1])
        place += 8
    tail = np.uint64(0)
    shift = np.uint64(0)
    while place < end:
        tail |= load_byte(base, place) << shift
        shift += np.uint64(8)
        place += 1
    h = fold_multiply(h ^ tail, key[2])
    return fold_multiply(h ^ key[1], key[2])
