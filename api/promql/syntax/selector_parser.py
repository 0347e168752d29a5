"""The parser of selectors, of what may follow any expression, and of label lists.

name{label="value"}   [5m]   [1h:5m]   offset 5m   @ 1600000000   @ end()   anchored   by (a, b)
"""

import math
from collections.abc import Set as AbstractSet

from api.promql.features import Features
from api.promql.go_format import quote
from api.promql.syntax.duration_parser import DurationParser, parse_literal
from api.promql.syntax.lexer import Token
from api.promql.syntax.literals import unquote
from api.promql.syntax.nodes import (
    Card,
    DurationExpr,
    MatrixSelector,
    Node,
    Shift,
    Subquery,
    VectorMatching,
    VectorSelector,
)
from api.promql.syntax.regex import RegexError, check_regex, is_plain
from api.promql.syntax.tokens import TokenStream
from api.promql.syntax.vocabulary import (
    AGGREGATIONS,
    EDGES,
    KEYWORDS,
    LITERALS,
    PREPROCESSORS,
    WORD_OPERATORS,
)
from storage.labels.matchers import METRIC_NAME, Matcher

_MATCH_OPERATORS = frozenset({"=", "!=", "=~", "!~"})
_LABELS = (KEYWORDS | AGGREGATIONS | PREPROCESSORS | WORD_OPERATORS).union(
    ("identifier", "metric identifier")
) - {"without"}
_DURATION = "number, duration, step(), or range()"
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1


