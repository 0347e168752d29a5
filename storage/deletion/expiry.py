"""What is past its period for some series of a segment only.

Queries cut it off by themselves, to the millisecond. The files follow when a segment lies wholly
before what a tenant or a rule keeps: then it is deleted from the segment like something that a user
deletes, and the segment is rewritten, if that frees a worthwhile share of it.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from storage.catalog.deletions import Deletion, MatcherSets
from storage.deletion.masks import deleted_rows, selected_rows
from storage.deletion.rewriting import DeletionTools
from storage.files import SERIES_FILE
from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame
from storage.options import StorageOptions
from storage.samples.cuts import Cuts
from storage.segments.segment import SegmentMeta
from storage.segments.series_columns import label_codes, read_series_columns, texts_of_codes
from storage.shard.periods import (
    NEVER_MS,
    PeriodRule,
    PeriodsSource,
    oldest_ms,
    period_of,
)
from storage.shard.shard import Shard
from storage.tenants.tenant import Tenant

logger = logging.getLogger(__name__)

AUTHOR = "retention"
# Of a segment's samples; less than that is left until all of it is past.
SHARE = 10
EVERYTHING: MatcherSets = ((),)
Key = tuple[int, MatcherSets]


def oldest_of_rows(rules: Sequence[PeriodRule], labels: LabelFrame, now_ms: int) -> Int64s | None:
    """Of each row, the oldest time that rules keep; None if no rule selects any row."""
    oldest = np.full(labels.rows, NEVER_MS, np.int64)
    for past in past_of(0, rules, (), now_ms):
        rows = deleted_rows(past, labels)
        oldest[rows] = np.maximum(oldest[rows], past.end_ms + 1)
    return oldest if (oldest > NEVER_MS).any() else None


def past_of(
    tenant: int, rules: Sequence[PeriodRule], segments: Sequence[SegmentMeta], now_ms: int
) -> list[Deletion]:
    """What rules do not let be seen of segments, like deletions that are pending for them all."""
    if not rules:
        return []
    ulids = frozenset(segment.ulid for segment in segments)
    return [
        Deletion(tenant, (rule.matchers,), NEVER_MS, now_ms - rule.period_ms - 1, 0, pending=ulids)
        for rule in rules
    ]


def expired_cuts(oldest: Int64s) -> Cuts:
    """What cuts off all that is older than `oldest`, by row."""
    cut = np.flatnonzero(oldest > NEVER_MS)
    offsets = np.searchsorted(cut, np.arange(len(oldest) + 1)).astype(np.int64)
    starts = np.full(len(cut), NEVER_MS, np.int64)
    return Cuts(offsets, starts, oldest[cut] - 1, np.zeros(len(cut), np.int64))


@dataclass(frozen=True, slots=True)
class Wish:
    """What is past: of a tenant's series that the sets select, all up to end_ms."""

    tenant: Tenant
    matcher_sets: MatcherSets
    end_ms: int

    @property
    def key(self) -> Key:
        return self.tenant.number, self.matcher_sets


class Expiry:
    """Deletes from segments what is past for some of their series. Used by one thread."""

    def __init__(
        self, options: StorageOptions, tools: DeletionTools, periods: PeriodsSource
    ) -> None:
        self._options = options
        self._tools = tools
        self._periods = periods
        # By shard and segment, what was looked for in it; that does not change for a segment.
        self._seen: dict[int, dict[str, set[Key]]] = {}

    def run(self, shard: Shard, now_ms: int) -> int:
        """Look at the segments that became past since; from how many something is deleted. Raises
        StorageError if one cannot be read."""
        segments = shard.view().segments
        seen = self._seen.get(shard.number, {})
        seen = self._seen[shard.number] = {s.ulid: seen.get(s.ulid, set()) for s in segments}
        count = 0
        tenants = [t for t in list(self._tools.tenants.values()) if t.shard == shard.number]
        for wish in wishes_of(tenants, self._options, self._periods, now_ms):
            past = [s for s in segments if s.max_ms <= wish.end_ms and not s.resolution_ms]
            fresh = [s for s in past if wish.key not in seen[s.ulid]]
            holding = {s.ulid for s in fresh if self._is_worthwhile(shard, s, wish)}
            for segment in fresh:
                seen[segment.ulid].add(wish.key)
            count += self._delete(shard, holding, wish, now_ms)
        return count

    def _is_worthwhile(self, shard: Shard, segment: SegmentMeta, wish: Wish) -> bool:
        """Whether enough of the segment is what the wish is about."""
        path = self._tools.directory(shard.number) / segment.ulid / SERIES_FILE
        samples = samples_of(path, wish)
        return samples > 0 and samples * SHARE >= segment.samples

    def _delete(self, shard: Shard, ulids: set[str], wish: Wish, now_ms: int) -> int:
        with shard.changes:
            pending = ulids & {segment.ulid for segment in shard.view().segments}
            if not pending:
                return 0
            deletion = self._tools.catalog.deletions.add(
                Deletion(
                    wish.tenant.number, wish.matcher_sets, NEVER_MS, wish.end_ms, now_ms, AUTHOR,
                    pending=frozenset(pending),
                )
            )  # fmt: skip
            shard.add_deletion(deletion)
        logger.info(
            "past its retention tenant=%s deletion=%d segments=%d",
            wish.tenant.name, deletion.number, len(pending),
        )  # fmt: skip
        return len(pending)


def wishes_of(
    tenants: Iterable[Tenant],
    options: StorageOptions,
    periods_of: PeriodsSource,
    now_ms: int,
    *,
    resolution_ms: int = 0,
) -> Iterator[Wish]:
    """What tenants and rules keep of a resolution for a time of their own."""
    for tenant in tenants:
        periods = periods_of(tenant.name)
        period_ms = period_of(options, periods, resolution_ms)
        if period_ms and periods.own_of(resolution_ms) is not None:
            yield Wish(tenant, EVERYTHING, oldest_ms(period_ms, now_ms) - 1)
        for rule in periods.shorter_rules(period_ms, resolution_ms):
            yield Wish(tenant, (rule.matchers,), now_ms - rule.period_ms - 1)


def samples_of(path: Path, wish: Wish) -> int:
    """How many samples of a segment, whose series.parquet this is, are of the wish's series."""
    series, counts = read_series_columns(path)
    tenants = series.tenant_names.to_pylist()
    if wish.tenant.name not in tenants:
        return 0
    selected = selected_rows(
        wish.matcher_sets,
        len(series.ids),
        lambda label: label_codes(series, label),
        lambda codes: texts_of_codes(series, codes),
    )
    selected &= series.tenants == tenants.index(wish.tenant.name)
    return int(counts[selected].sum())
