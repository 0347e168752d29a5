"""A range query out of what is kept of an earlier one like it, and only the rest computed.

    key       queries of one key have their steps on the same grid
    standing  which of the steps that are kept are still true
    compute   the others, run by run of steps
    join      both are the answer, and what is kept from now on

Nothing of a query is kept whose steps cannot stand alone (`reach`). Annotations belong to a range
as a whole: kept steps are used only if what was computed beside them makes theirs, too. What
changes while the rest is computed is found out afterwards; then all of it is computed anew.

Invariant: the answer is that of one evaluation of the whole range, made at some moment between the
beginning and the end of the request.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np
from prometheus_client import CollectorRegistry

from api.frontend.cache import ExtentCache
from api.frontend.extent import (
    Basis,
    Extent,
    Grid,
    basis_of,
    reached,
    standing,
    true_at,
    watches_of,
)
from api.frontend.flights import Flights
from api.frontend.joining import Piece, joined
from api.frontend.metrics import FrontendMetrics
from api.frontend.options import CacheOptions
from api.frontend.reach import Reach, reach_of
from api.frontend.texts import Make, Texts
from api.promql.engine import Engine
from api.promql.errors import QueryError
from api.promql.meter import Meter
from api.promql.plan import Times
from api.promql.queryable import Queryable
from api.promql.syntax.nodes import ValueType
from api.promql.vectors.value import Result, Vector
from storage.downsampling.aggregates import RESOLUTIONS_MS
from storage.kernels.arrays import Bools, Int64s
from storage.labels.frames import Symbols
from storage.read.federation import recode
from storage.revisions.watch import Watch

REACHES_KEPT_MAX = 512
# Runs of steps that are computed one by one; of more than these, the whole range is.
RUNS_MAX = 4
STEPS_MIN = STEP_MS_MIN = 2

# The first step, and the first one behind.
Run = tuple[int, int]


class Evaluate(Protocol):
    """Evaluates a query at start, start + step, ... up to end."""

    def __call__(
        self, querier: Queryable, start_ms: int, end_ms: int, /, *, timeout_ms: int
    ) -> Result: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A range query. owner: its tenants; wishes: all that its answer depends on beside its text and
    its times. may_keep: whether what is kept may be used and added to."""

    owner: Hashable
    text: str
    wishes: Hashable
    start_ms: int
    end_ms: int
    step_ms: int
    lookback_ms: int | None
    may_keep: bool = True


@dataclass(frozen=True, slots=True)
class Turn:
    """The computing of one query: when it has to end, by time.monotonic(), and its meter."""

    evaluate: Evaluate
    deadline_s: float
    meter: Meter

    def left_ms(self) -> int:
        """How long it may still take."""
        return max(1, int((self.deadline_s - time.monotonic()) * 1000))


@dataclass(frozen=True, slots=True)
class Computed:
    """A run of steps that was evaluated, and its result."""

    run: Run
    result: Result

    @property
    def vector(self) -> Vector:
        value = self.result.value
        assert isinstance(value, Vector), "BUG: a range query gave no vector"
        return value


