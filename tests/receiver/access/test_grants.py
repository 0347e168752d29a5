"""The file of users and tokens: who may do what."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from receiver.access.grants import EVERYTHING, NOTHING, Grant, Grants, read_grants
from receiver.settings.config import ConfigError

DIGEST = sha256(b"secret token").hexdigest()


def read(directory: Path, text: str) -> Grants:
    path = directory / "auth.yml"
    path.write_text(text)
    return read_grants(path).value


def test_users_and_tokens(tmp_path: Path) -> None:
    grants = read(
        tmp_path,
        f"""
users:
  alice: {{tenants: [a, b], rights: [read]}}
  admin: {{tenants: "*", rights: [read, write, metrics, admin, rules]}}
tokens:
  agent: {{sha256: {DIGEST}, tenant: a, rights: [write]}}
""",
    )
    assert grants.users == {
        "alice": Grant(frozenset({"read"}), tenants=frozenset({"a", "b"})),
        "admin": EVERYTHING,
    }
    agent = grants.of_token(b"secret token")
    assert agent == Grant(frozenset({"write"}), "a")
    assert [grant.name for grant in (agent, *grants.users.values())] == ["agent", "alice", "admin"]
    assert grants.of_token(b"secret token ") is grants.of_token(b"") is None


@pytest.mark.parametrize(
    ("grant", "allowed"),
    [
        (EVERYTHING, "ab"),
        (NOTHING, ""),
        (Grant(tenant="a"), "a"),
        (Grant(tenant="a", tenants=None), "a"),
        (Grant(tenants=frozenset("b")), "b"),
    ],
)
def test_tenants_of_a_grant(grant: Grant, allowed: str) -> None:
    assert [tenant for tenant in "ab" if grant.allows(tenant)] == list(allowed)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[]", "the file: got list"),
        ("user: {}", "got 'user'; allowed are users, tokens"),
        ("users: {a: {rights: [read]}}", "users.a: one of tenant and tenants is needed"),
        ("users: {a: {tenant: a, tenants: [a], rights: [read]}}", "one of tenant and tenants"),
        ("users: {a: {tenant: a}}", "users.a.rights: got None; allowed is a list of texts"),
        ("users: {a: {tenant: a, rights: []}}", r"users.a.rights: got \[\]"),
        ("users: {a: {tenant: a, rights: [owner]}}", "got 'owner'; allowed are read, write, metri"),
        ("users: {a: {tenant: a/b, rights: [read]}}", "invalid tenant 'a/b'"),
        ("users: {a: {tenant: 5, rights: [read]}}", r"users.a.tenant: got \[5\]"),
        ("users: {a: {tenants: a, rights: [read]}}", "users.a.tenants: got 'a'; allowed is a list"),
        ("users: {a: {tenants: [a, '*'], rights: [read]}}", None),
        ("users: {a: {tenants: [a|b], rights: [read]}}", "invalid tenant 'a|b'"),
        ("users: {a: {sha256: x, tenant: a, rights: [read]}}", "got 'sha256'; allowed are tenant"),
        ("tokens: {a: {tenant: a, rights: [read]}}", "tokens.a.sha256: allowed are 64 hexadecimal"),
        (
            "tokens: {a: {sha256: secret, tenant: a, rights: [read]}}",
            "tokens.a.sha256: allowed are",
        ),
        (
            f"tokens: {{a: {{sha256: {DIGEST}, tenant: a, rights: [read]}}, "
            f"b: {{sha256: {DIGEST}, tenant: b, rights: [read]}}}}",
            "tokens.b.sha256: another token has the same",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, error: str | None) -> None:
    if error is None:  # a tenant may be named *, which is no wildcard among others
        assert read(tmp_path, text).users["a"].tenants == {"a", "*"}
        return
    with pytest.raises(ConfigError, match=error) as raised:
        read(tmp_path, text)
    assert "secret" not in str(raised.value)
