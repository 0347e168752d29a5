"""What a query may see by its tenant's retention: nothing that is past, to the millisecond."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.catalog.deletions import Deletion
from storage.deletion.expiry import expired_cuts, oldest_of_rows, past_of
from storage.labels.frames import LabelFrame
from storage.options import StorageOptions
from storage.samples.cuts import Cuts
from storage.segments.segment import SegmentMeta
from storage.shard.periods import (
    NEVER_MS,
    NO_PERIODS,
    PeriodRule,
    TenantPeriods,
    oldest_ms,
    period_of,
)

# A span without any time in it: no sample may be of the end of time.
NO_TIME = (int(np.iinfo(np.int64).max), int(np.iinfo(np.int64).max))


@dataclass(frozen=True, slots=True)
class Kept:
    """The oldest time that one query sees of samples as they came, and rules that take away more of
    some series. options, periods: by which downsampled ones are kept; None: for ever."""

    oldest_ms: int = NEVER_MS
    rules: Sequence[PeriodRule] = ()
    now_ms: int = 0
    options: StorageOptions | None = None
    periods: TenantPeriods = NO_PERIODS

    @classmethod
    def of(cls, options: StorageOptions, periods: TenantPeriods, now_ms: int) -> "Kept":
        """What is kept of a tenant's samples."""
        period_ms = period_of(options, periods)
        rules = periods.shorter_rules(period_ms)
        return cls(oldest_ms(period_ms, now_ms), rules, now_ms, options, periods)

    def of_resolution(self, resolution_ms: int) -> int:
        """The oldest time that is kept of what was downsampled."""
        if self.options is None:
            return NEVER_MS
        return oldest_ms(period_of(self.options, self.periods, resolution_ms), self.now_ms)

    @property
    def whole_ms(self) -> int:
        """From when on nothing is taken away from any series."""
        return max([self.oldest_ms, *(self.now_ms - rule.period_ms for rule in self.rules)])

    def part_of(self, span: tuple[int, int]) -> tuple[int, int]:
        """The part of a span that is kept."""
        if span[1] < self.oldest_ms:
            return NO_TIME
        return max(span[0], self.oldest_ms), span[1]

    def past(self, tenant: int, segments: Sequence[SegmentMeta]) -> list[Deletion]:
        """What rules take away from segments."""
        return past_of(tenant, self.rules, segments, self.now_ms)

    def cuts(self, labels: LabelFrame, resolution_ms: int = 0) -> Cuts | None:
        """What rules take away from rows of a resolution; None: nothing."""
        rules = self.rules
        if resolution_ms and self.options is not None:
            period_ms = period_of(self.options, self.periods, resolution_ms)
            rules = self.periods.shorter_rules(period_ms, resolution_ms)
        if not rules:
            return None
        oldest = oldest_of_rows(rules, labels, self.now_ms)
        return None if oldest is None else expired_cuts(oldest)


ALL_KEPT = Kept()
