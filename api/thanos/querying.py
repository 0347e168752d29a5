"""Query and QueryRange: expressions evaluated here for a querier, as its distributed mode asks.

    QueryRequest        query=1, time_seconds=2, timeout_seconds=3, max_resolution_seconds=4,
                        replica_labels=5, enableDedup=7, enablePartialResponse=8, shard_info=11,
                        lookback_delta_seconds=12, response_batch_size=15
    QueryRangeRequest   query=1, start, end and interval_seconds=2, 3, 4, and from 5 on as above:
                        timeout=5, max_resolution=6, replica_labels=7, dedup=9, partial=10,
                        shard_info=13, lookback=14, response_batch_size=17
    QueryResponse       warnings=1, timeseries=2, stats=3, which ends the answer and is empty,
                        timeseries_batch=4 {series=1}

The text is evaluated; the plan that comes with it says the same. Replicas are made one by the way
that is the tenant's own. A scalar is a series without labels.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from api.answers.wire.fields import LabelMessages
from api.answers.wire.samples import encode_samples
from api.endpoints.handler import Call, Job, Slot
from api.errors import BadData
from api.params import ReplicaParams
from api.promql.bounds import Bound
from api.promql.engine import Engine, Measured
from api.promql.errors import BadQuery
from api.promql.vectors.value import Matrix, Result, Scalar, String, Vector
from api.sources.queriers import QuerierSource
from api.thanos.fields import message, text
from api.thanos.requests import Fields, Shard
from storage.histograms.columns import Natives
from storage.labels.frames import LabelFrame, Symbols
from storage.samples.merge import take_rows
from storage.samples.samples import Samples

WARNINGS, SERIES, STATS, BATCH = 1, 2, 3, 4
SECOND_MS = 1_000
# Series of a message, if it may have several, and samples.
BATCH_ROWS, BATCH_SAMPLES = 1_000, 50_000


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """An expression, when it is evaluated, and under which conditions. Times are ms; step_ms 0: at
    end_ms alone, which is None for now; batch: series of a message, if more than one."""

    query: str
    start_ms: int
    end_ms: int | None
    step_ms: int
    timeout_ms: int | None
    resolution_ms: int
    replicas: ReplicaParams
    lookback_ms: int | None
    batch: int

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Of Query. Raises BadData."""
        found = Fields(body)
        time_ms = seconds_ms(found, 2) or None
        return cls._of(found, (time_ms or 0, time_ms, 0), (3, 4, 5, 7, 8, 11, 12, 15))

    @classmethod
    def decode_range(cls, body: bytes) -> Self:
        """Of QueryRange. Raises BadData."""
        found = Fields(body)
        start_ms, end_ms, step_ms = (seconds_ms(found, number) for number in (2, 3, 4))
        if step_ms <= 0:
            raise BadData("zero or negative query resolution step widths are not accepted")
        return cls._of(found, (start_ms, end_ms, step_ms), (5, 6, 7, 9, 10, 13, 14, 17))

    @classmethod
    def _of(
        cls, found: Fields, times: tuple[int, int | None, int], places: tuple[int, ...]
    ) -> Self:
        """places: the numbers of timeout, resolution, replica labels, dedup and so on."""
        timeout, resolution, labels, dedup, partial, shard, lookback, batch = places
        shards = found.parts(shard)
        if shards and Shard.decode(shards[-1]) is not None:
            raise BadData("shard_info: results are not sharded here; ask for series")
        replicas = ReplicaParams(
            bool(found.number(dedup)),
            found.texts(labels) or None,
            partial=bool(found.number(partial)),
        )
        return cls(
            found.text(1),
            *times,
            seconds_ms(found, timeout) or None,
            max(0, seconds_ms(found, resolution)),
            replicas,
            seconds_ms(found, lookback) or None,
            max(0, found.number(batch)),
        )


def seconds_ms(found: Fields, place: int) -> int:
    """A time or a duration, as far out as times may be. Raises BadData."""
    value = found.number(place) * SECOND_MS
    if abs(value) > 1 << 62:
        raise BadData(f"field {place}: got {found.number(place)} s, which is out of range")
    return value


