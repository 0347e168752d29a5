"""The checksum, against the definition bit by bit."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.kernels.crc32c import checksums


def twin(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def checksum(data: bytes, start: int, end: int) -> int:
    buffer = np.frombuffer(data + b"\0", np.uint8)
    return int(checksums(buffer, np.array([start]), np.array([end]))[0])


def test_the_check_value() -> None:
    assert checksum(b"123456789", 0, 9) == 0xE3069283


@settings(deadline=None)
@given(st.binary(max_size=100), st.integers(0, 100), st.integers(0, 100))
def test_any_range(data: bytes, a: int, b: int) -> None:
    start, end = sorted((min(a, len(data)), min(b, len(data))))
    assert checksum(data, start, end) == twin(data[start:end])
