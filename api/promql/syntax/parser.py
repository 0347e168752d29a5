"""The parser: query text to a checked tree.

Operator precedence with a stack of its own: what is open (a parenthesis, the arguments of a call)
and what waits (an operator without its right side) lies on one stack, so that neither ten thousand
operands nor a thousand nested subqueries cost recursion or more than linear time.

Only the first error is reported, and it is the one Prometheus reports: an error of meaning is
raised when its construct is complete, before the next token is read if nothing could extend the
construct. A syntax error names the innermost construct that explains it: labels, a range, an
offset, the arguments of an aggregation at any depth.
"""

from dataclasses import dataclass

from api.promql.features import DEFAULT_FEATURES, Features
from api.promql.syntax.duration_parser import parse_literal
from api.promql.syntax.lexer import Token
from api.promql.syntax.literals import unquote
from api.promql.syntax.nodes import (
    Aggregate,
    Binary,
    Call,
    Node,
    NumberLiteral,
    Paren,
    StringLiteral,
    Unary,
    VectorMatching,
)
from api.promql.syntax.selector_parser import SelectorParser, parse_grouping
from api.promql.syntax.signatures import AGGREGATORS, FUNCTIONS
from api.promql.syntax.tokens import TokenStream
from api.promql.syntax.type_check import check_types
from api.promql.syntax.vocabulary import AGGREGATIONS, FILLS, LITERALS, PREPROCESSORS

_PRECEDENCE = {
    "or": 1,
    **dict.fromkeys(("and", "unless"), 2),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "</", ">/"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%", "atan2"), 5),
    "^": 6,
}
_SIGN_PRECEDENCE = 5
_RIGHT_ASSOCIATIVE = "^"
# Keywords that are metric names where an expression may begin.
_KEYWORD_NAMES = frozenset(
    {"and", "anchored", "by", "offset", "or", "smoothed", "unless", "without"}
)
NAMES = (_KEYWORD_NAMES | FILLS | AGGREGATIONS | PREPROCESSORS).union(
    ("identifier", "metric identifier")
)
_CALLED = PREPROCESSORS | {"identifier"}
_OPERAND_STARTS = NAMES | LITERALS | {"string", "(", "{", "+", "-"}


def parse(text: str, features: Features = DEFAULT_FEATURES) -> Node:
    """The tree of an expression. Raises ParseError."""
    try:
        source = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        source = text.encode("utf-8", "surrogatepass")
    root = _Parser(source, features).parse()
    check_types(root, source)
    return root


@dataclass(slots=True)
class _Waiting:
    """An operator without its right side. lhs None: a sign."""

    op: str
    precedence: int
    start: int
    lhs: Node | None = None
    return_bool: bool = False
    matching: VectorMatching | None = None


@dataclass(slots=True)
class _Open:
    """A parenthesis, or the arguments of the function or aggregation named by `name`."""

    start: int
    name: Token | None
    args: list[Node]
    is_aggregation: bool = False
    grouping: tuple[str, ...] | None = None
    without: bool = False


