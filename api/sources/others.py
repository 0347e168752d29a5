"""The port through which the API sees what other stores have besides series: rules, and targets.

Values are plain, as answers state them. Everything may be called in worker threads, and may wait.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from api.sources.rules import GroupFacts

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OtherRules:
    """The groups that other stores evaluate. losses: what may be missing, in words."""

    groups: Sequence[GroupFacts] = ()
    losses: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """A target that is scraped. discovered: its labels before they were relabelled; scraped_ns:
    when it last was, None: never; seconds: what that took; health: up, down or unknown."""

    discovered: Labels
    labels: Labels
    pool: str
    url: str
    global_url: str
    error: str
    scraped_ns: int | None
    seconds: float
    health: str


@dataclass(frozen=True, slots=True)
class OtherTargets:
    """What other stores scrape. dropped: the labels of targets that are not scraped; losses: what
    may be missing, in words."""

    active: Sequence[TargetFacts] = ()
    dropped: Sequence[Labels] = ()
    losses: Sequence[str] = ()


class Others(Protocol):
    """The other stores of a program."""

    def rules(self, tenant: str) -> OtherRules:
        """The rules of those that take part in the view of a tenant."""
        ...

    def targets(self, tenant: str) -> OtherTargets:
        """The targets of those that take part in the view of a tenant."""
        ...


class NoOthers:
    """Of a program that asks no other stores."""

    def rules(self, tenant: str) -> OtherRules:
        return OtherRules()

    def targets(self, tenant: str) -> OtherTargets:
        return OtherTargets()


NO_OTHERS = NoOthers()
