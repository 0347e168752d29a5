"""The pool of a head: what it takes, refuses and lets go of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from storage.head.exemplars import ExemplarPool
from storage.options import StorageOptions
from storage.reasons import (
    EXEMPLAR_TOO_LONG,
    SERIES_REFUSED,
    SWITCHED_OFF,
    TENANT_SWITCHED_OFF,
    TOO_FAR_IN_FUTURE,
    TOO_OLD,
)
from storage.samples.exemplar_kernels import OK
from storage.series.table import SeriesTable
from storage.tenants.rules import NO_RULES, TenantRules
from tests.makers.batches import batch_of
from tests.twins.storage import exemplars as naive
from tests.twins.storage.exemplars import Written, raw_exemplars

OPTIONS = replace(
    StorageOptions(), series_max=100, symbol_bytes_max=1 << 16, exemplars_in_head_max=20
)
LABELS = ((b"trace_id", b"1"),)


def make_pool(**changes: Any) -> ExemplarPool:
    """A pool over the series 0, 1 of tenant 1 and 2 of tenant 2."""
    options = replace(OPTIONS, **changes)
    table = SeriesTable(options)
    for tenant, names in ((1, "ab"), (2, "c")):
        table.resolve(batch_of([({"__name__": name}, [(1, 1.0)]) for name in names]), tenant)
    return ExemplarPool(options, table)


def add(
    pool: ExemplarPool,
    *written: Written,
    refs: tuple[int, ...] = (0, 1, 2),
    rules: TenantRules = NO_RULES,
) -> list[int]:
    """The codes of exemplars of [-100, 100]."""
    raw = raw_exemplars(written)
    codes: list[int] = pool.add(np.array(refs, np.int32), raw, -100, 100, rules).tolist()
    return codes


def test_takes_what_is_sound() -> None:
    pool = make_pool()
    codes = add(
        pool,
        (0, -101, 0, LABELS),
        (0, -100, 0, LABELS),
        (1, 100, 1, ((b"b", b"2"), (b"a", b"1"))),
        (1, 101, 1, LABELS),
        (2, 5, 1, LABELS),
        (0, 5, 1, ((b"a", b"x" * 200),)),
        refs=(0, 1, -3),
    )
    assert codes == [TOO_OLD, OK, OK, TOO_FAR_IN_FUTURE, SERIES_REFUSED, EXEMPLAR_TOO_LONG]
    assert sorted(naive.plain(pool.settled())) == [
        (0, -100, 0, (("trace_id", "1"),)),
        (1, 100, 1, (("a", "1"), ("b", "2"))),
    ]


def test_repeated_exemplars_and_any_order_are_accepted() -> None:
    pool = make_pool()
    for _ in range(2):
        assert add(pool, (0, 9, 1, LABELS), (0, 3, 1, LABELS)) == [OK, OK]
    assert [e[:2] for e in sorted(naive.plain(pool.settled()))] == [(0, 3), (0, 9)]


@pytest.mark.parametrize("at_once", [1, 7, 45])
def test_a_full_pool_keeps_the_newest(at_once: int) -> None:
    pool = make_pool()
    written = [(0, time, 0, LABELS) for time in range(90)]
    before = pool.view()
    for start in range(0, 90, at_once):
        add(pool, *written[start : start + at_once])
        assert len(pool) <= 20
    assert len(before) == 0
    kept = [e[1] for e in sorted(naive.plain(pool.settled()))]
    assert kept == list(range(90))[-len(kept) :]
    assert len(kept) >= 10


def test_limits_of_series_and_tenants() -> None:
    pool = make_pool(exemplars_per_series_max=3, exemplars_per_tenant_max=4)
    add(pool, *((series, 10 * time + series, 0, ()) for series in range(3) for time in range(5)))
    assert [e[:2] for e in sorted(naive.plain(pool.settled()))] == [
        (0, 30), (0, 40), (1, 31), (1, 41), (2, 22), (2, 32), (2, 42),
    ]  # fmt: skip


@pytest.mark.parametrize(("setting", "limit", "kept"), [(6, 2, 2), (2, 6, 2), (6, None, 6)])
def test_limit_of_one_tenant(setting: int, limit: int | None, kept: int) -> None:
    pool = make_pool(exemplars_per_tenant_max=setting)
    for time in range(0, 8, 2):
        for refs, rules in (((0, 1), TenantRules(exemplars_max=limit)), ((2, 2), NO_RULES)):
            written = [(series, time + series, 0, ()) for series in (0, 1)]
            assert add(pool, *written, refs=refs, rules=rules) == [OK, OK]
    held = sorted(e[:2] for e in naive.plain(pool.settled()))
    mine = sorted(time for series, time in held if series < 2)
    assert mine == list(range(8))[-kept:]
    assert [time for series, time in held if series == 2] == list(range(8))[-min(setting, 8) :]
    assert add(pool, (2, 1, 0, ()), rules=TenantRules(exemplars_max=0)) == [TENANT_SWITCHED_OFF]


def test_a_limit_that_is_taken_back_counts_no_more() -> None:
    pool = make_pool()
    for limit in (1, None):
        written = [(0, time, 0, ()) for time in range(3)]
        add(pool, *written, rules=TenantRules(exemplars_max=limit))
    assert len(pool.settled()) == 3


def test_a_view_stays_when_the_pool_is_settled() -> None:
    pool = make_pool()
    add(pool, *((1, time, 0, LABELS) for time in range(15)))
    view = pool.view()
    add(pool, *((1, time, 0, LABELS) for time in range(50, 65)))
    assert [e[1] for e in naive.plain(view)] == list(range(15))


def test_switched_off() -> None:
    pool = make_pool(exemplars_per_tenant_max=0)
    assert add(pool, (0, 1, 1, LABELS)) == [SWITCHED_OFF]
    assert len(pool.settled()) == 0
