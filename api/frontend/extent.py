"""What is kept of a range query: its values at a run of steps, and what they depend on.

Labels have symbols of their own, so that an extent holds nothing of the storage in memory and can
serve queries of a later table of series.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from api.frontend.reach import Reach
from api.promql.plan import TIME_BOUND_MS
from api.promql.queryable import Queryable
from api.promql.vectors.value import Vector
from storage.histograms.columns import Natives
from storage.kernels.arrays import Bools, Int64s
from storage.revisions.rings import Span
from storage.revisions.watch import Mark, Watch

# What an extent takes beside its arrays: objects, and each text of a label.
EXTENT_BYTES, TEXT_BYTES = 2_000, 100
EVER: Span = (-TIME_BOUND_MS, TIME_BOUND_MS)


@dataclass(frozen=True, slots=True)
class Grid:
    """The steps of a range query: `count` of them, from first_ms on."""

    first_ms: int
    step_ms: int
    count: int

    @classmethod
    def of(cls, start_ms: int, end_ms: int, step_ms: int) -> Grid:
        return cls(start_ms, step_ms, (end_ms - start_ms) // step_ms + 1)

    @property
    def last_ms(self) -> int:
        return self.first_ms + (self.count - 1) * self.step_ms

    @property
    def steps(self) -> Int64s:
        return self.first_ms + self.step_ms * np.arange(self.count, dtype=np.int64)

    def places(self, span: Span) -> slice:
        """The steps of a stretch of time, both ends inclusive, as far as there are any."""
        first = -(-(span[0] - self.first_ms) // self.step_ms)
        end = (span[1] - self.first_ms) // self.step_ms + 1
        first, end = (min(max(place, 0), self.count) for place in (first, end))
        return slice(first, max(first, end))


@dataclass(frozen=True, slots=True)
class Basis:
    """What an answer depends on. marks: of its tenants, not later than anything that was read;
    around_ms: how far around, beyond the reach of the expression, samples were looked at;
    oldest_ms: from when on all was to be seen."""

    marks: tuple[Mark, ...]
    rules: tuple[Hashable, ...]
    series: tuple[tuple[int, int], ...]
    matched: tuple[int, ...]
    around_ms: int
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class Extent:
    """vector: the series of a range query, sorted by labels, at the steps of the grid. around_ms:
    that of the basis, which differs from step to step where some were computed earlier. warnings,
    infos: of all of it together; seconds: what it took to compute."""

    grid: Grid
    vector: Vector
    basis: Basis
    around_ms: Int64s
    warnings: tuple[str, ...]
    infos: tuple[str, ...]
    seconds: float

    @property
    def size(self) -> int:
        """About how many bytes it takes."""
        vector = self.vector
        names = vector.labels.names
        texts = len({int(c) for name in names for c in np.unique(vector.labels.column(name))})
        labels = vector.labels.rows * len(names) * 4 + texts * TEXT_BYTES
        arrays = vector.values.nbytes + vector.present.nbytes + self.around_ms.nbytes
        arrays += natives_bytes(vector.natives)
        return EXTENT_BYTES + labels + arrays


@dataclass(frozen=True, slots=True)
class Standing:
    """Which steps of a query an extent still answers, and why others of it do not."""

    valid: Bools
    reason: str = ""


def watches_of(querier: Queryable) -> tuple[Watch, ...]:
    """Those of a querier that knows of changes; else none."""
    watches: Callable[[], tuple[Watch, ...]] = getattr(querier, "watches", tuple)
    return watches()


def are_current(watches: Sequence[Watch]) -> bool:
    """Whether it is known that nothing has changed since."""
    return bool(watches) and all(not watch.changed(watch.mark, EVER)[0] for watch in watches)


def natives_bytes(natives: Natives | None) -> int:
    if natives is None:
        return 0
    histograms = natives.histograms
    return int(natives.rows.nbytes) + 80 * len(histograms) + 12 * histograms.bucket_count


def standing(extent: Extent, grid: Grid, reach: Reach, watches: Sequence[Watch]) -> Standing:
    """What an extent is worth for a query at other steps of the same kind."""
    basis = extent.basis
    nothing = np.zeros(grid.count, np.bool_)
    if basis.rules != tuple(watch.rule for watch in watches):
        return Standing(nothing, "rules")
    if reach.ordered is not False and order_changed(basis, reach, watches):
        return Standing(nothing, "series")
    valid, reason = nothing, ""
    common = grid.places((extent.grid.first_ms, extent.grid.last_ms))
    first = (grid.first_ms - extent.grid.first_ms) // grid.step_ms
    around_ms = extent.around_ms[common.start + first : common.stop + first]
    for each_ms in np.unique(around_ms).tolist():
        still, why = true_at(basis, each_ms, (grid, reach), watches)
        valid[common] |= still[common] & (around_ms == each_ms)
        reason = why or reason
    return Standing(valid, "" if valid[common].all() else reason)


def true_at(
    basis: Basis, around_ms: int, looks: tuple[Grid, Reach], watches: Sequence[Watch]
) -> tuple[Bools, str]:
    """Which steps are still true if they looked so far around, and why others are not."""
    (grid, reach), reason = looks, ""
    valid = np.ones(grid.count, np.bool_)
    oldest_ms = max([basis.oldest_ms, *(watch.oldest_ms for watch in watches)])
    valid[: grid.places((oldest_ms + reach.back_ms + around_ms, grid.last_ms)).start] = False
    for mark, watch in zip(basis.marks, watches, strict=True):
        reason = take_changed(valid, (mark, watch), (grid, reach, around_ms)) or reason
    return valid, reason


def take_changed(valid: Bools, of: tuple[Mark, Watch], looks: tuple[Grid, Reach, int]) -> str:
    """Mark the steps whose samples changed since a mark as not valid; returns why, if there are
    such."""
    (mark, watch), (grid, reach, around_ms) = of, looks
    for first_ms, last_ms in reach.fixed:
        if first_ms - around_ms < watch.oldest_ms:
            valid[:] = False
            return "retention"
        found, reason = watch.changed(mark, (first_ms - around_ms, last_ms + around_ms))
        if found:
            valid[:] = False
            return reason
    back_ms, ahead_ms = reach.back_ms + around_ms, reach.ahead_ms + around_ms
    span = (grid.first_ms - back_ms, grid.last_ms + ahead_ms)
    if span[0] > span[1]:
        return ""
    found, reason = watch.changed(mark, span)
    was = int(np.count_nonzero(valid)) if found else 0
    for start_ms, end_ms in found:
        valid[grid.places((start_ms - ahead_ms, end_ms + back_ms))] = False
    return reason if was > np.count_nonzero(valid) else ""


def order_changed(basis: Basis, reach: Reach, watches: Sequence[Watch]) -> bool:
    """Whether series may stand in another order than they did."""
    if reach.ordered is None and not any(watch.replicated for watch in watches):
        return False  # as stored, they are in an order that new ones do not change
    if basis.series == series_of(watches):
        return False
    return not basis.matched or basis.matched != matched_by(reach, watches)


def series_of(watches: Sequence[Watch]) -> tuple[tuple[int, int], ...]:
    """Differs where series came or went."""
    return tuple((watch.generation, watch.series) for watch in watches)


def matched_by(reach: Reach, watches: Sequence[Watch]) -> tuple[int, ...]:
    """How many series each selector matches; empty where that is not asked, and counts as changed:
    of several tenants, each selector may mean some only."""
    if len(watches) != 1 or reach.ordered is False:
        return ()
    watch = watches[0]
    return (watch.generation, *(watch.matched(matchers) for matchers in reach.selectors))


def basis_of(reach: Reach, watches: Sequence[Watch], around_ms: int) -> Basis:
    """What is read from now on depends on. around_ms: how far around one looks at least."""
    return Basis(
        marks=tuple(watch.mark for watch in watches),
        rules=tuple(watch.rule for watch in watches),
        series=series_of(watches),
        matched=matched_by(reach, watches),
        around_ms=around_ms,
        oldest_ms=max(watch.oldest_ms for watch in watches),
    )


def reached(basis: Basis, watches: Sequence[Watch]) -> Basis | None:
    """The basis once everything was read; None if it has no bounds."""
    reaches = [watch.reached_ms() for watch in watches]
    if None in reaches:
        return None
    known = [each for each in reaches if each is not None]
    return replace(basis, around_ms=basis.around_ms + max(known))
