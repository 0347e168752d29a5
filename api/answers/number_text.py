"""Numbers as text: kernels that write decimal digits to an address.

A float is written with the fewest digits that only it is read back from, the nearest such ones, in
the form that Prometheus gives it: an exponent below 1e-6 and from 1e21 on. Most have a decimal
form of a few places, which one division proves; the others get their digits by R. Giulietti's
Schubfach ("The Schubfach way to render doubles", 2020): the bounds of what is rounded to the float
are scaled by a power of ten, and of the one or two integers between them the nearer one is taken.

Writers put bytes to `text` + `at` and return where they stopped. They write whole words, so up to
24 bytes behind that place may be overwritten, too; the caller has made room.
"""

import math

import numpy as np
from numpy.typing import NDArray

from storage.kernels.jit import kernel
from storage.kernels.words import Place, load_word, multiply_add, store_word

Words = NDArray[np.uint64]

SCALE = 10_000.0  # prices, percentages and seconds have at most four places
MANTISSA_LIMIT = 1e15  # up to 15 digits, a decimal is the shortest text of the float next to it
INTEGER_LIMIT = 2.0**53  # up to here every integer is a float, and its digits are the shortest

# What 10**k is a multiple of for the least and the largest k that floats need; see power_words.
POWER_MIN, POWER_MAX = -292, 324


