"""Arithmetic on native histograms, against the plain twin, bit for bit."""

import math
from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.promql.native_histograms import arithmetic as native
from storage.histograms.columns import (
    CUSTOM_SCHEMA,
    HINT_GAUGE,
    HINT_NOT_RESET,
    HINT_RESET,
    HINT_UNKNOWN,
    Histograms,
)
from storage.histograms.histograms import Parts, from_parts, parts_of
from tests.makers.promql.histograms import customary, exponential, flat, parts, same
from tests.twins.promql.native_histograms import (
    Incompatible,
    Plain,
    add_to,
    coarser,
    mean_of,
    parts_of_plain,
    plain_of,
    sum_of,
)

KIND = st.sampled_from([exponential(), customary()])
ALIKE = KIND.flatmap(lambda kind: st.lists(kind, min_size=1, max_size=6))


def plains(items: Sequence[Parts]) -> list[Plain]:
    return [plain_of(item) for item in items]


@given(parts(), parts(), st.sampled_from([1.0, -1.0]))
def test_sums_and_differences_of_pairs(a: Parts, b: Parts, factor: float) -> None:
    operate = native.add if factor > 0 else native.subtract
    h, notes = operate(from_parts([b, a]), np.array([1]), from_parts([b]), np.array([0]))
    wanted = plain_of(a)
    try:
        reconciled = add_to(wanted, plain_of(b), factor)
    except Incompatible:
        assert notes.incompatible[0]
        assert parts_of(h, 0).count == 0
        return
    assert not notes.incompatible[0]
    assert (notes.reconciled_add[0] if factor > 0 else notes.reconciled_sub[0]) == reconciled
    assert notes.hint_conflict[0] == ({a.hint, b.hint} == {HINT_RESET, HINT_NOT_RESET})
    if factor < 0:
        wanted.hint = HINT_GAUGE
    same(h, 0, parts_of_plain(wanted))


@given(st.lists(ALIKE, min_size=1, max_size=3))
def test_sums_and_means_of_groups(groups: list[list[Parts]]) -> None:
    h = from_parts([item for group in groups for item in group])
    numbers = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    rows = np.arange(len(h), dtype=np.int32)
    sums, notes = native.sum_groups(h, rows, numbers, len(groups))
    means, _ = native.avg_groups(h, rows, numbers, len(groups))
    for g, group in enumerate(groups):
        assert not notes.incompatible[g]
        same(sums, g, sum_of(plains(group)))
        same(means, g, mean_of(plains(group)))


@given(ALIKE)
def test_the_order_of_rows_within_a_group_is_kept(items: list[Parts]) -> None:
    h = from_parts(items)
    backward = np.arange(len(items))[::-1].copy()
    # Two groups by turns, the second of which comes first.
    rows, groups = np.repeat(backward, 2), np.tile([1, 0], len(items))
    sums, _ = native.sum_groups(h, rows, groups, 3)
    for g in (0, 1):
        same(sums, g, sum_of(plains(items[::-1])))
    assert flat(parts_of(sums, 2)) == flat(Parts())


@given(st.lists(exponential(), min_size=1, max_size=4), st.lists(customary(), min_size=1))
def test_a_mixed_group_has_no_sum(some: list[Parts], others: list[Parts]) -> None:
    h = from_parts([*some, *others])
    sums, notes = native.sum_groups(h, np.arange(len(h)), np.zeros(len(h), np.int64), 1)
    assert notes.incompatible.tolist() == [True]
    assert parts_of(sums, 0).positive == []


HUGE = 1.7976931348623157e308


@pytest.mark.parametrize(
    ("counts", "sums", "total", "mean"),
    [
        ([HUGE, 1e308, 1e-6, 1e-6], [1.0, 1e100, 1.0, -1e100], math.inf, 6.99423283715579e307),
        ([1.0, 2.0, 3.0, 4.0], [1.0, 1e100, 1.0, -1e100], 10.0, 2.5),
        ([HUGE, math.inf, 1.0, 1.0], [1.0, 1e100, 1.0, -1e100], math.inf, math.inf),
    ],
)
def test_what_rounding_loses_is_made_up_for(
    counts: list[float], sums: list[float], total: float, mean: float
) -> None:
    h = from_parts([Parts(count=c, sum=s) for c, s in zip(counts, sums, strict=True)])
    rows, groups = np.arange(4), np.zeros(4, np.int64)
    summed = parts_of(native.sum_groups(h, rows, groups, 1)[0], 0)
    averaged = parts_of(native.avg_groups(h, rows, groups, 1)[0], 0)
    assert (summed.count, summed.sum) == (total, 2.0)
    assert averaged.count == pytest.approx(mean, rel=1e-15)
    assert averaged.sum == 0.5


@given(st.lists(st.sampled_from([1e308, 1.5e308, -1e308, 3.0]), min_size=2, max_size=6), st.data())
def test_means_whose_sums_overflow(counts: list[float], data: st.DataObject) -> None:
    shapes = data.draw(st.lists(exponential(), min_size=len(counts), max_size=len(counts)))
    items = [
        Parts(p.schema, c, p.sum, p.zero_threshold, p.zero_count, p.positive, p.negative)
        for p, c in zip(shapes, counts, strict=True)
    ]
    zeros = np.zeros(len(items), np.int64)
    means, _ = native.avg_groups(from_parts(items), np.arange(len(items)), zeros, 1)
    got, wanted = parts_of(means, 0), mean_of(plains(items))
    assert got.count == wanted.count
    assert [i for i, _ in got.positive] == [i for i, _ in wanted.positive]
    for (_, a), (_, b) in zip(got.positive, wanted.positive, strict=True):
        assert a == pytest.approx(b, rel=1e-13)


