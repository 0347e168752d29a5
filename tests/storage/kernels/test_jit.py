"""Kernels call kernels as Python would, and are compiled once for each combination of types."""

from __future__ import annotations

import numpy as np
import pytest

from storage.kernels.arrays import Float64s
from storage.kernels.jit import KERNELS, Kernel, float_kernel, kernel, kernel_part


@kernel_part
def plus(a: int, b: int) -> int:
    return a + b


@kernel
def checked(values: Float64s, limit: float) -> float:
    total = 0.0
    for i in range(len(values)):
        if values[i] > limit:
            raise ValueError("above the limit")
        total += values[i]
    return total


@kernel
def from_zero(count: int) -> int:
    """Calls with a literal, with a variable that begins as one, and with what it becomes."""
    total = 0
    for i in range(count):
        total = plus(total, i)
    return plus(total, 1)


@kernel
def filled(count: int, value: float, limit: float = 10.0) -> float:
    return checked(np.full(count, value), limit)


@float_kernel
def quotient(a: float, b: float) -> float:
    return a / b


@kernel
def quotients(a: float, b: float) -> tuple[float, float]:
    return quotient(a, b), a / b


def inner_types(function: object) -> list[str]:
    assert isinstance(function, Kernel)
    return [str(types) for types in function.inners]


def test_every_kernel_is_registered() -> None:
    assert {plus, checked, from_zero, filled} <= set(KERNELS)


def test_a_literal_is_no_type_of_its_own() -> None:
    assert from_zero(5) == 11
    assert inner_types(plus) in ([], ["(int64, int64)"]), "none if it was found on disk"


def test_what_only_kernels_call_is_nothing_that_python_calls() -> None:
    assert filled(3, 2.0) == 6.0
    assert not checked.overloads  # type: ignore[attr-defined]
    assert checked(np.ones(2), 1.0) == 2.0
    assert len(checked.overloads) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("function", [lambda: filled(3, 11.0), lambda: checked(np.ones(1), 0.5)])
def test_errors_of_inner_kernels_are_those_of_the_outer_one(function: object) -> None:
    assert callable(function)
    with pytest.raises(ValueError, match="above the limit"):
        function()


def test_arithmetic_is_that_of_each_kernel() -> None:
    assert np.isnan(quotient(0.0, 0.0))
    with pytest.raises(ZeroDivisionError):
        quotients(1.0, 0.0)
