"""Queries of rules: over the view of a tenant in which replicas are one, under its limits."""

from __future__ import annotations

from collections.abc import Callable

from api.errors import ApiError
from api.params import ReplicaParams
from api.promql.bounds import Bound
from api.promql.engine import Engine, Measured
from api.promql.errors import QueryError
from api.sources.queriers import QuerierSource
from rules.ruler.ports import Answer, NotAnswered, Question
from storage.dedup.algorithm import Algorithm
from storage.errors import StorageError

REPLICAS = ReplicaParams(True, None, Algorithm.AUTO)


class EngineAsking:
    """Asks an engine. stopped: whether the program is ending."""

    def __init__(
        self, source: QuerierSource, engine: Engine, *, stopped: Callable[[], bool]
    ) -> None:
        self._source = source
        self._engine = engine
        self._stopped = stopped

    def ask(self, question: Question) -> Answer:
        limits = self._source.limits(question.tenants)
        time = Bound(self._engine.options.timeout_ms, "query.timeout", "ms")
        time = time.or_lower(limits.time_bound)
        if question.timeout_ms:
            own = Bound(question.timeout_ms, "ruler_query_timeout", "ms", "limits.file")
            time = time.or_lower(own)
        meter = Measured()
        try:
            result = self._engine.instant_query(
                self._source.querier(question.tenants, REPLICAS),
                question.expression,
                question.time_ms,
                lookback_ms=question.lookback_ms,
                timeout_ms=time.allowed,
                cancelled=lambda: self._stopped() or question.cancelled(),
                meter=meter,
                bounds=limits.bounds(time),
            )
        except (QueryError, StorageError, ApiError) as error:
            raise NotAnswered(str(error)) from error
        read = meter.evaluator.selections if meter.evaluator is not None else ()
        return Answer(result, sum(one.labels.rows for one in read), meter.peak_samples)
