"""The guard before all routes: who is calling, may they, and for which tenant.

What a request says of its tenant is replaced by what it is allowed, in its header, before anything
else sees it: handlers then need no rules of their own. Nothing here knows which tenants exist, so
no answer can reveal it.

    credential   `Authorization: Basic` (users of web.config.file), `Bearer` (tokens of auth.file),
                 or else the client's certificate, where a field of it names the tenant
    tenant       that of the grant or certificate, else that of the header, if the grant has it

Invariants:
* Where credentials are configured, no request passes without one but those with Need.NOTHING.
* A request that passes has one tenant header at most, with tenants of its grant.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import CIMultiDict
from prometheus_client import CollectorRegistry, Counter

from receiver.access.grants import EVERYTHING, NOTHING, READ, WRITE, Grant, Grants
from receiver.access.passwords import Passwords
from receiver.access.rules import OF_TENANTS, Need, need_of
from receiver.access.web_config import WebConfig, subject_names
from receiver.errors import Busy, retry_after_s
from storage.errors import TenantError
from storage.tenants.tenant import (
    DEFAULT_TENANT,
    ORG_HEADER,
    TENANT_HEADERS,
    named_tenants,
    parse_tenant,
)

REALM = 'realm="cupola", charset="UTF-8"'
# A verified certificate, as ssl gives it.
Certificate = Mapping[str, Any]
# What the caller of the request under way may do; for who finds tenants in the body only.
GRANT: ContextVar[Grant] = ContextVar("grant", default=EVERYTHING)


class Refused(Exception):
    """The answer to a request that does not pass: 401, 403 or 503."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Guard:
    """A middleware over what is configured now.

    web_config: the web configuration; grants: those of auth.file, None where there is no such file;
    certificate_field: the kind of name that is the tenant, by ssl's name, empty for none;
    cors: headers of an answer of the query API to who says this Origin, so that a browser shows
    pages of other origins why they were refused; inner: the grant of a request that another
    process of this server has let pass, None of any other.
    """

    def __init__(
        self,
        web_config: Callable[[], WebConfig],
        grants: Callable[[], Grants | None],
        registry: CollectorRegistry,
        *,
        certificate_field: str = "",
        cors: Callable[[str | None], dict[str, str]] = lambda origin: {},
        inner: Callable[[web.Request], Grant | None] = lambda request: None,
    ) -> None:
        self._inner = inner
        self._web_config = web_config
        self._grants = grants
        self._field = certificate_field
        self._cors = cors
        self._passwords = Passwords()
        self._refused = Counter(
            "cupola_refused_requests_total",
            "Requests refused before they were looked at, by HTTP status.",
            ["code"],
            registry=registry,
        )

    def close(self) -> None:
        self._passwords.close()

    def install(self, app: web.Application) -> None:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self.handle(request, handler)

        app.middlewares.append(guard)
        app.on_response_prepare.append(self._add_headers)

    def is_open(self) -> bool:
        """Whether every request passes as it is, since nothing is configured to guard."""
        config = self._web_config()
        return not (self._grants() is not None or config.users or self._needs_certificate(config))

    def headers(self) -> Mapping[str, str]:
        """What is configured to be in every answer."""
        return self._web_config().headers

    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let the request pass with its tenant, or refuse it."""
        need = need_of(request)
        if need is Need.NOTHING:
            return await handler(request)
        try:
            grant = await self._grant_of(request, need)
            if need in OF_TENANTS:
                request = self._with_tenant(request, grant)
        except Refused as refused:
            answer = self._answer(refused)
            if need in OF_TENANTS - {Need.WRITE}:
                answer.headers.update(self._cors(request.headers.get("Origin")))
            return answer
        GRANT.set(grant)  # of this request: aiohttp runs each connection in a task of its own
        return await handler(request)

    async def _grant_of(self, request: web.Request, need: Need) -> Grant:
        """What the caller may do, or what another process says so of. Raises Refused."""
        passed = self._inner(request)
        if passed is not None:
            return allowed(passed, need)
        authorization = request.headers.get("Authorization")
        return await self.grant(need, authorization, certificate_of(request))

    async def grant(
        self, need: Need, authorization: str | None, certificate: Certificate | None
    ) -> Grant:
        """What the caller may do, this being among it. Raises Refused."""
        return allowed(await self._grant(authorization, certificate), need)

    async def _grant(self, authorization: str | None, certificate: Certificate | None) -> Grant:
        config, grants = self._web_config(), self._grants()
        with_login = grants is not None or bool(config.users)
        if not (with_login or self._needs_certificate(config)):
            return EVERYTHING
        if config.allowed_sans and certificate:
            check_names(certificate, config.allowed_sans)
        if with_login and authorization is not None:
            grant = await self._logged_in(authorization, config, grants)
            if grant is not None:
                return grant
        elif self._field and certificate:
            return grant_of(certificate, self._field)
        elif not with_login and not self._field:
            return EVERYTHING
        raise Refused(401, "a credential is needed that is right")

    def _needs_certificate(self, config: WebConfig) -> bool:
        return bool(config.allowed_sans or self._field)

    async def _logged_in(
        self, authorization: str, config: WebConfig, grants: Grants | None
    ) -> Grant | None:
        """The grant of the credential, None if it is missing or wrong. Raises Refused."""
        scheme, _, rest = authorization.partition(" ")
        secret = rest.strip().encode("utf-8", "surrogateescape")
        if scheme.lower() == "bearer":
            return None if grants is None else grants.of_token(secret)
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(secret, validate=True).partition(b":")
        except binascii.Error:
            return None
        name = user.decode("utf-8", "surrogateescape")
        try:
            right = await self._passwords.is_right(config.users, name, password)
        except Busy as error:
            raise Refused(503, str(error)) from error
        if not colon or not right:
            return None
        return replace(EVERYTHING, name=name) if grants is None else grants.users.get(name, NOTHING)

    def _with_tenant(self, request: web.Request, grant: Grant) -> web.Request:
        """The request with the tenants that count. Raises Refused."""
        if grant.tenant is None and grant.tenants is None:
            return request
        return with_tenant_header(request, tenants_for(named_tenants(request.headers), grant))

    def count(self, refused: Refused) -> None:
        self._refused.labels(str(refused.status)).inc()

    def _answer(self, refused: Refused) -> web.Response:
        self.count(refused)
        response = web.Response(status=refused.status, text=f"{refused}\n")
        if refused.status == 401:
            if self._web_config().users:
                response.headers.add("WWW-Authenticate", f"Basic {REALM}")
            if self._grants() is not None:
                response.headers.add("WWW-Authenticate", f"Bearer {REALM}")
        if refused.status == 503:
            response.headers["Retry-After"] = str(retry_after_s())
        return response

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self.headers())


def allowed(grant: Grant, need: Need) -> Grant:
    """The grant, if the need is among its rights. Raises Refused."""
    if need is not Need.LOGIN and need.value not in grant.rights:
        raise Refused(403, f"no right to {need.value}")
    return grant


def certificate_of(request: web.Request) -> Certificate | None:
    """The verified certificate of the client, as ssl gives it."""
    if request.transport is None:
        return None
    certificate: Certificate | None = request.transport.get_extra_info("peercert")
    return certificate


def check_names(certificate: Certificate, allowed: frozenset[str]) -> None:
    """Raise Refused unless the certificate has one of these alternative names."""
    kinds = ("DNS", "URI", "email", "IP Address")
    if not any(allowed.intersection(subject_names(certificate, kind)) for kind in kinds):
        raise Refused(403, "the certificate has no name of client_allowed_sans")


def grant_of(certificate: Certificate, field: str) -> Grant:
    """To read and write the tenant that a field of a certificate names. Raises Refused."""
    names = subject_names(certificate, field)
    if len(names) != 1:
        raise Refused(403, f"the certificate has {len(names)} fields {field}, not one")
    try:
        return Grant(frozenset((READ, WRITE)), parse_tenant(names[0]), name=names[0])
    except TenantError as error:
        raise Refused(403, "the certificate names no valid tenant") from error


def tenants_for(text: str | None, grant: Grant) -> str:
    """The tenants of a request that names those of `text`, None for no one. Raises Refused."""
    if grant.tenant is not None:
        return grant.tenant
    assert grant.tenants is not None, "BUG: whoever has all tenants may name any"
    if text is None:
        if DEFAULT_TENANT in grant.tenants:
            return DEFAULT_TENANT
        if len(grant.tenants) == 1:
            return next(iter(grant.tenants))
    elif grant.tenants.issuperset(text.split("|")):
        return text
    raise Refused(403, "no right to this tenant")


def with_tenant_header(request: web.Request, tenants: str) -> web.Request:
    """The same request with these tenants in place of what its headers say."""
    kept = (
        (name, value)
        for name, value in request.headers.items()
        if name.lower() not in _TENANT_HEADERS
    )
    # aiohttp encodes all of them again, which surrogates would not survive.
    headers = CIMultiDict((name, value.encode("utf-8", "replace").decode()) for name, value in kept)
    headers[ORG_HEADER] = tenants
    return request.clone(headers=headers)


_TENANT_HEADERS = {name.lower() for name in TENANT_HEADERS}
