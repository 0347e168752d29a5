"""Tenant names: the unit of isolation, as requests state it.

A tenant needs no set-up, so every text that becomes a tenant passes through here. The rules are
those of the systems whose header is accepted: 1 to 150 of `0-9A-Za-z!-_.*'()`, neither `.` nor
`..`, so that a name is also safe as a part of a path.

A request names its tenant, or several with `|` between them, in one of two headers. Front ends fill
in what their clients left out, the query frontend of Thanos both at once, so two names count for
less than others. The rule is one for writing, for reading and for what guards them.

    X-Scope-OrgID: a                                        a, whatever the other header says
    THANOS-TENANT: b                                        b
    X-Scope-OrgID: anonymous    THANOS-TENANT: b            b
    THANOS-TENANT: default-tenant                           none is named
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from storage.errors import TenantError

DEFAULT_TENANT: Final = "default"
TENANT_LENGTH_MAX: Final = 150
ORG_HEADER: Final = "X-Scope-OrgID"
THANOS_HEADER: Final = "THANOS-TENANT"
TENANT_HEADERS: Final = (ORG_HEADER, THANOS_HEADER)
# What front ends say of clients that name no tenant.
ANONYMOUS: Final = "anonymous"
THANOS_DEFAULT: Final = "default-tenant"

_ALLOWED = re.compile(rf"[0-9A-Za-z!\-_.*'()]{{1,{TENANT_LENGTH_MAX}}}")
_RULE = f"allowed are 1 to {TENANT_LENGTH_MAX} of 0-9A-Za-z!-_.*'() and neither . nor .."


def parse_tenant(text: str) -> str:
    """The tenant that `text` names. Raises TenantError."""
    if _ALLOWED.fullmatch(text) is None or text in (".", ".."):
        raise TenantError(f"invalid tenant {_shorten(text)}; {_RULE}")
    return text


def named_tenants(headers: Mapping[str, str]) -> str | None:
    """What the headers of a request, found in any case, say of its tenants; None if nothing."""
    named, thanos = headers.get(ORG_HEADER), headers.get(THANOS_HEADER)
    if thanos is not None and named in (None, ANONYMOUS):
        named = None if thanos == THANOS_DEFAULT else thanos
    return named


def _shorten(text: str) -> str:
    """The text quoted for a message that may go to a log, cut where it is too long."""
    if len(text) <= TENANT_LENGTH_MAX:
        return ascii(text)
    return f"{ascii(text[:20])}... of {len(text)} characters"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant, the number that its series ids begin with, and the shard it lives in."""

    name: str
    number: int
    shard: int
