"""Rules of a process' own tenants."""

from __future__ import annotations

from receiver.ruling.owned import OwnMemory, OwnSource
from rules.groups import Group
from rules.ruler.ports import RuleSet
from storage.catalog.rule_states import GroupKey, SavedGroup


class Source:
    """Groups of two tenants."""

    def current(self) -> RuleSet:
        return RuleSet(3, {"a": (Group("g"),), "b": (Group("h"),)})


class Kept:
    """A memory."""

    def __init__(self) -> None:
        self.states: dict[GroupKey, SavedGroup] = {
            ("a", "f", "g"): SavedGroup(1),
            ("b", "f", "h"): SavedGroup(2),
        }

    def load(self) -> dict[GroupKey, SavedGroup]:
        return dict(self.states)

    def save(self, saved: dict[GroupKey, SavedGroup]) -> None:
        self.states |= saved

    def forget(self, keys: list[GroupKey]) -> None:
        for key in keys:
            del self.states[key]


def test_groups_of_others_are_not_there() -> None:
    found = OwnSource(Source(), lambda tenant: tenant == "b").current()
    assert found == RuleSet(3, {"b": (Group("h"),)})


def test_what_is_kept_of_others_is_neither_known_nor_forgotten() -> None:
    kept = Kept()
    memory = OwnMemory(kept, lambda tenant: tenant == "b")  # type: ignore[arg-type]
    assert memory.load() == {("b", "f", "h"): SavedGroup(2)}
    memory.save({("b", "f", "h"): SavedGroup(5)})
    memory.forget([("b", "f", "h")])
    assert kept.states == {("a", "f", "g"): SavedGroup(1)}
