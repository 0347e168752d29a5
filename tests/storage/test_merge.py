"""Merging sorted columns, against the plain twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.merge import between, clip, from_rows, merge_all, take_rows
from storage.samples import Samples
from tests import naive_storage as naive

points = st.dictionaries(st.integers(0, 12), st.integers(0, 5), max_size=8).map(
    lambda d: sorted(d.items())
)
sources = st.integers(1, 4).flatmap(
    lambda n: st.lists(st.lists(points, min_size=n, max_size=n), min_size=1, max_size=4)
)


def columns(series: list[naive.Series]) -> Samples:
    offsets = np.cumsum([0] + [len(s) for s in series]).astype(np.int64)
    flat = [point for s in series for point in s]
    times = np.array([t for t, _ in flat], np.int64)
    bits = np.array([b for _, b in flat], np.uint64)
    return Samples(offsets, times, bits.view(np.float64))


def lists(samples: Samples) -> list[naive.Series]:
    bits = samples.values.view(np.uint64).tolist()
    flat = list(zip(samples.timestamps.tolist(), bits, strict=True))
    ends = samples.offsets.tolist()
    return [flat[a:b] for a, b in zip(ends, ends[1:], strict=False)]


@given(sources)
def test_merge_is_the_union_and_earlier_sources_win(given: list[list[naive.Series]]) -> None:
    count = len(given[0])
    expected = [naive.merge([source[i] for source in given]) for i in range(count)]
    assert lists(merge_all([columns(source) for source in given], count)) == expected


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(0, 9)), max_size=20))
def test_rows_in_any_order_become_series(rows: list[tuple[int, int, int]]) -> None:
    expected = [naive.merge([[(t, b)] for r, t, b in rows if r == row]) for row in range(5)]
    table = np.array(rows, np.int64).reshape(-1, 3)
    values = table[:, 2].astype(np.uint64).view(np.float64)
    got = from_rows(table[:, 0].copy(), table[:, 1].copy(), values, 5)
    assert lists(got) == expected


@given(st.lists(points, min_size=1, max_size=5), st.data())
def test_clip_and_take_choose_rows(series: list[naive.Series], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(series)))
    end = data.draw(st.integers(first, len(series)))
    rows = data.draw(st.lists(st.integers(0, len(series) - 1), max_size=6))
    samples = columns(series)
    assert lists(clip(samples, first, end)) == series[first:end]
    assert lists(take_rows(samples, np.array(rows, np.int64))) == [series[r] for r in rows]


def test_nothing_merges_to_nothing() -> None:
    assert lists(merge_all([], 2)) == [[], []]


@given(st.lists(points, min_size=1, max_size=4), st.integers(-1, 13), st.integers(-1, 13))
def test_between_keeps_both_ends(given: list[naive.Series], start_ms: int, end_ms: int) -> None:
    samples = columns(given)
    found = between(samples, start_ms, end_ms)
    assert lists(found) == [[p for p in s if start_ms <= p[0] <= end_ms] for s in given]
    assert between(found, start_ms, end_ms) is found
