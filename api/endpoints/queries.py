"""The endpoints that evaluate PromQL: query and query_range.

A handler reads the parameters and returns a job, so that a bad request is answered without waiting;
the job computes in a thread when its turn has come. Handlers know neither HTTP nor JSON.
"""

import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from api.answers.accept import choose_form
from api.answers.chosen import encode_result
from api.answers.encoding import Buffer
from api.endpoints.answer_guard import measured
from api.endpoints.handler import Call, Job, Slot
from api.endpoints.query_stats import statistics
from api.errors import invalid_parameter
from api.forms import Params
from api.frontend.extent import are_current, watches_of
from api.frontend.flights import Flight, Patience
from api.frontend.ranges import Asked, RangeQueries, Turn
from api.params import (
    QueryParams,
    RangeParams,
    boolean,
    instant_time_ms,
    query_params,
    range_params,
    stats_warnings,
)
from api.promql.bounds import Bound
from api.promql.engine import Engine, Measured
from api.promql.errors import QueryTimeout
from api.promql.queryable import Queryable
from api.promql.vectors.value import Result
from api.sources.provenance import check_plain, with_origins
from api.sources.queriers import QuerierSource
from api.sources.query_limits import QueryLimits
from api.times import AUTO, parse_resolution_ms

# Evaluates a query over a querier.
Evaluate = Callable[[Queryable, Slot, Measured], Result]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: how it is evaluated, what makes two the same beside their parameters, and as
    what the frontend keeps it, if it may."""

    evaluate: Evaluate
    exactly: tuple[Hashable, ...]
    asked: Asked | None = None


class QueryHandlers:
    """The query endpoints over one engine. now_ms: the clock, for queries that state no time."""

    def __init__(
        self,
        source: QuerierSource,
        engine: Engine,
        ranges: RangeQueries,
        *,
        now_ms: Callable[[], int],
    ) -> None:
        self._source = source
        self._ranges = ranges
        self._engine = engine
        self._now_ms = now_ms

    def query(self, call: Call) -> Job:
        """The value of an expression at one time."""
        limits = self._source.limits(call.tenants)
        time_ms = instant_time_ms(call.params, now_ms=self._now_ms())
        params = query_params(call.params)
        resolution_ms = resolution_of(self._engine, call.params, 0)
        evaluate = at_one_time(self._engine, params, time_ms, resolution_ms, limits)
        kind = ("query", bool(resolution_ms))
        question = Question(evaluate, ("query", time_ms, resolution_ms))
        return self._job(call, params, question, kind)

    def query_range(self, call: Call) -> Job:
        """The values of an expression at start, start + step, ... up to end."""
        limits = self._source.limits(call.tenants)
        steps_max = Bound(self._engine.options.max_steps, "query.max-steps")
        times = range_params(call.params, steps_max.or_lower(limits.steps_bound))
        params = query_params(call.params)
        resolution_ms = resolution_of(self._engine, call.params, times.step_ms)
        limits.check_length(times.start_ms, times.end_ms)
        asked = asked_of(call, params, times, resolution_ms)

        def evaluate(querier: Queryable, turn: Slot, meter: Measured) -> Result:
            def steps(read: Queryable, start_ms: int, end_ms: int, *, timeout_ms: int) -> Result:
                return self._engine.range_query(
                    read,
                    params.text,
                    start_ms,
                    end_ms,
                    times.step_ms,
                    lookback_ms=params.lookback_ms,
                    timeout_ms=timeout_ms,
                    cancelled=turn.cancelled,
                    meter=meter,
                    resolution_ms=resolution_ms,
                    bounds=limits.bounds(turn.terms.time),
                )

            deadline_s = time.monotonic() + turn.timeout_ms / 1000
            return self._ranges.run(querier, asked, Turn(steps, deadline_s, meter))

        kind = "query_range", bool(resolution_ms), *magnitudes(times)
        question = Question(evaluate, ("query_range", times, resolution_ms), asked)
        job = self._job(call, params, question, kind)
        # What a known query costs depends on what has changed.
        return replace(job, kind=None) if self._ranges.is_kept(asked) else job

    def _job(
        self, call: Call, params: QueryParams, question: Question, kind: tuple[Hashable, ...]
    ) -> Job:
        """kind: of queries that cost about the same."""
        self._source.limits(call.tenants).check_text(params.text)
        if params.timeout_ms is not None and params.timeout_ms <= 0:
            return Job(partial(self._out_of_time, params.text))
        if params.provenance:
            check_plain(self._engine.parse(params.text))
        form = choose_form(call.headers.get("Accept", ""))
        work = partial(self._run, call, params, question)
        return Job(
            work,
            params.timeout_ms,
            hash((*kind, call.tenants, params, form)),
            headers={"Content-Type": form.content_type},
        )

    def _out_of_time(self, text: str, turn: Slot) -> Iterator[Buffer]:
        """The end of a query that has no time. That its text is wrong is found before."""
        self._engine.parse(text)
        raise QueryTimeout("query timed out in query execution")

    def _run(
        self, call: Call, params: QueryParams, question: Question, turn: Slot
    ) -> Iterator[Buffer]:
        origins = None
        meter = turn.meter = Measured()
        if params.provenance:
            result, origins = with_origins(
                self._source.querier(call.tenants, params.replicas),
                lambda read: question.evaluate(
                    read, turn, Measured() if meter.evaluator else meter
                ),
            )
        else:
            result = self._result(call, params, question, turn)
        stats = None
        if params.stats:
            per_step = params.stats == "all" and self._engine.features.per_step_stats
            stats = statistics(turn, turn.meter, result, per_step=per_step)
            warnings = result.warnings + stats_warnings(params.stats)
            result = replace(result, warnings=warnings)
        form = choose_form(call.headers.get("Accept", ""))
        encode = partial(
            encode_result, form, result, limit=params.limit, stats=stats, origins=origins
        )
        if question.asked is not None and not params.stats:
            of = question.asked, (form, params.limit)
            encode = partial(self._ranges.text, *of, result.value, encode)
        # One that is too large does not even begin.
        return measured(encode, turn) if turn.terms.answer.allowed else encode()

    def _result(self, call: Call, params: QueryParams, question: Question, turn: Slot) -> Result:
        """What is asked for, evaluated here or where the same is asked at the same time. Statistics
        are of one request only, so that it evaluates by itself."""
        patience = Patience(turn.cancelled, time.monotonic() + turn.timeout_ms / 1000)

        def compute(flight: Flight[Result]) -> Result:
            turn.timeout_ms = patience.left_ms()
            querier = self._source.querier(call.tenants, params.replicas)
            if self._ranges.cache.is_on and question.asked is not None:
                flight.is_current = partial(are_current, watches_of(querier))
            meter = turn.meter = Measured()
            return question.evaluate(querier, turn, meter)

        if params.stats or not may_be_kept(call):
            return compute(Flight())
        key = (question.exactly, call.tenants, replace(params, limit=0, timeout_ms=None))
        return self._ranges.flights.run(key, compute, patience)


def at_one_time(
    engine: Engine, params: QueryParams, time_ms: int, resolution_ms: int, limits: QueryLimits
) -> Evaluate:
    """What evaluates an instant query."""

    def evaluate(querier: Queryable, turn: Slot, meter: Measured) -> Result:
        return engine.instant_query(
            querier,
            params.text,
            time_ms,
            lookback_ms=params.lookback_ms,
            timeout_ms=turn.timeout_ms,
            cancelled=turn.cancelled,
            meter=meter,
            resolution_ms=resolution_ms,
            bounds=limits.bounds(turn.terms.time),
        )

    return evaluate


def resolution_of(engine: Engine, params: Params, step_ms: int) -> int:
    """The coarsest resolution that a request allows, in ms; raises BadData."""
    default = AUTO if engine.options.auto_downsampling else "0"
    text = params.first("max_source_resolution") or default
    try:
        return parse_resolution_ms(text, step_ms)
    except ValueError as error:
        raise invalid_parameter("max_source_resolution", error) from None


def may_be_kept(call: Call) -> bool:
    """Whether a request takes what was computed for others, which clients of Thanos, Mimir and
    VictoriaMetrics may refuse."""
    no_store = "no-store" in call.headers.get("Cache-Control", "").lower()
    return not (no_store or boolean(call.params.first("nocache")))


def asked_of(call: Call, params: QueryParams, times: RangeParams, resolution_ms: int) -> Asked:
    """A range query as the frontend takes it. Nothing is kept of one that asks where its samples
    came from."""
    return Asked(
        owner=call.tenants,
        text=params.text,
        wishes=(replace(params, limit=0, timeout_ms=None, stats=""), resolution_ms),
        start_ms=times.start_ms,
        end_ms=times.end_ms,
        step_ms=times.step_ms,
        lookback_ms=params.lookback_ms,
        may_keep=may_be_kept(call) and not params.provenance,
    )


def magnitudes(times: RangeParams) -> tuple[int, int]:
    """What range queries of one kind have in common: the order of magnitude of their length and of
    their number of steps."""
    length_ms = times.end_ms - times.start_ms
    return length_ms.bit_length(), (length_ms // times.step_ms).bit_length()
