"""The printer: a tree to its canonical text, on one line.

A node prints as a list of texts and children; a stack puts them together, so depth costs no
recursion and time is linear in the length of the text.
"""

import re
from collections.abc import Iterator

from api.promql.go_format import format_f, format_g, quote
from api.promql.syntax.durations import format_duration
from api.promql.syntax.nodes import (
    Aggregate,
    Binary,
    Call,
    Card,
    DurationExpr,
    MatrixSelector,
    Node,
    NumberLiteral,
    Paren,
    Shift,
    StringLiteral,
    Subquery,
    Unary,
    VectorMatching,
    VectorSelector,
)
from api.promql.syntax.vocabulary import DURATION_CHOICES
from storage.labels.matchers import METRIC_NAME, Matcher

_LABEL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def to_string(node: Node) -> str:
    """The canonical text of an expression."""
    texts: list[str] = []
    stack: list[Node | str] = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            texts.append(item)
        else:
            stack.extend(reversed(list(parts(item))))
    return "".join(texts)


def parts(node: Node) -> Iterator[Node | str]:
    """The texts and children that a node consists of, in order."""
    match node:
        case VectorSelector():
            yield selector_text(node)
        case NumberLiteral():
            yield number_text(node.value, is_duration=node.is_duration)
        case StringLiteral():
            yield quote(node.value)
        case MatrixSelector():
            yield matrix_text(node)
        case Call():
            yield f"{node.func}("
            yield from _separated(node.args)
            yield ")"
        case Aggregate():
            yield aggregate_text(node) + "("
            yield from _separated(arguments(node))
            yield ")"
        case Binary():
            yield node.lhs
            yield f" {operator_text(node)} "
            yield node.rhs
        case Paren():
            yield "("
            yield node.expr
            yield ")"
        case Unary():
            yield node.op
            yield node.expr
        case Subquery():
            yield node.expr
            yield subquery_suffix(node)
        case DurationExpr():
            yield from _duration_parts(node)


def arguments(node: Aggregate) -> tuple[Node, ...]:
    return (node.expr,) if node.param is None else (node.param, node.expr)


def aggregate_text(node: Aggregate) -> str:
    """The aggregation and its grouping, as written before the parentheses."""
    if node.without:
        return f"{node.op} without ({_labels(node.grouping)}) "
    return f"{node.op} by ({_labels(node.grouping)}) " if node.grouping else node.op


def operator_text(node: Binary) -> str:
    """The operator with its modifiers."""
    text = f"{node.op} bool" if node.return_bool else node.op
    return text if node.matching is None else text + _matching_text(node.matching)


def number_text(value: float, *, is_duration: bool) -> str:
    if not is_duration:
        return format_f(value)
    magnitude_ms = int(abs(value) * 1e9) // 1_000_000
    return format_duration(magnitude_ms if value >= 0 else -magnitude_ms)


def selector_text(node: VectorSelector) -> str:
    text = _selector_base(node) + _at_text(node.shift)
    if node.anchored or node.smoothed:
        text += " anchored" if node.anchored else " smoothed"
    return text + _offset_text(node.shift)


def matrix_text(node: MatrixSelector) -> str:
    selector = node.selector
    text = f"{_selector_base(selector)}[{_duration_text(node.range_ms, node.range_expr)}]"
    if selector.anchored or selector.smoothed:
        text += " anchored" if selector.anchored else " smoothed"
    return text + _at_text(selector.shift) + _offset_text(selector.shift)


def subquery_suffix(node: Subquery) -> str:
    """The range, resolution and modifiers of a subquery."""
    has_step = node.step_ms != 0 or node.step_expr is not None
    step = _duration_text(node.step_ms, node.step_expr) if has_step else ""
    text = f"[{_duration_text(node.range_ms, node.range_expr)}:{step}]"
    return text + _at_text(node.shift) + _offset_text(node.shift)


def _separated(nodes: tuple[Node, ...]) -> Iterator[Node | str]:
    for index, node in enumerate(nodes):
        if index:
            yield ", "
        yield node


def _matching_text(matching: VectorMatching) -> str:
    text = ""
    is_grouped = matching.card in (Card.MANY_TO_ONE, Card.ONE_TO_MANY)
    if matching.labels or matching.on or is_grouped:
        text = f" {'on' if matching.on else 'ignoring'} ({_labels(matching.labels)})"
    if is_grouped:
        side = "left" if matching.card is Card.MANY_TO_ONE else "right"
        text += f" group_{side} ({_labels(matching.include)})"
    left, right = matching.fill_left, matching.fill_right
    if left is not None and left == right:
        return f"{text} fill ({format_g(left)})"
    if left is not None:
        text += f" fill_left ({format_g(left)})"
    return text if right is None else f"{text} fill_right ({format_g(right)})"


def _selector_base(node: VectorSelector) -> str:
    """The metric name and the matchers, without modifiers."""
    matchers = sorted(_matcher_text(matcher) for matcher in _written(node))
    return f"{node.name}{{{','.join(matchers)}}}" if matchers else node.name


def _written(node: VectorSelector) -> Iterator[Matcher]:
    """The matchers but the one that stands for the name before the braces."""
    for matcher in node.matchers:
        is_name = matcher.name == METRIC_NAME and matcher.op == "="
        if not (is_name and node.name and matcher.value == node.name):
            yield matcher


def _matcher_text(matcher: Matcher) -> str:
    return f"{_label(matcher.name)}{matcher.op}{quote(matcher.value)}"


def _labels(names: tuple[str, ...]) -> str:
    return ", ".join(map(_label, names))


def _label(name: str) -> str:
    return name if _LABEL_NAME.match(name) else quote(name)


def _at_text(shift: Shift) -> str:
    if shift.at_ms is not None:
        return f" @ {shift.at_ms / 1000:.3f}"
    return f" @ {shift.at_edge}()" if shift.at_edge else ""


def _offset_text(shift: Shift) -> str:
    if shift.offset_expr is not None:
        return f" offset {to_string(shift.offset_expr)}"
    if not shift.offset_ms and not shift.offset_sign:
        return ""
    is_negative = shift.offset_ms < 0 or shift.offset_sign < 0
    return f" offset {'-' if is_negative else ''}{format_duration(abs(shift.offset_ms))}"


def _duration_text(duration_ms: int, expr: DurationExpr | None) -> str:
    return format_duration(duration_ms) if expr is None else to_string(expr)


def _duration_parts(node: DurationExpr) -> Iterator[Node | str]:
    if node.wrapped:
        yield "("
    if not node.op:
        yield number_text(node.value, is_duration=node.is_duration)
    elif node.rhs is None:
        yield f"{node.op}()"
    elif node.lhs is None:
        yield "-" if node.op == "-" else ""
        yield node.rhs
    elif node.op in DURATION_CHOICES:
        yield f"{node.op}("
        yield from (node.lhs, ", ", node.rhs)
        yield ")"
    else:
        yield from (node.lhs, f" {node.op} ", node.rhs)
    if node.wrapped:
        yield ")"
