"""Pages of files: what is fetched, in how many requests, and what stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from receiver.stores.bucket.pages import PAGE_BYTES, Brought, Pages, Wanted, runs_of
from storage.errors import ObjectMissing
from storage.objects.store import ObjectStore, Range
from tests.makers.buckets.servers import directory_store

SIZE = 80 * PAGE_BYTES + 100


class Counted:
    """A store that notes what is asked of it."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.asked: list[Range] = []

    def get_range(self, wanted: Range) -> memoryview:
        self.asked.append(wanted)
        return self._store.get_range(wanted)

    def get_ranges(self, wanted: list[Range]) -> list[memoryview]:
        return [self.get_range(each) for each in wanted]


def content(seed: int) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, SIZE, np.uint8).tobytes()


@pytest.fixture
def store(tmp_path: Path) -> Counted:
    (tmp_path / "a").write_bytes(content(1))
    (tmp_path / "b").write_bytes(content(2))
    return Counted(directory_store(tmp_path))


def wanted(name: str, *spans: tuple[int, int]) -> Wanted:
    starts, ends = np.array(spans, np.int64).reshape(-1, 2).T
    return Wanted(name, SIZE, starts, ends)


def bytes_at(brought: Brought, name: str, first: int, end: int) -> bytes:
    (place,), (run_end,) = brought.places(name, np.array([first]))
    assert place > 0 and place % 16 == first % 16 and place + end - first <= run_end
    return brought.buffer[place : place + end - first].tobytes()


def test_bytes_of_several_files_come_together(store: Counted) -> None:
    pages = Pages(store, 1 << 30)  # type: ignore[arg-type]
    far = 60 * PAGE_BYTES + 7
    brought = pages.bring(
        [wanted("a", (5, 9), (far, far + PAGE_BYTES)), wanted("b", (SIZE - 10, SIZE))]
    )
    assert bytes_at(brought, "a", 5, 9) == content(1)[5:9]
    assert bytes_at(brought, "a", far, far + PAGE_BYTES) == content(1)[far : far + PAGE_BYTES]
    assert bytes_at(brought, "b", SIZE - 10, SIZE) == content(2)[-10:]
    assert [(r.name, r.begin // PAGE_BYTES) for r in store.asked] == [
        ("a", 0), ("a", 60), ("b", 80),
    ]  # fmt: skip
    # What is not there has no place, nor has what no page can be of.
    assert brought.places("a", np.array([2 * PAGE_BYTES]))[0].tolist() == [0]
    assert brought.places("c", np.array([0]))[0].tolist() == [0]
    assert pages.bring([wanted("a", (SIZE + 5, SIZE + 9), (-5, 3), (9, 9))]).runs == {}


def test_what_was_read_last_stays_within_the_bound(store: Counted) -> None:
    pages = Pages(store, 3 * PAGE_BYTES)  # type: ignore[arg-type]
    for number in (0, 40, 79):
        pages.bring([wanted("a", (number * PAGE_BYTES, number * PAGE_BYTES + 1))])
    pages.bring([wanted("a", (0, 1))])
    assert len(store.asked) == 3
    pages.bring([wanted("b", (0, 1))])  # in place of page 40
    pages.bring([wanted("a", (0, 1), (79 * PAGE_BYTES, 79 * PAGE_BYTES + 1))])
    assert len(store.asked) == 4
    pages.bring([wanted("a", (40 * PAGE_BYTES, 40 * PAGE_BYTES + 1))])
    assert len(store.asked) == 5
    assert pages.bytes <= 3 * PAGE_BYTES
    # More than there is room for is brought nevertheless.
    all_of_it = pages.bring([wanted("a", (0, SIZE))])
    assert bytes_at(all_of_it, "a", 0, SIZE) == content(1)


def test_what_the_caller_has_is_not_fetched_again(store: Counted) -> None:
    pages = Pages(store, 0)  # type: ignore[arg-type]
    first = pages.bring([wanted("a", (0, 10))])
    both = pages.bring([wanted("a", (0, 10), (PAGE_BYTES, PAGE_BYTES + 1))], first)
    assert [r.begin for r in store.asked] == [0, PAGE_BYTES]
    assert (
        bytes_at(both, "a", PAGE_BYTES - 3, PAGE_BYTES + 3)
        == (content(1)[PAGE_BYTES - 3 : PAGE_BYTES + 3])
    )


def test_a_file_that_is_gone(store: Counted) -> None:
    with pytest.raises(ObjectMissing):
        Pages(store, 0).bring([wanted("c", (0, 1))])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("numbers", "runs"),
    [
        ([], []),
        ([3], [(3, 4)]),
        ([0, 32, 65], [(0, 33), (65, 66)]),
        (list(range(300)), [(0, 256), (256, 300)]),
    ],
)
def test_near_pages_are_one_request(numbers: list[int], runs: list[tuple[int, int]]) -> None:
    assert list(runs_of(numbers)) == runs
