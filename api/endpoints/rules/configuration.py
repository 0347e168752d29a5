"""The configuration API of Mimir's ruler: groups of rules by namespace, as YAML.

Paths, codes and texts are Mimir's, so that its tools and Grafana's editor work. Every request is
for one tenant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from api.endpoints.handler import Call, Job, Slot
from api.errors import BadData, NotFound
from api.promql.go_format import quote
from api.sources.rule_configuration import RuleConfiguration, Wish

YAML = "application/yaml"
PLAIN: Mapping[str, str] = {"Content-Type": "text/plain; charset=utf-8"}
DONE = b'{"status":"success","data":null,"errorType":"","error":""}'
PROTECTED = "X-Mimir-Ruler-Protected-Namespaces"
OVERRIDES = "X-Mimir-Ruler-Override-Namespace-Protection"


@dataclass(frozen=True, slots=True)
class Configuring:
    """The configuration, None where rules cannot be configured over HTTP; and who asks, by name, ""
    if that is not known: asked while a request is being read. federates: whether groups may read
    other tenants."""

    configuration: RuleConfiguration | None = None
    author: Callable[[], str] = lambda: ""
    federates: bool = False

    @property
    def abilities(self) -> dict[str, str]:
        """As Mimir states them; none where nothing can be configured."""
        if self.configuration is None:
            return {}
        return {
            "ruler_config_api": "true",
            "alertmanager_config_api": "false",
            "query_sharding": "false",
            "federated_rules": "true" if self.federates else "false",
        }

    def admitted(self, call: Call) -> tuple[RuleConfiguration, str]:
        """The configuration and the tenant. Raises NotFound or BadData."""
        if self.configuration is None:
            raise NotFound("page not found")
        if len(call.tenants) != 1:
            raise BadData("no valid org id found")
        return self.configuration, call.tenants[0]

    def wish(self, call: Call) -> Wish:
        """Who asks for a change, and what it says of protected namespaces."""
        named = call.headers.get(OVERRIDES, "").split(",")
        return Wish(self.author(), frozenset(name.strip() for name in named if name.strip()))


def check_name(what: str, text: str) -> str:
    """The name of a namespace or a group. Raises BadData if it is no text."""
    if not text.isascii() and text.encode("utf-8", "replace").decode() != text:
        raise BadData(f"{what}: got {quote(text)}; allowed is valid UTF-8")
    return text


def names_in(call: Call, *parts: str) -> list[str]:
    """What the path of a request names. Raises BadData."""
    return [check_name(part, call.path[part]) for part in parts]


class ConfigurationHandlers:
    """The endpoints over a configuration."""

    def __init__(self, configuring: Configuring) -> None:
        self._configuring = configuring

    def all(self, call: Call) -> Job:
        """The configured groups of all namespaces, as YAML."""
        return self._document(call, None)

    def namespace(self, call: Call) -> Job:
        """The configured groups of a namespace, as YAML."""
        (namespace,) = names_in(call, "namespace")
        return self._document(call, namespace)

    def group(self, call: Call) -> Job:
        """A configured group, as YAML."""
        configuration, tenant = self._configuring.admitted(call)
        namespace, name = names_in(call, "namespace", "group")
        return reading(
            lambda: configuration.group(tenant, namespace, name), configuration.protected(tenant)
        )

    def put(self, call: Call) -> Job:
        """Create or replace a group of a namespace."""
        configuration, tenant = self._configuring.admitted(call)
        wish, (namespace,) = self._configuring.wish(call), names_in(call, "namespace")
        return changing(lambda: configuration.put(tenant, namespace, call.body, wish))

    def delete_group(self, call: Call) -> Job:
        """Delete a configured group."""
        configuration, tenant = self._configuring.admitted(call)
        wish, (namespace, name) = self._configuring.wish(call), names_in(call, "namespace", "group")
        return changing(lambda: configuration.delete_group(tenant, namespace, name, wish))

    def delete_namespace(self, call: Call) -> Job:
        """Delete all configured groups of a namespace."""
        configuration, tenant = self._configuring.admitted(call)
        wish, (namespace,) = self._configuring.wish(call), names_in(call, "namespace")
        return changing(lambda: configuration.delete_namespace(tenant, namespace, wish))

    def delete_all(self, call: Call) -> Job:
        """Delete all configured groups of the tenant."""
        configuration, tenant = self._configuring.admitted(call)
        wish = self._configuring.wish(call)

        def run(turn: Slot) -> Iterator[bytes]:
            configuration.delete_all(tenant, wish)
            yield b""

        return Job(run, headers=PLAIN)

    def _document(self, call: Call, namespace: str | None) -> Job:
        configuration, tenant = self._configuring.admitted(call)
        return reading(
            lambda: configuration.document(tenant, namespace), configuration.protected(tenant)
        )


def reading(read: Callable[[], bytes], protected: Sequence[str]) -> Job:
    about = {PROTECTED: header_text(protected)} if protected else {}

    def run(turn: Slot) -> Iterator[bytes]:
        yield read()

    return Job(run, headers={"Content-Type": YAML, **about})


def header_text(names: Sequence[str]) -> str:
    """What is no text of one line is left out: a header cannot have it."""
    return ",".join(name for name in names if name.isprintable() and name.isascii())


def changing(change: Callable[[], None]) -> Job:
    def run(turn: Slot) -> Iterator[bytes]:
        change()
        yield DONE

    return Job(run, status=202)
