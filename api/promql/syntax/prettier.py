"""The formatter: a tree to indented lines of limited length.

An expression that fits a line stays on it; a longer one is split at its operator, or at its
arguments, which are indented. Selectors and literals are never split.
"""

from api.promql.errors import BadQuery
from api.promql.syntax.nodes import Aggregate, Binary, Call, Node, Paren, Subquery, Unary
from api.promql.syntax.printer import (
    aggregate_text,
    arguments,
    operator_text,
    parts,
    subquery_suffix,
)

LINE_BYTES_MAX = 100
# The indentation grows with the depth, so the text grows with its square.
DEPTH_MAX = 1_000
_INDENT = "  "


def prettify(node: Node, *, line_bytes_max: int = LINE_BYTES_MAX) -> str:
    """Raises BadQuery if the expression is nested deeper than DEPTH_MAX."""
    return _Formatter(node, line_bytes_max).format()


class _Formatter:
    """One formatting. `_is_after_sign`: the next text belongs on the line of the sign before it."""

    def __init__(self, root: Node, line_bytes_max: int) -> None:
        self._root = root
        self._line_bytes_max = line_bytes_max
        self._texts = _Texts(root)
        self._output: list[str] = []
        self._is_after_sign = False

    def format(self) -> str:
        # An item is finished text, or a node with its level.
        stack: list[str | tuple[Node, int]] = [(self._root, 0)]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                self._output.append(item)
                continue
            node, level = item
            if level > DEPTH_MAX:
                raise BadQuery(f"expression is nested more than {DEPTH_MAX} deep, the limit")
            stack.extend(reversed(self._split(node, level)))
        return "".join(self._output)

    def _split(self, node: Node, level: int) -> list[str | tuple[Node, int]]:
        """What a node consists of at this level."""
        if isinstance(node, Unary):
            texts: list[str | tuple[Node, int]] = [
                self._indent(level) + node.op,
                (node.expr, level),
            ]
            self._is_after_sign = True
            return texts
        is_long = self._texts.size(node) > self._line_bytes_max
        if is_long and isinstance(node, Binary):
            operator = f"\n{_INDENT * level}{operator_text(node)}\n"
            return [(node.lhs, level + 1), operator, (node.rhs, level + 1)]
        if isinstance(node, Subquery):
            if is_long:
                return [(node.expr, level), subquery_suffix(node)]
            self._is_after_sign = False
            return [self._texts.of(node)]
        indent = self._indent(level)
        if is_long and isinstance(node, Call | Aggregate | Paren):
            return [indent, *self._bracketed(node, level)]
        return [indent + self._texts.of(node)]

    def _bracketed(
        self, node: Call | Aggregate | Paren, level: int
    ) -> list[str | tuple[Node, int]]:
        if isinstance(node, Call):
            head, nodes = node.func, node.args
        elif isinstance(node, Aggregate):
            head, nodes = aggregate_text(node), arguments(node)
        else:
            head, nodes = "", (node.expr,)
        items: list[str | tuple[Node, int]] = [f"{head}(\n"]
        for index, child in enumerate(nodes):
            if index:
                items.append(",\n")
            items.append((child, level + 1))
        items.append(f"\n{_INDENT * level})")
        return items

    def _indent(self, level: int) -> str:
        """The indentation, but for the first text after a sign."""
        if self._is_after_sign:
            self._is_after_sign = False
            return ""
        return _INDENT * level


class _Texts:
    """The canonical texts of all nodes of a tree, as places in the text of the root."""

    def __init__(self, root: Node) -> None:
        pieces: list[str] = []
        self._places: dict[int, tuple[int, int]] = {}
        length = 0
        stack: list[Node | str | tuple[int, int]] = [root]
        while stack:
            item = stack.pop()
            if isinstance(item, str):
                pieces.append(item)
                length += len(item)
            elif isinstance(item, Node):
                stack.append((id(item), length))
                stack.extend(reversed(list(parts(item))))
            else:
                node_id, start = item
                self._places[node_id] = (start, length)
        self._text = "".join(pieces)

    def of(self, node: Node) -> str:
        start, end = self._places[id(node)]
        return self._text[start:end]

    def size(self, node: Node) -> int:
        """The length in bytes."""
        start, end = self._places[id(node)]
        if self._text.isascii():
            return end - start
        return len(self._text[start:end].encode("utf-8", "surrogateescape"))
