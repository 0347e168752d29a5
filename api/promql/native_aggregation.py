"""Native histograms in aggregations: sums and means of them, and what the other operators say.

A group that has floats and histograms at one step has no sum there. Rows arrive in blocks; the
histograms of a sum are folded whenever many have been collected, those of a mean only at the end.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from api.promql.context import Context
from api.promql.go_format import quote
from api.promql.native import Notes, avg_groups, sum_groups
from api.promql.natives import (
    float_mask,
    has_histograms,
    histogram_cost,
    histogram_places,
    natives_at,
    only_floats,
)
from api.promql.nodes import Aggregate
from api.promql.value import Vector
from storage.histograms import concat, take
from storage.labels import METRIC_NAME, LabelFrame
from storage.samples import Bools, Histograms, Int64s

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


def metric_of(labels: LabelFrame, row: int) -> str:
    return labels.symbols.text(int(labels.column(METRIC_NAME)[row]))


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
        self._cost = 0
        self._wrong = np.zeros(0, np.bool_)
        self.takes_part = node.op not in COUNTING

    def add(self, number: Int64s, block: Vector) -> Bools:
        """Take the histograms of a block, whose rows have these groups; returns where it has
        floats."""
        if self._node.op not in SUMMING:
            return note_ignored(self._context, self._node, block).present
        places, rows = histogram_places(block)
        if len(places) and block.natives is not None:
            steps = self._shape[1]
            self._collect(
                take(block.natives.histograms, rows),
                number[places // steps] * steps + places % steps,
            )
        return float_mask(block)

    def _collect(self, histograms: Histograms, cells: Int64s) -> None:
        self._pool.append(histograms)
        self._cells.append(cells)
        self._cost += histogram_cost(histograms)
        if self._node.op == "sum" and self._cost > FOLD_COST and len(self._pool) > 1:
            distinct, summed, incompatible = self._fold()
            kept = np.flatnonzero(~incompatible)
            self._pool, self._cells = [take(summed, kept)], [distinct[kept]]
            self._cost = histogram_cost(self._pool[0])

    def _fold(self) -> tuple[Int64s, Histograms, Bools]:
        """(cells, one histogram for each, where there is none) of what has been collected."""
        cells = np.concatenate(self._cells)
        distinct, groups = np.unique(cells, return_inverse=True)
        rows = np.arange(len(cells))
        fold = sum_groups if self._node.op == "sum" else avg_groups
        folded, notes = fold(concat(self._pool), rows, groups, len(distinct))
        self._annotate(distinct, notes)
        if len(self._wrong) == 0:
            self._wrong = np.zeros(self._shape[0] * self._shape[1], np.bool_)
        self._wrong[distinct[notes.incompatible]] = True
        return distinct, folded, notes.incompatible

    def _annotate(self, cells: Int64s, notes: Notes) -> None:
        at = self._node.expr
        if notes.reconciled_add.any():
            self._context.info("mismatched custom buckets were reconciled during aggregation", at)
        if notes.hint_conflict.any():
            self._context.warn("conflicting counter resets during histogram aggregation", at)
        groups = np.unique(cells[notes.incompatible] // max(1, self._shape[1]))
        for group in groups.tolist():
            row = int(np.flatnonzero(self._number == group)[0])
            self._context.warn(mixed_schemas_text(metric_of(self._labels, row)), at)

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
