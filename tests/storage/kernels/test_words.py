"""The machine words of kernels, against Python's integers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.kernels.arrays import Int64s
from storage.kernels.jit import kernel
from storage.kernels.words import (
    leading_zeros,
    load_byte,
    load_word,
    multiply_add,
    store_byte,
    store_word,
    swap_bytes,
    trailing_zeros,
)

# The first call compiles.
compiled = settings(deadline=None)

WORDS = st.integers(0, (1 << 64) - 1)


@kernel
def add_product(words, out) -> None:
    out[0], out[1] = multiply_add(words[0], words[1], words[2], words[3])


@kernel
def move_word(source, offset: int, out: Int64s) -> None:
    """out[0] = the byte, and the word in out[1] = the 8 bytes, at source[offset:]."""
    out[0] = load_byte(source.ctypes.data, offset)
    store_word(out.ctypes.data, 8, load_word(source.ctypes.data, offset))


@compiled
@given(WORDS, WORDS, WORDS, WORDS)
def test_multiply_add_is_exact_modulo_two_to_the_128(low: int, high: int, a: int, b: int) -> None:
    out = np.zeros(2, np.uint64)
    add_product(np.array([low, high, a, b], np.uint64), out)
    total = ((high << 64 | low) + a * b) % (1 << 128)
    assert out.tolist() == [total % (1 << 64), total >> 64]


@compiled
@given(st.binary(min_size=8, max_size=24))
def test_words_are_little_endian_at_any_place(data: bytes) -> None:
    offset = len(data) - 8
    out = np.zeros(2, np.uint64)
    move_word(np.frombuffer(data, np.uint8), offset, out)
    assert out.tolist() == [data[offset], int.from_bytes(data[offset:], "little")]


@kernel
def look_at_bits(words, out) -> None:
    """out = the zeros before and behind the word, the word of its bytes in turned order, and
    its lowest byte as the second one of a word."""
    out[0], out[1] = np.uint64(leading_zeros(words[0])), np.uint64(trailing_zeros(words[0]))
    out[2] = swap_bytes(words[0])
    store_byte(out.ctypes.data, 3 * 8 + 1, words[0])


@compiled
@given(st.one_of(WORDS, st.integers(0, 63).map(lambda k: 1 << k), st.just(0)))
def test_bits_of_a_word(word: int) -> None:
    out = np.zeros(4, np.uint64)
    look_at_bits(np.array([word], np.uint64), out)
    text = f"{word:064b}"
    zeros = [64, 64] if not word else [text.index("1"), text[::-1].index("1")]
    assert out.tolist() == [
        *zeros,
        int.from_bytes(word.to_bytes(8, "little"), "big"),
        (word & 0xFF) << 8,
    ]