class _Parser:
    """One parse. What is open or waiting is on the stack; the counts say how much of it is open."""

    def __init__(self, source: bytes, features: Features) -> None:
        self._tokens = TokenStream(source)
        self._features = features
        self._selectors = SelectorParser(self._tokens, features)
        self._stack: list[_Waiting | _Open] = []
        self._open_count = 0
        self._aggregation_count = 0

    def parse(self) -> Node:
        if self._tokens.peek().kind == "eof":
            raise self._tokens.error("no expression found in input", 0, 0)
        while True:
            node = self._operand()
            while node is not None:
                node = self._selectors.modify(node)
                operator = self._tokens.peek().kind
                precedence = _PRECEDENCE.get(operator, 0)
                node = self._reduce(node, operator, precedence)
                if precedence:
                    self._binary(node, precedence)
                    break
                if not self._open_count:
                    return self._finish(node)
                node = self._close(node)

    def _finish(self, node: Node) -> Node:
        if self._tokens.peek().kind != "eof":
            raise self._unexpected()
        return node

    def _unexpected(self) -> Exception:
        return self._tokens.unexpected("aggregation" if self._aggregation_count else "")

    # Operands

    def _operand(self) -> Node | None:
        """A complete operand; None if something was opened or a sign taken, and one follows."""
        token = self._tokens.peek()
        kind = token.kind
        if kind in LITERALS:
            return parse_literal(self._tokens)
        if kind in NAMES:
            return self._named(self._tokens.take())
        if kind == "{":
            return self._selectors.selector(None)
        if kind == "string":
            self._tokens.take()
            return StringLiteral(token.start, token.end, unquote(token.text))
        if kind == "(":
            self._tokens.take()
            self._open(_Open(token.start, None, []))
        elif kind in ("+", "-"):
            self._tokens.take()
            self._stack.append(_Waiting(kind, _SIGN_PRECEDENCE, token.start))
        else:
            raise self._unexpected()
        return None

    def _open(self, opened: _Open) -> None:
        self._stack.append(opened)
        self._open_count += 1

    def _named(self, name: Token) -> Node | None:
        """A selector, call or aggregation that begins with `name`."""
        ahead = self._tokens.peek().kind
        if name.kind in AGGREGATIONS and ahead in ("(", "by", "without"):
            return self._aggregation(name)
        if name.kind in _CALLED and ahead == "(":
            return self._arguments(_Open(name.start, name, []))
        return self._selectors.selector(name)

    def _aggregation(self, name: Token) -> Node | None:
        self._aggregation_count += 1
        opened = _Open(name.start, name, [], is_aggregation=True)
        if self._tokens.peek().kind != "(":
            self._take_grouping(opened)
        return self._arguments(opened)

    def _take_grouping(self, opened: _Open) -> None:
        opened.without = self._tokens.take().kind == "without"
        opened.grouping = parse_grouping(self._tokens)

    def _arguments(self, opened: _Open) -> Node | None:
        if not self._tokens.take_if("("):
            raise self._unexpected()
        self._open(opened)
        return self._end(opened) if self._tokens.peek().kind == ")" else None

    # Operators

    def _binary(self, lhs: Node, precedence: int) -> None:
        """Take an operator and its modifiers."""
        operator = self._tokens.take()
        waiting = _Waiting(operator.kind, precedence, operator.start, lhs)
        waiting.return_bool = self._tokens.take_if("bool") is not None
        waiting.matching = self._matching()
        self._stack.append(waiting)

    def _matching(self) -> VectorMatching:
        matching = VectorMatching()
        if self._tokens.peek().kind in ("on", "ignoring"):
            self._selectors.take_matching(matching, _OPERAND_STARTS)
        kind = self._tokens.peek().kind
        if kind not in FILLS:
            return matching
        self._tokens.take()
        value = self._fill_value()
        if kind != "fill_right":
            matching.fill_left = value
        if kind != "fill_left":
            matching.fill_right = value
        if kind == "fill_left" and self._tokens.take_if("fill_right"):
            matching.fill_right = self._fill_value()
        elif kind == "fill_right" and self._tokens.take_if("fill_left"):
            matching.fill_left = self._fill_value()
        return matching

    def _fill_value(self) -> float:
        self._tokens.take()
        sign = self._tokens.take() if self._tokens.peek().kind in ("+", "-") else None
        if self._tokens.peek().kind not in LITERALS:
            raise self._unexpected()
        value = parse_literal(self._tokens).value
        if not self._tokens.take_if(")"):
            raise self._unexpected()
        return -value if sign is not None and sign.kind == "-" else value

    def _reduce(self, rhs: Node, operator: str, precedence: int) -> Node:
        """Complete the waiting operators that bind stronger than the one that follows."""
        while self._stack:
            top = self._stack[-1]
            if isinstance(top, _Open) or top.precedence < precedence:
                break
            if top.precedence == precedence and operator == _RIGHT_ASSOCIATIVE:
                break
            self._stack.pop()
            rhs = self._complete(top, rhs)
        return rhs

    def _complete(self, waiting: _Waiting, rhs: Node) -> Node:
        lhs, matching = waiting.lhs, waiting.matching
        if lhs is None:
            return _signed(waiting, rhs)
        assert matching is not None, "BUG: an operator without matching"
        is_filled = matching.fill_left is not None or matching.fill_right is not None
        if is_filled and not self._features.binop_fill_modifiers:
            text = "binop fill modifiers are experimental and not enabled"
            raise self._tokens.error(text, lhs.start, rhs.end)
        return Binary(lhs.start, rhs.end, waiting.op, lhs, rhs, waiting.return_bool, matching)

    # Ends

    def _close(self, node: Node) -> Node | None:
        """The end of the innermost open construct; None after a comma, which an operand follows."""
        opened = self._stack[-1]
        assert isinstance(opened, _Open), "BUG: an operator was left waiting"
        opened.args.append(node)
        comma = self._tokens.take_if(",") if opened.name is not None else None
        if comma is None:
            if self._tokens.peek().kind != ")":
                raise self._unexpected()
            return self._end(opened)
        if self._tokens.peek().kind not in _OPERAND_STARTS:
            text = "trailing commas not allowed in function call args"
            raise self._tokens.error(text, comma.start, comma.end)
        return None

    def _end(self, opened: _Open) -> Node:
        end = self._tokens.take().end
        self._stack.pop()
        self._open_count -= 1
        if opened.name is None:
            return Paren(opened.start, end, opened.args[0])
        return self._aggregate(opened) if opened.is_aggregation else self._call(opened, end)

    def _call(self, opened: _Open, end: int) -> Call:
        name = opened.name
        assert name is not None, "BUG: a call without name"
        signature = FUNCTIONS.get(name.text)
        if signature is None:
            problem = f'unknown function with name "{name.text}"'
            raise self._tokens.error(problem, name.start, name.end)
        if signature.experimental and not self._features.experimental_functions:
            problem = f'function "{name.text}" is not enabled'
            raise self._tokens.error(problem, name.start, name.end)
        return Call(opened.start, end, signature.name, tuple(opened.args), signature.returns)

    def _aggregate(self, opened: _Open) -> Aggregate:
        name = opened.name
        assert name is not None, "BUG: an aggregation without name"
        if opened.grouping is not None:
            end = self._tokens.closing_end
        elif self._tokens.peek().kind in ("by", "without"):
            self._take_grouping(opened)
            end = self._tokens.closing_end
        else:
            end = self._tokens.call_end()
        self._aggregation_count -= 1
        self._check_aggregate(name.kind, opened, end)
        expr = opened.args[-1]
        param = opened.args[0] if len(opened.args) == 2 else None
        grouping = opened.grouping or ()
        return Aggregate(opened.start, end, name.kind, expr, param, grouping, opened.without)

    def _check_aggregate(self, op: str, opened: _Open, end: int) -> None:
        aggregator, count = AGGREGATORS[op], len(opened.args)
        expected = 1 if aggregator.param is None else 2
        if not count:
            problem = "no arguments for aggregate expression provided"
        elif aggregator.experimental and not self._features.experimental_functions:
            flag = "--enable-feature=promql-experimental-functions"
            problem = f"{op}() is experimental and must be enabled with {flag}"
        elif count != expected:
            problem = (
                "wrong number of arguments for aggregate expression provided, "
                f"expected {expected}, got {count}"
            )
        else:
            return
        raise self._tokens.error(problem, opened.start, end)


def _signed(waiting: _Waiting, operand: Node) -> Node:
    if not isinstance(operand, NumberLiteral):
        return Unary(waiting.start, operand.end, waiting.op, operand)
    if waiting.op == "-":
        operand.value = -operand.value
    operand.start = waiting.start
    return operand
