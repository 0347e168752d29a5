"""Starts and histograms in the head, against its plain twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.batch import Batch, RawNatives
from storage.head.head import Head, sealed_samples
from storage.reasons import CONFLICT, TOO_OLD
from storage.samples.merge import merge_all
from tests.makers.histograms import EXAMPLES, Plain, columns, contents, without_hints
from tests.storage.head.test_head import SERIES, batch, empty_head
from tests.twins.storage.kernels import MixedPoint, NaiveMixedHead

# ref, timestamp, content, start, whether a histogram has a reason
Written = tuple[int, int, int | Plain, int, bool]
written = st.lists(
    st.lists(
        st.tuples(
            st.integers(0, SERIES - 1),
            st.integers(-5, 100),
            st.integers(0, 2) | st.sampled_from(EXAMPLES),
            st.sampled_from([0, 0, 5, -7]),
            st.booleans(),
        ),
        max_size=30,
    ),
    max_size=6,
)


def mixed_batch(points: list[Written]) -> tuple[np.ndarray, Batch]:
    """(refs, batch) with one series per sample. Columns that nothing needs are left out."""
    histograms = [p[2] for p in points if isinstance(p[2], Plain)]
    bits = [p[2].sum_bits if isinstance(p[2], Plain) else p[2] for p in points]
    refs, made = batch([(p[0], p[1], b % 4) for p, b in zip(points, bits, strict=True)])
    made = replace(made, values=np.array(bits, np.uint64).view(np.float64))
    starts = np.array([p[3] for p in points], np.int64)
    if starts.any():
        made = replace(made, starts=starts)
    if histograms:
        is_histogram = np.array([isinstance(p[2], Plain) for p in points])
        rows = np.where(is_histogram, np.cumsum(is_histogram) - 1, -1).astype(np.int32)
        reasons = np.array([p[4] for p in points if isinstance(p[2], Plain)], np.int8)
        made = replace(made, natives=RawNatives(columns(histograms), rows, reasons))
    return refs, made


def read(head: Head, start: int, end: int, first: int = 0, last: int = SERIES) -> object:
    found = head.snapshot(np.arange(SERIES)).between(start, end)
    return without_hints(contents(merge_all(found.sources(first, last), last - first)))


@given(written, st.integers(-10, 60), st.integers(0, 60))
def test_the_head_does_as_its_twin(groups: list[list[Written]], start: int, length: int) -> None:
    head, twin = empty_head(), NaiveMixedHead()
    accepted, conflicts, kept_out = 0, 0, []
    for points in groups:
        appended = head.append(*mixed_batch(points), -2, 90)
        accepted += appended.histograms
        conflicts += int(appended.counts[CONFLICT - TOO_OLD])
        kept_out += [points[k][:3] for k in appended.kept_out]
        for ref, timestamp, content, since, unsound in points:
            is_histogram = isinstance(content, Plain)
            point: MixedPoint = (timestamp, content, since)
            twin.put(ref, point, histogram=is_histogram, unsound=unsound)
    for low, high in ((start, start + length), (-100, 1000)):
        expected = [twin.mixed(ref, low, high) for ref in range(SERIES)]
        assert read(head, low, high) == expected
        assert read(head, low, high, 1, 3) == expected[1:3]
    assert kept_out == twin.kept_out
    assert (accepted, conflicts) == (twin.accepted_histograms, twin.refused["conflict"])
    with_samples = [ref for ref in range(SERIES) if twin.points.get(ref)]
    whole = sealed_samples(head, np.array(with_samples, np.int64))
    expected = [twin.mixed(ref, -100, 1000) for ref in with_samples]
    assert without_hints(contents(whole)) == expected


def test_a_series_of_floats_has_no_optional_columns_beside_histograms() -> None:
    head = empty_head()
    head.append(*mixed_batch([(0, 1, 5, 0, False), (1, 1, EXAMPLES[0], 0, False)]), -100, 1000)
    head.append(*mixed_batch([(2, 1, 5, 3, False)]), -100, 1000)
    found = head.snapshot(np.array([0])).between(-100, 100).sources(0, 1)[0]
    assert (found.starts, found.natives) == (None, None)
    found = head.snapshot(np.array([2])).between(-100, 100).sources(0, 1)[0]
    assert found.starts is not None and found.natives is None


def test_a_snapshot_does_not_see_later_histograms() -> None:
    head = empty_head()
    head.append(*mixed_batch([(0, 1, EXAMPLES[0], 0, False)]), -100, 1000)
    before = head.snapshot(np.arange(SERIES))
    later: list[Written] = [(0, t, EXAMPLES[1], 9, False) for t in (0, 2, 3)]
    head.append(*mixed_batch(later), -100, 1000)
    found = before.between(-100, 1000)
    kept = contents(merge_all(found.sources(0, SERIES), SERIES))
    assert without_hints(kept)[0] == [(1, EXAMPLES[0], 0)]


def test_series_that_are_refused_keep_nothing() -> None:
    head = empty_head()
    refs, made = mixed_batch([(0, 1, EXAMPLES[0], 4, False), (1, 1, EXAMPLES[1], 4, False)])
    refs[0] = -3
    assert head.append(refs, made, -100, 1000).histograms == 1
    assert read(head, 0, 10) == [[], [(1, EXAMPLES[1], 4)], [], []]


HOUR = 3_600_000
grown = [Plain(count=float(n), positive=((1, float(n)),)) for n in range(1, 90)]


def hints(head: Head, ref: int) -> list[int]:
    found = head.snapshot(np.array([ref])).between(-(1 << 60), 1 << 60)
    points = contents(merge_all(found.sources(0, 1), 1))[0]
    return [content.hint for _, content, _ in points if isinstance(content, Plain)]


def write(head: Head, *points: tuple[int, int | Plain]) -> None:
    head.append(*mixed_batch([(0, t, content, 0, False) for t, content in points]), -100, 1 << 60)


def test_hints_say_what_is_known_of_the_sample_before() -> None:
    head = empty_head()
    write(head, *[(t, grown[t]) for t in range(40)])  # over the end of a chunk
    write(head, *[(t, grown[t]) for t in range(40, 70)])
    assert hints(head, 0) == [0] + [2] * 69
    write(head, (70, grown[3]), (71, grown[4]))  # a reset
    assert hints(head, 0)[-3:] == [2, 0, 2]
    write(head, (72, 5), (73, grown[5]), (74, grown[6]))  # a float in between
    assert hints(head, 0)[-3:] == [2, 0, 2]
    write(head, (75, EXAMPLES[9]), (76, grown[7]))  # a stale marker
    assert hints(head, 0)[-3:] == [2, 0, 0]
    write(head, (2 * HOUR, grown[8]))  # another range of time
    assert hints(head, 0)[-2:] == [0, 0]
    write(head, (2 * HOUR + 1, grown[9]._replace(hint=3)), (2 * HOUR + 2, grown[10]))
    assert hints(head, 0)[-3:] == [0, 3, 0]


def test_late_histograms_have_no_hints_and_take_that_of_the_next() -> None:
    head = empty_head()
    write(head, *[(t, grown[t]) for t in range(0, 80, 2)])
    write(head, (5, grown[5]), (7, grown[7]._replace(hint=3)), (9, 3))
    assert hints(head, 0)[:8] == [0, 2, 2, 0, 0, 3, 0, 0]


def test_a_segment_is_told_of_starts_of_floats_only() -> None:
    head = empty_head()
    head.append(*mixed_batch([(0, 1, EXAMPLES[0], 5, False), (1, 1, 7, 0, False)]), -100, 1000)
    assert not head.floats_have_starts
    head.append(*mixed_batch([(0, 2, EXAMPLES[0], 5, False), (1, 2, 7, 5, False)]), -100, 1000)
    assert head.floats_have_starts
