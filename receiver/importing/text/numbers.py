"""Decimal numbers in text, as parts of kernels.

A value of at most 19 digits that is a whole number below 2 ** 53, times or through a power of ten
up to 22, is exact in one operation of floats. All others are left to Python.
"""

import numpy as np

from storage.kernels.jit import kernel_part
from storage.kernels.words import Place, load_byte

READ, LEFT, WRONG = range(3)
# What Prometheus makes of the text.
NAN_BITS = np.uint64(0x7FF8000000000001)
INF_BITS, MINUS_BIT = np.uint64(0x7FF0000000000000), np.uint64(1 << 63)
DIGITS_MAX, EXACT_MAX, POWER_MAX = 18, np.uint64(1 << 53), 22
POWERS = np.array([10.0**k for k in range(POWER_MAX + 1)])
ZERO, NINE, MINUS, PLUS, POINT = (np.uint64(ord(c)) for c in "09-+.")
LOWER = np.uint64(0x20)  # the bit that small letters have
LETTER_E, LETTER_I, LETTER_N, LETTER_A, LETTER_F = (np.uint64(ord(c)) for c in "einaf")
# Of a time: digits of milliseconds behind the point.
MS_DIGITS = 3


@kernel_part
def is_digit(byte: np.uint64) -> bool | np.bool:
    return ZERO <= byte <= NINE


@kernel_part
def letter(base: Place, place: Place) -> np.uint64:
    """The byte, as a small letter if it is one."""
    return load_byte(base, place) | LOWER


@kernel_part
def read_word(base: Place, first: Place, end: Place) -> np.uint64:
    """The bits that a word of three letters stands for, or 0."""
    if end - first != 3:
        return np.uint64(0)
    a, b, c = letter(base, first), letter(base, first + 1), letter(base, first + 2)
    if a == LETTER_N and b == LETTER_A and c == LETTER_N:
        return NAN_BITS
    if a == LETTER_I and b == LETTER_N and c == LETTER_F:
        return INF_BITS
    return np.uint64(0)


@kernel_part
def read_digits(
    base: Place, first: Place, end: Place
) -> tuple[np.uint64, Place, Place, Place, Place]:
    """(number of all digits, how many they are, how many are behind a point, points, the place
    behind them)."""
    number = np.uint64(0)
    digits = behind = points = np.int64(0)
    place = first
    while place < end:
        byte = load_byte(base, place)
        if is_digit(byte):
            number = number * np.uint64(10) + (byte - ZERO)
            # Zeros before the first other digit count for nothing.
            digits += 1 if number else 0
            behind += points
        elif byte == POINT and points == 0:
            points = np.int64(1)
        else:
            break
        place += 1
    return number, digits, behind, points, place


@kernel_part
def read_exponent(base: Place, first: Place, end: Place) -> tuple[Place, bool]:
    """(the exponent at first:end, whether it is one of a few digits)."""
    place, minus = first, False
    if place < end and (load_byte(base, place) == MINUS or load_byte(base, place) == PLUS):
        minus = bool(load_byte(base, place) == MINUS)
        place += 1
    number = np.int64(0)
    if place >= end or end - place > 4:
        return number, False
    while place < end:
        byte = load_byte(base, place)
        if not is_digit(byte):
            return number, False
        number = 10 * number + np.int64(byte - ZERO)
        place += 1
    return -number if minus else number, True


@kernel_part
def read_float(base: Place, first: Place, end: Place) -> tuple[float, np.uint64, int]:
    """(value, 0, READ), (0, bits, READ) if there are bits, or what is to be done with the text."""
    place, minus = first, False
    if place < end and (load_byte(base, place) == MINUS or load_byte(base, place) == PLUS):
        minus = bool(load_byte(base, place) == MINUS)
        place += 1
    word = read_word(base, place, end)
    if word != np.uint64(0):
        return 0.0, word | MINUS_BIT if minus and word == INF_BITS else word, READ
    number, digits, behind, points, at = read_digits(base, place, end)
    if at - place - points == 0:
        return 0.0, np.uint64(0), LEFT
    exponent = -behind
    if at < end:
        given, sound = read_exponent(base, at + 1, end)
        if letter(base, at) != LETTER_E or not sound:
            return 0.0, np.uint64(0), LEFT
        exponent += given
    if digits > DIGITS_MAX or number > EXACT_MAX or not -POWER_MAX <= exponent <= POWER_MAX:
        return 0.0, np.uint64(0), LEFT
    value = np.float64(number)
    value = value * POWERS[exponent] if exponent >= 0 else value / POWERS[-exponent]
    return -value if minus else value, np.uint64(0), READ


@kernel_part
def read_seconds(base: Place, first: Place, end: Place) -> tuple[np.int64, int]:
    """(ms, READ) of a time in seconds, rounded to the nearest, or what is to be done with it."""
    place, minus = first, False
    if place < end and load_byte(base, place) == MINUS:
        minus = True
        place += 1
    number, digits, behind, points, at = read_digits(base, place, end)
    if at - place - points == 0 or at < end or digits > DIGITS_MAX - MS_DIGITS:
        return np.int64(0), LEFT
    ms = np.int64(number)
    while behind < MS_DIGITS:
        ms *= 10
        behind += 1
    if behind > MS_DIGITS:
        divisor = np.int64(1)
        while behind > MS_DIGITS:
            divisor *= 10
            behind -= 1
        ms = (ms + divisor // 2) // divisor
    return -ms if minus else ms, READ


@kernel_part
def read_ms(base: Place, first: Place, end: Place) -> tuple[np.int64, int]:
    """(ms, READ) of a time in whole ms, or (0, WRONG)."""
    place, minus = first, False
    if place < end and load_byte(base, place) == MINUS:
        minus = True
        place += 1
    number, digits, _, points, at = read_digits(base, place, end)
    if at == place or at < end or points or digits > DIGITS_MAX:
        return np.int64(0), WRONG
    return -np.int64(number) if minus else np.int64(number), READ
