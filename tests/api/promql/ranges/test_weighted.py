"""Functions over downsampled samples, against a plain twin and against what they were made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.promql.ranges import floats, reductions
from api.promql.ranges.weighted import count_until
from api.promql.ranges.windows import Windows
from api.promql.vectors.cells import fresh_samples
from storage.downsampling.folding import fold
from storage.downsampling.points import points_of
from storage.samples.hint import Purpose
from storage.samples.samples import Samples, weights_of
from tests.twins.promql import ranges as raw_twin
from tests.twins.storage import weighted as naive

WINDOW = 120
# Two or three samples in most windows of which some are left out, and a reset here and there.
values = st.integers(0, 30).map(float)
histories = st.dictionaries(st.integers(0, 120).map(lambda t: 7 * t), values, max_size=100).map(
    lambda found: sorted(found.items())
)
KINDS = [(False, False), (True, False), (True, True)]
OPS = {
    reductions.SUM: raw_twin.total,
    reductions.AVG: raw_twin.mean,
    reductions.COUNT: lambda window: float(len(window)) if window else None,
    reductions.PRESENT: lambda window: 1.0 if window else None,
}

Raw = list[tuple[int, float]]


def samples_of(raw: Raw) -> Samples:
    times = np.array([t for t, _ in raw], np.int64)
    return Samples(np.array([0, len(raw)], np.int64), times, np.array([v for _, v in raw], float))


def downsampled(raw: Raw, purpose: Purpose) -> Samples:
    return fresh_samples(points_of(fold(samples_of(raw), WINDOW), purpose, WINDOW))


def cells(
    function: floats.FloatFunction, samples: Samples, ends: list[int], length: int
) -> list[float | None]:
    steps = np.array(ends, np.int64)
    out, present = function(samples, Windows(steps, steps, length), [])
    cells = zip(out[0].tolist(), present[0].tolist(), strict=True)
    return [value if there else None for value, there in cells]


def points(samples: Samples) -> list[naive.Weighted]:
    weights = weights_of(samples)
    columns = samples.timestamps, samples.values, weights.counts, weights.since
    return list(zip(*(column.tolist() for column in columns), strict=True))


def close(found: list[float | None], expected: list[float | None]) -> None:
    assert [value is None for value in found] == [value is None for value in expected]
    pairs = zip(found, expected, strict=True)
    for a, b in pairs:
        assert a == (None if b is None else pytest.approx(b, rel=1e-9, abs=1e-9))


ALIGNED = [WINDOW * k for k in range(9)]
lengths = st.sampled_from([WINDOW, 2 * WINDOW, 4 * WINDOW])
any_ends = st.lists(st.integers(0, 900), min_size=1, max_size=20).map(sorted)


@given(histories, lengths, st.sampled_from(KINDS))
def test_rates_of_whole_windows_are_those_of_all_samples(
    raw: Raw, length: int, kind: tuple[bool, bool]
) -> None:
    is_counter, is_rate = kind
    purpose = Purpose.RISES if is_counter else Purpose.VALUES
    function = floats.rate(is_counter=is_counter, is_rate=is_rate)
    expected = cells(function, samples_of(raw), ALIGNED, length)
    close(cells(function, downsampled(raw, purpose), ALIGNED, length), expected)


@given(histories, st.integers(1, 500), any_ends, st.sampled_from(KINDS))
def test_rates_of_any_windows(
    raw: Raw, length: int, ends: list[int], kind: tuple[bool, bool]
) -> None:
    is_counter, is_rate = kind
    samples = downsampled(raw, Purpose.RISES if is_counter else Purpose.VALUES)
    found = cells(floats.rate(is_counter=is_counter, is_rate=is_rate), samples, ends, length)
    known = points(samples)
    expected = [
        naive.rate(known, end, length, is_counter=is_counter, is_rate=is_rate) for end in ends
    ]
    close(found, expected)


@given(histories, lengths, st.sampled_from(sorted(OPS)))
def test_totals_of_whole_windows_are_those_of_all_samples(raw: Raw, length: int, op: int) -> None:
    found = cells(floats.reduction(op), downsampled(raw, Purpose.TOTALS), ALIGNED, length)
    close(found, [OPS[op](raw_twin.window_of(raw, end, length)) for end in ALIGNED])


@given(histories, st.integers(1, 500), any_ends)
def test_totals_of_any_windows(raw: Raw, length: int, ends: list[int]) -> None:
    samples = downsampled(raw, Purpose.TOTALS)
    known = [naive.totals(points(samples), end, length) for end in ends]
    sums = [None if each is None else each[0] for each in known]
    means = [None if each is None else each[0] / each[1] for each in known]
    counts = [None if each is None else float(each[1]) for each in known]
    for op, expected in ((reductions.SUM, sums), (reductions.AVG, means)):
        close(cells(floats.reduction(op), samples, ends, length), expected)
    assert cells(floats.reduction(reductions.COUNT), samples, ends, length) == counts


@given(st.integers(1, 9), st.integers(0, 8), st.integers(1, 400), any_ends)
def test_even_samples_are_counted_and_steady_rises_measured_in_any_window(
    space: int, phase: int, length: int, ends: list[int]
) -> None:
    raw = [(t, 3.0 * t) for t in range(phase, 1000, space)]
    counted = downsampled(raw, Purpose.TOTALS)
    expected = [len(raw_twin.window_of(raw, end, length)) or None for end in ends]
    assert cells(floats.reduction(reductions.COUNT), counted, ends, length) == expected
    rises = downsampled(raw, Purpose.RISES)
    increase = floats.rate(is_counter=True, is_rate=False)
    whole = [end for end in ends if end - length > 2 * WINDOW]
    short = 3.0 * space  # hidden ends are seen where the edge is, real ones up to a space before
    for found in cells(increase, rises, whole, length):
        assert found is None or found == pytest.approx(3.0 * length, abs=2 * short)


@given(histories, st.integers(240, 500), any_ends)
def test_an_increase_is_off_by_no_more_than_the_counter_rose_in_the_windows_it_cuts(
    raw: Raw, length: int, ends: list[int]
) -> None:
    """Where both edges are within windows, so that nothing is extrapolated."""
    whole = raw_twin_levels(raw)
    samples = downsampled(raw, Purpose.RISES)
    level = naive.levels(points(samples), is_counter=True)
    found = cells(floats.rate(is_counter=True, is_rate=False), samples, ends, length)
    for end, increase in zip(ends, found, strict=True):
        edges = (end - length, end)
        if any(naive.level_within(points(samples), level, edge) is None for edge in edges):
            continue
        inside = [whole[t] for t, _ in raw if edges[0] < t <= edges[1]]
        cut = {-(-edge // WINDOW) for edge in edges}
        slack = 0.0
        for window in cut:
            own = [whole[t] for t, _ in raw if -(-t // WINDOW) == window]
            slack += own[-1] - own[0]
        exact = inside[-1] - inside[0] if inside else 0.0
        assert increase is not None and abs(increase - exact) <= slack + 1e-9


def raw_twin_levels(raw: Raw) -> dict[int, float]:
    known = [(t, v, 1, t) for t, v in raw]
    return {
        t: level for (t, _), level in zip(raw, naive.levels(known, is_counter=True), strict=False)
    }


@given(histories, st.integers(1, 500), any_ends)
def test_samples_as_they_came_stand_for_themselves(raw: Raw, length: int, ends: list[int]) -> None:
    plain = samples_of(raw)
    weighted = Samples(plain.offsets, plain.timestamps, plain.values, weights=weights_of(plain))
    rate = floats.rate(is_counter=True, is_rate=True)
    close(cells(rate, weighted, ends, length), cells(rate, plain, ends, length))
    for op in OPS:
        function = floats.reduction(op)
        close(cells(function, weighted, ends, length), cells(function, plain, ends, length))


@pytest.mark.parametrize(
    ("since", "time", "count", "bound", "expected"),
    [
        (10, 30, 5, 9, 0),
        (10, 30, 5, 10, 1),
        (10, 30, 5, 14, 1),
        (10, 30, 5, 15, 2),
        (10, 30, 5, 29, 4),
        (10, 30, 5, 30, 5),
        (30, 30, 1, 29, 0),
        (30, 30, 1, 30, 1),
        (10, 30, 0, 30, 0),
    ],
)
def test_evenly_spread_samples_are_counted_up_to_a_time(
    since: int, time: int, count: int, bound: int, expected: int
) -> None:
    assert count_until(since, time, count, bound) == expected