class SelectorParser:
    """Shares the tokens with the parser of the expressions around."""

    def __init__(self, tokens: TokenStream, features: Features) -> None:
        self._tokens = tokens
        self._features = features

    # Selectors

    def selector(self, name: Token | None) -> VectorSelector:
        """A selector whose metric name was taken, or that begins with the next token, a brace."""
        start, end = (name.start, name.end) if name else (self._tokens.peek().start, 0)
        matchers: list[Matcher] = []
        if self._tokens.take_if("{"):
            end = self._matchers(matchers)
        if name is not None:
            matchers.append(Matcher(METRIC_NAME, "=", name.text))
        return VectorSelector(start, end, name.text if name else "", tuple(matchers))

    def _matchers(self, matchers: list[Matcher]) -> int:
        """Collect matchers up to the closing brace; its end is returned."""
        brace = self._tokens.take_if("}")
        while brace is None:
            matchers.append(self._matcher())
            comma = self._tokens.take_if(",")
            brace = self._tokens.take_if("}")
            if brace is None and comma is None:
                raise self._tokens.unexpected("label matching", '"," or "}"')
        return brace.end

    def _matcher(self) -> Matcher:
        label = self._tokens.peek()
        if label.kind not in ("identifier", "string"):
            raise self._tokens.unexpected("label matching", 'identifier or "}"')
        self._tokens.take()
        is_quoted = label.kind == "string"
        name = unquote(label.text) if is_quoted else label.text
        operator = self._tokens.peek()
        if operator.kind not in _MATCH_OPERATORS:
            if is_quoted:
                return Matcher(METRIC_NAME, "=", name)
            raise self._tokens.unexpected("label matching", "label matching operator")
        self._tokens.take()
        literal = self._tokens.take_if("string")
        if literal is None:
            raise self._tokens.unexpected("label matching", "string")
        value = unquote(literal.text)
        if operator.kind in ("=~", "!~") and not is_plain(value):
            try:
                check_regex(value)
            except RegexError as error:
                raise self._tokens.error(str(error), label.start, literal.end) from None
        return Matcher(name, operator.kind, value)

    # What follows an expression

    def modify(self, node: Node) -> Node:
        """The node with all ranges and modifiers that follow it."""
        while True:
            kind = self._tokens.peek().kind
            if kind == "[":
                node = self._range(node)
            elif kind == "offset":
                self._offset(node)
            elif kind == "@":
                self._at(node)
            elif kind in ("anchored", "smoothed"):
                self._extend(node)
            else:
                return node

    def _range(self, node: Node) -> Node:
        bracket = self._tokens.take()
        duration = self._duration("subquery or range selector", _DURATION).positive()
        following = self._tokens.peek()
        if following.kind == ":":
            return self._subquery(node, duration)
        if following.kind != "]":
            raise self._tokens.unexpected("subquery or range", '":" or "]"')
        end = self._tokens.take().end
        problem = self._range_problem(node)
        if problem:
            raise self._tokens.error(problem, bracket.start, end)
        assert isinstance(node, VectorSelector), "BUG: only selectors have a range"
        range_ms, range_expr = _split(duration)
        return MatrixSelector(node.start, end, node, range_ms, range_expr)

    def _range_problem(self, node: Node) -> str:
        if not isinstance(node, VectorSelector):
            return "ranges only allowed for vector selectors"
        if _has_offset(node.shift):
            return "no offset modifiers allowed before range"
        has_at = node.shift.at_ms is not None or node.shift.at_edge
        return "no @ modifiers allowed before range" if has_at else ""

    def _subquery(self, node: Node, duration: DurationExpr) -> Subquery:
        self._tokens.take()
        step_ms, step_expr = 0, None
        if self._tokens.peek().kind != "]":
            where, expected = "subquery selector", 'number, duration, step(), range(), or "]"'
            step_ms, step_expr = _split(self._duration(where, expected).positive())
        bracket = self._tokens.take_if("]")
        if bracket is None:
            raise self._tokens.unexpected("subquery selector", '"]"')
        range_ms, range_expr = _split(duration)
        return Subquery(
            node.start, bracket.end, node, range_ms, range_expr, step_ms, step_expr, Shift()
        )

    def _duration(self, where: str, expected: str) -> DurationParser:
        return DurationParser(self._tokens, self._features, where, expected)

    def _offset(self, node: Node) -> None:
        self._tokens.take()
        duration = self._duration("offset", _DURATION).offset()
        shift = self._shift(node, "offset")
        if _has_offset(shift):
            text = "offset may not be set multiple times"
            raise self._tokens.error(text, node.start, node.end)
        shift.offset_ms, shift.offset_expr = _split(duration)
        nanoseconds = 0 if duration.op else _nanoseconds(duration.value)
        shift.offset_sign = (nanoseconds > 0) - (nanoseconds < 0)
        node.end = self._tokens.closing_end

    def _shift(self, node: Node, modifier: str) -> Shift:
        if isinstance(node, VectorSelector | Subquery):
            return node.shift
        if isinstance(node, MatrixSelector):
            return node.selector.shift
        text = (
            f"{modifier} modifier must be preceded by an instant vector selector or range vector "
            "selector or a subquery"
        )
        raise self._tokens.error(text, node.start, node.end)

    def _at(self, node: Node) -> None:
        self._tokens.take()
        edge = self._tokens.peek()
        if edge.kind in EDGES:
            self._tokens.take()
            if not self._tokens.take_if("(") or not self._tokens.take_if(")"):
                raise self._tokens.unexpected("@", "timestamp")
            self._at_shift(node).at_edge = edge.kind
        else:
            seconds = self._timestamp()
            if not _INT64_MIN < seconds < float(_INT64_MAX):
                text = f"timestamp out of bounds for @ modifier: {_format_fixed(seconds)}"
                raise self._tokens.error(text, node.start, node.end)
            self._at_shift(node).at_ms = _round_to_int64(seconds * 1000)
        node.end = self._tokens.closing_end

    def _timestamp(self) -> float:
        sign = self._tokens.take() if self._tokens.peek().kind in ("+", "-") else None
        if self._tokens.peek().kind not in LITERALS:
            raise self._tokens.unexpected("@", "timestamp")
        seconds = parse_literal(self._tokens).value
        return -seconds if sign is not None and sign.kind == "-" else seconds

    def _at_shift(self, node: Node) -> Shift:
        shift = self._shift(node, "@")
        if shift.at_ms is not None or shift.at_edge:
            text = "@ <timestamp> may not be set multiple times"
            raise self._tokens.error(text, node.start, node.end)
        return shift

    def _extend(self, node: Node) -> None:
        modifier = self._tokens.take().kind
        selector = node.selector if isinstance(node, MatrixSelector) else node
        problem = ""
        if not self._features.extended_range_selectors:
            problem = f"{modifier} modifier is experimental and not enabled"
        elif isinstance(selector, Subquery):
            problem = f"{modifier} modifier is not supported for subqueries"
        elif not isinstance(selector, VectorSelector):
            problem = f"{modifier} modifier not implemented"
        elif selector.smoothed if modifier == "anchored" else selector.anchored:
            problem = "anchored and smoothed modifiers cannot be used together"
        if problem:
            raise self._tokens.error(problem, node.start, node.end)
        assert isinstance(selector, VectorSelector), "BUG: only selectors are extended"
        if modifier == "anchored":
            selector.anchored = True
        else:
            selector.smoothed = True

    # Labels

    def take_matching(self, matching: VectorMatching, following: AbstractSet[str]) -> None:
        """on or ignoring, and the grouping behind it. following: the kinds of token that may come
        next if group_left or group_right has no labels."""
        matching.on = self._tokens.take().kind == "on"
        matching.labels = parse_grouping(self._tokens)
        kind = self._tokens.peek().kind
        if kind not in ("group_left", "group_right"):
            return
        self._tokens.take()
        matching.card = Card.MANY_TO_ONE if kind == "group_left" else Card.ONE_TO_MANY
        ahead = self._tokens.peek().kind
        if ahead == "(" or ahead not in following:
            matching.include = parse_grouping(self._tokens)


