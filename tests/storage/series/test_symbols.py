"""The symbol table, against a dictionary."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from storage.series.symbols import SymbolTable

SIZE = 1 << 16


Spans = tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]


def spans(texts: list[bytes]) -> Spans:
    lengths = np.array([len(text) for text in texts], np.int64)
    starts = np.cumsum(lengths) - lengths
    return np.frombuffer(b"".join(texts) + b"\0", np.uint8), starts, lengths


def intern(table: SymbolTable, texts: list[bytes]) -> list[int]:
    codes: list[int] = table.intern(*spans(texts)).tolist()
    return codes


@given(st.lists(st.lists(st.text(max_size=20), max_size=30), max_size=4))
def test_equal_texts_have_equal_codes(rounds: list[list[str]]) -> None:
    table = SymbolTable(SIZE)
    known = {"": 0}
    for texts in rounds:
        codes = intern(table, [text.encode() for text in texts])
        for text, code in zip(texts, codes, strict=True):
            assert known.setdefault(text, code) == code
            assert table.text(code) == text
            assert table.find(text) == code
    assert len(table) == len(known) == len(set(known.values()))
    assert table.as_arrow().to_pylist() == sorted(known, key=lambda text: known[text])


@given(st.lists(st.text(max_size=9)), st.lists(st.text(max_size=9)))
def test_looking_for_many_texts_adds_none(stored: list[str], wanted: list[str]) -> None:
    table = SymbolTable(SIZE)
    intern(table, [text.encode() for text in stored])
    size = len(table)
    asked = [*wanted, *stored]
    found = table.find_all(*spans([text.encode() for text in asked])).tolist()
    assert found == [table.find(text) for text in asked]
    assert len(table) == size


def test_codes_stay_while_the_table_grows() -> None:
    table = SymbolTable(1 << 20)
    texts = [f"value-{i}".encode() for i in range(20_000)]
    codes = intern(table, texts)
    assert codes == list(range(1, 20_001))
    assert intern(table, texts[::-1]) == codes[::-1]
    assert table.find("value-19999") == 20_000
    assert table.find("value-20000") == -1


def test_room_is_counted_in_texts_and_bytes() -> None:
    table = SymbolTable(10)
    intern(table, [b"12345"])
    assert table.has_room(1, 5)
    assert not table.has_room(1, 6)


@given(st.lists(st.text(max_size=20), max_size=30, unique=True), st.data())
def test_a_renewed_table_has_the_texts_that_are_used(texts: list[str], data: st.DataObject) -> None:
    table = SymbolTable(SIZE)
    codes = intern(table, [text.encode() for text in texts])
    used = np.zeros(len(table), np.bool_)
    used[0] = True
    used[[code for code in codes if data.draw(st.booleans())]] = True
    fresh, new_codes = table.renewed(used)
    assert len(fresh) == int(used.sum())
    assert len(fresh.arena) == len(table.arena)
    for text, code in zip(texts, codes, strict=True):
        assert fresh.find(text) == int(new_codes[code])
        if used[code]:
            assert fresh.text(int(new_codes[code])) == text
    assert [fresh.text(code) for code in intern(fresh, [t.encode() for t in texts])] == texts
    assert len(fresh) == len({"", *texts})
