"""Which tenant a request is for: the headers that name it."""

from multidict import CIMultiDictProxy

from storage.tenants.tenant import DEFAULT_TENANT, named_tenants, parse_tenant

PREFIXES = ("", "/prometheus")


def tenant_of(headers: CIMultiDictProxy[str]) -> str:
    """The tenant that a request names, or the default one. Raises TenantError."""
    text = named_tenants(headers)
    return DEFAULT_TENANT if text is None else parse_tenant(text)
