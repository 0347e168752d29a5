"""What the queries of one tenant are held to, beyond the settings for all.

Limits are asked for with each request, so that they may change while the program runs. Where a
request names several tenants, the strictest limit of any of them counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from api.errors import BadData


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """0 stands for no limit. lookback_ms: how old samples may be; length_ms: from the first to the
    last step of a range query; expression_bytes: of a query's text."""

    lookback_ms: int = 0
    length_ms: int = 0
    expression_bytes: int = 0

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


NO_LIMITS = QueryLimits()
# The limits of a tenant by its name.
LimitsSource = Callable[[str], QueryLimits]


def strictest(limits: Sequence[QueryLimits]) -> QueryLimits:
    """Of each limit the lowest one that is set; `limits` has one element at least."""
    if len(limits) == 1:
        return limits[0]
    return QueryLimits(
        lowest(each.lookback_ms for each in limits),
        lowest(each.length_ms for each in limits),
        lowest(each.expression_bytes for each in limits),
    )


def lowest(values: Iterable[int]) -> int:
    return min(filter(None, values), default=0)
