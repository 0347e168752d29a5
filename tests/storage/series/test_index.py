"""Matchers over label columns, against plain evaluation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.labels.frames import Symbols
from storage.labels.matchers import Matcher
from storage.options import StorageOptions
from storage.series import index as index_module
from storage.series.index import TenantIndex, allowed_codes
from storage.series.table import SeriesTable
from tests.makers.batches import batch_of
from tests.twins.storage import kernels as naive

OPTIONS = replace(StorageOptions(), series_max=1000, symbol_bytes_max=1 << 20)
values = st.sampled_from(["", "x", "y", "z\n"])
labelsets = st.lists(
    st.fixed_dictionaries({"__name__": st.sampled_from(["up", "down"]), "a": values, "b": values}),
    max_size=8,
)
matchers = st.lists(
    st.tuples(
        st.sampled_from(["=", "!=", "=~", "!~"]),
        st.sampled_from(["__name__", "a", "b", "other"]),
        st.sampled_from(["", "up", "x", "x|y", "|z\n"]),
    ),
    max_size=3,
)


@pytest.mark.parametrize("texts_min", [0, index_module.TEXTS_MIN])
@pytest.mark.parametrize("many", [0, index_module.MANY_ROWS])
@given(st.lists(labelsets, min_size=1, max_size=3), matchers)
def test_matching_does_as_its_twin(
    texts_min: int, many: int, rounds: list[list[dict[str, str]]], tests: list[tuple[str, str, str]]
) -> None:
    """Whether texts are tested one by one or all at once, and labels read from columns of all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "TEXTS_MIN", texts_min)
        patch.setattr(index_module, "MANY_ROWS", many)
        patch.setattr(index_module, "ROWS_AT_ONCE", 3 if many == 0 else 1 << 18)
        match_as_twin(rounds, tests)


def match_as_twin(rounds: list[list[dict[str, str]]], tests: list[tuple[str, str, str]]) -> None:
    table = SeriesTable(OPTIONS)
    index = TenantIndex(table, 1)
    asked = [Matcher(name, op, value) for op, name, value in tests]
    known: list[dict[str, str]] = []
    for sets in rounds:
        for tenant in (1, 2):
            table.resolve(batch_of([(labels, [(1, 1.0)]) for labels in sets]), tenant)
        known += [{n: v for n, v in labels.items() if v} for labels in sets]
        expected = {
            tuple(sorted(labels.items()))
            for labels in known
            if all(naive.matches(labels, *test) for test in tests)
        }
        refs = index.match(asked).refs
        frame = index.frame(refs, Symbols(table.symbols))
        found = [tuple(frame.labelset(row).items()) for row in range(frame.rows)]
        assert set(found) == expected
        assert len(found) == len(expected)
        assert frame.names == tuple(sorted({name for labels in expected for name, _ in labels}))
        every = frame.matrix(("a", "b", "__name__", "other"))
        picked = index.frame(refs[::2], Symbols(table.symbols)).matrix(("a", "b", "__name__"))
        assert np.array_equal(every[::2, :3], picked) and not every[:, 3].any()
        ids = table.ids[refs].tolist()
        assert ids == sorted(ids)


@pytest.mark.parametrize("value", [".*é", "b\udcff.*", "a.|x", "(?i)A.", "", "[^a]+"])
@pytest.mark.parametrize("op", ["=~", "!~"])
def test_any_bytes_are_tested_alike(op: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a\n", "é", "aé", "b", "x", "aa"]
    table = SeriesTable(OPTIONS)
    table.resolve(batch_of([({"__name__": "up", "a": text}, [(1, 1.0)]) for text in texts]), 1)
    codes = np.arange(len(table.symbols), dtype=np.int32)
    one_by_one = allowed_codes(table, Matcher("a", op, value), codes)
    monkeypatch.setattr(index_module, "TEXTS_MIN", 0)
    assert allowed_codes(table, Matcher("a", op, value), codes).tolist() == one_by_one.tolist()


def test_columns_are_dropped_and_made_again() -> None:
    table = SeriesTable(OPTIONS)
    index = TenantIndex(table, 1, columns_kept=1)
    table.resolve(batch_of([({"__name__": "up", "a": "x", "b": "y"}, [(1, 1.0)])]), 1)
    for _ in range(2):
        for name, value in (("a", "x"), ("b", "y")):
            assert len(index.match([Matcher(name, "=", value)]).refs) == 1