class QueryHandlers:
    """The two methods over one engine. now_ms: the clock, for queries that state no time."""

    def __init__(self, source: QuerierSource, engine: Engine, *, now_ms: Callable[[], int]) -> None:
        self._source = source
        self._engine = engine
        self._now_ms = now_ms

    def query(self, call: Call) -> Job:
        """The value of an expression at one time. Raises BadData."""
        return self._job(call, QueryRequest.decode(call.body))

    def query_range(self, call: Call) -> Job:
        """The values of an expression at start, start + step, ... up to end. Raises BadData."""
        request = QueryRequest.decode_range(call.body)
        assert request.end_ms is not None
        limits = self._source.limits(call.tenants)
        limits.check_length(request.start_ms, request.end_ms)
        steps = Bound(self._engine.options.max_steps, "query.max-steps").or_lower(
            limits.steps_bound
        )
        count = (request.end_ms - request.start_ms) // request.step_ms
        if steps.is_below(count):
            raise BadData(f"the query has {count} steps ({steps})")
        return self._job(call, request)

    def _job(self, call: Call, request: QueryRequest) -> Job:
        self._source.limits(call.tenants).check_text(request.query)
        return Job(lambda turn: self._frames(call, request, turn), request.timeout_ms)

    def _frames(self, call: Call, request: QueryRequest, turn: Slot) -> Iterator[bytes]:
        meter = turn.meter = Measured()
        result = self._evaluated(call, request, turn, meter)
        yield from (text(WARNINGS, warning) for warning in (*result.warnings, *result.infos))
        labels, found = columns_of(result)
        yield from frames_of(labels, found, request.batch)
        # Counting samples takes longer than computing with them; nor do Thanos' servers count.
        yield message(STATS, b"")

    def _evaluated(self, call: Call, request: QueryRequest, turn: Slot, meter: Measured) -> Result:
        querier = self._source.querier(call.tenants, request.replicas)
        bounds = self._source.limits(call.tenants).bounds(turn.terms.time)
        end_ms = self._now_ms() if request.end_ms is None else request.end_ms
        if not request.step_ms:
            return self._engine.instant_query(
                querier, request.query, end_ms, lookback_ms=request.lookback_ms,
                timeout_ms=turn.timeout_ms, cancelled=turn.cancelled, meter=meter,
                resolution_ms=request.resolution_ms, bounds=bounds,
            )  # fmt: skip
        return self._engine.range_query(
            querier, request.query, request.start_ms, end_ms, request.step_ms,
            lookback_ms=request.lookback_ms, timeout_ms=turn.timeout_ms,
            cancelled=turn.cancelled, meter=meter, resolution_ms=request.resolution_ms,
            bounds=bounds,
        )  # fmt: skip


def columns_of(result: Result) -> tuple[LabelFrame, Samples]:
    """The series of a result, in the order of their rows. Raises BadQuery if it is a text."""
    value, steps = result.value, result.steps
    match value:
        case Matrix():
            return value.labels, value.samples
        case Scalar():
            labels = LabelFrame.from_dicts(Symbols(), [{}])
            return labels, Samples(np.array([0, len(steps)]), steps, value.values)
        case Vector():
            rows, columns = np.nonzero(value.present)
            offsets = np.searchsorted(rows, np.arange(value.labels.rows + 1))
            natives = value.natives
            if natives is not None:
                natives = Natives(natives.histograms, natives.rows[rows, columns])
            return value.labels, Samples(
                offsets, steps[columns], value.values[rows, columns], natives=natives
            )
        case String():
            raise BadQuery("a text is no series, and cannot be answered here")


def frames_of(labels: LabelFrame, found: Samples, batch: int) -> Iterator[bytes]:
    """The messages of series; those without samples are left out."""
    filled = np.flatnonzero(np.diff(found.offsets))
    size = max(1, min(batch, BATCH_ROWS))
    first = 0
    while first < len(filled):
        sizes = np.cumsum(np.diff(found.offsets)[filled[first : first + size]])
        end = first + max(1, int(np.searchsorted(sizes, BATCH_SAMPLES)))
        rows = filled[first : min(end, first + size)]
        messages = LabelMessages.of(labels.take(rows))
        content = encode_samples(messages, take_rows(found, rows))
        if batch > 1:
            yield message(BATCH, content)
        else:  # a series alone has another tag than one of several
            yield bytes([SERIES << 3 | 2]) + content[1:]
        first += len(rows)
