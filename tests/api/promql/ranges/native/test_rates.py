"""Rates of native histograms: every window against the sum that the rules say it is."""

from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.promql.ranges.native.rate_kernels import MIXED_SCHEMAS, NOT_COUNTER, NOT_GAUGE
from api.promql.ranges.native.rates import RateCells, histogram_rates
from api.promql.ranges.windows import Windows
from storage.histograms.columns import CUSTOM_SCHEMA, HINT_GAUGE, Natives
from storage.histograms.histograms import Parts, from_parts, parts_of
from storage.histograms.resets import detect_resets
from storage.samples.samples import Samples
from tests.makers.promql.histograms import parts
from tests.twins.promql.native_histograms import (
    Plain,
    add_to,
    coarser,
    is_reset,
    parts_of_plain,
    plain_of,
    scale,
)

MINUTE = 60_000


def series_of(items: list[list[Parts]], times: list[list[int]]) -> Samples:
    h = from_parts([item for group in items for item in group])
    offsets = np.cumsum([0, *map(len, items)])
    at = np.array([t for group in times for t in group], np.int64)
    natives = Natives(h, np.arange(len(h), dtype=np.int32))
    return Samples(offsets, at, h.sums, None, natives)


def rates(
    samples: Samples, ends: list[int], range_ms: int, kind: str, starts: list[int] | None = None
) -> RateCells:
    assert samples.natives is not None
    rows = samples.natives.rows.astype(np.int64)
    resets = detect_resets(samples.natives.histograms, np.concatenate([[-1], rows[:-1]]), rows)
    at = np.array(ends, np.int64)
    return histogram_rates(
        samples,
        Windows(at, at, range_ms),
        kind != "delta",
        kind == "rate",
        resets,
        starts=None if starts is None else np.array(starts, np.int64),
    )


def change_of(window: list[Plain], is_counter: bool) -> tuple[Plain | None, bool]:
    """(last less first, with what resets took away; whether schemas are mixed)."""
    first = window[0]
    if is_counter and is_reset(first, window[1]):
        first = Plain(window[1].schema, bounds=window[1].bounds)
    seen = [first, window[-1], *(window[1:-1] if is_counter else [])]
    if len({p.custom for p in seen}) > 1:
        return None, True
    change = deepcopy(window[-1])
    if not change.custom:
        coarser(change, min(p.schema for p in seen))
    add_to(change, first, -1.0)
    if is_counter:
        for before, p in zip([first, *window[1:]], window[1:], strict=False):
            if is_reset(before, p):
                add_to(change, before)
    return change, False


def stretch(
    times: list[int], end: int, range_ms: int, first: float, change: float, is_counter: bool
) -> float:
    sampled = (times[-1] - times[0]) / 1000
    average = sampled / (len(times) - 1)
    before, after = (times[0] - end + range_ms) / 1000, (end - times[-1]) / 1000
    before = average / 2 if before >= average * 1.1 else before
    after = average / 2 if after >= average * 1.1 else after
    if is_counter and change > 0 and first >= 0:
        before = min(before, sampled * (first / change))
    return (sampled + before + after) / sampled


@given(
    st.lists(parts(), min_size=1, max_size=5),
    st.sampled_from(["rate", "increase", "delta"]),
    st.integers(1, 5),
    st.integers(0, 2),
)
def test_any_series(items: list[Parts], kind: str, length: int, late: int) -> None:
    times = [10_000 + k * MINUTE for k in range(len(items))]
    samples = series_of([items, items[:1]], [times, times[:1]])
    ends = [times[-1] + late * 20_000, times[-1] + late * 20_000 + MINUTE]
    range_ms = length * MINUTE + 5_000
    cells = rates(samples, ends, range_ms, kind)
    is_counter = kind != "delta"
    for k, end in enumerate(ends):
        inside = [i for i, t in enumerate(times) if end - range_ms < t <= end]
        if len(inside) < 2:
            assert cells.rows[0, k] == -1
            assert cells.flags[0, k] == 0
            continue
        window = [plain_of(items[i]) for i in inside]
        change, mixed = change_of(window, is_counter)
        assert bool(cells.flags[0, k] & MIXED_SCHEMAS) == mixed
        if change is None:
            assert cells.rows[0, k] == -1
            continue
        own = [times[i] for i in inside]
        first = window[0].count[0]
        factor = stretch(own, end, range_ms, first, change.count[0], is_counter)
        change = plain_of(parts_of_plain(change))
        scale(change, factor / (range_ms / 1000) if kind == "rate" else factor, 1.0)
        check(parts_of(cells.histograms, cells.rows[0, k]), parts_of_plain(change))
    assert (cells.rows[1] == -1).all()


