"""Which series segments still show in a span of time, where some of their samples are deleted.

A series counts in a segment if its first and last sample there reach over the span. Where cuts are,
it counts if one of these two is in the span and left. If neither is, but something between may be,
the samples themselves are looked at, up to EXACT_SERIES_MAX series; more count as there.
"""

from collections.abc import Iterable

import numpy as np

from storage.deletion.masks import Run
from storage.kernels.arrays import Bools, Int64s
from storage.kernels.jit import kernel
from storage.samples.cuts import GONE, STAYS, UNCERTAIN, Cuts, without
from storage.segments.segment import SegmentMeta
from storage.series.table import SeriesTable
from storage.shard.shard import Shard, ShardFiles, ShardView

EXACT_SERIES_MAX = 1_024
# A series of a segment of days has tens of thousands of samples.
SERIES_AT_ONCE = 64


def are_all_new(
    shard: Shard, table: SeriesTable, view: ShardView, asked: tuple[Int64s, tuple[int, int]]
) -> bool:
    """Whether the newest sample of each series is in the span, which most label queries want to
    know of series that are all there right now. asked: the series of the table, and the span."""
    head = view.heads[-1]
    if head.table is not table:
        return False
    with shard.lock:
        return head.newest_within(*asked)


def are_among(ids: Int64s, found: Int64s) -> Bools:
    """Whether each id is one of `found`, which are ascending. Quick where ids ascend, too."""
    out = np.zeros(len(ids), np.bool_)
    # Kernels are compiled once more for arrays that are read-only, as those of a file may be.
    mark_among(ids, found if found.flags.writeable else found.copy(), out)
    return out


@kernel
def mark_among(ids: Int64s, found: Int64s, out: Bools) -> None:
    at = 0
    for i in range(len(ids)):
        if at + 1 < len(found) and found[at + 1] == ids[i]:
            at += 1
        elif at < len(found) and found[at] != ids[i]:
            at = np.searchsorted(found, ids[i])
        out[i] = at < len(found) and found[at] == ids[i]
        if at == len(found):
            at = 0


def sealed_series(
    files: ShardFiles, runs: Iterable[Run], ids: Int64s, span: tuple[int, int]
) -> Bools:
    """Which of the series have samples in span, in segments. ids: in the order of the rows that
    the cuts of the runs are for."""
    has = np.zeros(len(ids), np.bool_)
    for segments, cuts in runs:
        if cuts is None:
            has |= are_among(ids, files.series.in_range(segments, *span))
            continue
        whole = np.flatnonzero(~cuts.rows & ~has)
        if len(whole):
            has[whole] = are_among(ids[whole], files.series.in_range(segments, *span))
        has[still_there(files, (segments, cuts), ids, has, span)] = True
    return has


def aggregated_series(
    files: ShardFiles, runs: Iterable[Run], ids: Int64s, span: tuple[int, int]
) -> Bools:
    """The same of segments of aggregates, where a series counts if what is deleted may have left
    something of it."""
    has = np.zeros(len(ids), np.bool_)
    for segments, cuts in runs:
        if cuts is None:
            has |= are_among(ids, files.series.in_range(segments, *span))
            continue
        order = np.argsort(ids, kind="stable")
        found, firsts, lasts = files.series.ends(segments, ids[order], span)
        places = order[np.searchsorted(ids[order], found)]
        has[places[cuts.judge(places, firsts, lasts, *span) != GONE]] = True
    return has


def still_there(
    files: ShardFiles,
    run: tuple[list[SegmentMeta], Cuts],
    ids: Int64s,
    has: Bools,
    span: tuple[int, int],
) -> Int64s:
    """The rows with cuts, of those not in `has`, that are left in span."""
    segments, cuts = run
    rows = np.flatnonzero(cuts.rows & ~has)
    rows = rows[np.argsort(ids[rows], kind="stable")]
    found, firsts, lasts = files.series.ends(segments, ids[rows], span)
    places = rows[np.searchsorted(ids[rows], found)]
    verdicts = cuts.judge(places, firsts, lasts, *span)
    certain = np.unique(places[verdicts == STAYS])
    doubtful = np.setdiff1d(places[verdicts == UNCERTAIN], certain)
    if len(doubtful) > EXACT_SERIES_MAX:
        return np.concatenate([certain, doubtful])
    doubtful = doubtful[np.argsort(ids[doubtful], kind="stable")]
    parts = [doubtful[k : k + SERIES_AT_ONCE] for k in range(0, len(doubtful), SERIES_AT_ONCE)]
    exact = []
    for part in parts:
        samples = files.samples.select(segments, ids[part], span)
        left = without(samples, cuts.take(part))
        exact.append(part[np.diff(left.offsets) > 0])
    return np.concatenate([certain, *exact])
