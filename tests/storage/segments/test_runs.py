"""The segment kernels do what their plain twins do, on sorted rows and safely on any others."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.kernels.arrays import frozen
from storage.segments.runs import (
    copy_runs,
    find_groups,
    find_runs,
    find_series,
    merge_runs,
    narrow_runs,
    strictly_ascending,
)
from tests.twins.storage import segments as naive

INT64 = np.iinfo(np.int64)
Row = tuple[int, int, int]

small = st.integers(-3, 12)
any_time = st.one_of(small, st.sampled_from([INT64.min + 1, INT64.max]))
rows_of_a_segment = naive.segment_rows(st.integers(0, 8), any_time)
wanted_ids = st.sets(st.integers(0, 9), max_size=8).map(sorted)
bound = st.one_of(small, st.sampled_from([INT64.min, INT64.max]))


def columns(rows: list[Row]) -> tuple[Any, Any, Any]:
    return (
        frozen(np.array([row[0] for row in rows], np.int64)),
        frozen(np.array([row[1] for row in rows], np.int64)),
        frozen(np.array([row[2] for row in rows], np.uint64)),
    )


@settings(deadline=None)
@given(st.lists(st.tuples(small, st.lists(small, max_size=4)), max_size=4))
def test_strictly_ascending(series: list[tuple[int, list[int]]]) -> None:
    ids = [i for i, _ in series]
    times = [t for _, ts in series for t in ts]
    offsets = np.cumsum([0] + [len(ts) for _, ts in series])
    expected = naive.strictly_ascending(ids, offsets.tolist(), times)
    assert expected == strictly_ascending(
        np.array(ids, np.int64), offsets.astype(np.int64), np.array(times, np.int64)
    )


def cut(rows: list[Row], ids: list[int], start: int, end: int) -> tuple[Any, Any, Any, Any]:
    """find_runs and copy_runs: (items, lengths, timestamps, bits)."""
    row_ids, times, bits = columns(rows)
    items, starts, lengths = (np.empty(len(ids), np.int64) for _ in range(3))
    wanted = np.array(ids, np.int64)
    found = find_runs(row_ids, times, wanted, start, end, items, starts, lengths)
    items, starts, lengths = items[:found], starts[:found], lengths[:found]
    out_times, out_bits = np.empty(lengths.sum(), np.int64), np.empty(lengths.sum(), np.uint64)
    copy_runs(starts, lengths, times, bits, out_times, out_bits)
    return items, lengths, out_times, out_bits


@settings(deadline=None)
@given(rows_of_a_segment, wanted_ids, bound, bound)
def test_runs_of_one_segment(rows: list[Row], ids: list[int], start: int, end: int) -> None:
    items, lengths, times, bits = cut(rows, ids, start, end)
    expected = naive.select([rows], ids, start, end)
    assert items.tolist() == [i for i, found in enumerate(expected) if found]
    assert lengths.tolist() == [len(found) for found in expected if found]
    flat = [row for found in expected for row in found]
    assert times.tolist() == [row[1] for row in flat]
    assert bits.tolist() == [row[2] for row in flat]


@settings(deadline=None)
@given(st.lists(st.tuples(small, small, st.just(0)), max_size=20), wanted_ids, bound, bound)
def test_unsorted_rows_stay_in_bounds(
    rows: list[Row], ids: list[int], start: int, end: int
) -> None:
    row_ids, times, _ = columns(rows)
    items, starts, lengths = (np.empty(len(ids), np.int64) for _ in range(3))
    wanted = np.array(ids, np.int64)
    found = find_runs(row_ids, times, wanted, start, end, items, starts, lengths)
    assert 0 <= found <= len(ids)
    assert (starts[:found] >= 0).all() and (starts[:found] + lengths[:found] <= len(rows)).all()


@settings(deadline=None)
@given(st.lists(rows_of_a_segment, max_size=4), wanted_ids, bound, bound)
def test_merge_of_segments(segments: list[list[Row]], ids: list[int], start: int, end: int) -> None:
    parts = [cut(rows, ids, start, end) for rows in segments]
    items, lengths, times, bits = (
        np.concatenate([np.zeros(0, kind), *(part[k] for part in parts)])
        for k, kind in enumerate((np.int64, np.int64, np.int64, np.uint64))
    )
    ends = np.cumsum(lengths)
    offsets = np.zeros(len(ids) + 1, np.int64)
    out_times, out_bits = np.empty_like(times), np.empty_like(bits)
    merge_runs(
        np.argsort(items, kind="stable"), items, ends - lengths, ends, times, bits,
        offsets, out_times, out_bits,
    )  # fmt: skip
    for i, expected in enumerate(naive.select(segments, ids, start, end)):
        span = slice(offsets[i], offsets[i + 1])
        assert out_times[span].tolist() == [row[1] for row in expected]
        assert out_bits[span].tolist() == [row[2] for row in expected]


@pytest.mark.parametrize(
    ("bits"), [0x7FF0000000000002, 0x7FF8000000000001, 0xFFF8000000000123, 1 << 63]
)
def test_bits_of_values_are_kept(bits: int) -> None:
    assert cut([(1, 1, bits)], [1], 0, 2)[3].tolist() == [bits]


known_series = st.tuples(st.integers(1, 3), any_time, any_time)


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 9), known_series, max_size=8), wanted_ids, bound, bound)
def test_rows_of_wanted_series(
    known: dict[int, tuple[int, int, int]], ids: list[int], start: int, end: int
) -> None:
    table = [(i, rows, min(a, b), max(a, b)) for i, (rows, a, b) in sorted(known.items())]
    columns = [np.array([row[k] for row in table], np.int64) for k in range(4)]
    offsets = np.concatenate([[0], np.cumsum(columns[1])]).astype(np.int64)
    found = np.empty((5, min(len(ids), len(table))), np.int64)
    wanted = np.array(ids, np.int64)
    frozen_columns = [frozen(column) for column in (columns[0], offsets, *columns[2:], wanted)]
    count = find_series(*frozen_columns, start, end, found)
    assert list(map(tuple, found[:, :count].T.tolist())) == naive.find_series(
        table, ids, start, end
    )


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=6),
    st.lists(st.integers(0, 5), max_size=8),
)
def test_row_groups_with_wanted_rows(sizes: list[int], steps: list[int]) -> None:
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    bounds = [min(int(step), sum(sizes)) for step in np.cumsum(steps)]
    runs = list(zip(bounds[::2], bounds[1::2], strict=False))
    firsts, ends = (np.array([run[k] for run in runs], np.int64) for k in range(2))
    numbers = np.empty(len(sizes), np.int64)
    count = find_groups(firsts, ends, offsets, numbers)
    assert numbers[:count].tolist() == naive.find_groups(runs, sizes)


@settings(deadline=None)
@given(
    st.lists(st.lists(small, min_size=1, max_size=4), min_size=1, max_size=5),
    st.lists(st.integers(0, 5), max_size=8),
    bound,
    bound,
)
def test_runs_lose_row_groups_out_of_the_span(
    times: list[list[int]], steps: list[int], start: int, end: int
) -> None:
    flat = [t for own in times for t in own]
    sizes = [len(own) for own in times]
    bounds = [min(int(step), sum(sizes)) for step in np.cumsum(steps)]
    runs = [run for run in zip(bounds[::2], bounds[1::2], strict=False) if run[0] < run[1]]
    # Of some runs it is known that all of their times are in the span.
    wide = [run for run in runs if not all(start <= t <= end for t in flat[run[0] : run[1]])]
    columns = [[i, a, b, min(flat[a:b]), max(flat[a:b])] for i, (a, b) in enumerate(runs)]
    found = np.array(columns, np.int64).reshape(-1, 5).T.copy()
    groups = [
        np.concatenate([[0], np.cumsum(sizes)]),
        [min(t) for t in times],
        [max(t) for t in times],
    ]
    count = narrow_runs(*[frozen(np.array(g, np.int64)) for g in groups], start, end, found)
    expected = [
        run
        for each in runs
        for run in (naive.narrow_runs([each], times, start, end) if each in wide else [each])
    ]
    assert list(zip(*found[1:3, :count].tolist(), strict=True)) == expected
    if flat == sorted(flat):  # as the rows of a series are
        for low, high, least, greatest in found[1:, :count].T.tolist():
            assert least <= flat[low] and flat[high - 1] <= greatest
