"""Who may do what: users and tokens, their tenants and rights, and the YAML file that says so.

    users:                        of basic_auth_users in web.config.file
      alice: {tenants: [team-a, team-b], rights: [read]}
    tokens:                       sent as `Authorization: Bearer ...`
      agent-7: {sha256: 9f86d0..., tenant: team-a, rights: [write]}

`tenants` are those that a request may name, or "*". `tenant` is the one of every request, whatever
the request names. A user that the file does not have may do nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from receiver.settings.config import ConfigError, a_map, read_document
from receiver.settings.reloading import Reading
from storage.errors import TenantError
from storage.tenants.tenant import parse_tenant

READ, WRITE, METRICS, ADMIN = "read", "write", "metrics", "admin"
# To change the configuration of rules; they are seen by whoever may read.
CONFIGURE = "rules"
RIGHTS = (READ, WRITE, METRICS, ADMIN, CONFIGURE)
ANY = "*"
TOKENS_MAX = 100_000
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Grant:
    """What someone may do. tenant: the one of all requests; else tenants: those that a request may
    name, None for every one. name: of the user or token, for the log."""

    rights: frozenset[str] = frozenset()
    tenant: str | None = None
    tenants: frozenset[str] | None = frozenset()
    name: str = field(default="", compare=False)

    def allows(self, tenant: str) -> bool:
        if self.tenant is not None:
            return tenant == self.tenant
        return self.tenants is None or tenant in self.tenants


EVERYTHING = Grant(frozenset(RIGHTS), tenants=None)
NOTHING = Grant()


@dataclass(frozen=True, slots=True)
class Grants:
    """What the file says. tokens: by SHA-256."""

    users: Mapping[str, Grant] = field(default_factory=dict)
    tokens: Mapping[bytes, Grant] = field(default_factory=dict)

    def of_token(self, token: bytes) -> Grant | None:
        """The grant of a token, if there is one. Looked up by its hash: how long that takes can
        reveal hashes only, and no one can make a token for a hash."""
        return self.tokens.get(sha256(token).digest())


def read_grants(path: Path) -> Reading[Grants]:
    """The grants of a file. Raises ConfigError."""
    document = read_document(path)
    try:
        return Reading(parse_grants(document))
    except (ValueError, TenantError) as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_grants(document: object) -> Grants:
    """Raises ValueError or TenantError."""
    sections = a_map("the file", document, ("users", "tokens"))
    users = {
        str(name): replace(parse_grant(f"users.{name}", given), name=str(name))
        for name, given in a_map("users", sections.get("users")).items()
    }
    tokens: dict[bytes, Grant] = {}
    given_tokens = a_map("tokens", sections.get("tokens"))
    if len(given_tokens) > TOKENS_MAX:
        raise ValueError(f"tokens: got {len(given_tokens)}; allowed are {TOKENS_MAX}")
    for name, given in given_tokens.items():
        place = f"tokens.{name}"
        digest = a_map(place, given).get("sha256")
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            # The value is not shown: someone may have written the token itself there.
            raise ValueError(f"{place}.sha256: allowed are 64 hexadecimal digits in lower case")
        if bytes.fromhex(digest) in tokens:
            raise ValueError(f"{place}.sha256: another token has the same")
        grant = parse_grant(place, given, "sha256")
        tokens[bytes.fromhex(digest)] = replace(grant, name=str(name))
    return Grants(users, tokens)


def parse_grant(place: str, given: object, *more_keys: str) -> Grant:
    """Raises ValueError or TenantError."""
    entry = a_map(place, given, ("tenant", "tenants", "rights", *more_keys))
    if ("tenant" in entry) == ("tenants" in entry):
        raise ValueError(f"{place}: one of tenant and tenants is needed")
    rights = texts(f"{place}.rights", entry.get("rights"))
    for right in rights:
        if right not in RIGHTS:
            raise ValueError(f"{place}.rights: got {right!r}; allowed are {', '.join(RIGHTS)}")
    if "tenant" in entry:
        (tenant,) = texts(f"{place}.tenant", [entry["tenant"]])
        return Grant(frozenset(rights), parse_tenant(tenant))
    if entry["tenants"] in (ANY, [ANY]):
        return Grant(frozenset(rights), tenants=None)
    tenants = texts(f"{place}.tenants", entry["tenants"])
    return Grant(frozenset(rights), tenants=frozenset(map(parse_tenant, tenants)))


def texts(place: str, value: object) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise ValueError(f"{place}: got {value!r}; allowed is a list of texts")
    return value
