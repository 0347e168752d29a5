"""The query engine: text -> tree -> plan -> select -> evaluate -> result.

All reads of a query are made before its evaluation starts; the evaluation computes on memory only.
The engine is synchronous and safe to use from many threads; each query is evaluated by the thread
that asks, helped by a few threads that all queries share. How many may run at a time is for whoever
asks to bound.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from api.promql.annotations import Annotations, evaluation_order
from api.promql.bounds import NO_BOUNDS, Bound, QueryBounds
from api.promql.context import Budget, Context
from api.promql.errors import (
    BadQuery,
    ExecutionError,
    QueryTimeout,
    TooManySamples,
    TooManySeries,
)
from api.promql.evaluator import Evaluator
from api.promql.features import Features
from api.promql.finishing import finished
from api.promql.meter import Meter
from api.promql.options import EngineOptions
from api.promql.pipeline import BLOCK_SIZES, BlockSizes
from api.promql.plan import Plan, Times, make_plan
from api.promql.queryable import (
    Queryable,
    Selection,
    aggregated_until,
    losses_of,
    may_have_aggregates,
)
from api.promql.syntax.nodes import Node, ValueType
from api.promql.syntax.parser import parse
from api.promql.vectors.value import Result
from storage.errors import LimitExceeded, QueryStopped, SourceFailed
from storage.kernels.arrays import Int64s
from storage.kernels.stops import stoppable

PARSED_QUERIES_MAX = 512
# Longer texts are parsed each time: a tree takes about a hundred times the room of its text.
PARSED_QUERY_CHARS_MAX = 8192
TYPE_NAMES = {ValueType.MATRIX: "range vector", ValueType.STRING: "string"}


@dataclass(slots=True)
class Measured(Meter):
    """What a query took and, once it has been evaluated, what can say more about it.

    runs: one for each time that some steps of it were evaluated. evaluator_of: makes them.
    """

    evaluator: Evaluator | None = None
    context: Context | None = None
    runs: list[tuple[Evaluator, Context]] = field(default_factory=list)
    evaluator_of: Callable[..., Evaluator] = Evaluator


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """What one query asks for beside its text; None stands for the engine's setting.

    resolution_ms: the coarsest that it may be answered from; 0: samples as they came.
    """

    lookback_ms: int | None = None
    timeout_ms: int | None = None
    cancelled: Callable[[], bool] = lambda: False
    meter: Measured = field(default_factory=Measured)
    resolution_ms: int = 0
    bounds: QueryBounds = NO_BOUNDS


class Engine:
    """Evaluates queries under common limits. close() ends its threads."""

    def __init__(
        self,
        options: EngineOptions,
        features: Features | None = None,
        *,
        blocks: BlockSizes = BLOCK_SIZES,
        queries_kept: int = PARSED_QUERIES_MAX,
    ) -> None:
        self.options = options
        self.features = features or Features()
        self._blocks = blocks
        self.executor = ThreadPoolExecutor(options.threads, thread_name_prefix="promql")
        self._parse_cached = lru_cache(queries_kept)(self._parse_text)
        self._plan_cached = lru_cache(queries_kept)(_movable_plan)

    def close(self) -> None:
        self.executor.shutdown(wait=True, cancel_futures=True)

    def instant_query(
        self,
        queryable: Queryable,
        text: str,
        time_ms: int,
        *,
        lookback_ms: int | None = None,
        timeout_ms: int | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        meter: Measured | None = None,
        resolution_ms: int = 0,
        bounds: QueryBounds = NO_BOUNDS,
    ) -> Result:
        """The value of a query at one time. Raises QueryError of any kind."""
        query = _Query(text, time_ms, time_ms, 0, is_range=False)
        options = QueryOptions(
            lookback_ms, timeout_ms, cancelled, meter or Measured(), resolution_ms, bounds
        )
        return self._run(queryable, query, options)

    def range_query(
        self,
        queryable: Queryable,
        text: str,
        start_ms: int,
        end_ms: int,
        step_ms: int,
        *,
        lookback_ms: int | None = None,
        timeout_ms: int | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        meter: Measured | None = None,
        resolution_ms: int = 0,
        bounds: QueryBounds = NO_BOUNDS,
    ) -> Result:
        """The values of a query at start, start + step, ... up to end. Raises QueryError."""
        if step_ms <= 0:
            raise BadQuery("zero or negative query resolution step widths are not accepted")
        if end_ms < start_ms:
            raise BadQuery("end timestamp must not be before start time")
        query = _Query(text, start_ms, end_ms, step_ms, is_range=True)
        options = QueryOptions(
            lookback_ms, timeout_ms, cancelled, meter or Measured(), resolution_ms, bounds
        )
        return self._run(queryable, query, options)

    def parse(self, text: str) -> Node:
        """The tree of a query under this engine's features. Raises ParseError."""
        is_kept = len(text) <= PARSED_QUERY_CHARS_MAX
        return self._parse_cached(text) if is_kept else self._parse_text(text)

    def _parse_text(self, text: str) -> Node:
        return parse(text, self.features)

    def _run(self, queryable: Queryable, query: _Query, options: QueryOptions) -> Result:
        timeout_ms = self.options.timeout_ms
        if options.timeout_ms is not None:
            timeout_ms = min(timeout_ms, options.timeout_ms)
        bounds = options.bounds.within(self.options)
        options = replace(options, bounds=bounds)
        budget = Budget(bounds.samples, timeout_ms, options.cancelled, time_bound=bounds.time)
        root = self.parse(query.text)
        if query.is_range and root.type in TYPE_NAMES:
            raise BadQuery(
                f'invalid expression type "{TYPE_NAMES[root.type]}" for range query, '
                "must be Scalar or instant Vector"
            )
        known_errors = _known_errors(self.options.max_depth)
        ends = stoppable(budget.check, budget.deadline_s)
        with _timed(options.meter, budget), known_errors, ends:
            return self._evaluate(queryable, query, root, options, budget)

    def _evaluate(
        self,
        queryable: Queryable,
        query: _Query,
        root: Node,
        options: QueryOptions,
        budget: Budget,
    ) -> Result:
        meter, started = options.meter, time.monotonic()
        lookback_ms = options.lookback_ms or self.options.lookback_delta_ms
        plan = self._plan(root, query, queryable, lookback_ms, options.resolution_ms)
        context = Context(
            steps=query.steps(budget),
            start_ms=query.start_ms,
            end_ms=query.end_ms,
            step_ms=query.step_ms,
            is_range=query.is_range,
            symbols=queryable.symbols,
            features=self.features,
            options=self.options,
            budget=budget,
            meter=meter,
            annotations=Annotations(
                query.text.encode("utf-8", "surrogateescape"), lambda: evaluation_order(root)
            ),
            until_ms=query.end_ms,
        )
        selections = _select_all(queryable, plan, budget, options.bounds.series)
        prepared = time.monotonic()
        meter.prepare_s += prepared - started
        evaluator = meter.evaluator_of(plan, selections, lookback_ms, self.executor, self._blocks)
        value = finished(evaluator, context, root)
        meter.inner_s += time.monotonic() - prepared
        meter.evaluator, meter.context = evaluator, context
        meter.runs.append((evaluator, context))
        annotations = context.annotations
        warnings = (*annotations.warnings(), *losses_of(queryable))
        return Result(value, context.steps, query.is_range, warnings, annotations.infos())

    def _plan(
        self,
        root: Node,
        query: _Query,
        queryable: Queryable,
        lookback_ms: int,
        resolution_ms: int,
    ) -> Plan:
        """The plan of a query. Where only times make it differ from an earlier one, it is that.

        One that reads nothing that is downsampled reads equal selectors once.
        """
        counters_differ = queryable.counters_differ

        def planned(has_aggregates: bool) -> Plan:
            def frame(start_ms: int) -> Times:
                return Times(
                    start_ms=start_ms,
                    end_ms=query.end_ms - query.start_ms + start_ms,
                    step_ms=query.step_ms,
                    lookback_ms=lookback_ms,
                    subquery_step_ms=self.options.default_evaluation_interval_ms,
                    depth_max=self.options.max_depth,
                    counters_differ=counters_differ,
                    has_aggregates=has_aggregates,
                    resolution_ms=resolution_ms if has_aggregates else 0,
                )

            # A tree that is not kept would be found by no later query.
            if len(query.text) <= PARSED_QUERY_CHARS_MAX:
                plan = self._plan_cached(root, frame(0))
                if plan is not None:
                    return plan.moved(query.start_ms)
            return make_plan(root, frame(query.start_ms))

        if resolution_ms and may_have_aggregates(queryable):
            return planned(True)
        plan = planned(False)
        if not queryable.has_aggregates:
            return plan
        until_ms = aggregated_until(queryable)
        reads_some = any(select.start_ms <= until_ms for select in plan.selects)
        return planned(True) if reads_some else plan


