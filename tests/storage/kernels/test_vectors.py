"""Eight numbers at a time are unpacked and added up as one by one."""

import numpy as np
import pytest

from storage.kernels.arrays import Bytes, Int64s
from storage.kernels.jit import kernel
from storage.kernels.vectors import (
    LANES,
    WIDTHS,
    sums_of_medium,
    sums_of_narrow,
    sums_of_wide,
)

COUNT = 64
LEAST = (-(1 << 40), -3, 0, 17)


@kernel
def running_sums(data: Bytes, words: int, width: int, least: int, out: Int64s) -> int:
    """Sums from 5 on, each eight numbers taken out of so many words."""
    source, target, value = data.ctypes.data, out.ctypes.data, np.int64(5)
    for k in range(0, len(out), LANES):
        place, room = source + k // LANES * width, target + 8 * k
        if words == 1:
            value = sums_of_narrow(place, width, (value, least), room)
        elif words == 2:
            value = sums_of_medium(place, width, (value, least), room)
        else:
            value = sums_of_wide(place, width, (value, least), room)
    return value


def packed(numbers: Int64s, width: int) -> Bytes:
    """The lowest bits of numbers, and eight bytes behind them."""
    bits = (numbers[:, None] >> np.arange(width)) & 1
    return np.append(np.packbits(bits.astype(np.uint8), bitorder="little"), np.zeros(8, np.uint8))


@pytest.mark.parametrize(
    ("words", "width"),
    [(words, w) for words, most in zip((1, 2, 4), WIDTHS, strict=True) for w in range(1, most + 1)],
)
def test_running_sums(words: int, width: int) -> None:
    for least in LEAST:
        numbers = np.random.default_rng(width).integers(0, 1 << width, COUNT)
        out = np.zeros(COUNT, np.int64)
        last = running_sums(packed(numbers, width), words, width, least, out)
        assert out.tolist() == (5 + np.cumsum(numbers + least)).tolist()
        assert last == out[-1]
