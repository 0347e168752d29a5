"""The head against its plain twin: order, duplicates, conflicts, bounds, snapshots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.batch import Batch
from storage.head.head import GROUP_LIMITS, GroupLimits, Head, sealed_samples
from storage.kernels.stale import STALE_NAN_BITS
from storage.options import StorageOptions
from storage.reasons import CONFLICT, TOO_FAR_IN_FUTURE, TOO_OLD
from storage.samples.merge import merge_all
from storage.samples.samples import Samples
from storage.series.table import NEVER_MS, SeriesTable
from tests.storage.samples.test_merge import lists
from tests.twins.storage import kernels as naive

SERIES = 4
OPTIONS = replace(
    StorageOptions(), series_max=SERIES, head_samples_max=200, symbol_bytes_max=1 << 12
)


def empty_head(group: GroupLimits = GROUP_LIMITS) -> Head:
    table = SeriesTable(OPTIONS)
    table._state[0] = SERIES
    table.last_ms[:] = NEVER_MS
    return Head(OPTIONS, table, 0, group)


def batch(points: list[tuple[int, int, int]]) -> tuple[np.ndarray, Batch]:
    """(refs, batch) with one series per (ref, timestamp, bits)."""
    table = np.array(points, np.int64).reshape(-1, 3)
    none = np.zeros(len(points), np.int64)
    made = Batch(
        kind=1,
        payload=b"",
        buffer=np.zeros(1, np.uint8),
        label_start=none,
        label_end=none,
        hash_low=none.astype(np.uint64),
        hash_high=none.astype(np.uint64),
        sample_offsets=np.arange(len(points) + 1),
        timestamps=table[:, 1].copy(),
        values=table[:, 2].astype(np.uint64).view(np.float64),
    )
    return table[:, 0].astype(np.int32), made


def read(head: Head, start: int, end: int, refs: list[int] | None = None) -> list[naive.Series]:
    chosen = np.array(range(SERIES) if refs is None else refs, np.int64)
    found = head.snapshot(chosen).between(start, end)
    return lists(merge_all(found.sources(0, len(chosen)), len(chosen)))


batches = st.lists(
    st.lists(
        st.tuples(st.integers(0, SERIES - 1), st.integers(-5, 100), st.integers(0, 3)), max_size=30
    ),
    max_size=6,
)


@given(batches, st.integers(-10, 60), st.integers(0, 60))
def test_the_head_does_as_its_twin(
    written: list[list[tuple[int, int, int]]], start: int, length: int
) -> None:
    head, twin = empty_head(), naive.NaiveHead()
    refused, kept_out = np.zeros(3, np.int64), []
    for points in written:
        refs, made = batch(points)
        appended = head.append(refs, made, -2, 90)
        refused += appended.counts
        kept_out += [points[k] for k in appended.kept_out]
        for ref, timestamp, bits in points:
            twin.append(ref, timestamp, bits, -2, 90)
    for low, high in ((start, start + length), (-100, 1000)):
        expected = [twin.samples(ref, low, high) for ref in range(SERIES)]
        assert read(head, low, high) == expected
        found = head.snapshot(np.arange(SERIES)).between(low, high)
        assert ((found.counts() > 0) == [bool(series) for series in expected]).all()
    assert kept_out == twin.kept_out
    assert head.sample_count == sum(map(len, twin.points.values()))
    assert refused[0] == twin.refused["too_old"]
    assert refused[TOO_FAR_IN_FUTURE - TOO_OLD] == twin.refused["too_far"]
    assert refused[CONFLICT - TOO_OLD] == twin.refused["conflict"]
    with_samples = [ref for ref in range(SERIES) if twin.points.get(ref)]
    assert head.refs_with_samples().tolist() == with_samples
    whole = lists(sealed_samples(head, np.array(with_samples, np.int64)))
    assert whole == [twin.samples(ref, -100, 1000) for ref in with_samples]


def test_a_snapshot_does_not_see_what_comes_later() -> None:
    head = empty_head()
    head.append(*batch([(0, t, t) for t in range(0, 50, 2)]), -100, 1000)
    before = head.snapshot(np.arange(SERIES))
    seen = [list(series) for series in read(head, -100, 1000)]
    head.append(*batch([(0, 100, 1), (1, 100, 1), (0, 3, 1)]), -100, 1000)
    found = before.between(-100, 1000)
    assert lists(merge_all(found.sources(0, SERIES), SERIES)) == seen


def test_stale_markers_and_nan_payloads_keep_their_bits() -> None:
    head = empty_head()
    bits = [STALE_NAN_BITS, 0x7FF8000000000001, 0x7FF8DEADBEEF0001, 1 << 63]
    head.append(*batch([(0, t, 0) for t in range(4)]), -100, 1000)
    refs, made = batch([(1, t, 0) for t in range(4)])
    made.values.view(np.uint64)[:] = bits
    head.append(refs, made, -100, 1000)
    assert read(head, 0, 10, [1]) == [list(enumerate(bits))]


def test_fullness_counts_samples_and_chunks() -> None:
    head = empty_head(GroupLimits(samples=1000))
    assert head.fullness == 0
    head.append(*batch([(0, t, 0) for t in range(100)]), -100, 1000)
    assert head.fullness == 0.5
    assert head.sample_count == 100
    head.append(*batch([(1, t, 0) for t in range(100)]), -100, 1000)
    assert head.fullness == 1


def test_refused_series_are_passed_over() -> None:
    head = empty_head()
    refs, made = batch([(0, 1, 1), (1, 1, 1)])
    refs[0] = -3
    head.append(refs, made, -100, 1000)
    assert read(head, 0, 10, [0, 1]) == [[], [(1, 1)]]


def test_reading_nothing() -> None:
    head = empty_head()
    found = head.snapshot(np.zeros(0, np.int64)).between(0, 10)
    assert isinstance(merge_all(found.sources(0, 0), 0), Samples)


@given(batches, st.integers(-10, 60), st.integers(0, 60), st.integers(0, 60), st.integers(1, 4))
def test_near_a_span_nothing_is_missing(
    groups: list[list[tuple[int, int, int]]], start: int, length: int, reach: int, lead: int
) -> None:
    head = empty_head()
    for group in groups:
        head.append(*batch(group), -5, 90)
    span = (start, start + length)
    rows = np.array([3, 1, 2])
    taken = head.snapshot(np.arange(SERIES)).between(span[0] - reach, span[1] + reach)
    near = merge_all(taken.pick(rows).near_sources(1, 3, span, lead), 2)
    for row, found in zip(rows[1:], lists(near), strict=True):
        whole = lists(merge_all(taken.sources(row, row + 1), 1))[0]
        before = [point for point in whole if point[0] < span[0]]
        after = [point for point in whole if point[0] > span[1]]
        nearest = whole[max(0, len(before) - lead) : len(whole) - max(0, len(after) - lead)]
        assert set(nearest) <= set(found) <= set(whole)
        if not len(taken.ooo):
            assert found == nearest
