"""In which order rules are replayed: whoever reads after what is read.

A rule is evaluated over the whole time at once after all rules that it reads. Rules that read each
other, and one that reads itself or what a later rule of its group writes, which is what that wrote
the time before, are evaluated together, step by step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from api.promql.syntax.nodes import Node, VectorSelector, children
from rules.evaluation.alerts import ALERT_NAME, ALERTS, ALERTS_FOR_STATE
from rules.groups import Group
from storage.labels.matchers import METRIC_NAME, Matcher, text_test

Place = tuple[int, int]  # the number of a group, and of a rule in it


@dataclass(frozen=True, slots=True)
class Writes:
    """What a rule writes: one of the names, and labels that its series have; "": have not."""

    names: tuple[str, ...]
    labels: Mapping[str, str]

    def may_pass(self, matchers: Sequence[Matcher]) -> bool:
        """Whether a series of it may pass all of these."""
        for matcher in matchers:
            texts = self.names
            if matcher.name != METRIC_NAME:
                if matcher.name not in self.labels:
                    continue
                texts = (self.labels[matcher.name],)
            if not any(map(text_test(matcher), texts)):
                return False
        return True


@dataclass(frozen=True, slots=True)
class Turn:
    """Rules that are evaluated together; stepwise: at one time after the other."""

    places: tuple[Place, ...]
    stepwise: bool


def writes_of(group: Group, number: int) -> Writes:
    rule = group.rules[number]
    labels = dict(group.labels_of(rule))
    if not rule.is_alerting:
        return Writes((rule.record,), labels)
    # One that is a template may become anything, one that is empty may come from the expression.
    fixed = {name: text for name, text in labels.items() if text and "{{" not in text}
    return Writes((ALERTS, ALERTS_FOR_STATE), fixed | {ALERT_NAME: rule.alert})


def turns_of(groups: Sequence[Group], trees: Mapping[Place, Node]) -> list[Turn]:
    """The turns of all rules. trees: of their expressions."""
    writes = {place: writes_of(groups[place[0]], place[1]) for place in trees}
    read = {place: _read_by(tree, writes) for place, tree in trees.items()}
    # A rule that reads a later one of its group is bound to it, in either direction.
    bound: dict[Place, set[Place]] = {place: set(found) for place, found in read.items()}
    for place, found in read.items():
        for other in found:
            if other[0] == place[0] and other[1] >= place[1]:
                bound[other].add(place)
    return [
        Turn(tuple(sorted(knot)), len(knot) > 1 or knot[0] in read[knot[0]])
        for knot in knots(bound)
    ]


def _read_by(tree: Node, writes: Mapping[Place, Writes]) -> list[Place]:
    """The rules of which an expression may read something."""
    selectors = [selector.matchers for selector in selectors_of(tree)]
    return [
        place
        for place, written in writes.items()
        if any(written.may_pass(matchers) for matchers in selectors)
    ]


def selectors_of(root: Node) -> Iterator[VectorSelector]:
    for node in nodes_of(root):
        if isinstance(node, VectorSelector):
            yield node


def nodes_of(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(children(node))


def knots(edges: Mapping[Place, set[Place]]) -> list[list[Place]]:
    """Places that can all reach each other, those that are reached first: Tarjan's algorithm
    without recursion."""
    index: dict[Place, int] = {}
    low: dict[Place, int] = {}
    stack: list[Place] = []
    on_stack: set[Place] = set()
    found: list[list[Place]] = []
    for root in edges:
        if root in index:
            continue
        path = [(root, iter(sorted(edges[root])))]
        while path:
            place, others = path[-1]
            if place not in index:
                index[place] = low[place] = len(index)
                stack.append(place)
                on_stack.add(place)
            fresh = _next_fresh(others, index, low, on_stack, place)
            if fresh is not None:
                path.append((fresh, iter(sorted(edges[fresh]))))
                continue
            path.pop()
            if path:
                above = path[-1][0]
                low[above] = min(low[above], low[place])
            if low[place] == index[place]:
                found.append(_popped(stack, on_stack, place))
    return found


def _next_fresh(
    others: Iterator[Place],
    index: dict[Place, int],
    low: dict[Place, int],
    on_stack: set[Place],
    place: Place,
) -> Place | None:
    """The next place that was not visited; takes note of those that were."""
    for other in others:
        if other not in index:
            return other
        if other in on_stack:
            low[place] = min(low[place], index[other])
    return None


def _popped(stack: list[Place], on_stack: set[Place], last: Place) -> list[Place]:
    knot: list[Place] = []
    while not knot or knot[-1] != last:
        knot.append(stack.pop())
        on_stack.discard(knot[-1])
    return knot