def check(got: Parts, wanted: Parts) -> None:
    assert got.hint == HINT_GAUGE
    assert (got.schema, got.zero_threshold) == (wanted.schema, wanted.zero_threshold)
    assert list(got.bounds) == list(wanted.bounds)
    numbers = (got.count, got.sum, got.zero_count)
    assert numbers == pytest.approx((wanted.count, wanted.sum, wanted.zero_count), rel=1e-12)
    for a, b in ((got.positive, wanted.positive), (got.negative, wanted.negative)):
        assert dict(a) == pytest.approx(dict(b), rel=1e-12)


def counter(count: float, *, hint: int = 0, schema: int = 0) -> Parts:
    return Parts(schema, count, count, positive=[(0, count)], hint=hint)


def test_a_reset_in_one_bucket_only() -> None:
    items = [
        Parts(0, 4.0, 5.0, positive=[(0, 1), (1, 2), (2, 1)]),
        Parts(0, 5.0, 6.0, positive=[(0, 1), (1, 1), (2, 3)]),
        Parts(0, 6.0, 7.0, positive=[(0, 1), (1, 2), (2, 3)]),
    ]
    cells = rates(series_of([items], [[0, 300_000, 600_000]]), [600_000], 900_000, "increase")
    got = parts_of(cells.histograms, 0)
    assert (got.count, got.sum) == (9.0, 10.5)
    assert got.positive == [(0, 1.5), (1, 3.0), (2, 4.5)]


CUSTOM = Parts(CUSTOM_SCHEMA, 1.0, 1.0, positive=[(0, 1.0)], bounds=[5, 10])


@pytest.mark.parametrize(
    ("items", "kind", "flags", "count"),
    [
        ([counter(1, hint=HINT_GAUGE), counter(3, hint=HINT_GAUGE)], "increase", NOT_COUNTER, 1),
        ([counter(1), counter(2, hint=HINT_GAUGE), counter(3)], "increase", NOT_COUNTER, 1),
        ([counter(1), counter(3)], "delta", NOT_GAUGE, 1),
        ([counter(1, hint=HINT_GAUGE), counter(3)], "delta", NOT_GAUGE, 1),
        ([counter(1, hint=HINT_GAUGE), counter(3, hint=HINT_GAUGE)], "delta", 0, 1),
        ([counter(1), CUSTOM, counter(3)], "increase", MIXED_SCHEMAS, 0),
        ([counter(1), CUSTOM], "delta", MIXED_SCHEMAS, 0),
        # A first sample that was reset right away does not matter.
        ([CUSTOM, counter(3)], "increase", 0, 1),
        ([counter(3, schema=2), counter(1), counter(2)], "increase", 0, 1),
    ],
)
def test_flags(items: list[Parts], kind: str, flags: int, count: int) -> None:
    times = [MINUTE * k for k in range(len(items))]
    cells = rates(series_of([items], [times]), [times[-1]], 10 * MINUTE, kind)
    assert cells.flags.tolist() == [[flags]]
    assert len(cells.histograms) == count


@pytest.mark.parametrize(
    ("items", "starts", "end", "count"),
    [
        # One sample is enough, if it is known when it began; then nothing is stretched behind it.
        ([counter(60)], [MINUTE], 3 * MINUTE, 60.0),
        ([counter(60)], [0], 3 * MINUTE, None),
        ([counter(60)], [2 * MINUTE], 3 * MINUTE, None),
        # From 1:00 on the counter goes up by 4; 5 of 4 minutes up to the end.
        ([counter(1), counter(2), counter(3), counter(4)], [MINUTE] * 4, 6 * MINUTE, 5.0),
        ([counter(5), counter(5), counter(2)], [MINUTE, MINUTE, MINUTE], 5 * MINUTE, 9.333333333),
    ],
)
def test_starts(items: list[Parts], starts: list[int], end: int, count: float | None) -> None:
    times = [2 * MINUTE + MINUTE * k for k in range(len(items))]
    cells = rates(series_of([items], [times]), [end], 6 * MINUTE - 1, "increase", starts)
    if count is None:
        assert cells.rows.tolist() == [[-1]]
        return
    assert cells.histograms.counts.tolist() == [pytest.approx(count)]
