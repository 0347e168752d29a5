"""Who may call, and for which tenants."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from hashlib import sha256

import bcrypt
import grpc
import pytest
from multidict import CIMultiDict
from prometheus_client import CollectorRegistry

from api.grpc.statuses import Denied
from receiver.access.grants import Grants, parse_grants
from receiver.access.guard import Guard
from receiver.access.web_config import WebConfig
from receiver.grpc.callers import Callers

HASH = bcrypt.hashpw(b"right", bcrypt.gensalt(4))
GRANTS = parse_grants(
    {
        "users": {
            "alice": {"tenants": ["a", "b"], "rights": ["read"]},
            "root": {"tenants": "*", "rights": ["read"]},
            "writer": {"tenants": "*", "rights": ["write"]},
        },
        "tokens": {
            "bound": {"sha256": sha256(b"secret").hexdigest(), "tenant": "a", "rights": ["read"]}
        },
    }
)
USERS = {name: HASH for name in ("alice", "root", "writer")}
NO_PEER: Mapping[str, Sequence[bytes]] = {}
CERTIFICATE = {"x509_pem_cert": [b"."], "x509_subject": [b"CN=c"], "peer_dns": [b"d"]}


def basic(user: str, password: str = "right") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def admitted(
    metadata: Mapping[str, str],
    *,
    grants: Grants | None = GRANTS,
    config: WebConfig | None = None,
    peer: Mapping[str, Sequence[bytes]] = NO_PEER,
    field: str = "",
    default: str = "default",
) -> tuple[str | None, grpc.StatusCode | None]:
    """The tenants of a caller, or the code of the refusal."""
    known = config or WebConfig(users=USERS if grants is not None else {})
    guard = Guard(lambda: known, lambda: grants, CollectorRegistry(), certificate_field=field)
    callers = Callers(guard, lambda: known, default)
    try:
        found = asyncio.run(callers.admit(CIMultiDict(metadata), peer))
        assert found.getall("X-Scope-OrgID") == [found["X-Scope-OrgID"]]
        assert "thanos-tenant" not in found
        return found["X-Scope-OrgID"], None
    except Denied as denied:
        return None, denied.code
    finally:
        guard.close()


@pytest.mark.parametrize(
    "metadata, tenants",
    [
        ({}, "default"),
        ({"thanos-tenant": "default-tenant"}, "default"),
        ({"thanos-tenant": "x"}, "x"),
        ({"thanos-tenant": "x|y"}, "x|y"),
        ({"thanos-tenant": "x", "x-scope-orgid": "z"}, "z"),
    ],
)
def test_without_credentials_everyone_may_name_any(metadata: dict[str, str], tenants: str) -> None:
    assert admitted(metadata, grants=None) == (tenants, None)


def test_the_default_tenant_is_of_those_that_name_none() -> None:
    assert admitted({}, grants=None, default="d") == ("d", None)
    assert admitted({"thanos-tenant": "default-tenant"}, grants=None, default="d") == ("d", None)
    assert admitted({"thanos-tenant": "x"}, grants=None, default="d") == ("x", None)
    assert admitted({"authorization": basic("alice")}, default="b") == ("b", None)
    assert admitted({"authorization": "Bearer secret"}, default="b") == ("a", None)


@pytest.mark.parametrize(
    "authorization, named, wanted",
    [
        (None, "a", grpc.StatusCode.UNAUTHENTICATED),
        (basic("alice", "wrong"), "a", grpc.StatusCode.UNAUTHENTICATED),
        ("Bearer wrong", "a", grpc.StatusCode.UNAUTHENTICATED),
        (basic("writer"), "a", grpc.StatusCode.PERMISSION_DENIED),
        (basic("alice"), "c", grpc.StatusCode.PERMISSION_DENIED),
        (basic("alice"), "a|c", grpc.StatusCode.PERMISSION_DENIED),
        (basic("alice"), None, grpc.StatusCode.PERMISSION_DENIED),
        (basic("alice"), "b", "b"),
        (basic("alice"), "a|b", "a|b"),
        (basic("root"), "c", "c"),
        (basic("root"), None, "default"),
        ("Bearer secret", "c", "a"),
        ("bearer secret", None, "a"),
    ],
)
def test_credentials(
    authorization: str | None, named: str | None, wanted: grpc.StatusCode | str
) -> None:
    metadata = {} if authorization is None else {"authorization": authorization}
    metadata |= {} if named is None else {"thanos-tenant": named}
    expected = (wanted, None) if isinstance(wanted, str) else (None, wanted)
    assert admitted(metadata) == expected


def test_certificates() -> None:
    config = WebConfig(allowed_sans=frozenset({"d"}))
    named = {"thanos-tenant": "x"}
    assert admitted(named, grants=None, config=config, peer=CERTIFICATE) == ("x", None)
    bound = admitted(named, grants=None, peer=CERTIFICATE, field="commonName")
    assert bound == ("c", None)
    other = CERTIFICATE | {"peer_dns": [b"e"]}
    refused = admitted(named, grants=None, config=config, peer=other)
    assert refused == (None, grpc.StatusCode.PERMISSION_DENIED)
    without = admitted(named, grants=None, field="commonName")
    assert without == (None, grpc.StatusCode.UNAUTHENTICATED)
