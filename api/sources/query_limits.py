"""What the queries of one tenant are held to, beyond the settings for all.

Limits are asked for with each request, so that they may change while the program runs. Where a
request names several tenants, the strictest limit of any of them counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass

from api.errors import BadData
from api.promql.bounds import Bound, QueryBounds

FILE = "limits.file"


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """0 stands for no limit. lookback_ms: how old samples may be; length_ms: from the first to the
    last step of a range query; expression_bytes: of a query's text; places, waiting: requests that
    are computed at a time, and that wait; answer_bytes: of an answer before it is compressed."""

    lookback_ms: int = 0
    length_ms: int = 0
    expression_bytes: int = 0
    samples: int = 0
    series: int = 0
    steps: int = 0
    timeout_ms: int = 0
    places: int = 0
    waiting: int = 0
    answer_bytes: int = 0

    def check_text(self, text: str) -> None:
        """Raises BadData."""
        size = len(text.encode("utf-8", "surrogateescape"))
        if 0 < self.expression_bytes < size:
            raise BadData(
                f"the query has {size} bytes, at most {self.expression_bytes} are allowed "
                "(max_query_expression_size_bytes in limits.file)"
            )

    def check_length(self, start_ms: int, end_ms: int) -> None:
        """Raises BadData."""
        if 0 < self.length_ms < end_ms - start_ms:
            raise BadData(
                f"the range of the query is {(end_ms - start_ms) / 1000:g} s long, at most "
                f"{self.length_ms / 1000:g} s are allowed (max_total_query_length in limits.file)"
            )

    def bounds(self, time: Bound) -> QueryBounds:
        """What the engine has to obey. time: what the timeout of the query comes from."""
        return QueryBounds(
            Bound(self.samples, "max_samples_per_query", place=FILE),
            Bound(self.series, "max_series_per_query", place=FILE),
            time,
        )

    @property
    def steps_bound(self) -> Bound:
        return Bound(self.steps, "max_steps_per_query", place=FILE)

    @property
    def time_bound(self) -> Bound:
        return Bound(self.timeout_ms, "query_timeout", "ms", FILE)

    @property
    def places_bound(self) -> Bound:
        return Bound(self.places, "max_concurrent_queries", place=FILE)

    @property
    def waiting_bound(self) -> Bound:
        return Bound(self.waiting, "max_outstanding_requests_per_tenant", place=FILE)

    @property
    def answer_bound(self) -> Bound:
        return Bound(self.answer_bytes, "max_query_response_size", "bytes", FILE)


NO_LIMITS = QueryLimits()
# The limits of a tenant by its name.
LimitsSource = Callable[[str], QueryLimits]


def strictest(limits: Sequence[QueryLimits]) -> QueryLimits:
    """Of each limit the lowest one that is set; `limits` has one element at least."""
    if len(limits) == 1:
        return limits[0]
    return QueryLimits(*map(lowest, zip(*map(astuple, limits), strict=True)))


def lowest(values: Iterable[int]) -> int:
    return min(filter(None, values), default=0)
