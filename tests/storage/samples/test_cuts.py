"""Cuts against their plain twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.samples.cuts import GONE, STAYS, UNCERTAIN, Cuts, without
from storage.samples.samples import Samples
from tests.makers.histograms import EXAMPLES, contents, mixed_samples
from tests.twins.storage import cuts as naive

ROWS = 3
INT64 = np.iinfo(np.int64)
VERDICTS = {"gone": GONE, "stays": STAYS, "uncertain": UNCERTAIN}
times = st.integers(0, 12)
spans = st.tuples(times, times).map(lambda ends: (min(ends), max(ends)))
chosen = st.lists(st.booleans(), min_size=ROWS, max_size=ROWS)
owners = st.lists(st.tuples(spans, chosen), max_size=5)
points = st.dictionaries(times, st.integers(0, 5), max_size=8).map(lambda d: sorted(d.items()))
Owners = list[tuple[tuple[int, int], list[bool]]]


def cuts_of(given: Owners) -> Cuts:
    if not given:
        return Cuts.of([], []).take(np.zeros(0, np.int64))
    return Cuts.of([span for span, _ in given], [np.array(rows) for _, rows in given])


def cuts_of_row(given: Owners, row: int) -> list[naive.Cut]:
    return [span for span, rows in given if rows[row]]


def columns(series: list[list[naive.Point]]) -> Samples:
    flat = [point for part in series for point in part]
    bits = np.array([bits for _, bits in flat], np.uint64)
    offsets = np.cumsum([0] + [len(part) for part in series]).astype(np.int64)
    return Samples(offsets, np.array([t for t, _ in flat], np.int64), bits.view(np.float64))


@given(owners, st.lists(points, min_size=ROWS, max_size=ROWS))
def test_what_cuts_leave(given: Owners, series: list[list[naive.Point]]) -> None:
    removed = np.zeros(max(1, len(given)), np.int64)
    left = without(columns(series), cuts_of(given), removed)
    expected = [naive.without(part, cuts_of_row(given, row)) for row, part in enumerate(series)]
    ends = left.offsets.tolist()
    bits = left.values.view(np.uint64).tolist()
    flat = list(zip(left.timestamps.tolist(), bits, strict=True))
    assert [flat[a:b] for a, b in zip(ends, ends[1:], strict=False)] == expected
    first_of = [
        [k for k, (span, rows) in enumerate(given) if rows[row] and naive.is_cut(t, [span])][:1]
        for row, part in enumerate(series)
        for t, _ in part
    ]
    counted = [sum(owner == [k] for owner in first_of) for k in range(len(given))]
    assert removed.tolist()[: len(given)] == counted


@given(owners, st.integers(0, ROWS - 1), spans, spans)
def test_what_the_ends_of_a_series_say(
    given: Owners, row: int, ends: tuple[int, int], span: tuple[int, int]
) -> None:
    cuts = Cuts.of([], [np.zeros(ROWS, np.bool_)]) if not given else cuts_of(given)
    first, last = np.array([ends[0]]), np.array([ends[1]])
    found = cuts.judge(np.array([row]), first, last, *span)
    assert found[0] == VERDICTS[naive.verdict(ends, cuts_of_row(given, row), span)]


@given(owners.filter(bool), st.lists(st.tuples(st.integers(0, ROWS - 1), times), max_size=8))
def test_points_that_are_hit(given: Owners, asked: list[tuple[int, int]]) -> None:
    rows, moments = (np.array([entry[k] for entry in asked], np.int64) for k in (0, 1))
    expected = [naive.is_cut(t, cuts_of_row(given, row)) for row, t in asked]
    assert cuts_of(given).hit(rows, moments).tolist() == expected
    turned = cuts_of(given).take(np.array([2, 0, 1]))
    assert turned.hit((rows + 1) % 3, moments).tolist() == expected


def test_a_cut_may_reach_to_the_ends_of_time() -> None:
    whole = (int(INT64.min), int(INT64.max))
    cuts = Cuts.of([whole], [np.array([True, False])])
    series = columns([[(-5, 1), (7, 2)], [(3, 3)]])
    assert without(series, cuts).timestamps.tolist() == [3]
    ends = np.array([-5, 3]), np.array([7, 3])
    assert cuts.judge(np.array([0, 1]), *ends, *whole).tolist() == [GONE, STAYS]


def test_nothing_is_copied_where_nothing_is_cut() -> None:
    series = columns([[(1, 1)], [(2, 2)]])
    assert without(series, Cuts.of([(5, 9)], [np.array([True, True])])) is series


def test_histograms_and_start_timestamps_follow_their_samples() -> None:
    rows = [[(1, EXAMPLES[0], 1), (2, EXAMPLES[1], 1), (3, EXAMPLES[0], 2)]]
    left = without(mixed_samples(rows), Cuts.of([(2, 2)], [np.array([True])]))
    whole = contents(mixed_samples(rows))[0]
    found = contents(left)[0]
    assert [entry[0] for entry in found] == [1, 3]
    assert found[0] == whole[0]
    assert found[1][2] == whole[2][2]
