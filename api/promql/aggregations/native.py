"""Native histograms in aggregations: sums and means of them, and what the other operators say.

A group that has floats and histograms at one step has no sum there. What is said of a group depends
on the order of its rows: a float at the beginning ends all interest in histograms. Rows arrive in
blocks; the histograms of a sum are folded whenever many have been collected, those of a mean only
at the end.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from api.promql.annotations import Place
from api.promql.context import Context
from api.promql.go_format import quote
from api.promql.native_histograms.arithmetic import avg_groups, sum_groups
from api.promql.syntax.nodes import Aggregate
from api.promql.syntax.signatures import AGGREGATORS, HistogramUse
from api.promql.vectors.natives import (
    float_mask,
    has_histograms,
    histogram_cost,
    histogram_mask,
    histogram_places,
    natives_at,
    only_floats,
)
from api.promql.vectors.value import Vector
from storage.histograms.columns import CUSTOM_SCHEMA, HINT_NOT_RESET, HINT_RESET, Histograms
from storage.histograms.histograms import concat, take
from storage.kernels.arrays import Bools, Int64s
from storage.kernels.jit import kernel
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME

# The row of something that has not been met.
NO_ROW = np.iinfo(np.int64).max
# What folds the histograms of a group.
FOLDS = {"sum": sum_groups, "avg": avg_groups}
# Buckets and histograms collected, in samples, before they are folded.
FOLD_COST = 1 << 20


def note_ignored(context: Context, place: Place, op: str, vector: Vector) -> Vector:
    """The vector without its histograms, with an info if it has any."""
    if has_histograms(vector):
        context.info(f"ignored histogram in {op} aggregation", place)
    return only_floats(vector)


def mixed_schemas_text(metric: str) -> str:
    return (
        "vector contains a mix of histograms with exponential and custom buckets schemas for "
        f"metric name {quote(metric)}"
    )


@kernel
def note_first_rows(number: Int64s, present: Bools, first_row: int, out: Int64s) -> None:
    """Write the first row that is present in each cell [group * steps + step] that has none yet."""
    steps = present.shape[1]
    for i in range(present.shape[0]):
        for k in range(steps):
            cell = number[i] * steps + k
            if present[i, k] and out[cell] == NO_ROW:
                out[cell] = first_row + i


class _Kinds:
    """What each cell of the result has met, by the first row that had it: floats, histograms, and a
    histogram that did not go together with those before."""

    def __init__(self, has_floats: Bools) -> None:
        """has_floats: where floats have been met before, by cell."""
        self.floats = np.where(has_floats, -1, NO_ROW)
        self.histograms = np.full(len(has_floats), NO_ROW)
        self.misfits = np.full(len(has_floats), NO_ROW)
        self.resets = np.zeros(len(has_floats), np.bool_)
        self.continued = np.zeros(len(has_floats), np.bool_)

    def counts(self, cells: Int64s) -> Bools:
        """Where histograms still add up: those of a cell that began with a float, or has met a
        misfit, are not looked at."""
        began = self.histograms[cells] < self.floats[cells]
        result: Bools = began & (self.misfits[cells] == NO_ROW)
        return result

    def are_mixed(self) -> Bools:
        """Where both kinds were met; what comes behind a misfit does not count."""
        mixed: Bools = np.maximum(self.floats, self.histograms) < self.misfits
        return mixed


class NativeSums:
    """The histograms that one accumulating aggregation has met."""

    def __init__(
        self,
        context: Context,
        node: Aggregate,
        labels: LabelFrame,
        number: Int64s,
        shape: tuple[int, int],
        *,
        fold_cost: int = FOLD_COST,
    ) -> None:
        """labels: those of all rows to come; number: the group of each; shape: groups, steps."""
        self._fold_cost = fold_cost
        self._context = context
        self._node = node
        self._place = Place(node, node.expr)
        self._labels = labels
        self._number = number
        self._shape = shape
        self._pool: list[Histograms] = []
        self._cells: list[Int64s] = []
        self._series: list[Int64s] = []
        self._cost = 0
        self._kinds: _Kinds | None = None
        self.takes_part = AGGREGATORS[node.op].histograms is not HistogramUse.ANY

    def add(self, first_row: int, block: Vector, counts: Int64s) -> Bools:
        """Take the histograms of the rows from first_row on; returns where they have floats.

        counts: how many floats were met before, int64[groups, steps].
        """
        if self._node.op not in FOLDS:
            return note_ignored(self._context, self._place, self._node.op, block).present
        places, rows = histogram_places(block)
        if self._kinds is None and len(places) == 0:
            return float_mask(block)
        kinds = self._kinds = self._kinds or _Kinds(counts.reshape(-1) > 0)
        number = self._number[first_row : first_row + len(block.values)]
        floats = float_mask(block)
        note_first_rows(number, floats, first_row, kinds.floats)
        if len(places) and block.natives is not None:
            note_first_rows(number, histogram_mask(block), first_row, kinds.histograms)
            steps = self._shape[1]
            series = first_row + places // steps
            cells = self._number[series] * steps + places % steps
            used = np.flatnonzero(kinds.counts(cells))
            histograms = take(block.natives.histograms, rows[used])
            self._collect(histograms, cells[used], series[used])
        return floats

    def _collect(self, histograms: Histograms, cells: Int64s, series: Int64s) -> None:
        assert self._kinds is not None, "BUG: histograms of no kind"
        self._kinds.resets[cells[histograms.hints == HINT_RESET]] = True
        self._kinds.continued[cells[histograms.hints == HINT_NOT_RESET]] = True
        self._pool.append(histograms)
        self._cells.append(cells)
        self._series.append(series)
        self._cost += histogram_cost(histograms)
        if self._node.op == "sum" and self._cost > self._fold_cost and len(self._pool) > 1:
            distinct, summed = self._fold(self._kinds)
            self._pool, self._cells = [summed], [distinct]
            self._series = [np.zeros(len(distinct), np.int64)]
            self._cost = histogram_cost(summed)

    def _fold(self, kinds: _Kinds) -> tuple[Int64s, Histograms]:
        """(cells, one histogram for each) of what has been collected and goes together."""
        pool, cells = concat(self._pool), np.concatenate(self._cells)
        distinct, groups = np.unique(cells, return_inverse=True)
        folded, notes = FOLDS[self._node.op](pool, np.arange(len(cells)), groups, len(distinct))
        if notes.reconciled_add.any():
            self._context.info(
                "mismatched custom buckets were reconciled during aggregation", self._place
            )
        if notes.incompatible.any():
            misfits = self._misfits(groups, notes.incompatible, pool.schemas == CUSTOM_SCHEMA)
            kinds.misfits[distinct[notes.incompatible]] = misfits
            for code in np.unique(self._labels.column(METRIC_NAME)[misfits]).tolist():
                self._context.warn(mixed_schemas_text(self._labels.symbols.text(code)), self._place)
        kept = np.flatnonzero(~notes.incompatible)
        return distinct[kept], take(folded, kept)

    def _misfits(self, groups: Int64s, incompatible: Bools, custom: Bools) -> Int64s:
        """The series that came first with other buckets than the first of its group, of each group
        that is incompatible."""
        _, first = np.unique(groups, return_index=True)
        other = np.flatnonzero(incompatible[groups] & (custom != custom[first][groups]))
        _, first_other = np.unique(groups[other], return_index=True)
        return np.concatenate(self._series)[other[first_other]]

    def finish(self, vector: Vector) -> Vector:
        """The aggregated floats with the aggregated histograms among them."""
        kinds = self._kinds
        if kinds is None:
            return vector
        cells, histograms = self._fold(kinds) if self._pool else (np.zeros(0, np.int64), None)
        mixed = kinds.are_mixed()
        if mixed.any():
            self._context.warn(
                "encountered a mix of histograms and floats for aggregation", self._place
            )
        valid = kinds.floats[cells] == NO_ROW
        kept = cells[valid]
        if (kinds.resets[kept] & kinds.continued[kept]).any():
            self._context.warn(
                "conflicting counter resets during histogram aggregation", self._place
            )
        present = vector.present.reshape(-1) & (kinds.histograms == NO_ROW)
        present[kept] = True
        natives = None
        if histograms is not None:
            natives = natives_at(take(histograms, np.flatnonzero(valid)), kept, self._shape)
        return replace(vector, present=present.reshape(self._shape), natives=natives)
