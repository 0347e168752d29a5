"""Kept matches: their bounds, and that queries see what matching anew gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.labels.frames import NO_QUERY, LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.options import StorageOptions
from storage.series.index import TenantIndex
from storage.series.matches import KeptLimits, Match, Matches
from storage.series.table import SeriesTable
from tests.makers.batches import batch_of

OPTIONS = StorageOptions(series_max=1000, symbol_bytes_max=1 << 20)
TEXTS = ("", "x", "y", "ä")
Labelset = dict[str, str]
labelsets = st.lists(
    st.fixed_dictionaries({"__name__": st.sampled_from(["up", "down"])}).flatmap(
        lambda base: st.fixed_dictionaries(
            {name: st.sampled_from(TEXTS) for name in ("a", "b", "r")}
        ).map(lambda labels: base | labels)
    ),
    max_size=6,
)
matcher_lists = st.lists(
    st.builds(
        Matcher,
        st.sampled_from(["__name__", "a", "b", "none"]),
        st.sampled_from(["=", "!=", "=~", "!~"]),
        st.sampled_from(["", "up", "x", "x|y"]),
    ),
    max_size=2,
)
steps = st.lists(
    st.tuples(st.integers(1, 2), st.one_of(labelsets, matcher_lists.map(tuple))), max_size=10
)


def register(table: SeriesTable, tenant: int, sets: Sequence[Labelset]) -> None:
    table.resolve(batch_of([(labels, [(1, 1.0)]) for labels in sets]), tenant)


def seen(index: TenantIndex, table: SeriesTable, matchers: Sequence[Matcher]) -> list[object]:
    """All that a query can see of a match."""
    match = index.match(matchers)
    labels = match.labels.in_query(Symbols(table.symbols))
    dropped = labels.drop(["a", "r"])
    groups = labels.group(["b", "none"])
    return [
        match.refs.tolist(),
        [labels.labelset(row) for row in range(labels.rows)],
        labels.names,
        labels.order().tolist(),
        [dropped.labelset(row) for row in range(labels.rows)],
        dropped.in_order().names,
        [column.tolist() for column in groups],
        labels.values_of("a"),
        [labels.has(name) for name in ("a", "r", "none")],
        [labels.firsts(["b"]).labelset(row) for row in range(labels.firsts(["b"]).rows)],
    ]


@settings(deadline=None)
@given(steps)
def test_what_is_kept_is_what_is_found_anew(
    rounds: list[tuple[int, list[Labelset] | tuple[Matcher, ...]]],
) -> None:
    table, matches = SeriesTable(OPTIONS), Matches()
    indexes = {tenant: TenantIndex(table, tenant, matches) for tenant in (1, 2)}
    asked: list[tuple[Matcher, ...]] = [()]
    for tenant, step in rounds:
        if isinstance(step, list):
            register(table, tenant, step)
        else:
            asked.append(step)
        for matchers in asked:
            for number, index in indexes.items():
                anew = seen(TenantIndex(table, number), table, matchers)
                assert seen(index, table, matchers) == anew


def match_of(series: int) -> Match:
    return Match(np.arange(series), LabelFrame(NO_QUERY, series), series)


def test_the_latest_are_kept_within_bounds() -> None:
    matches = Matches(KeptLimits(matches=3, series=10, series_per_match=8))
    for key in "abcd":
        matches.keep(key, match_of(1))
        assert matches.find("a") is not None
    assert [matches.find(key) is not None for key in "abcd"] == [True, False, True, True]
    matches.keep("e", match_of(8))
    assert [matches.find(key) is not None for key in "acde"] == [False, True, True, True]
    matches.keep("e", match_of(9))  # too many to be kept, and what was kept is out of date
    assert [matches.find(key) is not None for key in "cde"] == [True, True, False]
    matches.keep("d", match_of(8))
    matches.keep("f", match_of(2))
    assert [matches.find(key) is not None for key in "cdf"] == [False, True, True]


def test_only_new_series_are_looked_at() -> None:
    table, matches = SeriesTable(OPTIONS), Matches()
    index, up = TenantIndex(table, 1, matches), [Matcher("__name__", "=", "up")]
    register(table, 1, [{"__name__": "up", "a": "x"}])
    first = index.match(up)
    assert index.match(up) is first
    register(table, 2, [{"__name__": "up", "a": "y"}])
    assert index.match(up) is first
    register(table, 1, [{"__name__": "down"}])
    second = index.match(up)
    assert (second.refs is first.refs, second.labels is first.labels) == (True, True)
    register(table, 1, [{"__name__": "up", "a": "z"}])
    assert index.match(up).refs.tolist() == [0, 3]


def test_series_without_an_id_are_not_seen_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    table = SeriesTable(OPTIONS)
    index = TenantIndex(table, 1)
    found: list[int] = []
    give_ids = SeriesTable._give_ids

    def look(self: SeriesTable, tenant: int, first: int) -> None:
        found.append(len(index.match([]).refs))
        give_ids(self, tenant, first)

    monkeypatch.setattr(SeriesTable, "_give_ids", look)
    for name in ("up", "down"):
        register(table, 1, [{"__name__": name}])
    assert found == [0, 1]
    assert len(index.match([]).refs) == 2
