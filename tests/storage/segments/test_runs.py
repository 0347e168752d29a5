"""The segment kernels do what their plain twins do, on sorted rows and safely on any others."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.kernels.arrays import frozen
from storage.segments.runs import copy_runs, find_runs, merge_runs, strictly_ascending
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
