"""What pending deletions cut out of the inputs of a job, and what is to be reported of it.

A deletion applies to the segments it names. So each input is cut by its own deletions before inputs
are merged: what was written again after a deletion is in another input, and comes to light.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from storage.catalog.deletions import Applied, Deletion
from storage.compaction.merging import Keep
from storage.deletion.rewriting import cuts_of
from storage.kernels.arrays import Int64s
from storage.samples.cuts import Cuts, without
from storage.samples.exemplars import Exemplars
from storage.samples.samples import Samples
from storage.segments.segment import SegmentMeta
from storage.segments.writer import SeriesColumns


@dataclass(frozen=True, slots=True)
class InputCuts:
    """What is cut out of one input: rows are those of the job's series, owners positions in
    deletions; removed: how many samples each of these took out."""

    deletions: Sequence[Deletion]
    cuts: Cuts
    removed: Int64s


class JobCuts:
    """The cuts of all inputs of a job, as they were pending when it began."""

    def __init__(
        self,
        series: SeriesColumns,
        inputs: Sequence[SegmentMeta],
        deletions: Sequence[Deletion],
        names: Mapping[int, str],
    ) -> None:
        """series: those of all inputs; names: of tenants by number."""
        self._ids = series.ids
        self._of: dict[str, InputCuts] = {}
        for segment in inputs:
            own = [each for each in deletions if segment.ulid in each.pending]
            if own:
                cuts = cuts_of(series, segment, own, names).cuts
                self._of[segment.ulid] = InputCuts(own, cuts, np.zeros(len(own), np.int64))

    @property
    def keep(self) -> Keep | None:
        """The samples that stay; None: all of them."""
        return self._kept if any(len(own.cuts.starts) for own in self._of.values()) else None

    def of(self, segment: SegmentMeta, ids: Int64s) -> Cuts | None:
        """What is cut out of series of one input; None: nothing of the input."""
        own = self._of.get(segment.ulid)
        return None if own is None else own.cuts.take(np.searchsorted(self._ids, ids))

    def kept_exemplars(self, segment: SegmentMeta, exemplars: Exemplars) -> Exemplars:
        """Those that no cut covers."""
        own = self._of.get(segment.ulid)
        if own is None or not len(own.cuts.starts):
            return exemplars
        rows = np.searchsorted(self._ids, exemplars.series)
        return exemplars.take(np.flatnonzero(~own.cuts.hit(rows, exemplars.timestamps)))

    def applied(self) -> dict[int, Applied]:
        """What was done for each deletion, by its number, after the job."""
        samples: dict[int, int] = {}
        touched: dict[int, bool] = {}
        for own in self._of.values():
            for position, each in enumerate(own.deletions):
                removed = int(own.removed[position])
                samples[each.number] = samples.get(each.number, 0) + removed
                hit = bool((own.cuts.owners == position).any())
                touched[each.number] = touched.get(each.number, False) or hit
        return {number: Applied(samples[number], touched[number]) for number in samples}

    def _kept(self, segment: SegmentMeta, ids: Int64s, samples: Samples) -> Samples:
        own = self._of.get(segment.ulid)
        if own is None:
            return samples
        return without(samples, own.cuts.take(np.searchsorted(self._ids, ids)), own.removed)
