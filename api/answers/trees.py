"""Expression trees as JSON text, as clients of the endpoint parse_query know them.

A node becomes a list of texts and children, its keys sorted; a stack puts them together, so that
depth costs no recursion, and the text comes in blocks.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from api.answers.texts import dump
from api.promql.go_format import format_f
from api.promql.syntax.nodes import (
    Aggregate,
    Binary,
    Call,
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
from api.promql.syntax.signatures import FUNCTIONS
from storage.labels.matchers import Matcher

BLOCK_PIECES = 1 << 14
NULL = b"null"
# A text, a tree, or trees in brackets; None stands for null.
Value = bytes | Node | Sequence[Node] | None
Piece = bytes | Node
Describe = Callable[[Node], Mapping[str, Value]]


def encode_tree(root: Node, describe: Describe | None = None) -> Iterator[bytes]:
    """The blocks of the text of a tree. describe: gives what to say of a node, by default what
    parse_query says."""
    describe = describe or members
    block: list[bytes] = []
    stack: list[Piece] = [root]
    while stack:
        piece = stack.pop()
        if isinstance(piece, Node):
            stack.extend(reversed(list(pieces(describe(piece)))))
            continue
        block.append(piece)
        if len(block) >= BLOCK_PIECES:
            yield b"".join(block)
            block.clear()
    yield b"".join(block)


def pieces(object_members: Mapping[str, Value]) -> Iterator[Piece]:
    """An object's text, with its children as they are."""
    opening = b"{"
    for name in sorted(object_members):
        yield b'%s"%s":' % (opening, name.encode())
        yield from value_pieces(object_members[name])
        opening = b","
    yield b"}"


def value_pieces(value: Value) -> Iterator[Piece]:
    if value is None:
        yield NULL
    elif isinstance(value, bytes | Node):
        yield value
    else:
        yield b"["
        for index, child in enumerate(value):
            if index:
                yield b","
            yield child
        yield b"]"


def members(node: Node) -> dict[str, Value]:
    """What a node is described by."""
    match node:
        case NumberLiteral():
            return {"type": b'"numberLiteral"', "val": dump(format_f(node.value))}
        case StringLiteral():
            return {"type": b'"stringLiteral"', "val": dump(node.value)}
        case Paren():
            return {"type": b'"parenExpr"', "expr": node.expr}
        case Unary():
            return {"type": b'"unaryExpr"', "op": dump(node.op), "expr": node.expr}
        case VectorSelector():
            return {"type": b'"vectorSelector"'} | selector_members(node)
        case MatrixSelector():
            return {"type": b'"matrixSelector"'} | selector_members(node.selector) | range_of(node)
        case Subquery():
            return subquery_members(node) | shift_members(node.shift) | range_of(node)
        case DurationExpr():
            return duration_members(node)
        case Call():
            return {"type": b'"call"', "func": function_text(node.func), "args": node.args}
        case Aggregate():
            return aggregate_members(node)
        case Binary():
            return binary_members(node)
    raise AssertionError(f"BUG: no description of {type(node).__name__}")


def selector_members(node: VectorSelector) -> dict[str, Value]:
    return {
        "name": dump(node.name),
        "matchers": matchers_text(node.matchers),
        "anchored": dump(node.anchored),
        "smoothed": dump(node.smoothed),
    } | shift_members(node.shift)


def shift_members(shift: Shift) -> dict[str, Value]:
    return {
        "offset": b"%d" % shift.offset_ms,
        "offsetExpr": shift.offset_expr,
        "timestamp": dump(shift.at_ms),
        "startOrEnd": dump(shift.at_edge or None),
    }


def range_of(node: MatrixSelector | Subquery) -> dict[str, Value]:
    return {"range": b"%d" % node.range_ms, "rangeExpr": node.range_expr}


def subquery_members(node: Subquery) -> dict[str, Value]:
    return {
        "type": b'"subquery"',
        "expr": node.expr,
        "step": b"%d" % node.step_ms,
        "stepExpr": node.step_expr,
    }


def duration_members(node: DurationExpr) -> dict[str, Value]:
    if not node.op:
        text = dump(format_f(node.value))
        return {"type": b'"numberLiteral"', "val": text, "duration": dump(node.is_duration)}
    return {
        "type": b'"durationExpr"',
        "op": dump(node.op),
        "lhs": node.lhs,
        "rhs": node.rhs,
        "wrapped": dump(node.wrapped),
    }


def aggregate_members(node: Aggregate) -> dict[str, Value]:
    return {
        "type": b'"aggregation"',
        "op": dump(node.op),
        "expr": node.expr,
        "param": node.param,
        "grouping": dump(node.grouping),
        "without": dump(node.without),
    }


def binary_members(node: Binary) -> dict[str, Value]:
    return {
        "type": b'"binaryExpr"',
        "op": dump(node.op),
        "lhs": node.lhs,
        "rhs": node.rhs,
        "bool": dump(node.return_bool),
        "matching": None if node.matching is None else matching_text(node.matching),
    }


def matching_text(matching: VectorMatching) -> bytes:
    fill = {"lhs": fill_value(matching.fill_left), "rhs": fill_value(matching.fill_right)}
    return dump(
        {
            "card": matching.card.value,
            "fillValues": fill,
            "include": matching.include,
            "labels": matching.labels,
            "on": matching.on,
        }
    )


def fill_value(value: float | None) -> float | int | str | None:
    """A number; what JSON has no number for is a text."""
    if value is None or math.isfinite(value):
        return int(value) if value is not None and value.is_integer() else value
    return format_f(value)


def matchers_text(matchers: Iterable[Matcher]) -> bytes:
    return dump([{"name": m.name, "type": m.op, "value": m.value} for m in matchers])


def function_text(name: str) -> bytes:
    signature = FUNCTIONS[name]
    return dump(
        {
            "argTypes": [argument.value for argument in signature.args],
            "name": signature.name,
            "returnType": signature.returns.value,
            "variadic": signature.variadic,
        }
    )
