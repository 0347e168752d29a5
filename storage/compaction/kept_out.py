"""What a job of compaction keeps out: samples whose moment has another value of a lower rank.

Whether a late sample contradicts what is in a segment or in a frozen head is not looked up when it
is written, because that would read files for each request. It is stored, and the job that merges
the two drops it: here it is counted, once, since nothing is left of it afterwards. A sample is
compared with the one it gives way to, which may itself give way in a later job. A head has one
sample of a moment, so seals drop nothing.
"""

from dataclasses import dataclass

import numpy as np

from storage.batch import Example, Reject
from storage.kernels.arrays import Float64s, Int64s
from storage.refusals.samples import EXAMPLE_LABELS_MAX, merged_reject, printable
from storage.samples.samples import Samples
from storage.segments.contradictions import contradictions
from storage.segments.merging import Runs
from storage.segments.writer import SeriesColumns

# Of how many series of a tenant a job gives an example; above it they are drawn at random.
SERIES_MAX = 64


@dataclass(frozen=True, slots=True)
class Lost:
    """Lost samples, of a series each. rows: of the job's series; draws: random numbers, of which
    the lowest are kept."""

    rows: Int64s
    timestamps: Int64s
    values: Float64s
    draws: Float64s

    def take(self, places: Int64s) -> "Lost":
        return Lost(
            self.rows[places], self.timestamps[places], self.values[places], self.draws[places]
        )


class KeptOut:
    """What a job keeps out, of its series."""

    def __init__(self, series: SeriesColumns, series_max: int = SERIES_MAX) -> None:
        self._series = series
        self._series_max = series_max
        self._random = np.random.default_rng()
        self._counts = np.zeros(len(series.tenant_names), np.int64)
        none = np.zeros(0, np.int64)
        self._lost = Lost(none, none, none.astype(np.float64), none.astype(np.float64))

    def note(self, ids: Int64s, runs: Runs, merged: Samples) -> None:
        """Count what of the runs, of the series `ids`, was left out of what was made of them."""
        places = contradictions(runs, merged)
        if not len(places):
            return
        samples = runs.samples
        before = np.searchsorted(places, samples.offsets)
        hit = np.flatnonzero(np.diff(before))
        rows = np.searchsorted(self._series.ids, ids[runs.items[hit]])
        np.add.at(self._counts, self._series.tenants[rows], np.diff(before)[hit])
        _, firsts = np.unique(rows, return_index=True)
        places, draws = places[before[hit[firsts]]], self._random.random(len(firsts))
        self._keep(Lost(rows[firsts], samples.timestamps[places], samples.values[places], draws))

    def rejects(self) -> dict[str, Reject]:
        """By the names of tenants that have lost samples."""
        tenants = self._series.tenants[self._lost.rows]
        found = {}
        for tenant in np.flatnonzero(self._counts).tolist():
            examples = tuple(self._example(k) for k in np.flatnonzero(tenants == tenant).tolist())
            name = self._series.tenant_names[tenant].as_py()
            found[name] = merged_reject(int(self._counts[tenant]), examples)
        return found

    def _keep(self, more: Lost) -> None:
        """Those with the lowest draws of each tenant; a series goes on in the next block with its
        first sample."""
        old = self._lost
        more = more.take(np.flatnonzero(~np.isin(more.rows, old.rows)))
        both = Lost(
            np.concatenate([old.rows, more.rows]),
            np.concatenate([old.timestamps, more.timestamps]),
            np.concatenate([old.values, more.values]),
            np.concatenate([old.draws, more.draws]),
        )
        tenants = self._series.tenants[both.rows]
        order = np.lexsort((both.draws, tenants))
        tenants = tenants[order]
        place_of = np.arange(len(order)) - np.searchsorted(tenants, tenants)
        self._lost = both.take(order[place_of < self._series_max])

    def _example(self, k: int) -> Example:
        lost = self._lost
        labels = self._labels(int(lost.rows[k]))
        return Example(labels, int(lost.timestamps[k]), float(lost.values[k]))

    def _labels(self, row: int) -> dict[str, str]:
        """The first labels of a series."""
        pairs, text = self._series.pairs, self._series.symbols
        first, end = pairs.offsets[row : row + 2].tolist()
        own = slice(first, min(end, first + EXAMPLE_LABELS_MAX))
        return {
            printable(text[name].as_py()): printable(text[value].as_py())
            for name, value in zip(
                pairs.names[own].tolist(), pairs.values[own].tolist(), strict=True
            )
        }
