"""Numbers are found by their hashes, by tenant, also after the tables grew."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.series.hash_cache import HashCache

HASHES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=20)


@given(st.lists(st.tuples(st.integers(0, 2), HASHES), max_size=8))
def test_finds_what_was_added(steps: list[tuple[int, list[tuple[int, int]]]]) -> None:
    cache, twin = HashCache(), dict[tuple[int, int, int], int]()
    for tenant, hashes in steps:
        low = np.array([h[0] for h in hashes], np.uint64)
        high = np.array([h[1] for h in hashes], np.uint64)
        numbers, missed = cache.find(tenant, low, high)
        known = [twin.get((tenant, *h), -1) for h in hashes]
        assert numbers.tolist() == known
        assert missed.tolist() == [i for i, number in enumerate(known) if number < 0]
        given_ = np.arange(len(hashes), dtype=np.int32) + 5
        cache.add(tenant, low, high, missed, given_)
        for i in missed.tolist():
            twin.setdefault((tenant, *hashes[i]), i + 5)
        assert len(cache) == len(twin)


def test_grows_and_is_emptied() -> None:
    cache = HashCache()
    low = np.arange(10_000, dtype=np.uint64)
    cache.add(1, low, low, np.arange(10_000), np.arange(10_000, dtype=np.int32))
    assert cache.find(1, low, low)[0].tolist() == list(range(10_000))
    assert len(cache.find(2, low, low)[1]) == 10_000
    cache.clear()
    assert len(cache) == 0
    assert len(cache.find(1, low, low)[1]) == 10_000


@given(HASHES, st.data())
def test_a_renewed_cache_has_what_goes_on(
    hashes: list[tuple[int, int]], data: st.DataObject
) -> None:
    dropped = -9
    with_replicas = data.draw(st.booleans())
    cache = HashCache(dropped=dropped)
    low = np.array([h[0] for h in hashes], np.uint64)
    high = np.array([h[1] for h in hashes], np.uint64)
    choices = st.sampled_from([0, 1, 2, 3, dropped])
    numbers = np.array([data.draw(choices) for _ in hashes], np.int32)
    replicas = np.arange(len(hashes), dtype=np.uint64) + np.uint64(1)
    if with_replicas:
        cache.find(1, low, high, np.zeros(max(1, len(hashes)), np.uint64)[: len(hashes)])
    kept = cache._replicas.size > 0
    cache.add(1, low, high, np.arange(len(hashes)), numbers, replicas=replicas[: kept * len(low)])
    new_numbers = np.array([2, -1, 0, 1], np.int32)
    before = cache.find(1, low, high)[0].tolist()
    fresh = cache.renewed(new_numbers)
    expected = [dropped if n == dropped else int(new_numbers[n]) for n in before]
    assert fresh.find(1, low, high)[0].tolist() == expected
    assert len(fresh) == len({h for h, n in zip(hashes, expected, strict=True) if n != -1})
    if kept:
        told, first = np.zeros(len(low), np.uint64), np.zeros(len(low), np.uint64)
        cache.find(1, low, high, first)
        fresh.find(1, low, high, told)
        known = [k for k, n in enumerate(expected) if n != -1]
        assert told[known].tolist() == first[known].tolist()
