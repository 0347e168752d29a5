"""Blocks that threads encode side by side: in order, bounded, and ended with what asks for them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from api.promql.errors import QueryCanceled
from api.thanos import stream as stream_module
from api.thanos.messages import Pieces
from api.thanos.stream import ALONE, Block, Threads, in_turn
from tests.api.thanos.test_series import Made
from tests.makers.sources.fake_store import wait_until

NOTHING = Pieces(np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros(0, np.uint8))
PATIENCE_S = 60


@pytest.fixture(params=[0, 1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[Threads]:
    """None, one and some."""
    if not request.param:
        yield ALONE
        return
    with ThreadPoolExecutor(request.param) as executor:
        yield Threads(executor, request.param)


def numbered(numbers: Iterator[int]) -> Iterator[Callable[[], Block]]:
    for number in numbers:
        yield lambda number=number: Block(NOTHING, number)


def test_blocks_come_in_order(threads: Threads) -> None:
    found = in_turn(numbered(iter(range(20))), threads)
    assert [block.samples for block in found] == list(range(20))
    assert list(in_turn(numbered(iter(())), threads)) == []


def test_no_more_are_begun_than_there_are_threads(threads: Threads) -> None:
    begun: list[int] = []

    def noted() -> Iterator[int]:
        for number in range(20):
            begun.append(number)
            yield number

    found = in_turn(numbered(noted()), threads)
    assert next(found).samples == 0
    assert len(begun) == 1 + threads.count
    found.close()


def test_what_fails_ends_the_others(threads: Threads) -> None:
    def failing() -> Block:
        raise QueryCanceled("no one waits for it")

    work = iter([*numbered(iter(range(2))), failing, *numbered(iter(range(9)))])
    found = in_turn(work, threads)
    assert [next(found).samples for _ in range(2)] == [0, 1]
    with pytest.raises(QueryCanceled):
        next(found)


def test_who_leaves_waits_for_what_is_under_way() -> None:
    is_running, may_end, has_ended = (threading.Event() for _ in range(3))

    def slow() -> Block:
        is_running.set()
        assert may_end.wait(PATIENCE_S)
        has_ended.set()
        return Block(NOTHING, 1)

    with ThreadPoolExecutor(1) as executor:
        found = in_turn(iter([*numbered(iter([7])), slow]), Threads(executor, 1))
        assert next(found).samples == 7
        wait_until(is_running.is_set, "the second block is computed")
        closing = threading.Thread(target=found.close)
        closing.start()
        assert not has_ended.is_set()
        may_end.set()
        closing.join(PATIENCE_S)
        assert has_ended.is_set()


def test_threads_make_no_difference(threads: Threads, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [{"a": str(k % 5), "b": str(k)} for k in range(40)]
    whole = Made(sets).frames(batch=3)
    monkeypatch.setattr(stream_module, "BLOCK_ROWS", 3)
    monkeypatch.setattr(stream_module, "MEMORY_ROWS", 7)
    for limit in (0, 11):
        some = Made(sets).series(batch=3, threads=threads, limit=limit).series
        assert some == Made(sets).series(batch=3, limit=limit).series
    assert len(whole) == 14
