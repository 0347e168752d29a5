"""A query evaluated node by node, so that it can be said what each node took and gave.

What otherwise runs in blocks through several nodes at once is computed whole here, node after node
and in one thread: values are the same, and the time of each node is its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np

from api.promql.context import Context
from api.promql.evaluator import Evaluator
from api.promql.pipeline import BlockSizes, Pipeline
from api.promql.plan import Plan
from api.promql.queryable import Selection, expected_samples, resolutions_of
from api.promql.syntax.nodes import (
    Binary,
    MatrixSelector,
    Node,
    Paren,
    Subquery,
    Unary,
    without_parens,
)
from api.promql.vectors.natives import cells_cost
from api.promql.vectors.value import Scalar, String, Value, Vector
from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame
from storage.labels.numbering import number_codes
from storage.samples.samples import Samples

# Of a node's labels: the names with most values, and of each the values with most series.
NAMES_MAX = 10
VALUES_MAX = 10

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LabelCount:
    """One label of the series of a node. values: (value, series), the most frequent first."""

    name: str
    cardinality: int
    values: tuple[tuple[str, int], ...]


@dataclass(slots=True)
class Found:
    """What was found of one node.

    seconds: what it took without its children; series, samples: of its value, None where it has
    none of its own; samples_read: by a selector; labels: how many labels the series have.
    """

    seconds: float = 0.0
    series: int | None = None
    samples: int | None = None
    samples_read: int = 0
    steps: int = 0
    label_names: int = 0
    labels: tuple[LabelCount, ...] = ()
    _selected: LabelFrame | None = None
    _used: list[Int64s] = field(default_factory=list)

    def take(self, value: Value) -> None:
        """Note the value of the node, in place of one at other steps."""
        match value:
            case String():
                self.series, self.samples, self.steps = 0, 0, 1
            case Scalar(values=values):
                self.series, self.samples, self.steps = 1, len(values), len(values)
            case Vector(labels=labels, present=present):
                self.samples, self.steps = int(np.count_nonzero(present)), present.shape[1]
                self._take_series(labels, np.flatnonzero(present.any(axis=1)))

    def take_read(self, labels: LabelFrame, first_row: int, samples: Samples) -> None:
        """Note what a selector read of the series from first_row on; labels: of all."""
        self.samples_read += len(samples)
        self._selected = labels
        self._used.append(first_row + np.flatnonzero(np.diff(samples.offsets)))

    def finish(self) -> None:
        """A selector that has no value of its own has what was read of it."""
        if self.series is None and self._selected is not None:
            self.samples = self.samples_read
            self._take_series(self._selected, np.concatenate(self._used))
        self._selected = None

    def _take_series(self, labels: LabelFrame, used: Int64s) -> None:
        seen = labels if len(used) == labels.rows else labels.take(used)
        self.series = seen.rows
        counts = sorted((count_label(seen, n) for n in seen.names), key=lambda c: -c.cardinality)
        self.label_names, self.labels = len(counts), tuple(counts[:NAMES_MAX])


def count_label(labels: LabelFrame, name: str) -> LabelCount:
    distinct, numbers = number_codes(labels.column(name))
    series = np.bincount(numbers, minlength=len(distinct))
    series[0] = 0  # series without this label
    order = np.argsort(-series, kind="stable")[:VALUES_MAX]
    texts = labels.symbols.texts(distinct[order].tolist())
    top = tuple((text, n) for text, n in zip(texts, series[order].tolist(), strict=True) if n)
    return LabelCount(name, len(distinct) - 1, top)


class Notes:
    """What was found of the nodes of one query; used by the thread that evaluates it."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._found: dict[Node, Found] = {}
        self._inner = [0.0]  # of each node under way, what its children took so far

    def watch(self, node: Node, work: Callable[[], T], take: Callable[[Found, T], None]) -> T:
        """What work() gives; its time is that of the node, but for the time of watched work in
        it. Taking notes is of no node."""
        found = self._found.setdefault(node, Found())
        started = self._clock()
        self._inner.append(0.0)
        try:
            done = work()
        finally:
            found.seconds += self._clock() - started - self._inner.pop()
        take(found, done)
        self._inner[-1] += self._clock() - started
        return done

    def of(self, node: Node) -> Found:
        """Of parentheses, signs and subqueries that are no step of their own, what is in them."""
        inner = node
        while inner not in self._found and isinstance(inner, Paren | Unary | Subquery):
            inner = inner.expr
        if isinstance(inner, MatrixSelector):
            inner = inner.selector
        found = self._found.get(inner, Found())
        found.finish()
        if inner is node or isinstance(node, MatrixSelector):
            return found
        return Found(0.0, found.series, found.samples, 0, found.steps)


@dataclass(frozen=True, slots=True)
class WatchedSelection:
    """A selection whose reads are noted."""

    selection: Selection
    node: Node
    notes: Notes

    @property
    def labels(self) -> LabelFrame:
        return self.selection.labels

    @property
    def expected_samples(self) -> int:
        return expected_samples(self.selection)

    @property
    def resolutions(self) -> tuple[int, ...]:
        return resolutions_of(self.selection)

    def read(self, first_row: int, end_row: int) -> Samples:
        def take(found: Found, samples: Samples) -> None:
            found.take_read(self.labels, first_row, samples)

        return self.notes.watch(self.node, partial(self.selection.read, first_row, end_row), take)


@dataclass(frozen=True, slots=True)
class ExplainingEvaluator(Evaluator):
    """Evaluates node by node, and notes each."""

    notes: Notes = field(default_factory=Notes)

    def selection(self, node: Node) -> Selection:
        return WatchedSelection(Evaluator.selection(self, node), node, self.notes)

    def _open(self, node: Node, context: Context) -> Pipeline | Value:
        node = without_parens(node)
        work = partial(self._held, partial(Evaluator._open, self, node), context)
        return self.notes.watch(node, work, Found.take)

    def _binary(self, node: Binary, lhs: Pipeline | Value, context: Context) -> Pipeline | Value:
        work = partial(self._held, partial(Evaluator._binary, self, node, lhs), context)
        return self.notes.watch(node, work, Found.take)

    def _held(self, work: Callable[[Context], Pipeline | Value], context: Context) -> Value:
        """The whole value, counted as held."""
        held = context.budget.held
        value = self._whole(work(context))
        context.budget.release_to(held)
        context.charge(cells_cost(value))
        return value


def explaining(notes: Notes) -> Callable[..., Evaluator]:
    """What makes the evaluator of a query that notes are taken of. One thread evaluates it, so that
    times add up."""

    def make(
        plan: Plan,
        selections: Sequence[Selection],
        lookback_ms: int,
        executor: Executor | None,
        blocks: BlockSizes,
    ) -> Evaluator:
        return ExplainingEvaluator(plan, selections, lookback_ms, None, blocks, notes)

    return make