@pytest.mark.parametrize(
    ("items", "hint"),
    [
        ([HINT_UNKNOWN, HINT_UNKNOWN], HINT_UNKNOWN),
        ([HINT_NOT_RESET, HINT_NOT_RESET], HINT_NOT_RESET),
        ([HINT_NOT_RESET, HINT_RESET], HINT_UNKNOWN),
        ([HINT_UNKNOWN, HINT_NOT_RESET], HINT_UNKNOWN),
        ([HINT_RESET, HINT_GAUGE, HINT_UNKNOWN], HINT_GAUGE),
    ],
)
def test_hints_of_sums(items: list[int], hint: int) -> None:
    h = from_parts([Parts(count=1.0, hint=item) for item in items])
    sums, _ = native.sum_groups(h, np.arange(len(h)), np.zeros(len(h), np.int64), 1)
    assert sums.hints.tolist() == [hint]


@given(st.lists(parts(), max_size=4), st.data())
def test_scaling(items: list[Parts], data: st.DataObject) -> None:
    numbers = [data.draw(st.sampled_from([2.0, 0.1, 0.0, -3.0, 1e-300])) for _ in items]
    h = from_parts(items)
    times, parted = (f(h, np.array(numbers)) for f in (native.multiply, native.divide))
    for row, (item, number) in enumerate(zip(items, numbers, strict=True)):
        check_scaled(times, row, scaled(item, lambda x, n=number: x * n, number))
        check_scaled(parted, row, scaled(item, lambda x, n=number: ratio(x, n), number))


def ratio(x: float, number: float) -> float:
    with np.errstate(all="ignore"):
        return float(np.float64(x) / np.float64(number))


def scaled(p: Parts, apply: "object", number: float) -> Parts:
    assert callable(apply)
    hint = HINT_GAUGE if number < 0 else p.hint
    has_buckets = math.isfinite(apply(1.0))
    positive = [(i, apply(c)) for i, c in p.positive if has_buckets]
    negative = [(i, apply(c)) for i, c in p.negative if has_buckets]
    numbers = (apply(p.count), apply(p.sum), p.zero_threshold, apply(p.zero_count))
    return Parts(p.schema, *numbers, positive, negative, p.bounds, hint)


def check_scaled(got: Histograms, row: int, wanted: Parts) -> None:
    a, b = flat(parts_of(got, row)), flat(parts_of(from_parts([wanted]), 0))
    if any(math.isnan(x) for x in (wanted.count, wanted.sum, wanted.zero_count)):
        assert a[:3] == b[:3]
    else:
        assert a == b


@given(parts(), parts())
def test_a_histogram_equals_only_itself(a: Parts, b: Parts) -> None:
    h, other = from_parts([a, b]), from_parts([b, a])
    got = native.equal(h, np.array([0, 1, 0]), other, np.array([1, 0, 0])).tolist()
    different = [x for x in flat(a)[2:] + (a.schema, len(a.bounds))]
    alike = different == [x for x in flat(b)[2:] + (b.schema, len(b.bounds))]
    assert got == [True, True, alike]


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [
        (Parts(sum=math.nan), Parts(sum=math.nan), True),
        (Parts(sum=0.0), Parts(sum=-0.0), False),
        (Parts(hint=HINT_RESET), Parts(hint=HINT_GAUGE), True),
        (Parts(count=1.0), Parts(count=2.0), False),
        (Parts(CUSTOM_SCHEMA, bounds=[1.0]), Parts(CUSTOM_SCHEMA, bounds=[2.0]), False),
        (Parts(CUSTOM_SCHEMA, bounds=[1.0]), Parts(CUSTOM_SCHEMA, bounds=[1.0, 2.0]), False),
        (Parts(positive=[(1, 1.0)]), Parts(positive=[(2, 1.0)]), False),
        (Parts(positive=[(1, 1.0)]), Parts(negative=[(1, 1.0)]), False),
    ],
)
def test_equality(a: Parts, b: Parts, alike: bool) -> None:
    h = from_parts([a, b])
    assert native.equal(h, np.array([0]), h, np.array([1])).tolist() == [alike]


@given(exponential(), st.integers(0, 3))
def test_folding_takes_factors_and_caps(item: Parts, coarser_by: int) -> None:
    h = from_parts([item])
    cap = item.schema - coarser_by
    folded, _ = native.fold(
        0,
        h,
        np.array([0, 3]),
        np.array([0, 0, 0]),
        factors=np.array([1.0, -1.0, 0.5]),
        caps=np.array([cap]),
    )
    wanted = plain_of(item)
    coarser(wanted, cap)
    for factor in (-1.0, 0.5):
        add_to(wanted, deepcopy(plain_of(item)), factor)
    same(folded, 0, parts_of_plain(wanted))
