"""The configuration of rules as the API asks for it; errors become those that clients see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from api.endpoints.rules.configuration import Configuring
from api.errors import BadData, Conflict, Forbidden, NotFound
from api.sources.rule_configuration import ChangeFacts, ChangesAsked, Wish
from receiver.limits.rule_limits import RuleLimits
from receiver.ruling.setup import Around
from receiver.settings.config import Config
from rules.configuring.configuration import Asker, ConfigurationLimits, ConfiguredRules
from rules.configuring.errors import Invalid, Missing, Outdated, Protected, RefusedConfiguration
from storage.catalog.configured_rules import RuleChange
from storage.shard.shard import now_ms

# Of each kind of refusal the error of the API.
ERRORS = {Invalid: BadData, Protected: Forbidden, Missing: NotFound, Outdated: Conflict}


@dataclass(frozen=True, slots=True)
class OfferedRules:
    """An `api.sources.rule_configuration.RuleConfiguration`."""

    rules: ConfiguredRules

    def document(self, tenant: str, namespace: str | None) -> bytes:
        return self.rules.document(tenant, namespace).encode()

    def group(self, tenant: str, namespace: str, name: str) -> bytes:
        with translated():
            return self.rules.group(tenant, namespace, name).encode()

    def protected(self, tenant: str) -> Sequence[str]:
        return sorted(self.rules.protected(tenant))

    def put(self, tenant: str, namespace: str, body: bytes, wish: Wish) -> None:
        with translated():
            self.rules.put(tenant, namespace, body, asker_of(wish))

    def delete_group(self, tenant: str, namespace: str, name: str, wish: Wish) -> None:
        with translated():
            self.rules.delete_group(tenant, namespace, name, asker_of(wish))

    def delete_namespace(self, tenant: str, namespace: str, wish: Wish) -> None:
        with translated():
            self.rules.delete_namespace(tenant, namespace, asker_of(wish))

    def delete_all(self, tenant: str, wish: Wish) -> None:
        with translated():
            self.rules.delete_all(tenant, asker_of(wish))

    def changes(self, tenant: str, asked: ChangesAsked) -> list[ChangeFacts]:
        found = self.rules.changes(
            tenant,
            namespace=asked.namespace,
            name=asked.group,
            before=asked.before,
            limit=asked.limit,
        )
        return [facts_of(change) for change in found]

    def undo(self, tenant: str, number: int, wish: Wish, *, forced: bool) -> list[ChangeFacts]:
        with translated():
            made = self.rules.undo(tenant, number, asker_of(wish), forced=forced)
        return [facts_of(change) for change in made]


def configured_rules(config: Config, around: Around) -> ConfiguredRules:
    """The configured groups of the program's catalog."""
    return ConfiguredRules(
        lambda: around.database.configured_rules,
        config.rule_api,
        limits_of=lambda tenant: configuration_limits(around.gate.limits_of(tenant)),
        features=around.features,
        federates=config.rules.federates,
        now_ms=now_ms,
    )


def configuration_limits(limits: RuleLimits) -> ConfigurationLimits:
    return ConfigurationLimits(
        limits.ruler_max_rule_groups_per_tenant,
        limits.ruler_max_rules_per_rule_group,
        limits.ruler_min_rule_evaluation_interval_ms,
        frozenset(limits.ruler_protected_namespaces),
    )


def offered(config: Config, rules: ConfiguredRules, author: Callable[[], str]) -> Configuring:
    """What the API offers of the configuration. author: as Configuring has it."""
    if not config.rule_api.enabled or config.program.role != "all":
        return Configuring()
    return Configuring(OfferedRules(rules), author, config.rules.federates)


@contextmanager
def translated() -> Iterator[None]:
    """Raise errors of the API for those of the configuration."""
    try:
        yield
    except RefusedConfiguration as error:
        raise ERRORS[type(error)](str(error)) from error


def asker_of(wish: Wish) -> Asker:
    return Asker(wish.author, wish.overrides)


def facts_of(change: RuleChange) -> ChangeFacts:
    return ChangeFacts(
        number=change.number,
        namespace=change.namespace,
        group=change.name,
        content=change.content,
        author=change.author,
        created_ms=change.created_ms,
        batch=change.batch,
        previous=change.previous,
        undoes=change.undoes,
    )
