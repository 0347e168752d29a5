"""Rates of samples, by a clock of the test."""

import pytest

from storage.tenants.ingestion import TICK_S, IngestionRates


class Clock:
    def __init__(self) -> None:
        self.now_s = 7 * TICK_S

    def __call__(self) -> float:
        return self.now_s


def test_a_rate_follows_by_a_fifth_a_tick() -> None:
    clock = Clock()
    rates = IngestionRates(clock)
    rates.note("t", 100)
    rates.note("t", 50)
    assert rates.of(["t"]) == (0.0, 0.0)  # no tick has ended
    clock.now_s += TICK_S
    assert rates.of(["t"]) == (10.0, 0.0)
    rates.note("t", 300)
    clock.now_s += TICK_S
    assert rates.of(["t"]) == (pytest.approx(10 + 0.2 * (20 - 10)), 0.0)
    clock.now_s += 3 * TICK_S
    assert rates.of(["t"])[0] == pytest.approx(12 * 0.8**3)


def test_asking_or_not_makes_no_difference() -> None:
    clock = Clock()
    asked, left = IngestionRates(clock), IngestionRates(clock)
    for count in (10, 0, 500, 0, 0, 3):
        for rates in (asked, left):
            if count:
                rates.note("t", count)
        clock.now_s += TICK_S
        asked.of(["t"])
    assert asked.of(["t"]) == pytest.approx(left.of(["t"]))


def test_tenants_and_rules_are_apart_and_add_up() -> None:
    clock = Clock()
    rates = IngestionRates(clock)
    rates.note("t", 15)
    rates.note("u", 30)
    rates.note("u", 45, by_rules=True)
    clock.now_s += TICK_S
    assert rates.of(["t"]) == (1.0, 0.0)
    assert rates.of(["u"]) == (2.0, 3.0)
    assert rates.of(["t", "u", "none"]) == (3.0, 3.0)


def test_tenants_are_bounded() -> None:
    clock = Clock()
    rates = IngestionRates(clock, tenants_max=1)
    for tenant in ("a", "b", "c"):
        rates.note(tenant, 15)
    clock.now_s += TICK_S
    assert [rates.of([tenant])[0] for tenant in "abc"] == [0.0, 1.0, 1.0]
