"""Prometheus' web configuration file: TLS, users with hashed passwords, headers of answers.

    tls_server_config:   cert_file, key_file, client_auth_type, client_ca_file, client_allowed_sans,
                         min_version, max_version, cipher_suites, prefer_server_cipher_suites
    http_server_config:  headers, http2
    basic_auth_users:    name: bcrypt hash

Names, meanings and errors follow Prometheus, so that its file can be used as it is. Paths are
relative to the file. What cannot be done here is refused, never ignored, but for HTTP/2 and the
order of ciphers, which change nothing for those who are let in.
"""

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from receiver.settings.config import ConfigError, a_map, read_document
from receiver.settings.reloading import Reading

BCRYPT = re.compile(r"\$2[aby]?\$([0-9]{2})\$[./A-Za-z0-9]{53}")
BCRYPT_COST_MAX = 20
USERS_MAX = 10_000
VERSIONS = {
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
CLIENT_AUTH = {
    "": ssl.CERT_NONE,
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
# The suites that TLS 1.2 has without known weakness, by their registered names, and OpenSSL's.
CIPHERS = {
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
TLS13_CIPHERS = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
TLS_KEYS = (
    "cert_file",
    "key_file",
    "client_auth_type",
    "client_ca_file",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
)
HEADERS = (
    "Content-Security-Policy",
    "X-Frame-Options",
    "X-Content-Type-Options",
    "X-XSS-Protection",
    "Strict-Transport-Security",
)


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What the file says. tls: None serves without, and keys is what it was made of;
    allowed_sans: empty allows all."""

    tls: ssl.SSLContext | None = None
    keys: "Tls | None" = None
    allowed_sans: frozenset[str] = frozenset()
    headers: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, bytes] = field(default_factory=dict)


def read_web_config(path: Path) -> Reading[WebConfig]:
    """The configuration, and the files of keys it names. Raises ConfigError."""
    document = read_document(path)
    try:
        sections = a_map(
            "the file", document, ("tls_server_config", "http_server_config", "basic_auth_users")
        )
        tls = Tls.parse(sections.get("tls_server_config"), path.parent)
        config = WebConfig(
            tls=None if tls is None else tls.context(),
            keys=tls,
            allowed_sans=frozenset() if tls is None else frozenset(tls.allowed_sans),
            headers=parse_headers(sections.get("http_server_config")),
            users=parse_users(sections.get("basic_auth_users")),
        )
    except (ValueError, OSError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return Reading(config, () if tls is None else tls.files)


@dataclass(frozen=True, slots=True)
class Tls:
    """The section tls_server_config, checked but for the content of files."""

    cert: Path
    key: Path
    client_ca: Path | None
    client_auth: str
    allowed_sans: tuple[str, ...]
    versions: tuple[str, str]
    ciphers: tuple[str, ...]

    @classmethod
    def parse(cls, section: object, directory: Path) -> "Tls | None":
        """None where there is no such section. Raises ValueError."""
        given = a_map("tls_server_config", section, TLS_KEYS)
        if not given:
            return None

        def text(key: str, default: str = "", allowed: Sequence[str] | None = None) -> str:
            value = given.get(key, default)
            if not isinstance(value, str) or (allowed is not None and value not in allowed):
                raise ValueError(wrong(key, value, "a text" if allowed is None else allowed))
            return value

        def texts(key: str, allowed: Sequence[str] | None = None) -> tuple[str, ...]:
            values = given.get(key) or []
            if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
                raise ValueError(wrong(key, values, "a list of texts"))
            for value in values:
                if allowed is not None and value not in allowed:
                    raise ValueError(wrong(key, value, allowed))
            return tuple(values)

        client_ca = text("client_ca_file")
        tls = cls(
            cert=directory / text("cert_file"),
            key=directory / text("key_file"),
            client_ca=directory / client_ca if client_ca else None,
            client_auth=text("client_auth_type", "", list(CLIENT_AUTH)),
            allowed_sans=texts("client_allowed_sans"),
            versions=(
                text("min_version", "TLS12", list(VERSIONS)),
                text("max_version", "TLS13", list(VERSIONS)),
            ),
            ciphers=texts("cipher_suites", [*CIPHERS, *TLS13_CIPHERS]),
        )
        for key in ("cert_file", "key_file"):
            if not text(key):
                raise ValueError(f"tls_server_config.{key}: got none; it is needed for TLS")
        if (tls.client_ca is None) != (CLIENT_AUTH[tls.client_auth] == ssl.CERT_NONE):
            raise ValueError(
                "tls_server_config: client_ca_file and a client_auth_type that verifies "
                "(VerifyClientCertIfGiven, RequireAndVerifyClientCert) need each other"
            )
        return tls

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.cert, self.key, *(() if self.client_ca is None else (self.client_ca,)))

    def context(self) -> ssl.SSLContext:
        """Raises OSError, which SSLError is one of, or ValueError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version, context.maximum_version = (VERSIONS[v] for v in self.versions)
        context.set_alpn_protocols(["http/1.1"])
        own = [CIPHERS[name] for name in self.ciphers if name in CIPHERS]
        if own:
            context.set_ciphers(":".join(own))
        elif self.ciphers:  # all of TLS 1.3, whose suites cannot be chosen from
            context.minimum_version = ssl.TLSVersion.TLSv1_3
        for file in self.files:
            if not file.is_file():
                raise ValueError(f"tls_server_config: {file} is no file")
        context.load_cert_chain(self.cert, self.key, password=no_password)
        if self.client_ca is not None:
            context.load_verify_locations(self.client_ca)
        context.verify_mode = CLIENT_AUTH[self.client_auth]
        return context


def no_password() -> str:
    """Instead of asking for it at the terminal."""
    raise ValueError("tls_server_config.key_file: the key is encrypted; a plain one is needed")


def parse_headers(section: object) -> dict[str, str]:
    given = a_map("http_server_config", section, ("headers", "http2"))
    headers = a_map("http_server_config.headers", given.get("headers"), HEADERS)
    for name, value in headers.items():
        if not isinstance(value, str) or not value.isprintable():
            raise ValueError(wrong(name, value, "a text of one line", "http_server_config.headers"))
    return {name: str(value) for name, value in headers.items()}


def parse_users(section: object) -> dict[str, bytes]:
    given = a_map("basic_auth_users", section)
    if len(given) > USERS_MAX:
        raise ValueError(f"basic_auth_users: got {len(given)} users; allowed are {USERS_MAX}")
    users = {}
    for name, value in given.items():
        match = BCRYPT.fullmatch(value) if isinstance(value, str) else None
        if match is None or not 4 <= int(match[1]) <= BCRYPT_COST_MAX:
            # The value is not shown: someone may have written a password there.
            raise ValueError(
                f"basic_auth_users.{name}: allowed is a bcrypt hash of cost 4 to {BCRYPT_COST_MAX}"
            )
        users[str(name)] = match[0].encode()
    return users


def wrong(
    key: str, value: object, allowed: str | Sequence[str], section: str = "tls_server_config"
) -> str:
    text = allowed if isinstance(allowed, str) else "one of " + ", ".join(filter(None, allowed))
    return f"{section}.{key}: got {value!r}; allowed is {text}"


def subject_names(certificate: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    """The values of a kind of name of a verified certificate, as ssl gives it: a field of the
    subject such as commonName, or one of the alternative names DNS, URI, email and IP Address."""
    subject = [pair for part in certificate.get("subject", ()) for pair in part]
    names = [*subject, *certificate.get("subjectAltName", ())]
    return tuple(value for name, value in names if name == kind)
