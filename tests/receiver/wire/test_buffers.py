"""The pool of decode buffers."""

import numpy as np
import pytest

from receiver.wire.buffers import BufferPool, DecodeBuffers, grown


@pytest.mark.parametrize(
    ("length", "size", "result"),
    [(4, 4, 4), (4, 0, 4), (4, 5, 8), (4, 8, 8), (4, 9, 16), (0, 1, 1)],
)
def test_arrays_grow_to_powers_of_two(length: int, size: int, result: int) -> None:
    array = np.zeros(length, np.int64)
    after = grown(array, size)
    assert (len(after), after.dtype) == (result, np.int64)
    assert (after is array) == (result == length)


@pytest.mark.parametrize("series", [1, 1023, 1024, 1025, 5000, 8191, 8192])
def test_offsets_have_room_for_every_series_that_fits(series: int) -> None:
    buffers = DecodeBuffers()
    buffers.reserve_columns(series, 10)
    assert len(buffers.label_start) >= series
    assert len(buffers.sample_offsets) > len(buffers.label_start) == len(buffers.label_end)


def test_buffers_are_used_again_and_by_one_lease_only() -> None:
    pool = BufferPool(1 << 30)
    first, second = pool.lease(), pool.lease()
    assert first.buffers is not second.buffers
    first.release()
    first.release()
    third, fourth = pool.lease(), pool.lease()
    assert third.buffers is first.buffers
    assert fourth.buffers not in (first.buffers, second.buffers)


def test_the_pool_keeps_no_more_than_allowed() -> None:
    size = DecodeBuffers().nbytes
    pool = BufferPool(2 * size)
    leases = [pool.lease() for _ in range(5)]
    for lease in leases:
        lease.release()
    assert pool.kept_bytes == 2 * size
    large = pool.lease()
    large.buffers.reserve_body(10 * size)
    large.release()
    assert pool.kept_bytes == size
