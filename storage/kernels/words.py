"""Machine words for kernels: loads from an address, bits, and 128-bit arithmetic.

A kernel takes the address of an array's first byte once (array.ctypes.data) and hands it to the
functions it calls. Handing them the array would count references at every call: measured, the wire
scanner is four times slower that way.

Invariant: nothing here checks bounds. The caller has compared place and size before, and holds the
array while the kernel runs. So a kernel takes addresses of its arguments only: of an array that it
made itself, the compiler ends the life after its last use, and the address does not count as one.
Words are little-endian.
"""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

BYTE, WORD, WIDE = ir.IntType(8), ir.IntType(64), ir.IntType(128)

# An address, an offset from it, or, where a kernel returns it, minus an error.
Place = int | np.int64
Typed = tuple[Any, Callable[..., Any]]


def _load(builder: Any, arguments: Any, kind: ir.IntType) -> Any:
    place = builder.inttoptr(builder.add(*arguments), kind.as_pointer())
    loaded = builder.load(place)
    loaded.align = 1
    return loaded


def _load_byte(typing_context: Any, address: Any, offset: Any) -> Typed:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.zext(_load(builder, arguments, BYTE), WORD)

    return types.uint64(types.int64, types.int64), generate


def _load_word(typing_context: Any, address: Any, offset: Any) -> Typed:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _load(builder, arguments, WORD)

    return types.uint64(types.int64, types.int64), generate


def _store_word(typing_context: Any, address: Any, offset: Any, word: Any) -> Typed:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(builder.add(arguments[0], arguments[1]), WORD.as_pointer())
        builder.store(arguments[2], place, align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.uint64), generate


def _store_byte(typing_context: Any, address: Any, offset: Any, byte: Any) -> Typed:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.inttoptr(builder.add(arguments[0], arguments[1]), BYTE.as_pointer())
        builder.store(builder.trunc(arguments[2], BYTE), place)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.uint64), generate


def _multiply_add(typing_context: Any, low: Any, high: Any, a: Any, b: Any) -> Typed:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        half = ir.Constant(WIDE, 64)
        low, high, a, b = (builder.zext(argument, WIDE) for argument in arguments)
        total = builder.add(builder.or_(builder.shl(high, half), low), builder.mul(a, b))
        words = [builder.trunc(total, WORD), builder.trunc(builder.lshr(total, half), WORD)]
        return context.make_tuple(builder, signature.return_type, words)

    word: Any = types.uint64
    pair: Any = types.UniTuple(word, 2)
    return pair(word, word, word, word), generate


def _swap_bytes(typing_context: Any, word: Any) -> Typed:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bswap(arguments[0])

    return types.uint64(types.uint64), generate


def _leading_zeros(typing_context: Any, word: Any) -> Typed:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


def _trailing_zeros(typing_context: Any, word: Any) -> Typed:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


def _prefetch(typing_context: Any, address: Any, offset: Any) -> Typed:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number = ir.IntType(32)
        place = builder.inttoptr(builder.add(*arguments), BYTE.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        for_writing, keep, data = (ir.Constant(number, n) for n in (1, 3, 1))
        untyped: Any = cgutils
        fetch = untyped.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(fetch, [place, for_writing, keep, data])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


# The byte at address + offset, as an unsigned word.
load_byte = cast(Callable[[Place, Place], np.uint64], intrinsic(_load_byte))
# The 8 bytes at address + offset, at any alignment.
load_word = cast(Callable[[Place, Place], np.uint64], intrinsic(_load_word))
# Writes a word to the 8 bytes at address + offset.
store_word = cast(Callable[[Place, Place, np.uint64], None], intrinsic(_store_word))
# Writes the lowest 8 bits of a word to the byte at address + offset.
store_byte = cast(Callable[[Place, Place, np.uint64], None], intrinsic(_store_byte))
# The word of the same bytes in the opposite order.
swap_bytes = cast(Callable[[np.uint64], np.uint64], intrinsic(_swap_bytes))
# How many bits of a word, from the highest or from the lowest on, are 0; 64 if all are.
leading_zeros = cast(Callable[[np.uint64], np.int64], intrinsic(_leading_zeros))
trailing_zeros = cast(Callable[[np.uint64], np.int64], intrinsic(_trailing_zeros))
# Asks the processor for the line of its cache at address + offset, which is about to be written.
# Any address will do, also one that no one may read.
prefetch = cast(Callable[[Place, Place], None], intrinsic(_prefetch))
# (high : low) + a * b modulo 2^128, as its low and its high word.
multiply_add = cast(
    Callable[[np.uint64, np.uint64, np.uint64, np.uint64], tuple[np.uint64, np.uint64]],
    intrinsic(_multiply_add),
)
