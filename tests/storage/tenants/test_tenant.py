"""Tests of tenant names."""

import pytest

from storage.errors import TenantError
from storage.tenants.tenant import DEFAULT_TENANT, TENANT_LENGTH_MAX, named_tenants, parse_tenant


@pytest.mark.parametrize(
    "text",
    [
        DEFAULT_TENANT,
        "a",
        "Team-1_x.y",
        "!-_.*'()",
        "0",
        "...",
        ".a",
        "a..",
        "x" * TENANT_LENGTH_MAX,
    ],
)
def test_allowed(text: str) -> None:
    assert parse_tenant(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a/b",
        "a b",
        "a|b",
        "a\n",
        "\na",
        "a\x00",
        "é",
        "a,b",
        "a+b",
        'a"',
        "x" * (TENANT_LENGTH_MAX + 1),
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(TenantError, match="allowed are 1 to 150 of"):
        parse_tenant(text)


def test_a_message_names_what_was_got_without_control_characters() -> None:
    with pytest.raises(TenantError, match=r"invalid tenant 'a\\nb'; allowed"):
        parse_tenant("a\nb")
    with pytest.raises(TenantError, match=r"invalid tenant 'x{20}'\.\.\. of 1000 characters"):
        parse_tenant("x" * 1000)


@pytest.mark.parametrize(
    ("org", "thanos", "named"),
    [
        (None, None, None),
        ("a", None, "a"),
        (None, "b", "b"),
        ("a", "b", "a"),
        ("a", "default-tenant", "a"),
        # What front ends fill in where their clients name none.
        ("anonymous", "b", "b"),
        ("anonymous", "b|c", "b|c"),
        ("anonymous", "default-tenant", None),
        (None, "default-tenant", None),
        # By itself it may be a tenant that someone writes as.
        ("anonymous", None, "anonymous"),
        ("default-tenant", None, "default-tenant"),
        ("anonymous|a", "b", "anonymous|a"),
        (None, "default-tenant|a", "default-tenant|a"),
        ("anonymous", "", ""),
        ("", "b", ""),
    ],
)
def test_what_headers_name(org: str | None, thanos: str | None, named: str | None) -> None:
    headers = {"X-Scope-OrgID": org, "THANOS-TENANT": thanos}
    assert named_tenants({k: v for k, v in headers.items() if v is not None}) == named
