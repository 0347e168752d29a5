"""Replays rules for requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from api.errors import BadData
from api.forms import Params
from api.promql.engine import Engine
from api.promql.errors import ExecutionError, QueryCanceled
from api.sources.replays import ReplayRequest
from receiver.replaying.wishes import Wishes
from rules.files.loader import load
from rules.groups import Group
from rules.replay.alerting import Surroundings
from rules.replay.limits import Limits, ReplayRefused, ReplayStopped
from rules.replay.outcome import Outcome
from rules.replay.report import document_of
from rules.replay.run import Wanted, Watching, replay
from rules.replay.slots import Period
from rules.ruler.terms import Terms

FILE = "rules.yml"


class EngineReplays:
    """Replays over an engine. terms_of: what holds for the rules of a tenant."""

    def __init__(self, engine: Engine, limits: Limits, terms_of: Callable[[str], Terms]) -> None:
        self._engine = engine
        self._limits = limits
        self._terms_of = terms_of

    def replay(self, request: ReplayRequest) -> Mapping[str, Any]:
        wanted = self._wanted(request)
        return document_of(self._replayed(request, wanted))

    def _wanted(self, request: ReplayRequest) -> Wanted:
        wishes = wishes_of(request.params)
        tenant, now_ms = request.tenants[0], time.time_ns() // 1_000_000
        terms = self._terms_of(tenant)
        usual = Surroundings(terms.external_labels, terms.external_url, terms.resend_ms)
        try:
            defaults = Period(0, 0, terms.interval_ms, terms.query_offset_ms)
            period = wishes.period(now_ms, tenant, defaults)
            around = wishes.around(usual)
        except ValueError as error:
            raise BadData(str(error)) from None
        groups = self._groups(request)
        return Wanted(groups, period, around, self._limits, request.bounds)

    def _groups(self, request: ReplayRequest) -> tuple[Group, ...]:
        file = request.params.first("file") or FILE
        loaded = load(request.content, file, self._engine.features)
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
