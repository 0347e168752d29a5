"""The warnings and infos that a query collects beside its value.

A text appears once, however many series and steps caused it, with the place in the query that
caused it first. Texts come without prefix and position; both are added here.
"""

from api.promql.syntax.nodes import Node


class Annotations:
    """The annotations of one query, in the order in which they were first made."""

    def __init__(self, query: bytes) -> None:
        self._query = query
        self._warnings: dict[str, int] = {}
        self._infos: dict[str, int] = {}

    def warn(self, text: str, node: Node) -> None:
        self._warnings.setdefault(text, node.start)

    def info(self, text: str, node: Node) -> None:
        self._infos.setdefault(text, node.start)

    def warnings(self) -> tuple[str, ...]:
        return self._render("PromQL warning", self._warnings)

    def infos(self) -> tuple[str, ...]:
        return self._render("PromQL info", self._infos)

    def _render(self, prefix: str, places: dict[str, int]) -> tuple[str, ...]:
        return tuple(f"{prefix}: {text} ({self._place(at)})" for text, at in places.items())

    def _place(self, start: int) -> str:
        """1-based line and byte column."""
        line_start = self._query.rfind(b"\n", 0, start) + 1
        line = self._query.count(b"\n", 0, start) + 1
        return f"{line}:{start - line_start + 1}"
