"""The warnings and infos that a query collects beside its value.

A text appears once, however many series and steps caused it, with a place in the query: that of the
operator evaluated last among those that made it. The order in which operators are evaluated here is
not guaranteed (rows are computed late, in blocks, by several threads), so it is the tree that
says which of them is the last. Texts come without prefix and position; both are added here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from api.promql.syntax.nodes import (
    Aggregate,
    Call,
    Node,
    Paren,
    Subquery,
    children,
    without_parens,
)

# Operator -> when it is evaluated.
Order = Mapping[Node, int]


@dataclass(frozen=True, slots=True)
class Place:
    """Who has something to say, and of which of its arguments; None: of all of it."""

    operator: Node
    argument: Node | None = None

    @property
    def start(self) -> int:
        """Where the annotation stands in the text of the query.

        Prometheus takes arguments out of their parentheses, and puts the samples of a subquery in
        the place of the subquery: these have no position, which counts as the first.
        """
        node = self.argument
        if node is None:
            return self.operator.start
        while isinstance(node, Paren):
            node = node.expr
        return 0 if isinstance(node, Subquery) else node.start


class Merging(Protocol):
    """Details of an annotation that are gathered over all its makers, to follow its text."""

    def merged(self, other: Merging) -> Merging: ...

    def text(self) -> str: ...


@dataclass(slots=True)
class _Found:
    """One annotation: operator -> start of its place; and what follows the text."""

    starts: dict[Node, int] = field(default_factory=dict)
    details: Merging | None = None

    def start(self, order: Callable[[], Order]) -> int:
        """With details the first to say it keeps its place, otherwise the last one has it."""
        if len(set(self.starts.values())) == 1:
            return next(iter(self.starts.values()))
        rank = order()
        choose = max if self.details is None else min
        return self.starts[choose(self.starts, key=lambda operator: rank[operator])]


class Annotations:
    """The annotations of one query, in the order in which they were first made."""

    def __init__(self, query: bytes, order: Callable[[], Order] = dict) -> None:
        """order is asked for only if two operators made the same text at different places."""
        self._query = query
        self._order = order
        self._warnings: dict[str, _Found] = {}
        self._infos: dict[str, _Found] = {}

    def warn(self, text: str, place: Place) -> None:
        self._warnings.setdefault(text, _Found()).starts[place.operator] = place.start

    def info(self, text: str, place: Place, details: Merging | None = None) -> None:
        found = self._infos.setdefault(text, _Found())
        found.starts[place.operator] = place.start
        if details is not None:
            found.details = details if found.details is None else found.details.merged(details)

    def warnings(self) -> tuple[str, ...]:
        return self._render("PromQL warning", self._warnings)

    def infos(self) -> tuple[str, ...]:
        return self._render("PromQL info", self._infos)

    def _render(self, prefix: str, found: dict[str, _Found]) -> tuple[str, ...]:
        return tuple(
            f"{prefix}: {text}{'' if one.details is None else one.details.text()}"
            f" ({self._place(one.start(self._order))})"
            for text, one in found.items()
        )

    def _place(self, start: int) -> str:
        """1-based line and byte column."""
        line_start = self._query.rfind(b"\n", 0, start) + 1
        line = self._query.count(b"\n", 0, start) + 1
        return f"{line}:{start - line_start + 1}"


def evaluation_order(root: Node) -> dict[Node, int]:
    """When each node is evaluated by Prometheus, counted from the innermost one on.

    Operands come before their operator, from left to right; only the parameter of an aggregation
    and a subquery among the arguments of a function come first.
    """
    order: list[Node] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        order.append(node)
        below = children(node)
        if isinstance(node, Aggregate):
            below = below[::-1]
        elif isinstance(node, Call):
            below = tuple(
                sorted(below, key=lambda arg: not isinstance(without_parens(arg), Subquery))
            )
        waiting.extend(below)
    return {node: number for number, node in enumerate(reversed(order))}
