"""Requests whose answer takes no waiting, from their text to the answer's bytes in one call.

The way of `serving` is one of tasks and turns. What is known to be quick does not need them: the
event loop reads, computes and encodes it while no other request can come between. Whatever is not
so plain gets None here and has to go the usual way, where it is also refused if it is wrong.

Invariant: an answer is what the usual way would have sent.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import perf_counter

from prometheus_client import Histogram

from api.endpoints.handler import JSON, NOTHING, PROMETHEUS_STYLE, Call, Handler, Slot
from api.forms import Params
from api.params import tenants_of
from api.promql.errors import QueryCanceled
from api.web.compression import Body, choose_encoding
from api.web.serving import Server, begin
from storage.traces import trace_of

# Segments that stand for themselves, so that nothing needs to be unescaped.
_SEGMENT = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent, the headers of HTTP itself aside."""

    headers: Mapping[str, str]
    body: bytes
    status: int = 200
    reason: str = "OK"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """duration: the metric of its requests; variable: the name of the variable part of its path."""

    name: str
    handler: Handler
    duration: Histogram
    variable: str = ""


class QuickAnswers:
    """The endpoints of a server that can be got, by path."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._endpoints: dict[str, Endpoint] = {}
        self._around: dict[tuple[str, str], Endpoint] = {}

    def add(self, prefix: str, path: str, handler: Handler) -> None:
        """path: as aiohttp's routes have it, below the prefix, with at most one variable part."""
        duration = self._server.duration_of(path)
        before, _, rest = f"{prefix}/{path}".partition("{")
        if not rest:
            self._endpoints[before] = Endpoint(path, handler, duration)
            return
        variable, _, after = rest.partition("}")
        self._around[before, after] = Endpoint(path, handler, duration, variable)

    def answer(
        self,
        path: str,
        query: str,
        headers: Mapping[str, str],
        client_left: Callable[[], bool],
    ) -> Answer | None:
        """The answer to a GET request, or None if it has to go the usual way.

        path, query: of the URL, escaped as they came.
        """
        endpoint, values = self._find(path)
        if endpoint is None:
            return None
        started = perf_counter()
        try:
            answer = self._made(endpoint, values, query, headers, client_left)
        except Exception:  # whatever it is, the usual way meets it again, and reports it
            return None
        if answer is not None:
            endpoint.duration.observe(perf_counter() - started, trace_of(headers).exemplar)
        return answer

    def _find(self, path: str) -> tuple[Endpoint | None, dict[str, str]]:
        endpoint = self._endpoints.get(path)
        if endpoint is not None:
            return endpoint, {}
        for (before, after), around in self._around.items():
            if path.startswith(before) and path.endswith(after):
                value = path[len(before) : len(path) - len(after)]
                return (around, {around.variable: value}) if _SEGMENT.fullmatch(value) else NO_PATH
        return NO_PATH

    def _made(
        self,
        endpoint: Endpoint,
        values: dict[str, str],
        query: str,
        headers: Mapping[str, str],
        client_left: Callable[[], bool],
    ) -> Answer | None:
        options = self._server.options
        params = Params.parse(query, fields_max=options.form_fields_max)
        tenants = tenants_of(headers, tenants_max=options.federated_tenants_max)
        outcome = endpoint.handler(Call(params, tenants, values, headers=headers))
        if outcome == NOTHING:
            return None
        encoding = choose_encoding(headers.get("Accept-Encoding", ""))
        if isinstance(outcome, bytes):
            body, content = Body(iter([outcome]), encoding), JSON
            part, is_last = body.next_part()
        else:
            content = outcome.headers
            pool, kind = self._server.pool, outcome.kind
            if kind is None or not pool.can_run_here(kind):
                return None
            terms = self._server.terms(outcome, tenants)
            if terms.time.allowed <= 0:
                return None
            turn = Slot(terms.time.allowed, 0.0, client_left, terms=terms)
            work = partial(begin, outcome, turn, encoding)
            try:
                body, part, is_last = pool.run_here(kind, work, turn)
            except QueryCanceled:  # it is not quick any more
                return None
            except Exception as error:  # computing it once more would find it again
                return self._refused(endpoint, error, headers)
        if not is_last:
            return None
        about = self._server.headers(headers.get("Origin"), body.encoding)
        return Answer({**about, **content}, part)

    def _refused(self, endpoint: Endpoint, error: Exception, headers: Mapping[str, str]) -> Answer:
        refusal = self._server.refusal(endpoint.name, PROMETHEUS_STYLE, error)
        about = self._server.headers(headers.get("Origin"))
        return Answer(
            {**about, "Content-Type": refusal.content_type},
            refusal.body,
            refusal.status,
            refusal.reason,
        )


NO_PATH: tuple[Endpoint | None, dict[str, str]] = (None, {})
