"""The endpoints that evaluate PromQL: query and query_range.

A handler reads the parameters and returns a job, so that a bad request is answered without waiting;
the job computes in a thread when its turn has come. Handlers know neither HTTP nor JSON.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from api.answers.encoding import Buffer, encode_result
from api.endpoints.handler import Call, Job, Turn
from api.params import QueryParams, instant_time_ms, query_params, range_params
from api.promql.engine import Engine
from api.promql.queryable import Queryable
from api.promql.vectors.value import Result
from api.sources.provenance import check_plain, with_origins
from api.sources.queriers import QuerierSource


class QueryHandlers:
    """The query endpoints over one engine. now_ms: the clock, for queries that state no time."""

    def __init__(
        self,
        source: QuerierSource,
        engine: Engine,
        *,
        now_ms: Callable[[], int],
    ) -> None:
        self._source = source
        self._engine = engine
        self._now_ms = now_ms

    def query(self, call: Call) -> Job:
        """The value of an expression at one time."""
        params = query_params(call.params)
        time_ms = instant_time_ms(call.params, now_ms=self._now_ms())

        def evaluate(querier: Queryable, turn: Turn) -> Result:
            return self._engine.instant_query(
                querier,
                params.text,
                time_ms,
                lookback_ms=params.lookback_ms,
                timeout_ms=turn.timeout_ms,
                cancelled=turn.cancelled,
            )

        return self._job(call, params, evaluate)

    def query_range(self, call: Call) -> Job:
        """The values of an expression at start, start + step, ... up to end."""
        params = query_params(call.params)
        times = range_params(call.params)
        self._source.limits(call.tenants).check_length(times.start_ms, times.end_ms)

        def evaluate(querier: Queryable, turn: Turn) -> Result:
            return self._engine.range_query(
                querier,
                params.text,
                times.start_ms,
                times.end_ms,
                times.step_ms,
                lookback_ms=params.lookback_ms,
                timeout_ms=turn.timeout_ms,
                cancelled=turn.cancelled,
            )

        return self._job(call, params, evaluate)

    def _job(
        self, call: Call, params: QueryParams, evaluate: Callable[[Queryable, Turn], Result]
    ) -> Job:
        self._source.limits(call.tenants).check_text(params.text)
        if params.provenance:
            check_plain(self._engine.parse(params.text))

        def run(turn: Turn) -> Iterator[Buffer]:
            started = time.monotonic()
            querier = self._source.querier(call.tenants, params.replicas)
            origins = None
            if params.provenance:
                result, origins = with_origins(querier, lambda read: evaluate(read, turn))
            else:
                result = evaluate(querier, turn)
            stats = _timings(turn, time.monotonic() - started) if params.stats else None
            return encode_result(result, limit=params.limit, stats=stats, origins=origins)

        return Job(run, params.timeout_ms)


def _timings(turn: Turn, evaluation_seconds: float) -> dict[str, Any]:
    """The statistics of a query, as far as they are measured."""
    return {
        "timings": {
            "evalTotalTime": evaluation_seconds,
            "execQueueTime": turn.queued_seconds,
            "execTotalTime": turn.queued_seconds + evaluation_seconds,
        }
    }
