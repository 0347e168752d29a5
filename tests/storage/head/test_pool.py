"""The places of samples, and which of them follow each other."""

from __future__ import annotations

import numpy as np
import pytest

from storage.head.kernels import REPEATED
from storage.head.pool import CHUNK_SIZE, ChunkPool


def pool_of_two_series() -> ChunkPool:
    """Series 0 has chunks 0 and 2, the newest with one sample; series 1 has chunk 1."""
    pool = ChunkPool(chunks=4, ooo=3, series=2)
    pool.times[:3] = np.arange(3 * CHUNK_SIZE).reshape(3, CHUNK_SIZE)
    pool.previous[2] = 1
    pool.current[:], pool.fill[:] = (3, 2), (1, CHUNK_SIZE)
    return pool


@pytest.mark.parametrize(
    ("place", "before"),
    [(0, -1), (1, 0), (CHUNK_SIZE, -1), (CHUNK_SIZE + 5, CHUNK_SIZE + 4),
     (2 * CHUNK_SIZE, CHUNK_SIZE - 1), (4 * CHUNK_SIZE, -1), (4 * CHUNK_SIZE + 2, -1)],
)  # fmt: skip
def test_the_slot_before_is_of_the_same_series(place: int, before: int) -> None:
    assert pool_of_two_series().before(np.array([place])).tolist() == [before]


def test_places_are_those_of_chunks_and_then_of_out_of_order_samples() -> None:
    pool = pool_of_two_series()
    assert pool.places == 4 * CHUNK_SIZE + 3
    assert pool.times_at(np.array([1, 2 * CHUNK_SIZE])).tolist() == [1, 2 * CHUNK_SIZE]


def test_late_samples_find_what_is_at_their_moment() -> None:
    pool = pool_of_two_series()
    pool.bits[0, 1] = 5
    late, refs = np.arange(4), np.array([0, 0, 1, 0], np.int32)
    times, bits = np.array([1, 40, 1, 40]), np.array([5, 6, 7, 8], np.uint64)
    places = np.zeros(4, np.int64)
    standing = pool.append_late(late, refs, times, bits, places)
    first = 4 * CHUNK_SIZE  # of the out-of-order ones
    assert standing.tolist() == [1, -1, -1, first]
    assert places.tolist() == [REPEATED, first, first + 1, REPEATED]
    assert pool.bits_at(np.array([1, first, first + 1])).tolist() == [5, 6, 7]
    _, times, values, places = pool.snapshot(np.array([1, 0])).read_ooo(0, 40)
    assert times.tolist() == [1, 40]
    assert values.view(np.uint64).tolist() == [7, 6]
    assert places.tolist() == [first + 1, first]


@pytest.mark.parametrize(("refs", "count"), [([], 0), ([0], 2), ([1], 1), ([1, 0], 3)])
def test_chunks_are_counted_chain_by_chain(refs: list[int], count: int) -> None:
    taken = pool_of_two_series().snapshot(np.array(refs, np.int64))
    assert taken.chunk_count() == count


def test_a_snapshot_is_read_chain_by_chain() -> None:
    taken = pool_of_two_series().snapshot(np.array([1, 0]))
    first, last = CHUNK_SIZE - 1, 2 * CHUNK_SIZE
    offsets, times, _, places = taken.read((first, last), placed=True)
    assert offsets.tolist() == [0, CHUNK_SIZE, CHUNK_SIZE + 2]
    assert times.tolist() == places.tolist() == [*range(CHUNK_SIZE, last), first, last]
    counts = np.empty(1, np.int64)
    taken.rows(np.array([1])).count((0, 1000), counts)
    assert counts.tolist() == [CHUNK_SIZE + 1]
    assert len(taken.read((0, 1000), placed=False)[3]) == 0


@pytest.mark.parametrize("refs", [[], [0], [1], [2], [1, 0], [0, 1, 2]])
def test_newest_samples_are_within_a_span(refs: list[int]) -> None:
    pool = ChunkPool(chunks=4, ooo=3, series=3)
    two = pool_of_two_series()
    pool.times[:], pool.current[:2], pool.fill[:2] = two.times, two.current, two.fill
    newest = {0: 2 * CHUNK_SIZE, 1: 2 * CHUNK_SIZE - 1}  # series 2 has none
    for start_ms in range(2 * CHUNK_SIZE - 3, 2 * CHUNK_SIZE + 2):
        for end_ms in range(start_ms, 2 * CHUNK_SIZE + 3):
            expected = all(ref in newest and start_ms <= newest[ref] <= end_ms for ref in refs)
            last_ms = np.array([*newest.values(), start_ms], np.int64)
            found = pool.newest_within(last_ms, np.array(refs, np.int64), (start_ms, end_ms))
            assert found is expected, (start_ms, end_ms)
