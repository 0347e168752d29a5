"""The port through which the API reads and changes the configuration of rules.

The program implements it. Everything blocks, is called in worker threads, and raises errors of
`api.errors` with the texts for clients, or storage.errors.StorageError. YAML is bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Wish:
    """Who asks for a change, by name, "" if that is not known. overrides: protected namespaces that
    it is to be allowed for."""

    author: str = ""
    overrides: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ChangeFacts:
    """One change of one group. content: YAML of the group after it, None: it was deleted. batch:
    the number of the first of those that were made together; undoes: the batch that it undid;
    previous: the change of the group before it; both 0 where there is none."""

    number: int
    namespace: str
    group: str
    content: str | None
    author: str
    created_ms: int
    batch: int
    previous: int
    undoes: int


@dataclass(frozen=True, slots=True)
class ChangesAsked:
    """Which changes are asked for. before: only those with lower numbers, 0 for all."""

    namespace: str = ""
    group: str = ""
    before: int = 0
    limit: int = 100


class RuleConfiguration(Protocol):
    """The configuration of all tenants."""

    def document(self, tenant: str, namespace: str | None) -> bytes:
        """A map of namespaces to lists of groups, of one namespace or of all."""
        ...

    def group(self, tenant: str, namespace: str, name: str) -> bytes: ...

    def protected(self, tenant: str) -> Sequence[str]:
        """Namespaces that are changed only by wishes that name them."""
        ...

    def put(self, tenant: str, namespace: str, body: bytes, wish: Wish) -> None: ...

    def delete_group(self, tenant: str, namespace: str, name: str, wish: Wish) -> None: ...

    def delete_namespace(self, tenant: str, namespace: str, wish: Wish) -> None: ...

    def delete_all(self, tenant: str, wish: Wish) -> None: ...

    def changes(self, tenant: str, asked: ChangesAsked) -> list[ChangeFacts]:
        """Newest first."""
        ...

    def undo(self, tenant: str, number: int, wish: Wish, *, forced: bool) -> list[ChangeFacts]:
        """Undo a change and those made together with it; what was changed for that."""
        ...
