"""How long samples are kept: by resolution for all, by tenant, and shorter by matchers.

    period   of each resolution, that of the tenant if it has one; else that of the settings
    rules    of those whose matchers select a series, the shortest counts, if it is shorter still;
             a rule is for all resolutions, or for one

A period of 0 is for ever.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from storage.labels.matchers import Matcher
from storage.options import HOUR_MS, MINUTE_MS, StorageOptions

NEVER_MS = int(np.iinfo(np.int64).min)
FIVE_MINUTES_MS = 5 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class PeriodRule:
    """Keep the series that matchers select no longer than for a period, which is not 0.
    resolution_ms: of which data; None: of all."""

    matchers: tuple[Matcher, ...]
    period_ms: int
    resolution_ms: int | None = None


@dataclass(frozen=True, slots=True)
class TenantPeriods:
    """What a tenant has of its own. period_ms, period_5m_ms, period_1h_ms: None where the setting
    counts."""

    period_ms: int | None = None
    rules: tuple[PeriodRule, ...] = ()
    period_5m_ms: int | None = None
    period_1h_ms: int | None = None

    def own_of(self, resolution_ms: int) -> int | None:
        """The period of a resolution; None where the setting counts."""
        if resolution_ms >= HOUR_MS:
            return self.period_1h_ms
        return self.period_5m_ms if resolution_ms >= FIVE_MINUTES_MS else self.period_ms

    def shorter_rules(self, period_ms: int, resolution_ms: int = 0) -> Sequence[PeriodRule]:
        """Those of the rules that take something away from what a period of a resolution keeps."""
        return [
            rule
            for rule in self.rules
            if rule.resolution_ms in (None, resolution_ms)
            and (not period_ms or rule.period_ms < period_ms)
        ]


NO_PERIODS = TenantPeriods()
# The periods of a tenant by its name, at any time.
PeriodsSource = Callable[[str], TenantPeriods]


def period_of(options: StorageOptions, periods: TenantPeriods, resolution_ms: int = 0) -> int:
    """How long a tenant's samples of a resolution are kept, in ms."""
    own = periods.own_of(resolution_ms)
    if own is not None:
        return own
    if resolution_ms >= HOUR_MS:
        return options.retention_1h_ms
    return options.retention_5m_ms if resolution_ms >= FIVE_MINUTES_MS else options.retention_ms


def oldest_ms(period_ms: int, now_ms: int) -> int:
    """The oldest time that is kept."""
    return now_ms - period_ms if period_ms else NEVER_MS


def oldest_of_all(
    options: StorageOptions, tenants: Iterable[TenantPeriods], resolution_ms: int, now_ms: int
) -> int:
    """The oldest time that is kept for some of the tenants."""
    all_periods = [period_of(options, periods, resolution_ms) for periods in tenants]
    return min((oldest_ms(period, now_ms) for period in all_periods), default=NEVER_MS)


def complete_since(
    options: StorageOptions, tenants: Sequence[TenantPeriods], resolution_ms: int, now_ms: int
) -> int:
    """The oldest time of which nothing of a resolution is past for any tenant or by any rule. If
    the oldest segments go by their size, there is none."""
    if options.retention_bytes:
        return int(np.iinfo(np.int64).max)
    periods = [period_of(options, own, resolution_ms) for own in tenants]
    if not resolution_ms:
        every = (rule for own in tenants for rule in own.rules)
        periods += [rule.period_ms for rule in every if not rule.resolution_ms]
    return max((oldest_ms(period, now_ms) for period in periods), default=NEVER_MS)
