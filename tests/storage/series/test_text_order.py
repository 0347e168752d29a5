"""The order of texts is that of their bytes, however it is found."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.kernels.stops import stoppable
from storage.series import text_order
from storage.series.symbols import SymbolTable
from storage.series.text_order import TextOrder

TEXTS = st.lists(st.binary(max_size=12), max_size=40, unique=True)


def intern(table: SymbolTable, texts: list[bytes]) -> list[int]:
    lengths = np.array([len(text) for text in texts], np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1].astype(np.int64)
    buffer = np.frombuffer(b"".join(texts) + b"\0", np.uint8)
    return table.intern(buffer.copy(), starts, lengths).tolist()


def sorted_by(table: SymbolTable, order: TextOrder, codes: list[int]) -> list[int]:
    wanted = np.array(codes, np.int32)
    return order.of(table.arena, table.offsets, len(table), wanted).tolist()


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS, st.integers(1, 20), st.sampled_from([1, 3, 1 << 15]))
def test_codes_come_in_the_order_of_bytes(
    first: list[bytes], second: list[bytes], share: int, at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_order, "TEXTS_AT_ONCE", at_once)
        patch.setattr(text_order, "MERGED_AT_ONCE", at_once + 1)
        check_order(first, second, share)


def check_order(first: list[bytes], second: list[bytes], share: int) -> None:
    table, order = SymbolTable(1 << 12), TextOrder()
    known: dict[int, bytes] = {}
    for texts in (first, second):
        known |= dict(zip(intern(table, texts), texts, strict=True))
        for chosen in (list(known), list(known)[::share]):
            expected = sorted(chosen, key=known.__getitem__)
            assert sorted_by(table, order, chosen) == expected


def test_few_are_sorted_by_themselves_and_many_once_for_all() -> None:
    table, order = SymbolTable(1 << 16), TextOrder()
    codes = intern(table, [b"%d" % n for n in range(1000)])
    few = order.of(table.arena, table.offsets, len(table), np.array(codes[:50], np.int32))
    assert len(order._order) == 0 and len(few) == 50
    sorted_by(table, order, codes[:500])
    kept = order._order
    assert len(kept) == len(table)
    sorted_by(table, order, codes[:50])
    assert order._order is kept
    more = intern(table, [b"new"])
    assert sorted_by(table, order, [*codes, *more])[-1:] == more
    assert len(kept) == len(order._order) - 1


def test_threads_find_the_same_order() -> None:
    table, order = SymbolTable(1 << 16), TextOrder()
    texts = [b"%d" % (n * 7919 % 5000) for n in range(5000)]
    codes = intern(table, texts)
    found: list[list[int]] = []
    threads = [
        threading.Thread(target=lambda: found.append(sorted_by(table, order, codes)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = dict(zip(codes, texts, strict=True))
    assert found == [sorted(codes, key=names.__getitem__)] * 4


def test_what_was_sorted_stays_when_a_look_ends_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_order, "TEXTS_AT_ONCE", 64)
    table, order = SymbolTable(1 << 16), TextOrder()
    texts = [b"%d" % (n * 7919 % 1000) for n in range(1000)]
    codes = intern(table, texts)
    lengths: list[int] = []

    def end() -> None:
        lengths.append(len(order._order))
        if len(lengths) == 6:
            raise InterruptedError

    with pytest.raises(InterruptedError), stoppable(end):
        sorted_by(table, order, codes)
    assert 0 < len(order._order) < len(table)
    assert not order._lock.locked()
    names = dict(zip(codes, texts, strict=True))
    assert sorted_by(table, order, codes) == sorted(codes, key=names.__getitem__)


def test_the_order_of_a_label_is_kept_and_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_order, "SET_MIN", 4)
    monkeypatch.setattr(text_order, "SETS_KEPT_MAX", 2)
    table, order = SymbolTable(1 << 16), TextOrder()
    codes = intern(table, [b"%d" % (n * 7919 % 1000) for n in range(1000)])

    def ask(chosen: list[int], key: str) -> list[int]:
        wanted = np.array(chosen, np.int32)
        return order.of(table.arena, table.offsets, len(table), wanted, key).tolist()

    for key in ("a", "b", "a", "c"):
        for chosen in (codes[:20], codes[10:60], codes[5:15], codes[50:70], codes[100:103]):
            assert ask(chosen, key) == sorted_by(table, order, chosen)
    assert list(order._sets) == ["a", "c"] or list(order._sets) == ["b", "c"]
    assert len(order._order) == 0
