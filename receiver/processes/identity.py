"""Who a passed on request is from, as one process says it to another.

The process that accepted a request has let it pass the guard; the one that answers it trusts what
it says. That is believed of requests only that came over the socket of processes, which is known by
the parser of their connection: nothing that a client sends can make it one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from multidict import CIMultiDict

from receiver.access.grants import Grant
from receiver.settings.options import WebOptions
from receiver.web.request_heads import BoundedParser

GRANT_HEADER = "X-Cupola-Grant"
SENDER_HEADER = "X-Cupola-Sender"
# Asks a process for what it has itself of something that is made of the parts of all.
PART_HEADER = "X-Cupola-Part"
OWN_HEADERS = frozenset(name.lower() for name in (GRANT_HEADER, SENDER_HEADER, PART_HEADER))
# Of one connection only, or made anew on the way.
HOP_HEADERS = frozenset(
    ("connection", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade")
)  # fmt: skip


class InnerParser(BoundedParser):
    """The parser of a connection between processes."""


def mark_inner(handler: RequestHandler, options: WebOptions) -> None:
    """Believe what a new connection says of who its requests are from."""
    parser: object = InnerParser(handler, options)
    handler._parser = parser  # type: ignore[assignment]


def is_inner(request: web.Request) -> bool:
    """Whether a request came from another process of this server."""
    parser = getattr(request.protocol, "_parser", None)
    return isinstance(parser, InnerParser)


def is_part(request: web.Request) -> bool:
    """Whether a request asks for what this process has itself."""
    return PART_HEADER in request.headers and is_inner(request)


def grant_of_inner(request: web.Request) -> Grant | None:
    """The grant that comes with a request of another process; None of any other request."""
    return decoded(request.headers[GRANT_HEADER]) if is_inner(request) else None


def sender_of_inner(request: web.Request) -> str:
    """The address of the client that sent it to another process."""
    return request.headers.get(SENDER_HEADER, "")


def passed_headers(request: web.Request, grant: Grant) -> CIMultiDict[str]:
    """The headers of a request for the process that answers it."""
    headers = CIMultiDict(
        (name, value)
        for name, value in request.headers.items()
        if name.lower() not in HOP_HEADERS | OWN_HEADERS
    )
    headers[GRANT_HEADER] = encoded(grant)
    headers[SENDER_HEADER] = request.remote or ""
    return headers


def answered_headers(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers of an answer for its client."""
    pairs = headers.items()
    return CIMultiDict((name, value) for name, value in pairs if name.lower() not in HOP_HEADERS)


def encoded(grant: Grant) -> str:
    tenants = None if grant.tenants is None else sorted(grant.tenants)
    return json.dumps([sorted(grant.rights), grant.tenant, tenants, grant.name])


def decoded(text: str) -> Grant:
    rights, tenant, tenants, name = json.loads(text)
    return Grant(
        frozenset(rights), tenant, None if tenants is None else frozenset(tenants), name=name
    )
