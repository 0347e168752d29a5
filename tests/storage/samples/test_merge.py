"""Merging sorted columns, against the plain twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.samples.merge import (
    between,
    clip,
    is_plain,
    merge,
    merge_all,
    sort_rows,
    stack,
    take_rows,
)
from storage.samples.samples import Samples, Weights
from tests.makers.histograms import EXAMPLES, contents, mixed_samples
from tests.twins.storage import kernels as naive

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
    times = table[:, 1].copy()
    offsets, order = sort_rows(table[:, 0].copy(), times, 5)
    assert lists(Samples(offsets, times[order], values[order])) == expected


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


hinted = [h._replace(hint=hint) for h in EXAMPLES[:4] for hint in range(4)]
mixed_points = st.dictionaries(
    st.integers(0, 9),
    st.tuples(st.sampled_from([*hinted, 0, 1]), st.sampled_from([0, -3, 8])),
    max_size=8,
).map(lambda d: [(t, content, start) for t, (content, start) in sorted(d.items())])
Mixed = list[list[naive.MixedPoint]]


@given(
    st.integers(1, 3).flatmap(
        lambda n: st.lists(st.lists(mixed_points, min_size=n, max_size=n), min_size=1, max_size=4)
    )
)
def test_starts_and_histograms_are_merged_with_their_samples(given: list[Mixed]) -> None:
    # Merged two at a time, what was torn apart once stays so.
    merged = given[0]
    for source in given[1:]:
        pairs = zip(merged, source, strict=True)
        merged = [naive.merge_mixed(pair) for pair in pairs]
    got = contents(merge_all([mixed_samples(source) for source in given], len(given[0])))
    assert got == merged


@given(st.lists(mixed_points, min_size=1, max_size=5), st.data())
def test_starts_and_histograms_are_chosen_with_their_samples(
    series: Mixed, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(series)))
    end = data.draw(st.integers(first, len(series)))
    rows = data.draw(st.lists(st.integers(0, len(series) - 1), max_size=6))
    low, high = data.draw(st.integers(-1, 10)), data.draw(st.integers(-1, 10))
    samples = mixed_samples(series)
    assert contents(clip(samples, first, end)) == series[first:end]
    assert contents(take_rows(samples, np.array(rows, np.int64))) == [series[r] for r in rows]
    inside = [[p for p in s if low <= p[0] <= high] for s in series]
    assert contents(between(samples, low, high)) == inside


@given(st.lists(st.lists(mixed_points, max_size=3), max_size=4))
def test_parts_under_each_other(parts: list[Mixed]) -> None:
    stacked = stack([mixed_samples(part) for part in parts])
    assert contents(stacked) == [series for part in parts for series in part]


def test_plain_floats_stay_plain() -> None:
    floats = mixed_samples([[(1, 5, 0)], [(2, 6, 0)]])
    assert is_plain(merge_all([floats, mixed_samples([[(3, 5, 0)], []])], 2))
    assert is_plain(stack([floats, floats]))
    assert is_plain(between(floats, 2, 2))


def test_what_samples_stand_for_follows_them() -> None:
    """Samples as they came stand for themselves, also among downsampled ones."""
    raw = Samples(np.array([0, 1, 2]), np.array([5, 7]), np.array([1.0, 2.0]))
    weights = Weights(np.array([1, 9, 4]), np.array([10, 10, 30]))
    coarse = Samples(
        np.array([0, 2, 3]), np.array([10, 50, 40]), np.array([3.0, 4.0, 5.0]), weights=weights
    )
    for merged in (
        merge(raw, coarse),
        take_rows(stack([coarse, merge(raw, coarse)]), np.arange(2, 4)),
    ):
        assert merged.weights is not None
        assert merged.timestamps.tolist() == [5, 10, 50, 7, 40]
        assert merged.weights.counts.tolist() == [1, 1, 9, 1, 4]
        assert merged.weights.since.tolist() == [5, 10, 10, 7, 30]
    last = clip(merge(raw, coarse), 1, 2)
    assert last.weights is not None and last.weights.counts.tolist() == [1, 4]
