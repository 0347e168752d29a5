"""How many samples a query has looked at, by the rules of Prometheus' query statistics.

They are counted after the query, from its plan and from what was read for it, so that a query that
is not asked for statistics pays nothing. Two counts are kept for each step:

    total   what the step alone would look at: every sample of every window
    read    what was new at the step: of windows that overlap, each sample once

A native histogram counts as its size in memory in floats with their times (16 bytes). What is the
same at all steps is read at the first. The points that a subquery makes count as samples of the
range above it; what its own selectors look at is only read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from api.promql.annotations import Annotations
from api.promql.context import Context
from api.promql.evaluator import Evaluator
from api.promql.plan import Span
from api.promql.syntax.nodes import (
    Call,
    MatrixSelector,
    Node,
    NumberLiteral,
    StringLiteral,
    Subquery,
    VectorSelector,
    children,
    without_parens,
)
from api.promql.syntax.signatures import FUNCTIONS
from api.promql.vectors.cells import VALUE, fresh_samples, newest_cells
from api.promql.vectors.value import Matrix, Value, Vector
from storage.histograms.columns import Buckets, Histograms, Natives
from storage.kernels.arrays import Int64s
from storage.samples.samples import Samples

# Bytes of a float with its time, of a histogram without buckets, and of a bucket, span or bound.
POINT_BYTES, HISTOGRAM_BYTES, NUMBER_BYTES = 16, 176, 8
BLOCK_ROWS = 1 << 12


@dataclass(frozen=True, slots=True)
class Counts:
    """Of each step."""

    total: Int64s
    read: Int64s

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.total + other.total, self.read + other.read)


@dataclass(frozen=True, slots=True)
class SampleCounter:
    """Counts for one query, after it was evaluated."""

    evaluator: Evaluator
    context: Context

    def of_query(self, value: Value | Matrix) -> Counts:
        """Of the whole query, whose result is given."""
        root = without_parens(self.evaluator.plan.root)
        steps = self.context.steps
        if isinstance(root, MatrixSelector):
            assert isinstance(value, Matrix), "BUG: a range selector gave no matrix"
            weights = weights_of(value.samples)
            both = np.array([weights.sum()], np.int64)
            return Counts(both, both)
        if isinstance(root, Subquery):
            inner = self.of_node(root.expr, self._grid(root, steps))
            return Counts(inner.total.sum(keepdims=True), inner.read.sum(keepdims=True))
        return self.of_node(root, steps)

    def of_node(self, node: Node, steps: Int64s) -> Counts:
        """Of an expression that is evaluated at these steps."""
        node = without_parens(node)
        if len(steps) < 2 or not self._is_invariant(node):
            return self._of_varying(node, steps)
        once = self._of_varying(node, steps[:1])
        return Counts(np.full(len(steps), once.total[0]), at_first(once.read, steps))

    def _is_invariant(self, node: Node) -> bool:
        if isinstance(node, NumberLiteral | StringLiteral):
            return False
        if isinstance(node, Call) and node.func == "timestamp":
            selector = without_parens(node.args[0])
            return isinstance(selector, VectorSelector) and self._is_invariant(selector)
        return node in self.evaluator.plan.invariant

    def _of_varying(self, node: Node, steps: Int64s) -> Counts:
        self.context.check()
        match node:
            case VectorSelector():
                return self._of_instant(node, steps)
            case Call(func=func, args=args) if FUNCTIONS[func].reads_times:
                # A histogram is one sample to them.
                selector = without_parens(args[0])
                if isinstance(selector, VectorSelector):
                    return self._of_instant(selector, steps, is_time=True)
            case Call(func="info", args=args):
                return self.of_node(args[0], steps) + self._of_instant(node, steps)
        found = nothing(steps)
        for child in map(without_parens, children(node)):
            if isinstance(child, MatrixSelector):
                found += self._of_windows(child, steps)
            elif isinstance(child, Subquery):
                found += self._of_subquery(child, steps)
            else:
                found += self.of_node(child, steps)
        return found

    def _of_instant(self, node: Node, steps: Int64s, *, is_time: bool = False) -> Counts:
        """The newest sample of each series at each step. Prometheus counts none of those that
        smoothed selectors look at."""
        counts = np.zeros(len(steps), np.int64)
        if len(steps) == 0 or (isinstance(node, VectorSelector) and node.smoothed and not is_time):
            return Counts(counts, counts)
        plan, lookback_ms = self.evaluator.plan, self.evaluator.lookback_ms
        selection = self.evaluator.selections[plan.select_of[node]]
        times = plan.spans[node].ends(steps)
        for first in range(0, selection.labels.rows, BLOCK_ROWS):
            self.context.check()
            samples = selection.read(first, min(first + BLOCK_ROWS, selection.labels.rows))
            _, present, natives = newest_cells(samples, times, lookback_ms, VALUE)
            counts += present.sum(axis=0)
            if natives is not None and not is_time:
                counts += more_of_cells(natives)
        return Counts(counts, counts)

    def _of_windows(self, node: MatrixSelector, steps: Int64s) -> Counts:
        plan, lookback_ms = self.evaluator.plan, self.evaluator.lookback_ms
        selector, span = node.selector, plan.spans[node]
        selection = self.evaluator.selections[plan.select_of[selector]]
        samples = fresh_samples(selection.read(0, selection.labels.rows))
        weights = weights_of(samples)
        ends = span.ends(steps)
        starts = ends - span.range_ms
        if selector.anchored or selector.smoothed:
            starts = starts - lookback_ms
        if selector.smoothed:
            ends = ends + lookback_ms
        tally = Tally.of(samples.timestamps, weights)
        total = tally.up_to(ends) - tally.up_to(starts)
        if span.at_ms is not None:
            return Counts(total, at_first(total, steps))
        return Counts(total, new_at_steps(tally, starts, ends, steps))

    def _of_subquery(self, node: Subquery, steps: Int64s) -> Counts:
        span = self.evaluator.plan.spans[node]
        grid = self._grid(node, steps)
        inner = self.of_node(node.expr, grid)
        ends = span.ends(steps)
        tally = Tally.of(grid, self._points(node, grid))
        total = tally.up_to(ends) - tally.up_to(ends - span.range_ms)
        if len(steps) < 2 or span.at_ms is not None:
            return Counts(total, at_first(inner.read.sum(keepdims=True), steps))
        return Counts(total, handed_up(inner.read, grid, span, steps))

    def _grid(self, node: Subquery, steps: Int64s) -> Int64s:
        span = self.evaluator.plan.spans[node]
        return span.grid(span.ends(steps))

    def _points(self, node: Subquery, grid: Int64s) -> Int64s:
        """The weight of what the subquery's expression gives at each of its steps."""
        if len(grid) == 0:
            return np.zeros(0, np.int64)
        # What the evaluation has to say was said when the query was evaluated.
        context = replace(self.context.at_steps(grid), annotations=Annotations(b""))
        held = context.budget.held
        inner = self.evaluator.evaluate(node.expr, context)
        context.budget.release_to(held)
        assert isinstance(inner, Vector), "BUG: a subquery over no vector"
        points: Int64s = inner.present.sum(axis=0)
        return points if inner.natives is None else points + more_of_cells(inner.natives)


