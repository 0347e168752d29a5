"""What a select has found: series, how they become one, and what heads have of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from storage.deletion.masks import Mask
from storage.head.head import HeadSnapshot
from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame, Symbols
from storage.read.kept import Kept
from storage.read.replicas.matched import Replicas
from storage.read.resolutions.covering import EVER, Stock
from storage.segments.segment import SegmentMeta
from storage.shard.shard import ShardView


@dataclass(frozen=True, slots=True)
class Found:
    """Series, replica group by replica group if there are replicas among them, and snapshots of
    them in the heads of the view. labels: those of the series where there are no replicas."""

    view: ShardView
    refs: Int64s
    labels: LabelFrame
    replicas: Replicas | None
    snapshots: Sequence[HeadSnapshot]


def aggregated_ids(found: Found, symbols: Symbols, ids: Int64s) -> Int64s:
    """Of each row that the series become, the id of the one that is aggregated: of a group the one
    without replica labels; -1: there is none. symbols: the query's; ids: by ref."""
    replicas = found.replicas
    if replicas is None:
        return ids[found.refs]
    stored = replicas.stored.in_query(symbols)
    own = np.flatnonzero(~stored.matrix(replicas.names).any(axis=1))
    group = np.searchsorted(replicas.members, own, "right") - 1
    rows = np.full(len(replicas.members) - 1, -1, np.int64)
    rows[group] = ids[found.refs[own]]
    return rows


def is_newer(snapshots: Sequence[HeadSnapshot], segment: SegmentMeta) -> bool:
    """Whether heads have samples of a time that a segment of aggregates covers: late ones."""
    return any(taken.between(*segment.times).counts().any() for taken in snapshots)


def stock_of(found: Found, touched: Sequence[SegmentMeta], mask: Mask, kept: Kept) -> Stock:
    """What there is to read. mask: what is deleted from the segments of aggregates."""
    doubtful = {s.ulid for s in touched if s.late_ms or is_newer(found.snapshots, s)}
    doubtful |= {s.ulid for run, cuts in mask.runs(touched) if cuts is not None for s in run}
    oldest_ms = min((s.min_ms for s in found.view.segments), default=EVER[1])
    return Stock(touched, max(oldest_ms, kept.oldest_ms), kept.of_resolution, doubtful)


def touching(
    segments: Iterable[SegmentMeta], span: tuple[int, int], kept: Kept
) -> list[SegmentMeta]:
    """The segments of aggregates that have a window with a moment of the span, and are kept."""
    return [
        segment
        for segment in segments
        if segment.from_ms < span[1]
        and segment.to_ms >= max(span[0], kept.of_resolution(segment.resolution_ms))
    ]
