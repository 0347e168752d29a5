"""The hash of series by their symbols, against its plain-Python twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.wire.label_hash import BLOCK_BYTES, LANE_KEYS, LOW_POINT, new_secret
from receiver.wire.scan import TRUNCATED
from receiver.wire.v2.references import hash_references
from storage.kernels.jit import kernel
from storage.reasons import BAD_REFERENCE
from tests.twins.wire.v1 import MASK, PRIME, encode_varint, hash128, message, scatter, tag

TEXTS = [b"", b"__name__", b"up", b"job", b"x" * 600, b"__name_x"]
TEXT_SECRET, SECRET = new_secret(), new_secret()
HASHES = np.array(
    [hash128(text, TEXT_SECRET.tolist(), BLOCK_BYTES) for text in TEXTS], dtype=np.uint64
)
NAME = HASHES[TEXTS.index(b"__name__"), 0]


@kernel
def hash_series(buffer, end, hashes, secret, name_low):
    return hash_references(
        buffer.ctypes.data, 0, end, hashes.ctypes.data, np.uint64(len(hashes)),
        secret.ctypes.data, name_low,
    )  # fmt: skip


def hash_of(*fields: bytes) -> tuple[int, int, int, int]:
    """(low, high, metric, reason) of a series of these fields."""
    data = np.frombuffer(b"".join(fields) + b"\xff" * 9, np.uint8)
    low, high, metric, reason, place = hash_series(data, len(data) - 9, HASHES, SECRET, NAME)
    if place < 0:
        raise ValueError(-place)
    return low, high, metric, reason


def twin(references: list[int]) -> tuple[int, int]:
    secret = SECRET.tolist()
    lanes = []
    for lane in (0, 1):
        words = [int(HASHES[number, lane]) for number in references]
        keys = secret[lane * LANE_KEYS : (lane + 1) * LANE_KEYS]
        lanes.append(lane_of(words, keys, secret[LOW_POINT + lane]))
    return lanes[0], lanes[1]


def lane_of(words: list[int], keys: list[int], point: int) -> int:
    blocks = [words[k : k + LANE_KEYS] for k in range(0, len(words), LANE_KEYS)]
    if not blocks or len(blocks[-1]) == LANE_KEYS:
        blocks.append([])
    coefficients = []
    for block in blocks:
        pairs = zip(block[0::2], block[1::2], keys[0::2], keys[1::2], strict=False)
        total = sum((x + k & MASK) * (y + q & MASK) for x, y, k, q in pairs) & (1 << 128) - 1
        coefficients += [total >> 64, total & MASK]
    coefficients.insert(len(coefficients) - 2, len(words) + 1)
    value = 0
    for coefficient in coefficients:
        value = (value * point + coefficient) % PRIME
    return scatter(value)


def packed(references: list[int]) -> bytes:
    return message(1, b"".join(map(encode_varint, references)))


@settings(deadline=None)
@given(
    st.lists(st.integers(0, len(TEXTS) - 1), max_size=5) | st.integers(0, 70).map(lambda n: [2] * n)
)
def test_series_are_hashed_as_by_the_twin(references: list[int]) -> None:
    references = references[: len(references) // 2 * 2]
    low, high, metric, reason = hash_of(packed(references))
    assert (low, high, reason) == (*twin(references), 0)
    named = [
        value for name, value in zip(references[::2], references[1::2], strict=True) if name == 1
    ]
    assert metric == (named[-1] if named else -1)


@pytest.mark.parametrize("count", [62, 64, 66, 126, 128, 130])
def test_long_series_are_hashed_by_blocks(count: int) -> None:
    references = [k * k % len(TEXTS) for k in range(count)]
    assert hash_of(packed(references))[:2] == twin(references)


@pytest.mark.parametrize(
    "fields",
    [
        [packed([1, 2]), packed([3, 2])],
        [packed([1]), packed([2, 3]), packed([2])],
        [tag(1, 0) + b"\x01", packed([2, 3, 2])],
        [packed([1, 2, 3]), message(9, b"?"), tag(1, 0) + b"\x02"],
        [message(1, b"\x81\x00\x82\x80\x80\x00\x03\x02")],
        [packed([]), packed([1, 2, 3, 2]), packed([])],
    ],
)
def test_pieces_hash_as_the_whole(fields: list[bytes]) -> None:
    assert hash_of(*fields) == (*twin([1, 2, 3, 2]), 2, 0)


@pytest.mark.parametrize(
    "references", [[1], [1, 2, 3], [1, 6], [6, 1], [1, 2, 6, 6], [1, 1 << 63], [1, (1 << 64) - 1]]
)
def test_wrong_references_are_marked(references: list[int]) -> None:
    assert hash_of(packed(references))[3] == BAD_REFERENCE


def test_a_damaged_reference_is_an_error() -> None:
    for damaged in (b"\x01\x80", b"\x80", b"\x01\x02\x01\xff"):
        with pytest.raises(ValueError, match=str(TRUNCATED)):
            hash_of(message(1, damaged))
