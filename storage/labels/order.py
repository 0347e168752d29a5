"""The order of label sets, found on columns of numbers that stand for their texts.

Label sets are compared pair by pair as bytes, name before value, a shorter one first where it is
what another begins with. So at one name, a row that has it comes by its value, before a row that
goes on with a later name, after a row that has ended. Each name gives a row one digit; the digits
of all names are one number by which rows are sorted. Names that distinguish no rows have no digit.
"""

import numpy as np

from storage.kernels.arrays import Int32s, Int64s
from storage.kernels.jit import kernel

DIGITS_LIMIT = 1 << 62


def order_of(numbers: Int32s, ranks: Int32s) -> Int64s:
    """The order of the rows of int32[rows, names], names in their own order; stable.

    numbers: 0 where a row has no such label; ranks: of each number, its place in the order of
    texts, from 1 on. Different numbers of a column have different ranks.
    """
    rows, names = numbers.shape
    keys, size = np.zeros(rows, np.int64), 1
    lasts = last_names(numbers)
    digits, places = np.empty(rows, np.int32), np.empty(len(ranks) + 2, np.int32)
    for column in range(names):
        count = digits_of_column(numbers, column, ranks, lasts, places, digits)
        if count <= 1:
            continue
        if size * count > DIGITS_LIMIT:
            distinct, keys = np.unique(keys, return_inverse=True)
            size = len(distinct)
        keys = keys * count + digits
        size *= count
    return np.argsort(keys, kind="stable").astype(np.int64, copy=False)


@kernel
def last_names(numbers: Int32s) -> Int32s:
    """Of each row, the last column in which it has a label; -1 if it has none."""
    rows, names = numbers.shape
    lasts = np.full(rows, -1, np.int32)
    for i in range(rows):
        for column in range(names):
            if numbers[i, column] != 0:
                lasts[i] = column
    return lasts


@kernel
def digits_of_column(
    numbers: Int32s, column: int, ranks: Int32s, lasts: Int32s, places: Int32s, digits: Int32s
) -> int:
    """digits[i] = the place of row i among the distinct ones of a column; returns how many those
    are.

    places: scratch, two longer than ranks.
    """
    goes_on = len(places) - 1
    places[:] = 0
    for i in range(len(digits)):
        number = numbers[i, column]
        if number != 0:
            digits[i] = ranks[number]
        else:
            digits[i] = goes_on if column < lasts[i] else 0
        places[digits[i]] = 1
    count = 0
    for place in range(len(places)):
        if places[place] != 0:
            places[place] = count
            count += 1
    for i in range(len(digits)):
        digits[i] = places[digits[i]]
    return count
