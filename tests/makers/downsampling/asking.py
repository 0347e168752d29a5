"""What databases answer at a resolution."""

from __future__ import annotations

from typing import Any

from storage.database import Database
from storage.following import FollowedBucket
from storage.labels.matchers import Matcher
from storage.read_only import ReadOnlyDatabase
from storage.samples.hint import Purpose, SelectHint

AnyDatabase = Database | FollowedBucket | ReadOnlyDatabase
SPAN = (-(1 << 40), 1 << 41)
NAMED = Matcher("__name__", "!=", "")


def at_resolution(
    database: AnyDatabase,
    resolution_ms: int,
    purpose: Purpose = Purpose.TOTALS,
    *,
    span: tuple[int, int] = SPAN,
    tenant: str = "t",
) -> dict[Any, list[tuple[int, float, int]]]:
    """By labels: times, values, and how many samples each stands for; nothing of what has none."""
    querier = database.querier(tenant, replica_labels=(), dedup=True)
    hint = SelectHint(resolution_ms=resolution_ms, purpose=purpose)
    selection = querier.select([NAMED], *span, hint)
    found = selection.read(0, selection.labels.rows)
    counts = [1] * len(found) if found.weights is None else found.weights.counts.tolist()
    points = list(zip(found.timestamps.tolist(), found.values.tolist(), counts, strict=True))
    ends = found.offsets.tolist()
    return {
        tuple(sorted(selection.labels.labelset(row).items())): points[ends[row] : ends[row + 1]]
        for row in range(selection.labels.rows)
        if ends[row + 1] > ends[row]
    }
