"""The label hash against its plain-Python twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.wire.label_hash import (
    BLOCK_BYTES,
    HIGH_POINT,
    LOW_POINT,
    PRIME,
    SECRET_WORDS,
    hash128,
    new_secret,
)
from storage.kernels.jit import kernel
from tests.twins.wire import v1 as naive_wire

# The first call compiles.
compiled = settings(deadline=None)

SECRET = new_secret()


@kernel
def hash_runs(buffer, starts, ends, secret, low, high):
    for i in range(len(starts)):
        low[i], high[i] = hash128(buffer.ctypes.data, starts[i], ends[i], secret.ctypes.data)


def hashes(runs: list[bytes], secret=SECRET) -> list[tuple[int, int]]:
    """The kernel's hashes of runs that lie one behind the other."""
    buffer = np.frombuffer(b"".join(runs) or b"-", np.uint8)
    ends = np.cumsum([len(run) for run in runs]).astype(np.int64)
    starts = ends - np.array([len(run) for run in runs], np.int64)
    low, high = np.zeros(len(runs), np.uint64), np.zeros(len(runs), np.uint64)
    hash_runs(buffer, starts, ends, secret, low, high)
    return list(zip(low.tolist(), high.tolist(), strict=True))


@compiled
@given(st.lists(st.binary(max_size=80) | st.binary(min_size=490, max_size=1100), max_size=6))
def test_hashes_are_those_of_the_twin(runs: list[bytes]) -> None:
    words = SECRET.tolist()
    assert hashes(runs) == [naive_wire.hash128(run, words, BLOCK_BYTES) for run in runs]


@pytest.mark.parametrize("word", [0, 1, (1 << 64) - 1])
def test_extreme_keys_and_data_are_those_of_the_twin(word: int) -> None:
    secret = np.full(SECRET_WORDS, word, np.uint64)
    secret[LOW_POINT:] = word % int(PRIME)
    runs = [bytes(n) for n in range(40)] + [b"\xff" * n for n in (7, 8, 16, 511, 512, 513, 2000)]
    words = secret.tolist()
    assert hashes(runs, secret) == [naive_wire.hash128(run, words, BLOCK_BYTES) for run in runs]


def test_runs_of_zeros_of_different_lengths_differ_in_both_lanes() -> None:
    found = hashes([bytes(n) for n in range(2_000)])
    assert len({low for low, _ in found}) == len({high for _, high in found}) == 2_000


def test_every_bit_counts_in_both_lanes() -> None:
    run = bytes(range(256)) * 3
    changed = [run]
    for place in range(len(run)):
        flipped = bytearray(run)
        flipped[place] ^= 1 << place % 8
        changed.append(bytes(flipped))
    found = hashes(changed)
    assert len({low for low, _ in found}) == len({high for _, high in found}) == len(changed)


def test_secrets_differ_and_their_points_are_below_the_prime() -> None:
    one, other = new_secret(), new_secret()
    assert one.tolist() != other.tolist()
    for secret in (one, other):
        assert 0 < secret[LOW_POINT] < PRIME
        assert 0 < secret[HIGH_POINT] < PRIME
