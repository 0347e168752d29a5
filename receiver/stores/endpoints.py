"""Which stores there are: addresses of settings, and a file as Thanos has it.

endpoints:
  - address: sidecar:10901            one store
  - address: dns+sidecars:10901       a store at each address of the name
    strict: true                      it is always asked
    tenant: edge                      the tenant in whose view its series are
    client_config: {tls_config: {enabled: true, ca_file: ca.pem}, server_name: store}
default_client_config: {tls_config: {enabled: true}}
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from receiver.settings.config import a_map

DNS, DNSSRV, DNSSRVNOA = PREFIXES = ("dns+", "dnssrv+", "dnssrvnoa+")
ENDPOINT_KEYS = ("address", "strict", "tenant", "client_config", "group", "service_config")
CLIENT_KEYS = ("tls_config", "server_name", "compression")
TLS_KEYS = ("enabled", "insecure_skip_verify", "cert_file", "key_file", "ca_file", "min_version")
ENDPOINTS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """How a connection is encrypted; files that are not named are the system's, or none.
    server_name: what the certificate has to name instead of the host of the address."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An entry of a list of stores. tenant: "" for the one that the settings name."""

    address: str
    strict: bool = False
    tenant: str = ""
    tls: TlsFiles | None = None

    @property
    def lookup(self) -> str:
        """How targets are found: one of PREFIXES, or "" for an address as it is."""
        return next((prefix for prefix in PREFIXES if self.address.startswith(prefix)), "")

    @property
    def place(self) -> str:
        """The address without its prefix."""
        return self.address.removeprefix(self.lookup)


def endpoint_of(address: str, *, strict: bool = False) -> Endpoint:
    """Raises ValueError."""
    endpoint = Endpoint(address.strip(), strict)
    check_address(endpoint)
    return endpoint


def check_address(endpoint: Endpoint) -> None:
    """Raises ValueError."""
    host, colon, port = endpoint.place.rpartition(":")
    if endpoint.lookup in (DNSSRV, DNSSRVNOA):
        if endpoint.place and not colon:
            return
        raise ValueError(
            f"got {endpoint.address!r}; allowed is the name of an SRV record behind "
            f"{endpoint.lookup}, without a port"
        )
    if not (host and port.isdecimal() and 0 < int(port) < 1 << 16):
        raise ValueError(
            f"got {endpoint.address!r}; allowed is host:port, alone or behind one of "
            f"{', '.join(PREFIXES)}"
        )


def of_document(document: object, folder: Path) -> list[Endpoint]:
    """The endpoints of a file; paths in it begin at its folder. Raises ValueError."""
    root = a_map("the file", document, ("endpoints", "default_client_config", "remote_read"))
    client = a_map("default_client_config", root.get("default_client_config"), CLIENT_KEYS)
    listed = root.get("endpoints") or []
    if not isinstance(listed, list):
        raise ValueError(f"endpoints: got {type(listed).__name__}; allowed is a list")
    if len(listed) > ENDPOINTS_MAX:
        raise ValueError(f"endpoints: got {len(listed)}; allowed are {ENDPOINTS_MAX}")
    return [entry_of(f"endpoints[{k}]", entry, client, folder) for k, entry in enumerate(listed)]


def entry_of(place: str, entry: object, default: Mapping[str, object], folder: Path) -> Endpoint:
    fields = a_map(place, entry, ENDPOINT_KEYS)
    if fields.get("group"):
        raise ValueError(f"{place}.group: name each store, or use dns+; groups are not known here")
    own = a_map(f"{place}.client_config", fields.get("client_config"), CLIENT_KEYS)
    client = {**default, **own}
    endpoint = Endpoint(
        a_text(f"{place}.address", fields.get("address")),
        strict=a_flag(f"{place}.strict", fields.get("strict")),
        tenant=a_text(f"{place}.tenant", fields.get("tenant")),
        tls=tls_of(f"{place}.client_config", client, folder),
    )
    try:
        check_address(endpoint)
    except ValueError as error:
        raise ValueError(f"{place}.address: {error}") from None
    return endpoint


def tls_of(place: str, client: Mapping[str, object], folder: Path) -> TlsFiles | None:
    if client.get("compression") not in (None, "", "none"):
        raise ValueError(f"{place}.compression: got {client['compression']!r}; allowed is none")
    tls = a_map(f"{place}.tls_config", client.get("tls_config"), TLS_KEYS)
    if not a_flag(f"{place}.tls_config.enabled", tls.get("enabled")):
        return None
    if tls.get("insecure_skip_verify"):
        raise ValueError(
            f"{place}.tls_config.insecure_skip_verify: certificates are always verified; name the "
            "authority by ca_file, and the name in the certificate by server_name"
        )
    names = {}
    for key in ("ca_file", "cert_file", "key_file"):
        name = a_text(f"{place}.tls_config.{key}", tls.get(key))
        names[key] = str(folder / name) if name else ""
    if bool(names["cert_file"]) != bool(names["key_file"]):
        raise ValueError(f"{place}.tls_config: cert_file and key_file need each other")
    return TlsFiles(**names, server_name=a_text(f"{place}.server_name", client.get("server_name")))


def a_text(place: str, value: object) -> str:
    """A text, empty where it is missing. Raises ValueError."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{place}: got {value!r}; allowed is a text")
    return value


def a_flag(place: str, value: object) -> bool:
    """true or false, which it is where it is missing. Raises ValueError."""
    if value is None:
        return False
    if not isinstance(value, bool):
        raise ValueError(f"{place}: got {value!r}; allowed are true and false")
    return value


def files_of(endpoints: Sequence[Endpoint]) -> tuple[Path, ...]:
    """The files that endpoints name."""
    tls = [each.tls for each in endpoints if each.tls is not None]
    names = {name for each in tls for name in (each.ca_file, each.cert_file, each.key_file) if name}
    return tuple(Path(name) for name in sorted(names))
