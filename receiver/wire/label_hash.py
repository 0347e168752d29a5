"""The keyed 128-bit hash of a series' label bytes, as kernels.

Two lanes of 64 bits with keys of their own. A lane compresses blocks of 512 bytes by NH, the sum of
products of keyed words, and takes the results as coefficients of a polynomial over the integers
modulo 2^61 - 1, whose value at a secret point is the lane's hash. The leading coefficient is the
length in bytes. This is the construction of UMAC and UMASH (Black, Halevi, Krawczyk, Krovetz and
Rogaway, "UMAC: Fast and Secure Message Authentication", 1999).

Invariants:
* Whatever two runs of label bytes are chosen, without the secret they share both lanes with a
  chance of about 2^-110: not a matter of luck with the data, but only of the secret.
* The secret is renewed by every process; hashes are never stored.
"""

import secrets

import numpy as np

from storage.kernels.arrays import UInt64s
from storage.kernels.jit import kernel_part
from storage.kernels.words import Place, load_byte, load_word, multiply_add

# Larger blocks need fewer polynomial steps, smaller ones a shorter secret. Real label sets have 100
# to 500 bytes.
BLOCK_BYTES = 512
LANE_KEYS = BLOCK_BYTES // 8
LOW_POINT = 2 * LANE_KEYS
HIGH_POINT = LOW_POINT + 1
SECRET_WORDS = HIGH_POINT + 1
PRIME = np.uint64((1 << 61) - 1)


def new_secret() -> UInt64s:
    """uint64[SECRET_WORDS]: the NH keys of the low lane, of the high lane, and the two points."""
    secret = np.frombuffer(secrets.token_bytes(8 * SECRET_WORDS), np.uint64).copy()
    secret[LOW_POINT:] = [1 + secrets.randbelow(int(PRIME) - 1) for _ in range(2)]
    return secret


@kernel_part
def polynomial_step(value: np.uint64, point: np.uint64, coefficient: np.uint64) -> np.uint64:
    """value * point + coefficient modulo PRIME; a few too large, so that no branch is needed."""
    low, high = multiply_add(np.uint64(0), np.uint64(0), value, point)
    folded = (low & PRIME) + ((low >> np.uint64(61)) | (high << np.uint64(3)))
    folded += (coefficient & PRIME) + (coefficient >> np.uint64(61))
    return (folded & PRIME) + (folded >> np.uint64(61))


@kernel_part
def scatter_bits(value: np.uint64) -> np.uint64:
    """A lane's polynomial value, reduced and spread over 64 bits one to one (as Murmur3 ends)."""
    h = value - PRIME if value >= PRIME else value
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    h = (h ^ (h >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(33))


@kernel_part
def keyed_product(
    low: np.uint64, high: np.uint64, x: np.uint64, y: np.uint64, keys: Place
) -> tuple[np.uint64, np.uint64]:
    """(high : low) + (x + k) * (y + k'), where k and k' are the two words at the address keys."""
    return multiply_add(low, high, x + load_word(keys, 0), y + load_word(keys, 8))


@kernel_part
def tail_word(base: Place, start: Place, end: Place, run_start: Place) -> np.uint64:
    """The up to 8 bytes of start:end as a word; 0 where start is at or behind end.

    Nothing before run_start is read.
    """
    missing = 8 - (end - start)
    if missing <= 0:
        return load_word(base, start)
    if missing >= 8:
        return np.uint64(0)
    if end - 8 >= run_start:
        return load_word(base, end - 8) >> np.uint64(8 * missing)
    word = shift = np.uint64(0)
    for place in range(start, end):
        word |= load_byte(base, place) << shift
        shift += np.uint64(8)
    return word


@kernel_part
def hash128(base: Place, start: Place, end: Place, keys: Place) -> tuple[np.uint64, np.uint64]:
    """Both lanes of the hash of the bytes start:end; base and keys are addresses."""
    low_point = load_word(keys, 8 * LOW_POINT)
    high_point = load_word(keys, 8 * HIGH_POINT)
    low = high = np.uint64(end - start)
    place = start
    while place < end:
        a_low = a_high = np.uint64(0)
        b_low = b_high = np.uint64(0)
        stop = min(place + BLOCK_BYTES, end)
        pairs_end = (stop - place) & -16
        for at in range(0, pairs_end, 16):
            x = load_word(base, place + at)
            y = load_word(base, place + at + 8)
            a_low, a_high = keyed_product(a_low, a_high, x, y, keys + at)
            b_low, b_high = keyed_product(b_low, b_high, x, y, keys + BLOCK_BYTES + at)
        rest = place + pairs_end
        if rest < stop:
            x = tail_word(base, rest, stop, start)
            y = tail_word(base, rest + 8, stop, start)
            a_low, a_high = keyed_product(a_low, a_high, x, y, keys + pairs_end)
            b_low, b_high = keyed_product(b_low, b_high, x, y, keys + BLOCK_BYTES + pairs_end)
        place = stop
        low = polynomial_step(low, low_point, a_high)
        low = polynomial_step(low, low_point, a_low)
        high = polynomial_step(high, high_point, b_high)
        high = polynomial_step(high, high_point, b_low)
    return scatter_bits(low), scatter_bits(high)


@kernel_part
def combine_entry(
    low: np.uint64, high: np.uint64, text_low: np.uint64, text_high: np.uint64, keys: Place
) -> tuple[np.uint64, np.uint64]:
    """Both lanes of a hash of a row of texts, taken one after another as coefficients."""
    low = polynomial_step(low, load_word(keys, 8 * LOW_POINT), text_low)
    high = polynomial_step(high, load_word(keys, 8 * HIGH_POINT), text_high)
    return low, high
