"""Which tenant a request is for: the headers that name it."""

from multidict import CIMultiDictProxy

from storage.tenants.tenant import DEFAULT_TENANT, parse_tenant

PREFIXES = ("", "/prometheus")
TENANT_HEADERS = ("X-Scope-OrgID", "THANOS-TENANT")


def tenant_of(headers: CIMultiDictProxy[str]) -> str:
    """The tenant that a request names, or the default one. Raises TenantError."""
    for name in TENANT_HEADERS:
        text = headers.get(name)
        if text is not None:
            return parse_tenant(text)
    return DEFAULT_TENANT
