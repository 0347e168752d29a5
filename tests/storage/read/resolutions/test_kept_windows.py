"""Windows are kept by the tenant's periods and rules of their resolution."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.labels.matchers import Matcher
from storage.policy import Policy
from storage.shard.periods import PeriodRule, TenantPeriods
from tests.makers.databases import key, opened, seal, series, write
from tests.makers.downsampling.asking import at_resolution
from tests.makers.downsampling.databases import downsample

M5, H1 = 300_000, 3_600_000
A = (Matcher("__name__", "=", "a"),)
NOW = 10 * H1
POINTS = [(60_000 * k, float(k)) for k in range(1, 9 * 60)]


@pytest.mark.parametrize(
    ("periods", "oldest_a", "oldest_b"),
    [
        (TenantPeriods(), 0, 0),
        (TenantPeriods(period_5m_ms=4 * H1), 6, 6),
        (TenantPeriods(period_1h_ms=4 * H1), 0, 0),
        (TenantPeriods(rules=(PeriodRule(A, 3 * H1, M5),)), 7, 0),
        (TenantPeriods(rules=(PeriodRule(A, 3 * H1),)), 7, 0),
        (TenantPeriods(rules=(PeriodRule(A, 3 * H1, 0), PeriodRule(A, 3 * H1, H1))), 0, 0),
        (TenantPeriods(period_5m_ms=4 * H1, rules=(PeriodRule(A, 3 * H1, M5),)), 7, 6),
    ],
)
def test_periods_of_windows(
    periods: TenantPeriods,
    oldest_a: int,
    oldest_b: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    policy = Policy(periods=lambda tenant: periods, clock=lambda: NOW)
    with opened(tmp_path, policy=policy) as database:
        write(database, [series("a", POINTS), series("b", POINTS)])
        seal(database)
        assert "downsample 300" in downsample(database)
        found = at_resolution(database, M5)
    for name, oldest in (("a", oldest_a), ("b", oldest_b)):
        times = [time for time, _, count in found[key(name)] if count > 1]
        assert oldest * H1 <= min(times) <= oldest * H1 + M5, name
        assert max(times) > 8 * H1
