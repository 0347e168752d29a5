"""XXH64 as the library of its author has it."""

from __future__ import annotations

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from storage.kernels.arrays import Bytes
from storage.kernels.jit import kernel
from storage.kernels.xxhash64 import xxhash64


@kernel
def hash_of(data: Bytes, start: int, end: int) -> np.uint64:
    return xxhash64(data.ctypes.data, start, end)


def hashed(content: bytes, before: bytes = b"") -> int:
    data = np.frombuffer(before + content + bytes(8), np.uint8)
    return int(hash_of(data, len(before), len(before) + len(content)))


@pytest.mark.parametrize("size", range(70))
def test_each_length(size: int) -> None:
    content = bytes((7 * k + 129) % 256 for k in range(size))
    assert hashed(content) == xxhash.xxh64_intdigest(content)


@given(st.binary(max_size=200), st.binary(max_size=9))
def test_any_bytes_at_any_place(content: bytes, before: bytes) -> None:
    assert hashed(content, before) == xxhash.xxh64_intdigest(content)
