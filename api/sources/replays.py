"""The port through which rules are replayed for the API. The program implements it.

It is called in worker threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from api.errors import Disabled
from api.forms import Params
from api.promql.bounds import QueryBounds
from api.promql.queryable import Queryable


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """content: a file of rules; tenants: at least one; base: a view of what they have, for one
    query. timeout_ms: what is left of the time, bounds: what the queries are held to, and what the
    time comes from. may_write: whether whoever asks has the right to write."""

    content: bytes
    params: Params
    tenants: tuple[str, ...]
    base: Callable[[], Queryable]
    timeout_ms: int
    cancelled: Callable[[], bool]
    bounds: QueryBounds
    may_write: bool = False


class Replays(Protocol):
    """What replays rules."""

    def may_write(self) -> bool:
        """Whether whoever sent the request at hand may write; asked while it is being read."""
        ...

    def replay(self, request: ReplayRequest) -> Mapping[str, Any]:
        """What came of it, as answers state it. Raises BadData for what is wrong with parameters or
        rules, Forbidden, Unavailable if what was recorded cannot be written, and QueryError
        above a limit, or where no one waits for it any more."""
        ...


class NoReplays:
    """Of a program that cannot."""

    def may_write(self) -> bool:
        return False

    def replay(self, request: ReplayRequest) -> Mapping[str, Any]:
        raise Disabled("rules are not replayed here")


NO_REPLAYS = NoReplays()
