"""What of the rules is this process' own: those of the tenants that it has.

Several processes read the same sources and share what is kept; each evaluates the groups of its own
tenants, and knows of no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rules.ruler.ports import Memory, RuleSet, RuleSource
from storage.catalog.rule_states import GroupKey, SavedGroup


@dataclass(frozen=True, slots=True)
class OwnSource:
    """A source without the groups of other tenants. has: whether a tenant is our own."""

    source: RuleSource
    has: Callable[[str], bool]

    def current(self) -> RuleSet:
        found = self.source.current()
        own = {tenant: groups for tenant, groups in found.groups.items() if self.has(tenant)}
        return RuleSet(found.version, own)


@dataclass(frozen=True, slots=True)
class OwnMemory:
    """What is kept, without the groups of other tenants: these are not to be forgotten here."""

    memory: Memory
    has: Callable[[str], bool]

    def load(self) -> dict[GroupKey, SavedGroup]:
        return {key: saved for key, saved in self.memory.load().items() if self.has(key[0])}

    def save(self, saved: Mapping[GroupKey, SavedGroup]) -> None:
        self.memory.save(saved)

    def forget(self, keys: Sequence[GroupKey]) -> None:
        self.memory.forget(keys)