class RangeQueries:
    """Range queries over one engine. Thread-safe. flights: of all queries, those under way."""

    def __init__(
        self, engine: Engine, cache: ExtentCache, texts: Texts, metrics: FrontendMetrics
    ) -> None:
        self.cache = cache
        self._texts = texts
        self.metrics = metrics
        self.flights: Flights[Result] = Flights(metrics.shared)
        self._engine = engine
        self._reach_kept = lru_cache(REACHES_KEPT_MAX)(reach_of)

    def is_kept(self, asked: Asked) -> bool:
        """Whether something of the query is kept, so that what it costs is not that of another."""
        return self.cache.is_on and key_of(asked) in self.cache

    def text(
        self, asked: Asked, form: Hashable, value: object, make: Make
    ) -> Iterator[bytes | memoryview]:
        """The text of an answer: what make() gives, or gave when it was asked for before. form: all
        that it depends on beside what is asked. Nothing is kept of values that are not."""
        if not (self.cache.is_on and asked.may_keep and isinstance(value, Vector)):
            return make()
        owner, rest = key_of(asked)
        kept = self.cache.get((owner, rest))
        if kept is None or kept.vector is not value:
            return make()
        return self._texts.answer((owner, (rest, form)), value, make)

    def run(self, querier: Queryable, asked: Asked, turn: Turn) -> Result:
        """The answer. Raises QueryError of any kind."""
        grid = Grid.of(asked.start_ms, asked.end_ms, asked.step_ms)
        watches: Sequence[Watch] = ()
        reach = self._reach(asked) if self._may_keep(asked, grid) else None
        if reach is not None:
            watches = watches_of(querier)
        if reach is None or not watches or None in [watch.reached_ms() for watch in watches]:
            self.metrics.queries.labels("bypass").inc()
            return self.evaluate(querier, asked, turn, (0, grid.count)).result
        query = _Query(self, querier, asked, turn, grid, reach, watches)
        result, known = query.answer()
        outcome = "hit" if known == grid.count else "partial" if known else "miss"
        self.metrics.queries.labels(outcome).inc()
        self.metrics.steps.labels("cache").inc(known)
        self.metrics.steps.labels("computed").inc(grid.count - known)
        turn.meter.known_steps = known
        return result

    def evaluate(self, querier: Queryable, asked: Asked, turn: Turn, run: Run) -> Computed:
        """A run of steps. One that ends before the query does ends a little after its last step, or
        the engine would take a single one for an instant query."""
        end_ms = min(asked.start_ms + (run[1] - 1) * asked.step_ms + 1, asked.end_ms)
        if run[1] == Grid.of(asked.start_ms, asked.end_ms, asked.step_ms).count:
            end_ms = asked.end_ms
        start_ms = asked.start_ms + run[0] * asked.step_ms
        result = turn.evaluate(querier, start_ms, end_ms, timeout_ms=turn.left_ms())
        return Computed(run, result)

    def _may_keep(self, asked: Asked, grid: Grid) -> bool:
        """With delayed name removal, names depend on what is there at the earliest step."""
        if self._engine.features.delayed_name_removal:
            return False
        enough = grid.count >= STEPS_MIN and asked.step_ms >= STEP_MS_MIN
        return self.cache.is_on and asked.may_keep and enough

    def _reach(self, asked: Asked) -> Reach | None:
        """None also for what the engine will refuse."""
        options = self._engine.options
        try:
            root = self._engine.parse(asked.text)
            if root.type not in (ValueType.VECTOR, ValueType.SCALAR):
                return None
            times = Times(
                start_ms=0,
                end_ms=0,
                step_ms=asked.step_ms,
                lookback_ms=asked.lookback_ms or options.lookback_delta_ms,
                subquery_step_ms=options.default_evaluation_interval_ms,
                depth_max=options.max_depth,
            )
            return self._reach_kept(root, times)
        except QueryError:
            return None


def kept_ranges(engine: Engine, options: CacheOptions, registry: CollectorRegistry) -> RangeQueries:
    """Range queries of which as much is kept as the settings allow."""
    metrics = FrontendMetrics(registry)
    return RangeQueries(engine, ExtentCache(options, metrics), Texts(options, registry), metrics)


def uncached(engine: Engine) -> RangeQueries:
    """Range queries of which nothing is kept."""
    return kept_ranges(engine, CacheOptions(bytes_max=0), CollectorRegistry())


def key_of(asked: Asked) -> tuple[Hashable, Hashable]:
    """The same for all queries whose steps may serve each other."""
    phase_ms = asked.start_ms % asked.step_ms
    wishes = (asked.wishes, asked.lookback_ms)
    return asked.owner, (asked.text, wishes, asked.step_ms, phase_ms)