def _movable_plan(root: Node, frame: Times) -> Plan | None:
    """The plan, unless it is for one time only."""
    plan = make_plan(root, frame)
    return plan if plan.is_movable else None


@dataclass(frozen=True, slots=True)
class _Query:
    """What is asked, and when; an instant query starts and ends at one time, with step 0."""

    text: str
    start_ms: int
    end_ms: int
    step_ms: int
    is_range: bool

    def steps(self, budget: Budget) -> Int64s:
        if not self.is_range:
            return np.array([self.start_ms], np.int64)
        held = budget.held
        count = (self.end_ms - self.start_ms) // self.step_ms + 1
        budget.charge(count)
        budget.release_to(held)
        # Not up to end + 1, which int64 may not hold.
        return self.start_ms + self.step_ms * np.arange(count, dtype=np.int64)


@contextmanager
def _timed(meter: Meter, budget: Budget) -> Iterator[None]:
    started = time.monotonic()
    try:
        yield
    finally:
        meter.total_s += time.monotonic() - started
        meter.peak_samples = max(meter.peak_samples, budget.peak)


@contextmanager
def _known_errors(depth_max: int) -> Iterator[None]:
    """Turn the storage's errors, and a nesting that Python cannot follow, into query errors."""
    try:
        yield
    except LimitExceeded as error:
        raise TooManySamples(str(error)) from error
    except SourceFailed as error:
        raise ExecutionError(str(error)) from error
    except QueryStopped as error:
        raise QueryTimeout(str(error)) from error
    except RecursionError as error:
        raise ExecutionError(
            f"expression is nested too deep to evaluate (limit: query.max-depth={depth_max})"
        ) from error


def _select_all(queryable: Queryable, plan: Plan, budget: Budget, series: Bound) -> list[Selection]:
    selections: list[Selection] = []
    rows = 0
    for select in plan.selects:
        budget.check()
        selection = queryable.select(select.matchers, select.start_ms, select.end_ms, select.hint)
        selections.append(selection)
        rows += selection.labels.rows
        if series.is_below(rows):
            raise TooManySeries(f"the query reads {rows} series or more ({series})")
    return selections
