"""Functions over windows with floats and native histograms, against the rules one by one."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.promql.ranges import table
from api.promql.ranges.mixed import (
    CONFLICT,
    FOLDED,
    IGNORED,
    MIXED,
    NOT_COUNTER,
    NOT_GAUGE,
    OVERLAP,
    SCHEMAS,
    SUBTRACTED,
    Mixed,
)
from api.promql.ranges.windows import Windows
from storage.histograms.columns import CUSTOM_SCHEMA, HINT_GAUGE, HINT_NOT_RESET, HINT_RESET
from tests.makers.memory_store import Point, Timed, samples_of
from tests.makers.native_points import NativePoint, point_of

RANGE_MS = 100
STEPS = np.array([100, 150, 200])


def native(count: float, hint: int = 0) -> NativePoint:
    return NativePoint(count=count, sum=count, positive=((1, count),), hint=hint)


def custom(*bounds: float) -> NativePoint:
    return NativePoint(CUSTOM_SCHEMA, 1.0, 1.0, positive=((0, 1.0),), bounds=bounds)


def over(func: str, *series: list[Timed]) -> Mixed:
    windows = Windows(STEPS, STEPS, RANGE_MS)
    return table.over(func, samples_of(series), windows, [np.full(len(STEPS), 0.5)] * 2)


def cells_of(result: Mixed, row: int = 0) -> list[Point | None]:
    cells: list[Point | None] = []
    for k in range(result.present.shape[1]):
        at = -1 if result.natives is None else int(result.natives.rows[row, k])
        if not result.present[row, k]:
            cells.append(None)
        elif at < 0:
            cells.append(float(result.values[row, k]))
        else:
            assert result.natives is not None
            cells.append(point_of(result.natives.histograms, at))
    return cells


POINTS = st.sampled_from([1.0, 2.0, math.nan, native(1.0), native(2.0), native(3.0)])
SERIES = st.dictionaries(st.integers(0, 200), POINTS, max_size=8).map(
    lambda points: [(t, points[t], 0) for t in sorted(points)]
)


def window(series: list[Timed], end: int) -> list[tuple[int, Point]]:
    return [(t, point) for t, point, _ in series if end - RANGE_MS < t <= end]


def changed(a: Point, b: Point) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return a != b and not (math.isnan(a) and math.isnan(b))
    return a != b


def reset(a: Point, b: Point) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return b < a
    if isinstance(a, float) or isinstance(b, float):
        return True
    return b.count < a.count


@settings(max_examples=150, deadline=None)
@given(all_series=st.lists(SERIES, min_size=1, max_size=3))
def test_functions_to_which_both_kinds_are_samples(all_series: list[list[Timed]]) -> None:
    for func in ("count_over_time", "first_over_time", "last_over_time", "changes", "resets"):
        result = over(func, *all_series)
        for i, series in enumerate(all_series):
            got = cells_of(result, i)
            for k, end in enumerate(STEPS.tolist()):
                inside = [point for _, point in window(series, end)]
                pairs = list(zip(inside, inside[1:], strict=False))
                expected: dict[str, Point] = {"count_over_time": float(len(inside))}
                if inside:
                    expected["first_over_time"], expected["last_over_time"] = inside[0], inside[-1]
                expected["changes"] = float(sum(changed(a, b) for a, b in pairs))
                expected["resets"] = float(sum(reset(a, b) for a, b in pairs))
                wanted = expected[func] if inside else None
                assert str(got[k]) == str(wanted), (func, inside)
        assert not result.notes


@pytest.mark.parametrize("func", ["max_over_time", "stddev_over_time", "deriv", "mad_over_time"])
def test_functions_of_floats_ignore_histograms(func: str) -> None:
    mixed: list[Timed] = [(10, 1.0, 0), (20, native(1), 0), (30, 4.0, 0), (160, native(2), 0)]
    floats: list[Timed] = [(10, 1.0, 0), (30, 4.0, 0)]
    result = over(func, mixed)
    windows = Windows(STEPS, STEPS, RANGE_MS)
    plain = table.over(func, samples_of([floats]), windows, [])
    assert result.present.tolist() == plain.present.tolist() and result.natives is None
    assert result.values[plain.present].tolist() == plain.values[plain.present].tolist()
    assert result.notes[IGNORED].tolist() == [[True, False, False]]


@pytest.mark.parametrize("func", ["sum_over_time", "avg_over_time", "rate", "increase", "delta"])
def test_windows_of_both_kinds_are_refused(func: str) -> None:
    series: list[Timed] = [(10, 1.0, 0), (60, native(1), 0), (140, native(2), 0)]
    floats: list[Timed] = [(10, 1.0, 0), (60, 2.0, 0)]
    result = over(func, series, floats)
    assert result.present.tolist() == [[False, True, False], [True, False, False]] or func in (
        "sum_over_time",
        "avg_over_time",
    )
    assert not result.present[0, 0]
    assert isinstance(cells_of(result)[1], NativePoint)
    assert result.notes[MIXED].tolist() == [[True, False, False], [False, False, False]]


def test_histograms_are_folded_over_windows() -> None:
    series: list[Timed] = [(60, native(1), 0), (100, native(2), 0), (140, native(6), 0)]
    assert cells_of(over("sum_over_time", series)) == [native(3), native(9), native(6)]
    assert cells_of(over("avg_over_time", series)) == [native(1.5), native(3), native(6)]


@pytest.mark.parametrize(
    ("func", "points", "kind", "has_result"),
    [
        ("sum_over_time", [native(1, HINT_RESET), native(2, HINT_NOT_RESET)], CONFLICT, True),
        ("sum_over_time", [custom(1.0), custom(1.0, 2.0)], FOLDED, True),
        ("avg_over_time", [custom(1.0), native(1)], SCHEMAS, False),
        ("rate", [native(1, HINT_GAUGE), native(2, HINT_GAUGE)], NOT_COUNTER, True),
        ("irate", [native(1, HINT_GAUGE), native(2)], NOT_COUNTER, True),
        ("delta", [native(1), native(2)], NOT_GAUGE, True),
        ("idelta", [native(1, HINT_GAUGE), native(2)], NOT_GAUGE, True),
        ("idelta", [custom(1.0), custom(1.0, 2.0)], SUBTRACTED, True),
        ("idelta", [custom(1.0), native(2)], SCHEMAS, False),
        ("irate", [1.0, native(2)], MIXED, False),
    ],
)
def test_what_there_is_to_say(
    func: str, points: list[Point], kind: int, *, has_result: bool
) -> None:
    result = over(func, [(20 + 40 * i, point, 0) for i, point in enumerate(points)])
    assert result.present[0, 0] == has_result
    assert result.notes[kind][0, 0] and not result.notes[kind][0, 2]


def test_the_last_two_samples_of_a_kind_count() -> None:
    series: list[Timed] = [(10, 9.0, 0), (50, native(1), 0), (100, native(3), 0), (150, 2.0, 0)]
    rate = cells_of(over("irate", series))
    assert isinstance(rate[0], NativePoint) and rate[0].count == 2.0 / 0.05
    assert rate[1:] == [None, None]
    falling: list[Timed] = [(50, native(5), 0), (100, native(3), 0)]
    got = cells_of(over("irate", falling))[0]
    assert isinstance(got, NativePoint) and got.count == 3.0 / 0.05
    difference = cells_of(over("idelta", falling))[0]
    assert isinstance(difference, NativePoint) and difference.count == -2.0


def test_starts_make_resets() -> None:
    series: list[Timed] = [(10, 1.0, 5), (60, 4.0, 20), (160, native(1), 5), (180, native(2), 165)]
    assert cells_of(over("resets", series)) == [1.0, 0.0, 1.0]
    assert cells_of(over("irate", series))[0] == 4.0 / 0.05
    irate = cells_of(over("irate", series))[2]
    assert isinstance(irate, NativePoint) and irate.count == 2.0 / 0.02


def test_starts_that_overlap_are_told_of_both_kinds() -> None:
    floats: list[Timed] = [(10, 1.0, 5), (60, 4.0, 7), (90, 5.0, 7)]
    natives: list[Timed] = [(10, native(1), 5), (60, native(4), 7)]
    result = over("increase", floats, natives)
    assert result.notes[OVERLAP].tolist() == [[True, False, False], [True, False, False]]
