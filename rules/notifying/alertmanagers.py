"""Which Alertmanagers there are, whose alerts they get, and how each of them is reached.

The form is Prometheus' section `alerting`, with one field more: `tenants` of a block are those
whose alerts go there; without it those of all do. What cannot be done here is refused, never
ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from api.promql.syntax.durations import parse_duration
from rules.notifying.access import Access, HttpClient, access_of, basic
from storage.errors import TenantError
from storage.tenants.relabel import RelabelRule, read_rules, relabel
from storage.tenants.tenant import parse_tenant

PATH: Final = "/api/v2/alerts"
ALERTMANAGERS_MAX: Final = 1_000
TIMEOUT_MS_MAX: Final = 600_000
ADDRESS, SCHEME, ALERTS_PATH = "__address__", "__scheme__", "__alerts_path__"
SCHEMES: Final = ("http", "https")


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """One Alertmanager. url: where alerts are posted to."""

    url: str
    access: Access
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Block:
    """Alertmanagers that get the same alerts.

    relabel: what only they get their alerts changed by. dropped: URLs that relabelling took away.
    tenants: whose alerts; None: those of all.
    """

    alertmanagers: tuple[Alertmanager, ...]
    relabel: tuple[RelabelRule, ...] = ()
    dropped: tuple[str, ...] = ()
    tenants: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Alerting:
    """All there is. relabel: what changes every alert first."""

    blocks: tuple[Block, ...] = ()
    relabel: tuple[RelabelRule, ...] = ()

    def of(self, tenant: str) -> list[Block]:
        """The blocks that get the alerts of a tenant."""
        return [block for block in self.blocks if block.tenants is None or tenant in block.tenants]

    def joined(self, more: Alerting) -> Alerting:
        return Alerting((*self.blocks, *more.blocks), (*self.relabel, *more.relabel))


class _Targets(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of `static_configs`."""

    targets: list[str] = []
    labels: dict[str, str] = {}


class _Block(HttpClient, kw_only=True, forbid_unknown_fields=True):
    """One entry of `alertmanagers`."""

    scheme: str = "http"
    path_prefix: str = "/"
    timeout: str | None = None
    api_version: str = "v2"
    static_configs: list[_Targets] = []
    relabel_configs: Any = None
    alert_relabel_configs: Any = None
    tenants: list[str] | None = None


class _Alerting(msgspec.Struct, forbid_unknown_fields=True):
    """The section `alerting`."""

    alert_relabel_configs: Any = None
    alertmanagers: list[_Block] = []


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """A file with the section in it."""

    alerting: _Alerting | None = None


def of_urls(urls: Sequence[str], timeout_ms: int) -> Alerting:
    """Alertmanagers of all tenants. Raises ValueError."""
    if not urls:
        return Alerting()
    found = [_of_url(url, timeout_ms) for url in urls]
    return Alerting((Block(tuple(_first_of_each(found))),))


def _of_url(text: str, timeout_ms: int) -> Alertmanager:
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES or not parts.hostname or parts.query or parts.fragment:
        shown = text.rpartition("@")[2]  # a password is not for the log
        raise ValueError(f"got {shown!r}; allowed are URLs such as http://alertmanager:9093/prefix")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    access = Access(basic(user, password) if parts.username is not None else ())
    address = parts.netloc.rpartition("@")[2]
    path = parts.path.rstrip("/").removesuffix(PATH)
    return Alertmanager(f"{parts.scheme}://{address}{path}{PATH}", access, timeout_ms / 1000)


def of_document(document: object, directory: Path, timeout_ms: int) -> tuple[Alerting, list[Path]]:
    """What a file says, `alerting` at its top or not, and the files that it names, which are
    relative to the directory. timeout_ms: of a block that has none. Raises ValueError."""
    given = {} if document is None else document
    try:
        if isinstance(given, dict) and "alerting" in given:
            section = msgspec.convert(given, _File).alerting or _Alerting()
        else:
            section = msgspec.convert(given, _Alerting)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
    files: list[Path] = []
    blocks = []
    for number, block in enumerate(section.alertmanagers, 1):
        try:
            blocks.append(_block_of(block, directory, timeout_ms, files))
        except (ValueError, OSError, TenantError) as error:
            raise ValueError(f"alertmanagers, entry {number}: {error}") from error
    count = sum(len(block.alertmanagers) for block in blocks)
    if count > ALERTMANAGERS_MAX:
        raise ValueError(f"alertmanagers: got {count}; allowed are {ALERTMANAGERS_MAX}")
    rules = _rules("alert_relabel_configs", section.alert_relabel_configs)
    return Alerting(tuple(blocks), rules), files


def _block_of(given: _Block, directory: Path, timeout_ms: int, files: list[Path]) -> Block:
    if given.api_version != "v2":
        raise ValueError(
            f"expected Alertmanager api version to be one of [v2] but got {given.api_version}"
        )
    if given.scheme not in SCHEMES:
        raise ValueError(f"scheme: got {given.scheme!r}; allowed are {', '.join(SCHEMES)}")
    if given.timeout is not None:
        timeout_ms = parse_duration(given.timeout)
        if not 0 < timeout_ms <= TIMEOUT_MS_MAX:
            raise ValueError(f"timeout: got {given.timeout!r}; allowed is 1ms to 10m")
    access = access_of(given, directory, files)
    steps = _rules("relabel_configs", given.relabel_configs)
    active, dropped = [], []
    for labels in _targets(given):
        kept = relabel(steps, labels)
        if kept is None or not kept.get(ADDRESS):
            dropped.append(_url(labels))
        else:
            active.append(Alertmanager(_url(kept), access, timeout_ms / 1000))
    return Block(
        tuple(_first_of_each(active)),
        _rules("alert_relabel_configs", given.alert_relabel_configs),
        tuple(dropped),
        None if given.tenants is None else frozenset(map(parse_tenant, given.tenants)),
    )


def _targets(given: _Block) -> Iterable[dict[str, str]]:
    """What is known of each target before relabelling."""
    path = f"/{given.path_prefix.strip('/')}".rstrip("/") + PATH
    for group in given.static_configs:
        for address in group.targets:
            if not address or "/" in address:
                raise ValueError(f"targets: got {address!r}; allowed is an address as host:port")
            yield group.labels | {ADDRESS: address, SCHEME: given.scheme, ALERTS_PATH: path}


def _url(labels: dict[str, str]) -> str:
    path = labels.get(ALERTS_PATH, "").lstrip("/")
    return f"{labels.get(SCHEME, '')}://{labels[ADDRESS]}/{path}"


def _first_of_each(found: Iterable[Alertmanager]) -> Iterable[Alertmanager]:
    """One of each URL."""
    by_url: dict[str, Alertmanager] = {}
    for alertmanager in found:
        by_url.setdefault(alertmanager.url, alertmanager)
    return by_url.values()


def _rules(place: str, given: Any) -> tuple[RelabelRule, ...]:
    try:
        return read_rules([] if given is None else given)
    except ValueError as error:
        raise ValueError(f"{place}: allowed is {error}") from error
