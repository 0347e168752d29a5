"""The endpoints that evaluate a query to say what its parts took and gave.

The answer is a tree, and not the result. Nothing is taken from what is kept of earlier queries.
"""

from collections.abc import Callable, Iterator
from functools import partial

from api.answers.encoding import SUCCESS
from api.answers.encoding import Notes as Annotations
from api.answers.explained import encode_explained
from api.endpoints.handler import Call, Job, Slot
from api.endpoints.queries import Evaluate, at_one_time, resolution_of
from api.endpoints.query_stats import timings
from api.params import QueryParams, instant_time_ms, query_params, range_params
from api.promql.bounds import Bound
from api.promql.engine import Engine, Measured
from api.promql.explaining import Notes, explaining
from api.promql.queryable import Queryable
from api.promql.vectors.value import Result
from api.sources.queriers import QuerierSource


class ExplainHandlers:
    """Explanations of queries over one engine. now_ms: the clock, for queries without a time."""

    def __init__(self, source: QuerierSource, engine: Engine, *, now_ms: Callable[[], int]) -> None:
        self._source = source
        self._engine = engine
        self._now_ms = now_ms

    def query(self, call: Call) -> Job:
        """The tree of an expression evaluated at one time: what each part took and gave."""
        limits = self._source.limits(call.tenants)
        time_ms = instant_time_ms(call.params, now_ms=self._now_ms())
        params = query_params(call.params)
        resolution_ms = resolution_of(self._engine, call.params, 0)
        evaluate = at_one_time(self._engine, params, time_ms, resolution_ms, limits)
        return self._job(call, params, evaluate)

    def query_range(self, call: Call) -> Job:
        """The tree of an expression evaluated over a range: what each part took and gave."""
        limits = self._source.limits(call.tenants)
        steps_max = Bound(self._engine.options.max_steps, "query.max-steps")
        times = range_params(call.params, steps_max.or_lower(limits.steps_bound))
        params = query_params(call.params)
        resolution_ms = resolution_of(self._engine, call.params, times.step_ms)
        limits.check_length(times.start_ms, times.end_ms)

        def evaluate(querier: Queryable, turn: Slot, meter: Measured) -> Result:
            return self._engine.range_query(
                querier,
                params.text,
                times.start_ms,
                times.end_ms,
                times.step_ms,
                lookback_ms=params.lookback_ms,
                timeout_ms=turn.timeout_ms,
                cancelled=turn.cancelled,
                meter=meter,
                resolution_ms=resolution_ms,
                bounds=limits.bounds(turn.terms.time),
            )

        return self._job(call, params, evaluate)

    def _job(self, call: Call, params: QueryParams, evaluate: Evaluate) -> Job:
        self._source.limits(call.tenants).check_text(params.text)
        return Job(partial(self._run, call, params, evaluate), params.timeout_ms)

    def _run(
        self, call: Call, params: QueryParams, evaluate: Evaluate, turn: Slot
    ) -> Iterator[bytes]:
        notes = Notes()
        meter = Measured(evaluator_of=explaining(notes))
        turn.meter = meter
        result = evaluate(self._source.querier(call.tenants, params.replicas), turn, meter)
        assert meter.evaluator is not None, "BUG: a query without an evaluation"
        root = meter.evaluator.plan.root
        stats = {
            "timings": timings(turn, meter),
            "samples": {"peakSamples": meter.peak_samples},
        }
        yield SUCCESS
        yield from encode_explained(root, params.text, notes, stats)
        yield Annotations(result.warnings, result.infos).encode()
