"""Who may call a method of gRPC, and for which tenants: the rules of the guard of HTTP requests.

A credential is in the metadata `authorization`, a tenant in `thanos-tenant` or `x-scope-orgid`, as
they are in headers.
"""

from collections.abc import Callable, Mapping, Sequence

import grpc
from multidict import CIMultiDict

from api.grpc.statuses import Denied
from receiver.access.grants import Grant
from receiver.access.guard import GRANT, Guard, Refused, tenants_for
from receiver.access.rules import Need
from receiver.access.web_config import WebConfig
from receiver.grpc.certificates import certificate_of
from receiver.grpc.credentials import is_new_enough
from storage.tenants.tenant import ORG_HEADER, TENANT_HEADERS, named_tenants

CODES = {
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    503: grpc.StatusCode.UNAVAILABLE,
}


class Callers:
    """Lets callers in. default_tenant: of those that name none."""

    def __init__(self, guard: Guard, config: Callable[[], WebConfig], default_tenant: str) -> None:
        self._guard = guard
        self._config = config
        self._default_tenant = default_tenant

    async def admit(
        self, metadata: CIMultiDict[str], peer: Mapping[str, Sequence[bytes]]
    ) -> CIMultiDict[str]:
        """The metadata with the tenants that count, and nothing else of tenants. Raises Denied."""
        try:
            return await self._admit(metadata, peer)
        except Refused as refused:
            self._guard.count(refused)
            raise Denied(CODES[refused.status], str(refused)) from None

    async def _admit(
        self, metadata: CIMultiDict[str], peer: Mapping[str, Sequence[bytes]]
    ) -> CIMultiDict[str]:
        version = b"".join(peer.get("ssl_tls_version", ())).decode("ascii", "replace")
        if not is_new_enough(self._config(), version):
            raise Refused(403, f"min_version of web.config.file: got {version}")
        authorization = metadata.get("authorization")
        grant = await self._guard.grant(Need.READ, authorization, certificate_of(peer))
        GRANT.set(grant)  # of this call: each has a task of its own
        tenants = self._tenants(named_tenants(metadata), grant)
        found = CIMultiDict(
            (name, value) for name, value in metadata.items() if name.lower() not in TENANT_NAMES
        )
        found[ORG_HEADER] = tenants
        return found

    def _tenants(self, named: str | None, grant: Grant) -> str:
        """Raises Refused."""
        if named is None and grant.allows(self._default_tenant):
            named = self._default_tenant
        is_free = grant.tenant is None and grant.tenants is None
        return tenants_for(named, grant) if named is None or not is_free else named


TENANT_NAMES = {name.lower() for name in TENANT_HEADERS}