def power_words() -> Words:
    """10**k / 2**e, rounded up, as low and high word, such that the highest bit is set."""
    table = np.empty((POWER_MAX - POWER_MIN + 1, 2), np.uint64)
    for k in range(POWER_MIN, POWER_MAX + 1):
        exponent = ((k * 1741647) >> 19) - 127
        if k >= 0:
            power = -(-(10**k) >> exponent) if exponent > 0 else 10**k << -exponent
        else:
            power = -(-(1 << -exponent) // 10**-k)
        table[k - POWER_MIN] = power & 0xFFFF_FFFF_FFFF_FFFF, power >> 64
    return table


POWERS = power_words()
UNITS = 10 ** np.arange(20, dtype=np.uint64)

NONE, ONE, TWO, TEN = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(10)
FOUR, FORTY = np.uint64(4), np.uint64(40)
FOUR_DIGITS, EIGHT_DIGITS = np.uint64(10**4), np.uint64(10**8)
SIXTEEN_DIGITS = np.uint64(10**16)
FRACTION_BITS, EXPONENT_MASK = np.uint64(52), np.uint64(0x7FF)
FRACTION_MASK, IMPLIED_BIT = np.uint64((1 << 52) - 1), np.uint64(1 << 52)


def word_of(text: bytes) -> np.uint64:
    """Up to 8 characters as a word, which has the first one in its lowest byte."""
    return np.uint64(int.from_bytes(text, "little"))


POINT, MINUS = word_of(b"."), word_of(b"-")
PLUS_EXPONENT, MINUS_EXPONENT = word_of(b"e+"), word_of(b"e-")
ZEROS, ZERO_POINT = word_of(b"00000000"), word_of(b"0.000000")
NAN, PLUS_INF, MINUS_INF = word_of(b"NaN"), word_of(b"+Inf"), word_of(b"-Inf")


@kernel
def eight_digits(number: np.uint64) -> np.uint64:
    """The digits of a number below 10**8, one in each byte, the first in the lowest.

    Halves of halves of halves, each divided in its own lane of the word.
    """
    upper = number // FOUR_DIGITS
    lanes = upper | ((number - upper * FOUR_DIGITS) << np.uint64(32))
    upper = ((lanes * np.uint64(5243)) >> np.uint64(19)) & np.uint64(0x0000007F_0000007F)
    lanes = upper | ((lanes - upper * np.uint64(100)) << np.uint64(16))
    upper = ((lanes * np.uint64(103)) >> np.uint64(10)) & np.uint64(0x000F000F_000F000F)
    return upper | ((lanes - upper * TEN) << np.uint64(8))


@kernel
def digits_of(number: np.uint64) -> int:
    """How many decimal digits a number below 10**19 has; 0 has one."""
    width = 1
    if number >= EIGHT_DIGITS:
        width = 9
        if number >= SIXTEEN_DIGITS:
            width = 17
    while width < 19 and number >= UNITS[width]:
        width += 1
    return width


@kernel
def write_few(text: Place, at: Place, number: np.uint64, width: int) -> Place:
    """The last `width` digits, 1 to 8, of a number below 10**8."""
    word = eight_digits(number) | ZEROS
    store_word(text, at, word >> np.uint64(64 - 8 * width))
    return at + width


@kernel
def write_digits(text: Place, at: Place, number: np.uint64, width: int) -> Place:
    """A number below 10**width, with zeros in front if it is shorter; width: 1 to 19."""
    if width > 16:
        upper = number // SIXTEEN_DIGITS
        at = write_few(text, at, upper, width - 16)
        number -= upper * SIXTEEN_DIGITS
        width = 16
    if width > 8:
        upper = number // EIGHT_DIGITS
        at = write_few(text, at, upper, width - 8)
        number -= upper * EIGHT_DIGITS
        width = 8
    return write_few(text, at, number, width)


@kernel
def write_integer(text: Place, at: Place, number: np.uint64) -> Place:
    """A number below 10**19."""
    return write_digits(text, at, number, digits_of(number))


@kernel
def write_time(text: Place, at: Place, time_ms: int) -> Place:
    """Seconds; with three decimals unless they are 0."""
    if time_ms < 0:
        store_word(text, at, MINUS)
        at += 1
        time_ms = -time_ms
    whole = np.uint64(time_ms)
    seconds = whole // np.uint64(1000)
    at = write_integer(text, at, seconds)
    rest = whole - seconds * np.uint64(1000)
    if rest != NONE:
        store_word(text, at, POINT)
        at = write_few(text, at + 1, rest, 3)
    return at


@kernel
def write_places(text: Place, at: Place, mantissa: np.uint64) -> Place:
    """mantissa / SCALE, which is at least 0."""
    whole = mantissa // FOUR_DIGITS
    at = write_integer(text, at, whole)
    places = mantissa - whole * FOUR_DIGITS
    if places == NONE:
        return at
    width = 4
    while places % TEN == NONE:
        places //= TEN
        width -= 1
    store_word(text, at, POINT)
    return write_few(text, at + 1, places, width)


@kernel
def rounded_to_odd(low: np.uint64, high: np.uint64, factor: np.uint64) -> np.uint64:
    """The upper word of (high : low) * factor / 2**64, with the lowest bit set if it is inexact.

    The power is rounded up, so an exact product may come out as one bit too much: that much counts
    as exact.
    """
    _, carried = multiply_add(NONE, NONE, low, factor)
    rest, product = multiply_add(carried, NONE, high, factor)
    return product | np.uint64(rest > ONE)


@kernel
def shortest(bits: np.uint64) -> tuple[np.uint64, Place]:
    """The digits, at most 17, and the power of ten that a float above 0 is written with."""
    fraction = bits & FRACTION_MASK
    biased = np.int64((bits >> FRACTION_BITS) & EXPONENT_MASK)
    exponent = (biased if biased > 0 else 1) - 1075
    whole = fraction | IMPLIED_BIT if biased > 0 else fraction
    # Below a power of two floats are twice as dense, so what is rounded to it begins nearer.
    lopsided = fraction == NONE and biased > 1
    scale = (exponent * 1262611 - (524031 if lopsided else 0)) >> 22
    power = -scale
    shift = np.uint64(exponent + ((power * 1741647) >> 19) + 1)
    low, high = POWERS[power - POWER_MIN, 0], POWERS[power - POWER_MIN, 1]
    quadruple = FOUR * whole
    below = rounded_to_odd(low, high, (quadruple - (ONE if lopsided else TWO)) << shift)
    middle = rounded_to_odd(low, high, quadruple << shift)
    above = rounded_to_odd(low, high, (quadruple + TWO) << shift)
    # The bounds themselves are rounded to the float only if its last bit is 0.
    odd = whole & ONE
    below += odd
    above -= odd
    digits = middle // FOUR
    if digits >= TEN:
        tenth = digits // TEN
        fits = below <= FORTY * tenth
        next_fits = FORTY * tenth + FORTY <= above
        if fits != next_fits:
            return tenth + np.uint64(next_fits), scale + 1
    fits = below <= FOUR * digits
    next_fits = FOUR * digits + FOUR <= above
    if fits != next_fits:
        return digits + np.uint64(next_fits), scale
    half = FOUR * digits + TWO
    up = middle > half or (middle == half and digits & ONE == ONE)
    return digits + np.uint64(up), scale


@kernel
def write_shortest(text: Place, at: Place, bits: np.uint64) -> Place:
    """A float above 0."""
    digits, exponent = shortest(bits)
    while digits % TEN == NONE:
        digits //= TEN
        exponent += 1
    width = digits_of(digits)
    point = width + exponent  # so many digits stand before the point
    if point < -5 or point > 21:
        return write_exponential(text, at, digits, width, point - 1)
    if point <= 0:
        store_word(text, at, ZERO_POINT)
        return write_digits(text, at + 2 - point, digits, width)
    end = write_digits(text, at, digits, width)
    if exponent >= 0:
        for written in range(0, exponent, 8):
            store_word(text, end + written, ZEROS)
        return end + exponent
    open_up(text, at + point)
    return end + 1


@kernel
def open_up(text: Place, at: Place) -> None:
    """Put a point between digits, of which up to 16 are behind it."""
    first, second = load_word(text, at), load_word(text, at + 8)
    store_word(text, at, POINT)
    store_word(text, at + 1, first)
    store_word(text, at + 9, second)


@kernel
def write_exponential(
    text: Place, at: Place, digits: np.uint64, width: int, exponent: Place
) -> Place:
    """d.ddde-07: one digit before the point, and at least two of the exponent."""
    at_point = at + 1
    at = write_digits(text, at, digits, width)
    if width > 1:
        open_up(text, at_point)
        at += 1
    store_word(text, at, MINUS_EXPONENT if exponent < 0 else PLUS_EXPONENT)
    size = np.uint64(-exponent if exponent < 0 else exponent)
    return write_digits(text, at + 2, size, max(2, digits_of(size)))


@kernel
def write_number(text: Place, at: Place, value: float) -> Place:
    """Any float; at most 25 bytes."""
    if math.isnan(value):
        store_word(text, at, NAN)
        return at + 3
    if math.isinf(value):
        store_word(text, at, PLUS_INF if value > 0 else MINUS_INF)
        return at + 4
    if math.copysign(1.0, value) < 0:
        store_word(text, at, MINUS)
        at += 1
        value = -value
    # One correctly rounded division of exact numbers: if it gives the value, no other decimal of so
    # few digits does.
    mantissa = np.rint(value * SCALE)
    if mantissa < MANTISSA_LIMIT and mantissa / SCALE == value:
        return write_places(text, at, np.uint64(mantissa))
    if value < INTEGER_LIMIT and math.floor(value) == value:
        return write_integer(text, at, np.uint64(value))
    return write_shortest(text, at, np.float64(value).view(np.uint64))
