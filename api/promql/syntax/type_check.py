"""The check that every operator, function and aggregation gets the types it takes.

Children before their parent, as the first error found is the one reported. Each node is checked by
a generator that yields the children when their turn comes; a stack of generators walks trees of any
depth. Also decided here: whether a binary operation matches vectors, and that set operators match
many to many.
"""

from collections.abc import Iterator
from itertools import zip_longest

from api.promql.errors import ParseError
from api.promql.go_format import quote
from api.promql.syntax.nodes import (
    Aggregate,
    Binary,
    Call,
    Card,
    MatrixSelector,
    Node,
    Paren,
    Subquery,
    Unary,
    ValueType,
    VectorMatching,
    VectorSelector,
)
from api.promql.syntax.regex import matches_empty
from api.promql.syntax.signatures import AGGREGATORS, FUNCTIONS, Signature
from storage.labels.matchers import METRIC_NAME, Matcher

SET_OPERATORS = frozenset({"and", "or", "unless"})
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})

_SCALAR, _VECTOR = ValueType.SCALAR, ValueType.VECTOR
_OPERANDS = (_SCALAR, _VECTOR)
_NAMES = {ValueType.VECTOR: "instant vector", ValueType.MATRIX: "range vector"}
_SPACES = b" \t\n\r"


def check_types(root: Node, source: bytes) -> None:
    """Raises ParseError for the first node that is wrong. source: the text of the query."""
    check = _Check(source)
    stack = [check.node(root)]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
        else:
            stack.append(check.node(child))


