"""Caches are bounded, and forget segments that are gone."""

import numpy as np
import pytest

from storage.segments.caches import WHOLE, BoundedCache, SegmentCaches
from storage.segments.encoding.groups import Group, read_only


def cache_of(bytes_max: int) -> BoundedCache[str]:
    return BoundedCache(bytes_max, len)


def test_what_was_not_used_for_longest_gives_way() -> None:
    cache = cache_of(6)
    for ulid in ("A", "B", "C"):
        cache.put((ulid, 1), ulid * 2)
    assert cache.get(("A", 1)) == "AA"
    cache.put(("D", 1), "DDD")
    kept = [ulid for ulid in "ABCD" if cache.get((ulid, 1)) is not None]
    assert kept == ["A", "D"]
    assert cache.bytes == 5


@pytest.mark.parametrize(("size", "kept"), [(0, True), (4, True), (5, False)])
def test_what_does_not_fit_is_not_kept(size: int, kept: bool) -> None:
    cache = cache_of(4)
    cache.put(("A", 1), "a" * size)
    assert (cache.get(("A", 1)) is not None) == kept
    assert cache.bytes == (size if kept else 0)


def test_what_is_put_twice_counts_once() -> None:
    cache = cache_of(4)
    for text in ("ab", "cd"):
        cache.put(("A", 1), text)
    assert (cache.get(("A", 1)), cache.bytes, len(cache)) == ("ab", 2, 1)


def test_segments_are_forgotten_with_all_their_parts() -> None:
    cache = cache_of(100)
    for ulid in ("A", "B", "C"):
        cache.put((ulid, WHOLE), "xx")
        cache.put((ulid, 7), "yyy")
    cache.forget({"A", "C", "Z"})
    assert len(cache) == 2
    assert cache.bytes == 5
    assert cache.get(("B", 7)) == "yyy"


def test_row_groups_that_are_asked_for_again() -> None:
    caches = SegmentCaches()
    assert not caches.comes_again("A", [1, 2])
    assert caches.comes_again("A", [2])
    assert not caches.comes_again("A", [2, 3])
    assert not caches.comes_again("B", [2])
    caches.groups.put(("A", 4), read_only(Group(np.zeros(1, np.int64), np.zeros(1, np.uint64))))
    assert caches.comes_again("A", [1, 4])
    caches.forget(["A"])
    assert not caches.comes_again("A", [2])
