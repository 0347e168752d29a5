"""The keeper: what is waited for is durable, in order, and failures are tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

import pytest

from rules.ruler.keeping import Keeper, over
from storage.catalog.rule_states import GroupKey, SavedGroup
from storage.errors import Overloaded
from tests.makers.rules.ruling import NotedMemory

LIMIT_S = 60.0
A, B = ("t", "f", "a"), ("t", "f", "b")


class Gated(NotedMemory):
    """A memory that can be made to wait and to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.open.set()
        self.saving = threading.Event()
        self.failures = 0
        self.commits = 0

    def save(self, saved: Mapping[GroupKey, SavedGroup]) -> None:
        self.saving.set()
        assert self.open.wait(LIMIT_S)
        if self.failures:
            self.failures -= 1
            raise Overloaded("the disk is full")
        self.commits += 1
        super().save(saved)


@pytest.fixture
def memory() -> Gated:
    return Gated()


@pytest.fixture
def keeper(memory: Gated) -> Iterator[Keeper]:
    keeper = Keeper(memory, patience_s=LIMIT_S, retry_s=0.001)
    keeper.start()
    yield keeper
    memory.open.set()
    keeper.stop()


def test_what_is_waited_for_is_kept(memory: Gated, keeper: Keeper) -> None:
    keeper.put(A, 1, {"x": b"1"})
    keeper.put(B, 2, {})
    keeper.put(A, 3, {"y": b"2"})
    assert keeper.keep()
    assert memory.kept == {A: SavedGroup(3, {"x": b"1", "y": b"2"}), B: SavedGroup(2)}
    assert memory.commits == 1  # all of it at once
    keeper.forget(A)
    keeper.put(A, 9, {})  # which came back
    keeper.forget(B)
    assert keeper.keep()
    assert memory.kept == {A: SavedGroup(9)}


def test_those_who_wait_share_a_commit(memory: Gated, keeper: Keeper) -> None:
    memory.open.clear()
    keeper.put(A, 1, {})
    first = threading.Thread(target=keeper.keep)
    first.start()
    assert memory.saving.wait(LIMIT_S)
    others = []
    for slot in range(2, 12):
        keeper.put(B, slot, {})
        others.append(threading.Thread(target=keeper.keep))
        others[-1].start()
    memory.open.set()
    for thread in (first, *others):
        thread.join(LIMIT_S)
        assert not thread.is_alive()
    assert memory.kept == {A: SavedGroup(1), B: SavedGroup(11)}


def test_what_could_not_be_kept_is_kept_later(memory: Gated, keeper: Keeper) -> None:
    memory.failures = 1
    keeper.put(A, 1, {"x": b"1", "y": b"1"})
    assert not keeper.keep()
    keeper.put(A, 2, {"x": b"2"})
    keeper.put(B, 2, {})
    assert keeper.keep()
    assert memory.kept == {A: SavedGroup(2, {"x": b"2", "y": b"1"}), B: SavedGroup(2)}
    memory.failures = 1
    keeper.put(A, 3, {})
    keeper.forget(B)
    keeper.keep()
    keeper.keep()
    assert memory.kept.keys() == {A}


def test_the_end_keeps_what_waits(memory: Gated) -> None:
    keeper = Keeper(memory, patience_s=LIMIT_S)
    keeper.start()
    keeper.put(A, 1, {})
    keeper.stop()
    assert memory.kept == {A: SavedGroup(1)}
    assert not keeper.keep()
    keeper.stop()


def test_slots_are_kept_without_anyone_who_waits(memory: Gated) -> None:
    keeper = Keeper(memory, patience_s=0.001)
    keeper.start()
    keeper.put(A, 1, {})
    assert memory.saving.wait(LIMIT_S)
    keeper.stop()
    assert memory.kept == {A: SavedGroup(1)}


def test_both_together() -> None:
    older = SavedGroup(1, {"x": b"1", "y": b"1"})
    assert over(SavedGroup(2, {"x": b"2"}), older) == SavedGroup(2, {"x": b"2", "y": b"1"})
    assert over(older, None) == older