def parse_grouping(tokens: TokenStream) -> tuple[str, ...]:
    """Labels in parentheses."""
    if not tokens.take_if("("):
        raise tokens.unexpected("grouping opts", '"("')
    labels: list[str] = []
    while not tokens.take_if(")"):
        labels.append(_grouping_label(tokens))
        if not tokens.take_if(",") and tokens.peek().kind != ")":
            raise tokens.unexpected("grouping opts", '"," or ")"')
    return tuple(labels)


def _grouping_label(tokens: TokenStream) -> str:
    token = tokens.peek()
    if token.kind in _LABELS:
        return tokens.take().text
    if token.kind != "string":
        raise tokens.unexpected("grouping opts", "label")
    label = unquote(tokens.take().text)
    if not label or any("\ud800" <= char <= "\udfff" for char in label):
        text = f"invalid label name for grouping: {quote(label)}"
        raise tokens.error(text, token.start, token.end)
    return label


def _has_offset(shift: Shift) -> bool:
    return shift.offset_expr is not None or shift.offset_sign != 0


def _split(duration: DurationExpr) -> tuple[int, DurationExpr | None]:
    """The milliseconds of a literal, or 0 and the expression."""
    if duration.op:
        return 0, duration
    nanoseconds = _nanoseconds(duration.value)
    milliseconds = abs(nanoseconds) // 1_000_000
    return (milliseconds if nanoseconds >= 0 else -milliseconds), None


def _nanoseconds(seconds: float) -> int:
    return _round_to_int64(seconds * 1e9)


def _round_to_int64(value: float) -> int:
    """Halves away from zero. What is no integer becomes the smallest one, as on amd64."""
    if math.isnan(value):
        return _INT64_MIN
    magnitude = abs(value)
    whole = int(magnitude)
    whole += magnitude - whole >= 0.5
    whole = whole if value >= 0 else -whole
    return whole if _INT64_MIN <= whole <= _INT64_MAX else _INT64_MIN


def _format_fixed(value: float) -> str:
    """%f."""
    if math.isnan(value):
        return "NaN"
    return f"{value:f}" if math.isfinite(value) else "+Inf" if value > 0 else "-Inf"
