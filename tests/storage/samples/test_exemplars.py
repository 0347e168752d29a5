"""Which exemplars stay: each once, the newest within the limits."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.samples.exemplars import (
    ExemplarLimits,
    Exemplars,
    distinct,
    newest,
    no_exemplars,
    read_exemplars,
)
from tests.twins.storage import exemplars as naive
from tests.twins.storage.exemplars import Exemplar, raw_exemplars

WRITTEN = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(-2, 2),
        st.sampled_from([0, 1 << 63, 0x7FF0000000000002, 0x7FF8000000000001]),
        st.sampled_from([(), ((b"a", b"b"),), ((b"a", b"c"),)]),
    ),
    max_size=30,
)


def made(written: list[tuple[int, int, int, tuple[tuple[bytes, bytes], ...]]]) -> Exemplars:
    return read_exemplars(raw_exemplars(written))[0]


@given(WRITTEN)
def test_an_exemplar_is_kept_once(
    written: list[tuple[int, int, int, tuple[tuple[bytes, bytes], ...]]],
) -> None:
    exemplars = made(written)
    kept = naive.plain(exemplars.take(distinct(exemplars)))
    assert len(kept) == len(set(kept))
    assert set(kept) == set(naive.plain(exemplars))


@given(
    st.sets(st.tuples(st.integers(0, 5), st.integers(-9, 9)), max_size=40),
    st.integers(1, 4),
    st.integers(1, 9),
)
def test_limits_keep_the_newest_as_the_twin_does(
    places: set[tuple[int, int]], series_max: int, tenant_max: int
) -> None:
    # Times differ between the series of a tenant, so that which ones are newest is beyond doubt.
    written = [(series, 10 * time + series, 0, ()) for series, time in places]
    exemplars = made([*written, *written])
    tenants = {series: series % 2 for series in range(6)}
    limits = ExemplarLimits(series_max, tenant_max, 1 << 20)
    kept = exemplars.take(newest(exemplars, exemplars.series % 2, limits))
    given_: list[Exemplar] = naive.plain(exemplars)
    expected = naive.newest(given_, tenants, series_max, tenant_max)
    assert sorted(e[:2] for e in naive.plain(kept)) == sorted(expected)


def test_the_largest_tenant_gives_way() -> None:
    many = [(0, time, 0, ()) for time in range(100)]
    few = [(1, time, 0, ()) for time in range(-10, 0)]
    exemplars = made([*many, *few])
    kept = exemplars.take(newest(exemplars, exemplars.series, ExemplarLimits(1000, 1000, 50)))
    series = kept.series.tolist()
    assert series.count(1) == 10
    assert series.count(0) == 40
    assert sorted(kept.timestamps[kept.series == 0].tolist()) == list(range(60, 100))


def test_no_exemplars_are_none() -> None:
    none = no_exemplars()
    assert len(none.take(newest(none, none.series, ExemplarLimits(1, 1, 1)))) == 0
    assert np.array_equal(none.offsets, [0])