@dataclass(frozen=True, slots=True)
class _Query:
    """One query on its way. watches: of a moment before anything is read for it."""

    ranges: RangeQueries
    querier: Queryable
    asked: Asked
    turn: Turn
    grid: Grid
    reach: Reach
    watches: Sequence[Watch]

    def answer(self) -> tuple[Result, int]:
        """The result, and how many steps of it were kept."""
        kept = self.ranges.cache.get(key_of(self.asked))
        if kept is not None:
            found = standing(kept, self.grid, self.reach, self.watches)
            if found.reason:
                self.ranges.metrics.invalidations.labels(found.reason).inc()
            answer = self._of_kept(kept, found.valid)
            if answer is not None:
                return answer
        return self._of_nothing(), 0

    def _of_nothing(self) -> Result:
        """All steps computed."""
        started, basis = time.monotonic(), self._basis()
        computed = self._evaluate((0, self.grid.count))
        bounded = reached(basis, self.watches)
        if bounded is not None and not self.turn.meter.is_whole:
            labels = recode(computed.vector.labels, Symbols())
            seconds = time.monotonic() - started
            vector = replace(computed.vector, labels=labels)
            around_ms = np.full(self.grid.count, bounded.around_ms)
            self._keep(
                Extent(
                    self.grid,
                    vector,
                    bounded,
                    around_ms,
                    computed.result.warnings,
                    computed.result.infos,
                    seconds,
                )
            )
        return computed.result

    def _of_kept(self, kept: Extent, valid: Bools) -> tuple[Result, int] | None:
        """The answer with the steps of an extent that are valid; None if that cannot be."""
        runs = runs_of(valid, self.asked.end_ms == self.grid.last_ms)
        known = self.grid.count - sum(end - first for first, end in runs)
        if not known or len(runs) > RUNS_MAX:
            return None
        if not runs and kept.grid == self.grid:
            return self._result(kept.vector, kept.warnings, kept.infos), known
        started, basis = time.monotonic(), self._basis()
        computed = [self._evaluate(run) for run in runs]
        warnings = together(kept.warnings, [each.result.warnings for each in computed])
        infos = together(kept.infos, [each.result.infos for each in computed])
        if warnings is None or infos is None or self.turn.meter.is_whole:
            return None
        if reached(basis, self.watches) is None:
            return None
        if runs and not self._is_one_moment(kept, basis, runs):
            return None
        began = time.monotonic()
        vector = joined(pieces(kept, self.grid, computed), self.grid.count, kept.vector.labels)
        self.turn.meter.total_s += time.monotonic() - began
        result = self._result(vector, warnings, infos)
        if 2 * self.grid.count >= kept.grid.count and runs:
            seconds = kept.seconds * known / kept.grid.count + time.monotonic() - started
            basis = self._with_kept(basis, kept)
            around_ms = self._around(kept, basis, runs)
            self._keep(Extent(self.grid, vector, basis, around_ms, warnings, infos, seconds))
        return result, known

    def _is_one_moment(self, kept: Extent, basis: Basis, runs: Sequence[Run]) -> bool:
        """Whether what was kept, and all that was computed before the last run, is as it would be
        found by now."""
        watches = watches_of(self.querier)
        if len(watches) != len(self.watches):
            return False
        old = np.ones(self.grid.count, np.bool_)
        for first, end in runs:
            old[first:end] = False
        if (old & ~standing(kept, self.grid, self.reach, watches).valid).any():
            return False
        around_ms = self._with_kept(basis, kept).around_ms
        fresh, _ = true_at(basis, around_ms, (self.grid, self.reach), watches)
        return all(fresh[first:end].all() for first, end in runs[:-1])

    def _with_kept(self, basis: Basis, kept: Extent) -> Basis:
        """What steps depend on of which some were kept."""
        bounded = reached(basis, self.watches)
        assert bounded is not None, "BUG: a reach without bounds"
        return replace(bounded, oldest_ms=max(bounded.oldest_ms, kept.basis.oldest_ms))

    def _around(self, kept: Extent, basis: Basis, runs: Sequence[Run]) -> Int64s:
        """How far around each step looked: as kept, or as just computed."""
        around_ms = np.full(self.grid.count, basis.around_ms)
        moved = (self.grid.first_ms - kept.grid.first_ms) // self.grid.step_ms
        common = self.grid.places((kept.grid.first_ms, kept.grid.last_ms))
        around_ms[common] = kept.around_ms[common.start + moved : common.stop + moved]
        for first, end in runs:
            around_ms[first:end] = basis.around_ms
        return around_ms

    def _basis(self) -> Basis:
        around_ms = max(RESOLUTIONS_MS) if self.querier.has_aggregates else 0
        return basis_of(self.reach, self.watches, around_ms)

    def _evaluate(self, run: Run) -> Computed:
        return self.ranges.evaluate(self.querier, self.asked, self.turn, run)

    def _result(self, vector: Vector, warnings: tuple[str, ...], infos: tuple[str, ...]) -> Result:
        return Result(vector, self.grid.steps, True, warnings, infos)

    def _keep(self, extent: Extent) -> None:
        cache = self.ranges.cache
        worthwhile = extent.seconds * 1000 >= cache.worthwhile_ms
        if worthwhile and cache.fits(extent.vector.values.nbytes):
            cache.put(key_of(self.asked), extent)


def runs_of(valid: Bools, ends_on_step: bool) -> list[Run]:
    """The runs of steps that are not valid. ends_on_step: whether the last step is the end of the
    query: then it has another one beside it, or it would be an instant query."""
    edges = np.flatnonzero(np.diff(~valid, prepend=False, append=False)).tolist()
    runs = list(zip(edges[::2], edges[1::2], strict=True))
    count = len(valid)
    if ends_on_step and runs and runs[-1] == (count - 1, count):
        first = count - 2
        if len(runs) > 1 and runs[-2][1] == first:
            first = runs.pop(-2)[0]
        runs[-1] = (first, count)
    return runs


def pieces(kept: Extent, grid: Grid, computed: Sequence[Computed]) -> list[Piece]:
    """The steps of a query: those that were computed, and between them what was kept."""
    found = []
    moved = (grid.first_ms - kept.grid.first_ms) // grid.step_ms
    at = 0
    for each in computed:
        first, end = each.run
        if at < first:
            found.append(Piece(kept.vector, slice(at + moved, first + moved), at))
        found.append(Piece(each.vector, slice(0, end - first), first))
        at = end
    if at < grid.count:
        found.append(Piece(kept.vector, slice(at + moved, grid.count + moved), at))
    return found


def together(kept: tuple[str, ...], computed: Sequence[tuple[str, ...]]) -> tuple[str, ...] | None:
    """The annotations of kept and computed steps; None if it is not known whether the kept steps
    that are used make theirs."""
    found = dict.fromkeys(text for texts in computed for text in texts)
    return tuple(found) if found.keys() >= set(kept) else None
