"""How long samples are kept, by resolution, tenant and rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from storage.options import StorageOptions
from storage.shard.periods import (
    NEVER_MS,
    NO_PERIODS,
    PeriodRule,
    TenantPeriods,
    complete_since,
    oldest_ms,
    oldest_of_all,
    period_of,
)

OPTIONS = replace(StorageOptions(), retention_ms=10, retention_5m_ms=20, retention_1h_ms=30)


@pytest.mark.parametrize(
    ("own", "resolution_ms", "period"),
    [
        (None, 0, 10),
        (5, 0, 5),
        (50, 0, 50),
        (0, 0, 0),
        (5, 300_000, 20),
        (5, 3_600_000, 30),
    ],
)
def test_periods(own: int | None, resolution_ms: int, period: int) -> None:
    assert period_of(OPTIONS, TenantPeriods(own), resolution_ms) == period


def test_the_oldest_time_for_some_of_the_tenants() -> None:
    tenants = [TenantPeriods(5), TenantPeriods(), TenantPeriods(15)]
    assert oldest_of_all(OPTIONS, tenants, 0, 100) == 85
    assert oldest_of_all(OPTIONS, [*tenants, TenantPeriods(0)], 0, 100) == NEVER_MS
    assert oldest_ms(0, 100) == NEVER_MS


def test_rules_that_take_nothing_away_do_not_count() -> None:
    rules = [PeriodRule((), period) for period in (5, 10, 15)]
    periods = TenantPeriods(rules=tuple(rules))
    assert periods.shorter_rules(10) == rules[:1]
    assert periods.shorter_rules(0) == rules


def test_rules_and_periods_of_a_resolution() -> None:
    rules = tuple(PeriodRule((), 5, resolution) for resolution in (None, 0, 300_000, 3_600_000))
    periods = TenantPeriods(1, rules, 2, 3)
    for number, resolution_ms in enumerate((0, 300_000, 3_600_000), 1):
        assert period_of(OPTIONS, periods, resolution_ms) == number
        assert periods.shorter_rules(9, resolution_ms) == [rules[0], rules[number]]
    # A rule about windows takes nothing of the samples that they are made of.
    assert complete_since(OPTIONS, [TenantPeriods(rules=rules[2:])], 0, 1000) == 990
    assert complete_since(OPTIONS, [TenantPeriods(rules=rules[1:])], 0, 1000) == 995


@pytest.mark.parametrize(
    ("changes", "tenants", "resolution_ms", "expected"),
    [
        ({}, (), 0, 990),
        ({"retention_ms": 0}, (), 0, NEVER_MS),
        ({}, (TenantPeriods(4),), 0, 996),
        ({}, (TenantPeriods(0),), 0, 990),
        ({}, (TenantPeriods(None, (PeriodRule((), 3),)),), 0, 997),
        ({}, (TenantPeriods(4, (PeriodRule((), 3),)),), 300_000, 980),
        ({}, (), 3_600_000, 970),
        ({"retention_bytes": 1, "retention_ms": 0}, (), 0, (1 << 63) - 1),
    ],
)
def test_since_when_everything_is_there(
    changes: dict[str, int], tenants: tuple[TenantPeriods, ...], resolution_ms: int, expected: int
) -> None:
    options = replace(OPTIONS, **changes)
    assert complete_since(options, [NO_PERIODS, *tenants], resolution_ms, 1000) == expected
