"""Label frames against lists of dictionaries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.labels.frames import (
    COLUMNS_KEPT_MAX,
    DERIVED_KEPT_MAX,
    NO_QUERY,
    OVERLAY_CODE_MIN,
    LabelFrame,
    Symbols,
    empty_frame,
    one_row,
    text_ranks,
)
from storage.labels.numbering import DISTINCT_SLOTS, group_rows
from storage.labels.pairs import LabelPairs

NAMES = ["A", "__name__", "b", "é"]
labelsets = st.lists(
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["x", "X", "xy", "ü"])), max_size=8
)


def pairs_frame(symbols: Symbols, sets: list[dict[str, str]]) -> LabelFrame:
    """A frame as the storage makes it: from pairs of codes."""
    offsets = np.cumsum([0] + [len(labels) for labels in sets]).astype(np.int64)
    flat = [pair for labels in sets for pair in sorted(labels.items())]
    names = np.array([symbols.code(name) for name, _ in flat], np.int32)
    values = np.array([symbols.code(value) for _, value in flat], np.int32)
    return LabelFrame(symbols, len(sets), pairs=LabelPairs(offsets, names, values))


def dicts(frame: LabelFrame) -> list[dict[str, str]]:
    return [frame.labelset(row) for row in range(frame.rows)]


def frames(sets: list[dict[str, str]]) -> list[LabelFrame]:
    """The same labels in both forms."""
    symbols = Symbols()
    return [LabelFrame.from_dicts(symbols, sets), pairs_frame(symbols, sets)]


@given(labelsets, st.data())
def test_operations_do_as_on_dictionaries(sets: list[dict[str, str]], data: st.DataObject) -> None:
    gone = data.draw(st.lists(st.sampled_from(NAMES), max_size=2))
    index = st.integers(0, max(0, len(sets) - 1))
    rows = data.draw(st.lists(index, max_size=6)) if sets else []
    for frame in frames(sets):
        assert dicts(frame) == sets
        present = {name for labels in sets for name in labels}
        assert frame.names == tuple(sorted(present, key=str.encode))
        kept = [{n: v for n, v in labels.items() if n not in gone} for labels in sets]
        assert dicts(frame.drop(gone)) == kept
        only = [{n: v for n, v in labels.items() if n in gone} for labels in sets]
        assert dicts(frame.keep(gone)) == only
        assert dicts(frame.take(np.array(rows, np.int64))) == [sets[row] for row in rows]
        taken = frame.drop(gone).take(np.array(rows, np.int64))
        assert dicts(taken) == [kept[row] for row in rows]
        asked = ["é", "absent", "A", "é"]
        matrix = frame.matrix(asked)
        for row, labels in enumerate(sets):
            texts = [labels.get(name, "") for name in asked]
            assert frame.symbols.texts(matrix[row]) == texts
        codes = np.full(frame.rows, frame.symbols.code("new"), np.int32)
        assert dicts(frame.with_column("b", codes)) == [s | {"b": "new"} for s in sets]


@given(labelsets)
def test_order_is_that_of_sorted_label_pairs(sets: list[dict[str, str]]) -> None:
    def key(row: int) -> list[tuple[bytes, bytes]]:
        return sorted((n.encode(), v.encode()) for n, v in sets[row].items())

    expected = sorted(range(len(sets)), key=key)
    for frame in frames(sets):
        assert frame.order().tolist() == expected


@given(labelsets)
def test_groups_are_numbered_by_first_appearance(sets: list[dict[str, str]]) -> None:
    for frame in frames(sets):
        group, first = frame.group(["b", "é"])
        seen: dict[tuple[str, str], int] = {}
        for row, labels in enumerate(sets):
            key = (labels.get("b", ""), labels.get("é", ""))
            assert group[row] == seen.setdefault(key, len(seen))
        assert len(first) == len(seen)
        assert [group[row] for row in first] == list(range(len(seen)))


def test_rows_with_equal_hashes_are_compared_in_full() -> None:
    matrix = np.arange(100_000, dtype=np.int32).reshape(-1, 2)
    group, first = group_rows(np.concatenate([matrix, matrix]))
    assert group.tolist() == list(range(50_000)) * 2
    assert first.tolist() == list(range(50_000))


def test_symbols_are_equal_exactly_if_their_texts_are() -> None:
    class Stored:
        def text(self, code: int) -> str:
            return ["", "a", "b"][code]

        def find(self, text: str) -> int:
            return {"": 0, "a": 1, "b": 2}.get(text, -1)

    symbols = Symbols(Stored())
    assert [symbols.code(text) for text in ("", "a", "b")] == [0, 1, 2]
    assert symbols.code("c") == symbols.code("c") == OVERLAY_CODE_MIN
    assert symbols.code("d") == OVERLAY_CODE_MIN + 1
    assert symbols.texts([0, 2, OVERLAY_CODE_MIN, OVERLAY_CODE_MIN + 1]) == ["", "b", "c", "d"]


@pytest.mark.parametrize(
    "texts", [[], ["b", "", "a"], ["\udcff", "ä", "\U0001f600", "z"], ["10", "9", "B", "a"]]
)
def test_texts_are_ranked_by_their_bytes(texts: list[str]) -> None:
    want = sorted(texts, key=lambda text: text.encode("utf-8", "surrogateescape"))
    assert [want[rank - 1] for rank in text_ranks(texts)] == texts


def test_small_frames() -> None:
    symbols = Symbols()
    assert dicts(empty_frame(symbols)) == []
    assert empty_frame(symbols).order().tolist() == []
    assert dicts(one_row(symbols)) == [{}]
    assert one_row(symbols).group([])[0].tolist() == [0]


def test_a_name_may_be_asked_for_twice() -> None:
    for frame in frames([{"a": "1", "b": "2"}, {"b": "3"}]):
        text = frame.symbols.text
        found = [[text(int(code)) for code in row] for row in frame.matrix(["b", "a", "b", "b"])]
        assert found == [["2", "1", "2", "2"], ["3", "", "3", "3"]]


class Stored:
    """Symbols that a writer adds to."""

    def __init__(self, *texts: str) -> None:
        self.known = ["", *texts]

    def __len__(self) -> int:
        return len(self.known)

    def text(self, code: int) -> str:
        return self.known[code]

    def find(self, text: str) -> int:
        return self.known.index(text) if text in self.known else -1


def stored_frame(symbols: Symbols, sets: list[dict[str, str]]) -> LabelFrame:
    """A frame as the storage keeps it for any query."""
    return pairs_frame(symbols, sets).in_query(NO_QUERY)


def test_queries_share_what_they_derive_and_no_symbols() -> None:
    stored = Stored("a", "b", "x", "y")
    frame = stored_frame(Symbols(stored), [{"a": "y", "b": "x"}, {"a": "x"}])
    one, two = (frame.in_query(Symbols(stored)) for _ in range(2))
    assert one.names is two.names
    assert one.order() is two.order()
    assert one.group(["b", "a"])[0] is two.group(["b", "a"])[0]
    assert one.drop(["b"]).order() is two.drop(["b"]).order()
    for labels in (one, two):
        for derived in (labels, labels.drop(["b"]), labels.in_order(), labels.firsts(["a"])):
            assert derived.symbols is labels.symbols
    code = one.symbols.code("made up")
    assert two.symbols.text(two.symbols.code("of the other")) == "of the other"
    changed = one.with_column("b", np.full(2, code, np.int32))
    assert dicts(changed) == [{"a": "y", "b": "made up"}, {"a": "x", "b": "made up"}]
    assert dicts(two) == [{"a": "y", "b": "x"}, {"a": "x"}]
    assert dicts(two.in_order()) == [{"a": "x"}, {"a": "y", "b": "x"}]


def test_what_is_kept_of_a_shared_frame_is_bounded() -> None:
    stored = Stored("a", "x")
    frame = stored_frame(Symbols(stored), [{"a": "x"}])
    for i in range(1_000):
        query = frame.in_query(Symbols(stored))
        assert not query.has(f"n{i}")
        assert query.group([f"n{i}", "a"])[0].tolist() == [0]
        assert dicts(query.drop([f"n{i}"])) == [{"a": "x"}]
    assert len(frame._derived) <= DERIVED_KEPT_MAX
    assert len(frame._columns) <= COLUMNS_KEPT_MAX


def test_a_name_that_is_stored_while_a_query_runs_is_found() -> None:
    stored = Stored("a", "x")
    symbols = Symbols(stored)
    assert symbols.code("late") == OVERLAY_CODE_MIN
    stored.known.append("late")
    frame = stored_frame(Symbols(stored), [{"a": "x", "late": "x"}])
    assert frame.in_query(symbols).has("late")
    assert symbols.texts(frame.in_query(symbols).matrix(["late", "a"])[0]) == ["x", "x"]
    assert frame.in_query(Symbols(stored)).has("late")


def test_a_text_with_two_codes_is_noticed() -> None:
    stored = Stored("a", "x")
    symbols = Symbols(stored)
    assert symbols.text(symbols.code("x")) == "x"
    assert symbols.code("late") == OVERLAY_CODE_MIN
    assert not symbols.have_twins()
    stored.known.append("other")
    assert not symbols.have_twins()
    stored.known.append("late")
    assert symbols.have_twins()
    assert symbols.text(stored.find("late")) == "late"
    assert symbols.code("late") == OVERLAY_CODE_MIN, "the code of before stays"
    assert not Symbols().have_twins()


@pytest.mark.parametrize("count", [1, 50, DISTINCT_SLOTS // 2 + 1, 3 * DISTINCT_SLOTS])
def test_values_of_a_label_are_distinct_and_in_order(count: int) -> None:
    """Few of them are told apart in another way than many."""
    symbols = Symbols()
    codes = np.array([symbols.code(f"v{i % count}") for i in range(2 * count)], np.int32)
    codes[0] = 0
    frame = LabelFrame(symbols, len(codes), {"x": codes})
    assert frame.values_of("x") == sorted(f"v{i}" for i in range(count))