class _Check:
    """The check of one tree, node by node."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        # Selectors that may match everything, by identity: the second argument of info().
        self._unbounded: set[int] = set()

    def node(self, node: Node) -> Iterator[Node]:
        match node:
            case VectorSelector():
                self._selector(node)
            case Call():
                yield from self._call(node)
            case Binary():
                yield node.lhs
                yield node.rhs
                self._binary(node)
            case Aggregate():
                yield from self._aggregate(node)
            case MatrixSelector():
                yield node.selector
            case Paren():
                yield node.expr
            case Unary():
                yield node.expr
                self._unary(node)
            case Subquery():
                yield node.expr
                if node.expr.type is not _VECTOR:
                    found = node.expr.type.value
                    text = f"subquery is only allowed on instant vector, got {found} instead"
                    raise self._error(text, node)

    def _selector(self, node: VectorSelector) -> None:
        if node.name:
            for matcher in node.matchers[:-1]:
                if matcher.name == METRIC_NAME:
                    names = f"{quote(node.name)} or {quote(matcher.value)}"
                    text = f"metric name must not be set twice: {names}"
                    raise self._error(text, node)
        elif id(node) not in self._unbounded and all(map(passes_empty, node.matchers)):
            raise self._error("vector selector must contain at least one non-empty matcher", node)

    def _aggregate(self, node: Aggregate) -> Iterator[Node]:
        yield node.expr
        self._expect(node.expr, _VECTOR, "aggregation expression")
        wanted = AGGREGATORS[node.op].param
        if node.param is not None and wanted is not None:
            yield node.param
            self._expect(node.param, wanted, "aggregation parameter")

    def _unary(self, node: Unary) -> None:
        if node.expr.type not in _OPERANDS:
            text = (
                "unary expression only allowed on expressions of type scalar or instant vector, "
                f'got "{type_name(node.expr.type)}"'
            )
            raise self._error(text, node)

    # Calls

    def _call(self, node: Call) -> Iterator[Node]:
        signature = FUNCTIONS[node.func]
        self._count_arguments(node, signature)
        if node.func == "info" and len(node.args) > 1:
            self._check_info(node)
        where = f'call to function "{node.func}"'
        for argument, wanted in zip_longest(node.args, signature.args[: len(node.args)]):
            yield argument
            self._expect(argument, wanted or signature.args[-1], where)

    def _count_arguments(self, node: Call, signature: Signature) -> None:
        count, least = len(node.args), len(signature.args)
        if signature.variadic:
            least -= 1
        most = least + signature.variadic
        if signature.variadic == 0 and count != least:
            limit = f"{least}"
        elif count < least:
            limit = f"at least {least}"
        elif signature.variadic > 0 and most < count:
            limit = f"at most {most}"
        else:
            return
        text = f'expected {limit} argument(s) in call to "{node.func}", got {count}'
        raise self._error(text, node)

    def _check_info(self, node: Call) -> None:
        """The second argument is a selector of labels that goes without a metric name."""
        labels = node.args[1]
        if labels.type is not _VECTOR:
            text = (
                f'expected type instant vector in call to function "info", '
                f"got {type_name(labels.type)}"
            )
            raise self._error(text, node)
        if not isinstance(labels, VectorSelector):
            raise self._error("expected label selectors only", labels)
        if labels.name:
            text = "expected label selectors only, got vector selector instead"
            raise self._error(text, labels)
        self._unbounded.add(id(labels))

    # Binary operations

    def _binary(self, node: Binary) -> None:
        matching, is_set = node.matching, node.op in SET_OPERATORS
        assert matching is not None, "BUG: the parser gives every operation a matching"
        self._check_operator(node, matching)
        for side in (node.lhs, node.rhs):
            if side.type not in _OPERANDS:
                text = "binary expression must contain only scalar and instant vector types"
                raise self._error(text, side)
        if node.lhs.type is _VECTOR and node.rhs.type is _VECTOR:
            if is_set:
                self._check_set_matching(node, matching)
            return
        if matching.labels:
            raise self._error("vector matching only allowed between instant vectors", node)
        if _is_filled(matching):
            text = "filling in missing series only allowed between instant vectors"
            raise self._error(text, node)
        node.matching = None
        if is_set:
            text = f'set operator "{node.op}" not allowed in binary scalar expression'
            raise self._error(text, node)

    def _check_operator(self, node: Binary, matching: VectorMatching) -> None:
        is_comparison = node.op in COMPARISONS
        if node.return_bool and not is_comparison:
            text = "bool modifier can only be used on comparison operators"
            raise self._operator_error(text, node)
        if is_comparison and not node.return_bool and node.type is _SCALAR:
            text = "comparisons between scalars must use BOOL modifier"
            raise self._operator_error(text, node)
        for label in matching.labels if matching.on else ():
            if label in matching.include:
                text = f"label {quote(label)} must not occur in ON and GROUP clause at once"
                raise self._operator_error(text, node)

    def _check_set_matching(self, node: Binary, matching: VectorMatching) -> None:
        if matching.card is not Card.ONE_TO_ONE:
            raise self._error(f'no grouping allowed for "{node.op}" operation', node)
        matching.card = Card.MANY_TO_MANY
        if _is_filled(matching):
            raise self._error("filling in missing series not allowed for set operators", node)

    def _operator_error(self, message: str, node: Binary) -> ParseError:
        """An error about the operator: what stands between the two sides, without spaces."""
        start, end = node.lhs.end, node.rhs.start - 1
        while self._source[start] in _SPACES:
            start += 1
        while self._source[end] in _SPACES:
            end -= 1
        return ParseError(message, start, end, self._source)

    # Errors

    def _expect(self, node: Node, wanted: ValueType, where: str) -> None:
        if node.type is not wanted:
            text = f"expected type {type_name(wanted)} in {where}, got {type_name(node.type)}"
            raise self._error(text, node)

    def _error(self, message: str, node: Node) -> ParseError:
        return ParseError(message, node.start, node.end, self._source)


def type_name(value_type: ValueType) -> str:
    """The name of a type in documentation and error texts."""
    return _NAMES.get(value_type, value_type.value)


def _is_filled(matching: VectorMatching) -> bool:
    return matching.fill_left is not None or matching.fill_right is not None


def passes_empty(matcher: Matcher) -> bool:
    if matcher.op in ("=", "!="):
        return (matcher.value == "") == (matcher.op == "=")
    return matches_empty(matcher.value) == (matcher.op == "=~")
