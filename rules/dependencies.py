"""Which rules of a group read what other rules of it write.

A rule depends on an earlier rule whose name one of its selectors matches; of a later one it sees
the latest iteration anyway. Rules on which nothing depends, and which depend on nothing, may be
evaluated side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from api.promql.features import DEFAULT_FEATURES, Features
from api.promql.syntax.nodes import Node, VectorSelector, children
from api.promql.syntax.parser import parse
from rules.groups import Group
from storage.labels.matchers import Matcher, text_test

NAME, ALERT_NAME = "__name__", "alertname"
SERIES_OF_ALERTS = ("ALERTS", "ALERTS_FOR_STATE")


@dataclass(frozen=True, slots=True)
class Dependencies:
    """reads: of each rule, the numbers of those it depends on; None if it cannot be known, and all
    have to be evaluated one after another."""

    reads: tuple[frozenset[int], ...] | None

    def batches(self, count: int) -> list[list[int]]:
        """The rules in batches that follow each other; those of one batch may be evaluated side by
        side. First what nothing depends on and needs nothing, last what only depends."""
        if self.reads is None:
            return [[number] for number in range(count)]
        read = frozenset(number for numbers in self.reads for number in numbers)
        free = [i for i in range(count) if not self.reads[i]]
        middle = [i for i in range(count) if self.reads[i] and i in read]
        last = [i for i in range(count) if self.reads[i] and i not in read]
        batches = [free, *([number] for number in middle), last]
        return [batch for batch in batches if batch]


def dependencies_of(group: Group, features: Features = DEFAULT_FEATURES) -> Dependencies:
    """Of valid rules."""
    if len(group.rules) <= 1:
        return Dependencies(tuple(frozenset[int]() for _ in group.rules))
    reads = []
    for number, rule in enumerate(group.rules):
        found: set[int] = set()
        for selector in _selectors(parse(rule.expr, features)):
            matched = _matched(group, number, selector)
            if matched is None:
                return Dependencies(None)
            found.update(matched)
        reads.append(frozenset(found))
    return Dependencies(tuple(reads))


def _selectors(root: Node) -> Iterator[VectorSelector]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, VectorSelector):
            yield node
        waiting.extend(children(node))


def _matched(group: Group, number: int, selector: VectorSelector) -> list[int] | None:
    """The earlier rules that a selector reads; None if it names no metric."""
    name = _matcher(selector, NAME)
    if name is None:
        return None
    is_read = text_test(name)
    earlier = list(enumerate(group.rules[:number]))
    found = [i for i, rule in earlier if is_read(rule.name)]
    if any(map(is_read, SERIES_OF_ALERTS)):
        alert = _matcher(selector, ALERT_NAME)
        is_meant = text_test(alert) if alert is not None else lambda _: True
        found += [i for i, rule in earlier if rule.is_alerting and is_meant(rule.alert)]
    return found


def _matcher(selector: VectorSelector, name: str) -> Matcher | None:
    return next((matcher for matcher in selector.matchers if matcher.name == name), None)
