"""Native histograms in aggregations: sums and means of them, and what the other operators say.

A group that has floats and histograms at one step has no sum there. Rows arrive in blocks; the
histograms of a sum are folded whenever many have been collected, those of a mean only at the end.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from api.promql.context import Context
from api.promql.go_format import quote
from api.promql.native_histograms.arithmetic import Notes, avg_groups, sum_groups
from api.promql.syntax.nodes import Aggregate
from api.promql.vectors.natives import (
    float_mask,
    has_histograms,
    histogram_cost,
    histogram_places,
    natives_at,
    only_floats,
)
from api.promql.vectors.value import Vector
from storage.histograms.columns import CUSTOM_SCHEMA, Histograms
from storage.histograms.histograms import concat, take
from storage.kernels.arrays import Bools, Int64s
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME

# Operators to which a histogram is a sample like any other.
COUNTING = frozenset(("count", "group"))
SUMMING = frozenset(("sum", "avg"))
# Buckets and histograms collected, in samples, before they are folded.
FOLD_COST = 1 << 20


def note_ignored(context: Context, node: Aggregate, vector: Vector) -> Vector:
    """The vector without its histograms, with an info if it has any."""
    if has_histograms(vector):
        context.info(f"ignored histogram in {node.op} aggregation", node.expr)
    return only_floats(vector)


def mixed_schemas_text(metric: str) -> str:
    return (
        "vector contains a mix of histograms with exponential and custom buckets schemas for "
        f"metric name {quote(metric)}"
    )


class NativeSums:
    """The histograms that one accumulating aggregation has met."""

    def __init__(
        self,
        context: Context,
        node: Aggregate,
        labels: LabelFrame,
        number: Int64s,
        shape: tuple[int, int],
    ) -> None:
        """labels: those of all rows to come; number: the group of each; shape: groups, steps."""
        self._context = context
        self._node = node
        self._labels = labels
        self._number = number
        self._shape = shape
        self._pool: list[Histograms] = []
        self._cells: list[Int64s] = []
        self._series: list[Int64s] = []
        self._cost = 0
        self._wrong = np.zeros(0, np.bool_)
        self.takes_part = node.op not in COUNTING

    def add(self, first_row: int, block: Vector) -> Bools:
        """Take the histograms of the rows from first_row on; returns where they have floats."""
        if self._node.op not in SUMMING:
            return note_ignored(self._context, self._node, block).present
        places, rows = histogram_places(block)
        if len(places) and block.natives is not None:
            steps = self._shape[1]
            series = first_row + places // steps
            cells = self._number[series] * steps + places % steps
            self._collect(take(block.natives.histograms, rows), cells, series)
        return float_mask(block)

    def _collect(self, histograms: Histograms, cells: Int64s, series: Int64s) -> None:
        self._pool.append(histograms)
        self._cells.append(cells)
        self._series.append(series)
        self._cost += histogram_cost(histograms)
        if self._node.op == "sum" and self._cost > FOLD_COST and len(self._pool) > 1:
            distinct, summed, incompatible = self._fold()
            kept = np.flatnonzero(~incompatible)
            self._pool, self._cells = [take(summed, kept)], [distinct[kept]]
            self._series = [np.zeros(len(kept), np.int64)]
            self._cost = histogram_cost(self._pool[0])

    def _fold(self) -> tuple[Int64s, Histograms, Bools]:
        """(cells, one histogram for each, where there is none) of what has been collected."""
        pool, cells = concat(self._pool), np.concatenate(self._cells)
        distinct, groups = np.unique(cells, return_inverse=True)
        fold = sum_groups if self._node.op == "sum" else avg_groups
        folded, notes = fold(pool, np.arange(len(cells)), groups, len(distinct))
        self._annotate(notes)
        if notes.incompatible.any():
            self._name_mixed(groups, notes.incompatible, pool.schemas == CUSTOM_SCHEMA)
        if len(self._wrong) == 0:
            self._wrong = np.zeros(self._shape[0] * self._shape[1], np.bool_)
        self._wrong[distinct[notes.incompatible]] = True
        return distinct, folded, notes.incompatible

    def _annotate(self, notes: Notes) -> None:
        at = self._node.expr
        if notes.reconciled_add.any():
            self._context.info("mismatched custom buckets were reconciled during aggregation", at)
        if notes.hint_conflict.any():
            self._context.warn("conflicting counter resets during histogram aggregation", at)

    def _name_mixed(self, groups: Int64s, incompatible: Bools, custom: Bools) -> None:
        """Warn of the metrics that came first with other buckets than the first of their group."""
        _, first = np.unique(groups, return_index=True)
        other = np.flatnonzero(incompatible[groups] & (custom != custom[first][groups]))
        _, first_other = np.unique(groups[other], return_index=True)
        series = np.concatenate(self._series)[other[first_other]]
        for code in np.unique(self._labels.column(METRIC_NAME)[series]).tolist():
            text = mixed_schemas_text(self._labels.symbols.text(code))
            self._context.warn(text, self._node.expr)

    def finish(self, vector: Vector) -> Vector:
        """The aggregated floats with the aggregated histograms among them."""
        if not self._pool:
            return vector
        cells, histograms, _ = self._fold()
        found = np.zeros(vector.present.size, np.bool_)
        found[cells] = True
        floats = vector.present.reshape(-1)
        if (found & floats).any():
            self._context.warn(
                "encountered a mix of histograms and floats for aggregation", self._node.expr
            )
        valid = ~(floats | self._wrong)[cells]
        present = (floats & ~found) | (found & ~floats & ~self._wrong)
        natives = natives_at(take(histograms, np.flatnonzero(valid)), cells[valid], self._shape)
        return replace(vector, present=present.reshape(self._shape), natives=natives)
