"""Replays rules for requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from api.errors import BadData, Forbidden, Unavailable, invalid_parameter
from api.forms import Params
from api.params import boolean
from api.promql.engine import Engine
from api.promql.errors import ExecutionError, QueryCanceled
from api.sources.replays import ReplayRequest
from receiver.access.grants import WRITE
from receiver.access.guard import GRANT
from receiver.replaying.wishes import Wishes
from receiver.replaying.writing import recorded_by
from receiver.ruling.results import ResultDatabase, WrittenResults
from receiver.wire.decoder import WriteDecoder
from rules.files.loader import load
from rules.groups import Group
from rules.replay.alerting import Surroundings
from rules.replay.limits import Limits, ReplayRefused, ReplayStopped
from rules.replay.outcome import Outcome
from rules.replay.report import document_of
from rules.replay.run import Wanted, Watching, replay
from rules.replay.slots import Period
from rules.ruler.ports import NotWritten, Refused, Results
from rules.ruler.ports import Recorded as ToWrite
from rules.ruler.terms import Terms
from storage.labels.fields import label_fields
from storage.shard.shard import now_ms

FILE = "rules.yml"


class EngineReplays:
    """Replays over an engine. terms_of: what holds for the rules of a tenant. results: where what
    was recorded is written, None until the program runs."""

    def __init__(self, engine: Engine, limits: Limits, terms_of: Callable[[str], Terms]) -> None:
        self._engine = engine
        self._limits = limits
        self._terms_of = terms_of
        self.results: Results | None = None

    def may_write(self) -> bool:
        return WRITE in GRANT.get().rights

    async def run(self, database: ResultDatabase, decoder: WriteDecoder) -> AsyncIterator[None]:
        """For the program's cleanup contexts: what was recorded goes where results of rules go."""
        loop = asyncio.get_running_loop()
        self.results = results = WrittenResults(database, decoder, loop, now_ms=now_ms)
        yield
        results.stop()

    def replay(self, request: ReplayRequest) -> Mapping[str, Any]:
        writes = writes_of(request)
        outcome = self._replayed(request, self._wanted(request))
        document = document_of(outcome)
        if not any(writes):
            return document
        return document | {"written": self._written(request, outcome, with_alerts=writes[1])}

    def _written(
        self, request: ReplayRequest, outcome: Outcome, *, with_alerts: bool
    ) -> Mapping[str, Any]:
        """Write what was recorded. Raises Unavailable."""
        if self.results is None:
            raise Unavailable("the server is starting")
        samples, refused = 0, list[Refused]()
        for recorded in recorded_by(outcome, with_alerts=with_alerts):
            if request.cancelled():
                raise QueryCanceled("the client left while what was recorded was being written")
            content = ToWrite(*label_fields(recorded.labels), recorded.samples)
            try:
                refused += self.results.write(request.tenants[0], content)
            except NotWritten as error:
                raise Unavailable(str(error)) from error
            samples += len(recorded.samples)
        texts = [{"reason": r.reason, "samples": r.count, "error": r.text} for r in refused]
        return {"samples": samples - sum(r.count for r in refused), "refused": texts}

    def _wanted(self, request: ReplayRequest) -> Wanted:
        wishes = wishes_of(request.params)
        tenant = request.tenants[0]
        terms = self._terms_of(tenant)
        usual = Surroundings(terms.external_labels, terms.external_url, terms.resend_ms)
        try:
            defaults = Period(0, 0, terms.interval_ms, terms.query_offset_ms)
            period = wishes.period(now_ms(), tenant, defaults)
            around = wishes.around(usual)
        except ValueError as error:
            raise BadData(str(error)) from None
        groups = self._groups(request)
        return Wanted(groups, period, around, self._limits, request.bounds)

    def _groups(self, request: ReplayRequest) -> tuple[Group, ...]:
        file = request.params.first("file") or FILE
        loaded = load(request.content, file, self._engine.features, is_extended=True)
        if loaded.errors:
            raise BadData("\n".join(loaded.errors))
        if not loaded.groups:
            raise BadData("the body has no groups of rules")
        return loaded.groups

    def _replayed(self, request: ReplayRequest, wanted: Wanted) -> Outcome:
        try:
            return replay(self._engine, request.base, wanted, Watching(request.cancelled))
        except ReplayStopped as error:
            raise QueryCanceled(str(error)) from error
        except ReplayRefused as error:
            raise ExecutionError(str(error)) from error


def writes_of(request: ReplayRequest) -> tuple[bool, bool]:
    """Whether what was recorded is written, and of alerts, too. Raises BadData, Forbidden."""
    found = [flag_of(request.params, name) for name in ("write", "write_alerts")]
    if any(found):
        if not request.may_write:
            raise Forbidden("no right to write")
        if len(request.tenants) > 1:
            raise BadData("what was recorded is written for one tenant, and several were named")
    return found[0] or found[1], found[1]


def flag_of(params: Params, name: str) -> bool:
    """Raises BadData."""
    text = params.first(name)
    wanted = boolean(text) if text else False
    if wanted is None:
        raise invalid_parameter(name, f"got {text!r}; allowed is true or false")
    return wanted


def wishes_of(params: Params) -> Wishes:
    return Wishes(
        start=params.first("start"),
        end=params.first("end"),
        interval=params.first("interval"),
        query_offset=params.first("query_offset"),
        external_url=params.first("external_url"),
        phases=params.all("phase[]"),
        external_labels=params.all("external_label[]"),
    )
