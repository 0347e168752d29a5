"""The endpoint that evaluates rules over what is stored."""

from __future__ import annotations

from collections.abc import Iterator

from api.answers.encoding import encode_data
from api.endpoints.handler import Call, Job, Slot
from api.params import check_form, replica_params
from api.promql.queryable import Queryable
from api.sources.queriers import QuerierSource
from api.sources.replays import ReplayRequest, Replays


class ReplayHandlers:
    """The endpoint over what replays rules."""

    def __init__(self, source: QuerierSource, replays: Replays) -> None:
        self._source = source
        self._replays = replays

    def replay(self, call: Call) -> Job:
        """What a file of rules would have done: when its alerts would have fired."""
        check_form(call.params)
        wishes = replica_params(call.params)
        limits = self._source.limits(call.tenants)
        may_write = self._replays.may_write()

        def base() -> Queryable:
            return self._source.querier(call.tenants, wishes)

        def run(turn: Slot) -> Iterator[bytes]:
            request = ReplayRequest(
                call.body,
                call.params,
                call.tenants,
                base,
                turn.timeout_ms,
                turn.cancelled,
                limits.bounds(turn.terms.time),
                may_write,
            )
            yield encode_data(self._replays.replay(request))

        return Job(run)