@dataclass(frozen=True, slots=True)
class Tally:
    """Weights by their times; sums[i]: of the first i."""

    times: Int64s
    sums: Int64s

    @classmethod
    def of(cls, times: Int64s, weights: Int64s) -> Tally:
        order = np.argsort(times, kind="stable")
        return cls(times[order], np.concatenate([[0], np.cumsum(weights[order])]).astype(np.int64))

    def up_to(self, times: Int64s) -> Int64s:
        """The sum of the weights at each of these times and before."""
        return self.sums[np.searchsorted(self.times, times, side="right")]


def nothing(steps: Int64s) -> Counts:
    return Counts(np.zeros(len(steps), np.int64), np.zeros(len(steps), np.int64))


def at_first(counts: Int64s, steps: Int64s) -> Int64s:
    """The first count at the first step, and none at the others."""
    placed = np.zeros(len(steps), np.int64)
    placed[:1] = counts[:1]
    return placed


def new_at_steps(tally: Tally, starts: Int64s, ends: Int64s, steps: Int64s) -> Int64s:
    """What the windows of each step hold that no window of the step before could."""
    if len(steps) < 2:
        return tally.up_to(ends) - tally.up_to(starts)
    since = np.maximum(starts, ends - (steps[1] - steps[0]))
    since[0] = starts[0]
    return tally.up_to(ends) - tally.up_to(since)


def handed_up(read: Int64s, grid: Int64s, span: Span, steps: Int64s) -> Int64s:
    """What a subquery has read at each step of its grid, counted at the first step above it whose
    window reaches that far; where that window begins later, it counts nowhere."""
    times = grid + span.offset_ms
    places = np.clip(np.searchsorted(steps, times, side="left"), 0, len(steps) - 1)
    seen = times > steps[places] - span.range_ms
    counts = np.zeros(len(steps), np.int64)
    np.add.at(counts, places[seen], read[seen])
    return counts


def weights_of(samples: Samples) -> Int64s:
    """How many samples each of them counts as."""
    weights = np.ones(len(samples), np.int64)
    natives = samples.natives
    if natives is not None:
        are_native = natives.mask
        weights[are_native] = histogram_sizes(natives.histograms)[natives.rows[are_native]]
    return weights


def more_of_cells(natives: Natives) -> Int64s:
    """By how much the histograms of each step are more than one sample each."""
    sizes = np.concatenate([histogram_sizes(natives.histograms) - 1, [0]])
    more: Int64s = sizes[natives.rows].sum(axis=0)
    return more


def histogram_sizes(histograms: Histograms) -> Int64s:
    """How many samples each histogram is."""
    numbers: Int64s = np.diff(histograms.bounds.offsets)
    for side in (histograms.positive, histograms.negative):
        numbers = numbers + np.diff(side.offsets) + span_counts(side)
    return (HISTOGRAM_BYTES + NUMBER_BYTES * numbers) // POINT_BYTES


def span_counts(side: Buckets) -> Int64s:
    """The runs of buckets that follow each other, of each histogram."""
    count = len(side.indexes)
    begins = np.ones(count + 1, np.int64)
    begins[1:count] = np.diff(side.indexes) != 1
    begins[side.offsets[:-1]] = 1
    sums = np.zeros(count + 1, np.int64)
    np.cumsum(begins[:count], out=sums[1:])
    spans: Int64s = sums[side.offsets[1:]] - sums[side.offsets[:-1]]
    return spans
