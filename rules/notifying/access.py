"""What a request to an Alertmanager shows and checks: headers, credentials, TLS, a proxy.

The fields are those of Prometheus' HTTP clients. Secrets are in no error.
"""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

SECRET_BYTES_MAX: Final = 1 << 20
VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
REFUSED: Final = ("oauth2", "sigv4", "azuread", "proxy_from_environment", "no_proxy")
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Access:
    """How requests are sent. tls: None: that of the system; server_name: in place of the host's
    own; proxy: a URL, empty for none."""

    headers: Headers = ()
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    proxy: str = ""
    follows: bool = True


class BasicAuth(msgspec.Struct, forbid_unknown_fields=True):
    """`basic_auth`."""

    username: str = ""
    username_file: str = ""
    password: str = ""
    password_file: str = ""


class Authorization(msgspec.Struct, forbid_unknown_fields=True):
    """`authorization`."""

    type: str = "Bearer"
    credentials: str = ""
    credentials_file: str = ""


class Header(msgspec.Struct, forbid_unknown_fields=True):
    """One of `http_headers`."""

    values: list[str] = []
    secrets: list[str] = []
    files: list[str] = []


class TlsConfig(msgspec.Struct, forbid_unknown_fields=True):
    """`tls_config`."""

    ca: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: str = "TLS12"
    max_version: str = "TLS13"


class HttpClient(msgspec.Struct, kw_only=True):
    """Fields of an HTTP client among others. enable_http2 is taken and changes nothing."""

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    bearer_token: str = ""
    bearer_token_file: str = ""
    tls_config: TlsConfig | None = None
    proxy_url: str = ""
    follow_redirects: bool = True
    enable_http2: bool = True
    http_headers: dict[str, Header] = {}
    oauth2: Any = None
    sigv4: Any = None
    azuread: Any = None
    proxy_from_environment: Any = None
    no_proxy: Any = None


def basic(username: str, password: str) -> Headers:
    token = base64.b64encode(f"{username}:{password}".encode()).decode()
    return (("Authorization", f"Basic {token}"),)


def access_of(client: HttpClient, directory: Path, files: list[Path]) -> Access:
    """What the fields say; the files that they name are added to `files`. Raises ValueError or
    OSError."""
    for name in REFUSED:
        if getattr(client, name):
            raise ValueError(f"{name}: not there in Cupola")
    reader = _Files(directory, files)
    tls = None if client.tls_config is None else _context(client.tls_config, reader)
    return Access(
        (*_credentials(client, reader), *_headers(client.http_headers, reader)),
        tls,
        client.tls_config.server_name if client.tls_config else "",
        client.proxy_url,
        client.follow_redirects,
    )


@dataclass(frozen=True, slots=True)
class _Files:
    """Reads files that are named relative to a directory, and notes them."""

    directory: Path
    noted: list[Path]

    def path(self, name: str) -> Path:
        path = self.directory / name
        self.noted.append(path)
        return path

    def secret(self, place: str, text: str, file: str) -> str:
        """One of a secret and the file that holds it."""
        if text and file:
            raise ValueError(f"at most one of {place} & {place}_file must be configured")
        if not file:
            return text
        with self.path(file).open("rb") as opened:
            content = opened.read(SECRET_BYTES_MAX + 1)
        if len(content) > SECRET_BYTES_MAX:
            raise ValueError(f"{place}_file: larger than {SECRET_BYTES_MAX} bytes")
        return content.decode("utf-8", "replace").strip()


def _credentials(client: HttpClient, reader: _Files) -> Headers:
    given = (client.basic_auth, client.authorization, client.bearer_token, client.bearer_token_file)
    if sum(map(bool, given)) > 1:
        raise ValueError(
            "at most one of basic_auth, authorization, bearer_token & bearer_token_file must be "
            "configured"
        )
    if client.basic_auth is not None:
        own = client.basic_auth
        return basic(
            reader.secret("username", own.username, own.username_file),
            reader.secret("password", own.password, own.password_file),
        )
    scheme, place, token, file = "Bearer", "bearer_token", "", client.bearer_token_file
    token = client.bearer_token
    if client.authorization is not None:
        scheme, place = client.authorization.type.strip() or "Bearer", "credentials"
        if scheme.lower() == "basic":
            raise ValueError(
                'authorization type cannot be set to "basic", use "basic_auth" instead'
            )
        token, file = client.authorization.credentials, client.authorization.credentials_file
    secret = reader.secret(place, token, file)
    return (("Authorization", f"{scheme} {secret}"),) if secret else ()


def _headers(given: dict[str, Header], reader: _Files) -> Headers:
    found = []
    for name, header in given.items():
        if name.lower() in ("authorization", "host", "content-length", "content-type"):
            raise ValueError(f"http_headers: setting header {name!r} is not allowed")
        texts = [*header.values, *header.secrets]
        texts += [reader.secret(name, "", file) for file in header.files]
        for text in texts:
            if not text.isprintable():
                raise ValueError(f"http_headers.{name}: allowed are texts of one line")
            found.append((name, text))
    return tuple(found)


def _context(given: TlsConfig, reader: _Files) -> ssl.SSLContext:
    for name in ("min_version", "max_version"):
        version = getattr(given, name)
        if version not in VERSIONS:
            raise ValueError(
                f"tls_config.{name}: got {version!r}; allowed are {', '.join(VERSIONS)}"
            )
    if bool(given.cert_file) != bool(given.key_file):
        raise ValueError("tls_config: cert_file and key_file need each other")
    ca = reader.secret("ca", given.ca, given.ca_file)
    context = ssl.create_default_context(cadata=ca or None)
    context.minimum_version = VERSIONS[given.min_version]
    context.maximum_version = VERSIONS[given.max_version]
    if given.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if given.cert_file:
        context.load_cert_chain(
            reader.path(given.cert_file), reader.path(given.key_file), password=_no_password
        )
    return context


def _no_password() -> str:
    """Instead of asking for it at the terminal."""
    raise ValueError("tls_config.key_file: the key is encrypted; a plain one is needed")
