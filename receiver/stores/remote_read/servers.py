"""Which servers there are: URLs of settings, and a section of the file of stores.

remote_read:
  - url: https://prometheus:9090/api/v1/read
    external_labels: {cluster: eu, replica: a}   added where series have none of that name
    headers: {X-Scope-OrgID: team-a}
    bearer_token_file: token
    basic_auth: {username: reader, password_file: password}
    tls_config: {ca_file: ca.pem, cert_file: own.pem, key_file: own-key.pem}
    tenant: edge
"""

import base64
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from receiver.settings.config import a_map
from receiver.stores.endpoints import TlsFiles, a_text

KEYS = (
    "url", "external_labels", "headers", "bearer_token_file", "basic_auth", "tls_config", "tenant",
)  # fmt: skip
AUTH_KEYS = ("username", "password", "password_file")
TLS_KEYS = ("ca_file", "cert_file", "key_file", "insecure_skip_verify")
SERVERS_MAX = 1_000
# Headers that a request has anyway.
OWN_HEADERS = ("content-type", "content-encoding", "content-length", "host", "transfer-encoding")


@dataclass(frozen=True, slots=True)
class Server:
    """A server. labels: those that are added to its series, in place of own ones of the same name
    if labels_win; tenant: "" for the one that the
    settings name; files: what its entry names."""

    url: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    tls: TlsFiles | None = None
    tenant: str = ""
    files: tuple[Path, ...] = ()
    verifies: bool = True
    labels_win: bool = False

    def context(self) -> ssl.SSLContext | None:
        """How a connection is encrypted; None: not at all. Raises OSError, ssl.SSLError."""
        if urlsplit(self.url).scheme != "https":
            return None
        tls = self.tls or TlsFiles()
        context = ssl.create_default_context(cafile=tls.ca_file or None)
        if not self.verifies:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file)
        return context


def server_of(url: str) -> Server:
    """Raises ValueError."""
    parts = urlsplit(url.strip())
    try:
        is_usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable or parts.username is not None:
        raise ValueError(f"got {url!r}; allowed is http://host/path or https://host/path")
    return Server(url.strip())


def of_document(document: object, folder: Path) -> list[Server]:
    """The servers of a list; paths in it begin at the folder. Raises ValueError, OSError."""
    listed = document or []
    if not isinstance(listed, list):
        raise ValueError(f"remote_read: got {type(listed).__name__}; allowed is a list")
    if len(listed) > SERVERS_MAX:
        raise ValueError(f"remote_read: got {len(listed)}; allowed are {SERVERS_MAX}")
    return [entry_of(f"remote_read[{k}]", entry, folder) for k, entry in enumerate(listed)]


def entry_of(place: str, entry: object, folder: Path) -> Server:
    fields = a_map(place, entry, KEYS)
    try:
        server = server_of(a_text(f"{place}.url", fields.get("url")))
    except ValueError as error:
        raise ValueError(f"{place}.url: {error}") from None
    tls = a_map(f"{place}.tls_config", fields.get("tls_config"), TLS_KEYS)
    names = {
        key: str(folder / name) if (name := a_text(f"{place}.{key}", tls.get(key))) else ""
        for key in TLS_KEYS[:3]
    }
    if bool(names["cert_file"]) != bool(names["key_file"]):
        raise ValueError(f"{place}.tls_config: cert_file and key_file need each other")
    headers = texts_of(f"{place}.headers", fields.get("headers"))
    for name in headers:
        if name.lower() in OWN_HEADERS:
            raise ValueError(f"{place}.headers: setting header {name!r} is not allowed")
    secret, files = authorization(place, fields, folder)
    found = Server(
        server.url,
        texts_of(f"{place}.external_labels", fields.get("external_labels")),
        {**headers, **secret},
        TlsFiles(**names),
        a_text(f"{place}.tenant", fields.get("tenant")),
        (*files, *(Path(name) for name in names.values() if name)),
        verifies=not tls.get("insecure_skip_verify"),
    )
    found.context()  # a file that cannot be read is an error now
    return found


def authorization(
    place: str, fields: Mapping[str, object], folder: Path
) -> tuple[dict[str, str], list[Path]]:
    """The header that an entry describes, and the files that it is read from."""
    token = a_text(f"{place}.bearer_token_file", fields.get("bearer_token_file"))
    if token:
        path = folder / token
        return {"Authorization": f"Bearer {path.read_text().strip()}"}, [path]
    basic = a_map(f"{place}.basic_auth", fields.get("basic_auth"), AUTH_KEYS)
    if not basic:
        return {}, []
    user, password, file = (a_text(f"{place}.basic_auth.{k}", basic.get(k)) for k in AUTH_KEYS)
    files = [folder / file] if file else []
    if file:
        password = files[0].read_text().strip()
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}, files


def texts_of(place: str, value: object) -> dict[str, str]:
    """A map of texts. Raises ValueError."""
    found = {name: a_text(f"{place}.{name}", text) for name, text in a_map(place, value).items()}
    for text in (*found, *found.values()):
        if not text.isprintable():
            raise ValueError(f"{place}: allowed are texts of one line")
    return found


def files_of(servers: Sequence[Server]) -> tuple[Path, ...]:
    return tuple(dict.fromkeys(path for server in servers for path in server.files))
