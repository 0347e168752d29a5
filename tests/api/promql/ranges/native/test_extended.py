"""Anchored and smoothed windows of native histograms: the counts are those of float counters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.promql.ranges.extended import Extension
from api.promql.ranges.native.extended import extended_rates, smooth_values
from api.promql.ranges.native.rate_kernels import MIXED_SCHEMAS, NOT_COUNTER, NOT_GAUGE
from api.promql.ranges.native.rates import RateCells
from api.promql.ranges.table import over
from api.promql.ranges.windows import Windows
from storage.histograms.columns import CUSTOM_SCHEMA, HINT_GAUGE, HINT_RESET, HINT_UNKNOWN, Natives
from storage.histograms.histograms import Parts, from_parts, parts_of
from storage.samples.samples import Samples

SECOND = 1000


def series_of(items: list[Parts], step_ms: int) -> Samples:
    h = from_parts(items)
    times = np.arange(len(items), dtype=np.int64) * step_ms
    rows = np.arange(len(items), dtype=np.int32)
    return Samples(np.array([0, len(items)]), times, h.counts, None, Natives(h, rows))


def counter(count: float, hint: int = 0) -> Parts:
    return Parts(0, count, count, positive=[(0, count)] if count else (), hint=hint)


def change(
    samples: Samples, end: int, range_ms: int, smoothed: bool, kind: str = "increase"
) -> RateCells:
    ends = np.array([end], np.int64)
    extension = Extension(300 * SECOND, smoothed)
    is_counter = kind != "delta"
    return extended_rates(
        samples, Windows(ends, ends, range_ms), extension, is_counter, kind == "rate"
    )


@given(
    st.lists(st.integers(0, 9).map(float), min_size=1, max_size=6),
    st.integers(1, 7).map(lambda k: k * 5 * SECOND),
    st.lists(st.integers(-2, 14), min_size=1, max_size=5, unique=True).map(sorted),
    st.booleans(),
    st.sampled_from(["rate", "increase", "delta"]),
    st.sampled_from([12, 25, 300]),
)
def test_counts_change_as_floats_do(
    counts: list[float],
    range_ms: int,
    steps: list[int],
    smoothed: bool,
    kind: str,
    lookback: int,
) -> None:
    hint = HINT_GAUGE if kind == "delta" else 0
    samples = series_of([counter(count, hint) for count in counts], 10 * SECOND)
    ends = np.array(steps, np.int64) * 5 * SECOND
    windows, extension = Windows(ends, ends, range_ms), Extension(lookback * SECOND, smoothed)
    floats = Samples(samples.offsets, samples.timestamps, np.array(counts))
    of_floats = over(kind, floats, windows, [], extension)
    wanted, present = of_floats.values, of_floats.present
    cells = extended_rates(samples, windows, extension, kind != "delta", kind == "rate")
    assert (cells.rows >= 0).tolist() == present.tolist()
    got = cells.histograms.counts[cells.rows[present]]
    assert got == pytest.approx(wanted[present], abs=1e-12)
    sizes = [sum(c for _, c in parts_of(cells.histograms, row).positive) for row in range(len(got))]
    assert sizes == pytest.approx(cells.histograms.counts.tolist(), abs=1e-12)


@pytest.mark.parametrize(
    ("items", "step", "end", "length", "smoothed", "count"),
    [
        ([counter(5), counter(10), counter(3, HINT_RESET)], 30, 70, 70, False, 8),
        ([counter(5), counter(3, HINT_RESET)], 30, 30, 30, False, 3),
        (
            [counter(10), counter(5, HINT_RESET), counter(2, HINT_RESET), counter(4)],
            *(10, 15, 14, True, 5.5),
        ),
        ([counter(10), counter(5, HINT_RESET)], 20, 15, 10, True, 2.5),
    ],
)
def test_resets_at_the_edges(
    items: list[Parts], step: int, end: int, length: int, smoothed: bool, count: float
) -> None:
    samples = series_of(items, step * SECOND)
    cells = change(samples, end * SECOND, length * SECOND, smoothed)
    assert cells.histograms.counts.tolist() == [pytest.approx(count)]


CUSTOM = Parts(CUSTOM_SCHEMA, 1.0, 1.0, positive=[(0, 1.0)], bounds=[5, 10])
GAUGE = counter(2, HINT_GAUGE)


@pytest.mark.parametrize(
    ("items", "kind", "flags"),
    [
        ([counter(1), CUSTOM, counter(3)], "increase", MIXED_SCHEMAS),
        ([counter(1), CUSTOM], "delta", MIXED_SCHEMAS),
        ([counter(1), GAUGE, counter(3)], "rate", NOT_COUNTER),
        ([counter(1), GAUGE, counter(3)], "delta", NOT_GAUGE),
        ([GAUGE, GAUGE], "delta", 0),
    ],
)
def test_flags(items: list[Parts], kind: str, flags: int) -> None:
    samples = series_of(items, 30 * SECOND)
    end = int(samples.timestamps[-1])
    cells = change(samples, end, end, False, kind)
    assert cells.flags.tolist() == [[flags]]
    assert (cells.rows >= 0).tolist() == [[flags != MIXED_SCHEMAS]]


@pytest.mark.parametrize(
    ("items", "at", "count"),
    [
        ([counter(4), counter(8)], 0, 4.0),
        ([counter(4), counter(8)], 5, 5.0),
        ([counter(4), counter(8)], 60, 8.0),
        ([counter(4), counter(8)], -1, None),
        ([counter(4), counter(8)], 400, None),
        ([counter(8), counter(4)], 5, 1.0),
        ([counter(8, HINT_GAUGE), counter(4, HINT_GAUGE)], 5, 7.0),
        ([counter(8, HINT_GAUGE), counter(4)], 5, 1.0),
        ([counter(8), CUSTOM], 5, None),
    ],
)
def test_values_between_samples(items: list[Parts], at: int, count: float | None) -> None:
    times = np.array([at * SECOND], np.int64)
    cells = smooth_values(series_of(items, 20 * SECOND), times, 300 * SECOND)
    assert (cells.rows >= 0).tolist() == [[count is not None]]
    mixed = len({item.schema for item in items}) > 1
    assert cells.flags.tolist() == [[MIXED_SCHEMAS if mixed else 0]]
    if count is not None:
        assert cells.histograms.counts.tolist() == [count]


def test_a_sample_that_is_taken_as_it_is_keeps_its_hint() -> None:
    cells = smooth_values(
        series_of([counter(1, HINT_RESET), GAUGE], 20 * SECOND), np.array([0, 20_000]), 300_000
    )
    assert cells.histograms.hints.tolist() == [HINT_RESET, HINT_GAUGE]


@pytest.mark.parametrize("kind", ["rate", "increase", "delta"])
@pytest.mark.parametrize("hint", [HINT_UNKNOWN, HINT_GAUGE])
def test_between_equal_histograms_nothing_changes(kind: str, hint: int) -> None:
    same = Parts(3, 7.0, 3.5, 0.001, 1.0, [(0, 1.1), (1, 2.3), (4, 0.7)], [(2, 1.9)], hint=hint)
    samples = series_of([same] * 20, 15 * SECOND)
    for end in range(40_500, 250_000, 30_500):
        cells = change(samples, end, 60 * SECOND, True, kind)
        got = parts_of(cells.histograms, 0)
        assert (got.count, got.sum, got.zero_count, got.hint) == (0.0, 0.0, 0.0, HINT_GAUGE)
        assert not got.positive and not got.negative


def test_an_edge_is_interpolated_in_the_order_of_prometheus() -> None:
    h1, h2, h3 = counter(0.1), counter(0.7), counter(1.3)
    samples = series_of([h1, h2, h3], 30 * SECOND)
    cells = change(samples, 50 * SECOND, 40 * SECOND, True)
    left = (0.7 - 0.1) * (10 / 30) + 0.1
    right = (1.3 - 0.7) * (20 / 30) + 0.7
    assert cells.histograms.counts.tolist() == [right - left]


def test_what_resets_have_taken_is_added_up_first() -> None:
    items = [counter(0.7), counter(0.1), counter(0.3), counter(0.2)]
    samples = series_of(items, 30 * SECOND)
    cells = change(samples, 90 * SECOND, 90 * SECOND, False)
    assert cells.histograms.counts.tolist() == [(0.2 - 0.7) + (0.7 + 0.3)]


@pytest.mark.parametrize(
    ("items", "kind", "flags"),
    [
        # Between a gauge and another sample lies a gauge.
        ([GAUGE, counter(2), GAUGE], "delta", 0),
        ([counter(2), GAUGE, counter(2)], "delta", 0),
        ([counter(2), counter(2), GAUGE], "delta", NOT_GAUGE),
        # What comes behind the first misfit is not looked at.
        ([counter(1), CUSTOM, GAUGE], "increase", MIXED_SCHEMAS),
        ([counter(1), GAUGE, CUSTOM], "increase", MIXED_SCHEMAS | NOT_COUNTER),
        ([counter(1), CUSTOM, counter(1)], "delta", MIXED_SCHEMAS),
    ],
)
def test_flags_of_smoothed_windows(items: list[Parts], kind: str, flags: int) -> None:
    samples = series_of(items, 30 * SECOND)
    cells = change(samples, 50 * SECOND, 40 * SECOND, True, kind)
    assert cells.flags.tolist() == [[flags]]


def test_a_sample_that_is_carried_on_says_nothing_of_resets() -> None:
    samples = series_of([counter(1), counter(3, HINT_RESET)], 20 * SECOND)
    cells = smooth_values(samples, np.array([20_000, 30_000]), 300_000)
    assert cells.histograms.hints.tolist() == [HINT_RESET, HINT_UNKNOWN]
