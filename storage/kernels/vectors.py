"""Several numbers at once for kernels: what the compiler does not find out from a loop.

Written as vectors of the compiler's own language, so that each processor gets what it has; one
without vectors of 64 bytes does the same with smaller ones.

Invariant: nothing here checks bounds, as in storage.kernels.words.
"""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from storage.kernels.words import Place, Typed

LANES = 8
WORD, LANE = ir.IntType(64), ir.IntType(32)
WORDS = ir.VectorType(WORD, LANES)
# The widest numbers for which eight of them are taken out of one word, of two and of four.
WIDTHS = (8, 15, 29)


def _constants(numbers: list[int]) -> Any:
    return ir.Constant(WORDS, [ir.Constant(WORD, number) for number in numbers])


def _spread(builder: Any, number: Any) -> Any:
    """A number in all lanes."""
    first = builder.insert_element(ir.Constant(WORDS, ir.Undefined), number, ir.Constant(LANE, 0))
    zeros = ir.Constant(ir.VectorType(LANE, LANES), [ir.Constant(LANE, 0)] * LANES)
    return builder.shuffle_vector(first, first, zeros)


def _moved(builder: Any, vector: Any, by: int) -> Any:
    """Lanes moved up, with zeros below."""
    zeros = ir.Constant(WORDS, None)
    places = [
        ir.Constant(LANE, LANES if k < by else k - by)  # lane 8 is the first one of the zeros
        for k in range(LANES)
    ]
    return builder.shuffle_vector(vector, zeros, ir.Constant(ir.VectorType(LANE, LANES), places))


def _packed(builder: Any, source: Any, width: Any, loads: int) -> Any:
    """Eight numbers of so many bits, which begin at an address, out of so many words."""
    part = LANES // loads
    words = ir.Constant(WORDS, ir.Undefined)
    for first in range(0, LANES, part):
        bit = builder.mul(width, ir.Constant(WORD, first))
        byte = builder.lshr(bit, ir.Constant(WORD, 3))
        place = builder.inttoptr(builder.add(source, byte), WORD.as_pointer())
        word = builder.load(place)
        word.align = 1
        if loads == 1:
            words = _spread(builder, word)
            break
        for k in range(first, first + part):
            words = builder.insert_element(words, word, ir.Constant(LANE, k))
    firsts = _constants([k // part * part for k in range(LANES)])
    widths = _spread(builder, width)
    begun = builder.and_(builder.mul(widths, firsts), _constants([7] * LANES))
    behind = builder.mul(widths, _constants([k % part for k in range(LANES)]))
    mask = builder.lshr(ir.Constant(WORD, -1), builder.sub(ir.Constant(WORD, 64), width))
    found = builder.lshr(words, builder.add(begun, behind))
    return builder.and_(found, _spread(builder, mask))


def _sums_of(loads: int) -> Callable[..., Typed]:
    def sums(typing_context: Any, source: Any, width: Any, before: Any, target: Any) -> Typed:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            source, width, pair, target = arguments
            before, least = (builder.extract_value(pair, k) for k in range(2))
            found = builder.add(_packed(builder, source, width, loads), _spread(builder, least))
            for by in (1, 2, 4):
                found = builder.add(found, _moved(builder, found, by))
            # The sum that the next eight wait for is added up apart: one addition of words.
            risen = builder.extract_element(found, ir.Constant(LANE, LANES - 1))
            place = builder.inttoptr(target, WORDS.as_pointer())
            builder.store(builder.add(found, _spread(builder, before)), place, align=8)
            return builder.add(before, risen)

        number: Any = types.int64
        pair: Any = types.UniTuple(number, 2)
        return number(number, number, pair, number), generate

    return sums


Sums = Callable[[Place, int, tuple[int, int], Place], int]
# Eight numbers of `width` bits, one to WIDTHS[i], lie from a byte on: (source, width, (before,
# least), target) writes the running sums of what each is above `least`, from `before` on, and
# returns the last. Up to eight bytes behind the byte in which the last number begins are read.
sums_of_narrow = cast(Sums, intrinsic(_sums_of(1)))
sums_of_medium = cast(Sums, intrinsic(_sums_of(2)))
sums_of_wide = cast(Sums, intrinsic(_sums_of(4)))
