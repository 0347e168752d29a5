"""The exemplars that some selectors matched: of heads and segments, each once, in order of time.

Invariant: every row has an exemplar; rows are distinct label sets.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from storage.deletion.masks import NO_MASK, Mask
from storage.errors import LimitExceeded
from storage.head.exemplars import ExemplarPool
from storage.kernels.arrays import Float64s, Int64s
from storage.labels.frames import LabelFrame, Symbols, empty_frame
from storage.samples.cuts import Cuts
from storage.samples.exemplars import ExemplarLabels
from storage.segments.exemplars import ExemplarReader, StoredExemplars
from storage.segments.segment import SegmentMeta


@dataclass(frozen=True, slots=True)
class ExemplarSelection:
    """Series with exemplars: those of row i are offsets[i]:offsets[i+1], ascending by time."""

    labels: LabelFrame
    offsets: Int64s
    timestamps: Int64s
    values: Float64s
    exemplar_labels: list[ExemplarLabels]


def no_exemplars(symbols: Symbols) -> ExemplarSelection:
    """Of no series."""
    none = np.zeros(0, np.int64)
    return ExemplarSelection(
        empty_frame(symbols), np.zeros(1, np.int64), none, none.astype(np.float64), []
    )


@dataclass(frozen=True, slots=True)
class ExemplarSources:
    """Where a shard has exemplars of some series. segments: those that may have some; pools: those
    of heads, with the refs of the series there, -1 for none; mask: what is hidden of segments,
    whose rows are the series."""

    reader: ExemplarReader
    segments: Sequence[SegmentMeta]
    pools: Sequence[tuple[ExemplarPool, Int64s]]
    mask: Mask = NO_MASK

    def select(
        self, ids: Int64s, span: tuple[int, int], spend: Callable[[int], None]
    ) -> list[StoredExemplars]:
        """The exemplars of the series, whose ids these are, with times in span, both inclusive;
        their series are positions in ids. Repeated ones are returned repeatedly."""
        order = np.argsort(ids, kind="stable")
        found = []
        for run, cuts in self.mask.runs(self.segments):
            for part in self.reader.select(run, ids[order], span, spend):
                placed = replace(part, series=order[part.series])
                found.append(placed if cuts is None else uncut(placed, cuts))
        return found + [pool_exemplars(pool, refs, span, spend) for pool, refs in self.pools]


def uncut(found: StoredExemplars, cuts: Cuts) -> StoredExemplars:
    """The exemplars that no cut covers."""
    kept = np.flatnonzero(~cuts.hit(found.series, found.timestamps))
    return StoredExemplars(
        found.series[kept],
        found.timestamps[kept],
        found.values[kept],
        [found.labels[place] for place in kept.tolist()],
    )


class ExemplarBudget:
    """Counts the exemplars that one request reads."""

    def __init__(self, exemplars_max: int) -> None:
        self._exemplars_max = exemplars_max
        self._exemplars = 0

    def spend(self, exemplars: int) -> None:
        """Raises LimitExceeded once there are too many."""
        self._exemplars += exemplars
        if self._exemplars > self._exemplars_max:
            raise LimitExceeded(
                f"the selectors have {self._exemplars} exemplars or more in this range of time, at "
                f"most {self._exemplars_max} are read (storage.select.max-exemplars)"
            )


def pool_exemplars(
    pool: ExemplarPool, refs: Int64s, span: tuple[int, int], spend: Callable[[int], None]
) -> StoredExemplars:
    """The exemplars that a pool has of some series; their series are positions in refs. Ref -1
    stands for a series that it does not know."""
    held = pool.view()
    position_of_ref = np.full(int(refs.max(initial=-1)) + 1, -1, np.int64)
    known = np.flatnonzero(refs >= 0)
    position_of_ref[refs[known]] = known
    in_time = (held.timestamps >= span[0]) & (held.timestamps <= span[1])
    near = np.flatnonzero(in_time & (held.series < len(position_of_ref)))
    wanted = near[position_of_ref[held.series[near]] >= 0]
    spend(len(wanted))
    taken = held.take(wanted)
    return StoredExemplars(
        position_of_ref[taken.series],
        taken.timestamps,
        taken.values,
        [taken.labels(i) for i in range(len(taken))],
    )


def select_rows(
    labels: LabelFrame, row_of_position: Int64s, found: Sequence[StoredExemplars]
) -> ExemplarSelection:
    """The exemplars as a selection of the rows of `labels`, those without exemplars left out.

    row_of_position: the row of each position that the exemplars have as series.
    """
    distinct: set[tuple[int, int, int, ExemplarLabels]] = set()
    for part in found:
        rows = row_of_position[part.series].tolist()
        bits = part.values.view(np.int64).tolist()
        distinct.update(zip(rows, part.timestamps.tolist(), bits, part.labels, strict=True))
    ordered = sorted(distinct)
    columns = np.array([entry[:3] for entry in ordered], np.int64).reshape(-1, 3)
    rows, firsts = np.unique(columns[:, 0], return_index=True)
    return ExemplarSelection(
        labels.take(rows),
        np.append(firsts, len(ordered)).astype(np.int64),
        np.ascontiguousarray(columns[:, 1]),
        np.ascontiguousarray(columns[:, 2]).view(np.float64),
        [entry[3] for entry in ordered],
    )


def stack_selections(labels: LabelFrame, parts: Sequence[ExemplarSelection]) -> ExemplarSelection:
    """The rows of all parts under each other; labels: theirs in one frame."""
    sizes = np.concatenate([[0], np.cumsum([len(part.timestamps) for part in parts])])
    ends = [part.offsets[1:] + size for part, size in zip(parts, sizes, strict=False)]
    return ExemplarSelection(
        labels,
        np.concatenate([np.zeros(1, np.int64), *ends]).astype(np.int64),
        np.concatenate([np.zeros(0, np.int64), *(part.timestamps for part in parts)]),
        np.concatenate([np.zeros(0, np.float64), *(part.values for part in parts)]),
        [labels for part in parts for labels in part.exemplar_labels],
    )
