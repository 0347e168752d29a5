"""The nodes of a PromQL expression tree.

Positions are half-open byte offsets [start, end) into the UTF-8 text of the query. A tree is never
changed after parsing: what planning finds out is kept beside it, by node identity.
Durations are integer milliseconds. A duration *expression* (`[5m * 2]`, `offset step()`) is kept as
a tree in the `*_expr` field and resolved by `api.promql.plan`, because it may depend on the query's
step.

Trees may be deeper than Python may recurse. The type of a node is therefore fixed when it is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from storage.labels.matchers import Matcher


class ValueType(Enum):
    """The static type of an expression; the value is the name used in error texts."""

    NONE = "none"
    SCALAR = "scalar"
    VECTOR = "vector"
    MATRIX = "matrix"
    STRING = "string"


class Card(Enum):
    """The cardinality of a vector match; the value is the name used in error texts."""

    ONE_TO_ONE = "one-to-one"
    MANY_TO_ONE = "many-to-one"
    ONE_TO_MANY = "one-to-many"
    MANY_TO_MANY = "many-to-many"


@dataclass(slots=True, eq=False)
class Node:
    """Base of all expressions: where it stands in the text, and its static type."""

    start: int
    end: int

    @property
    def type(self) -> ValueType:
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class NumberLiteral(Node):
    value: float
    is_duration: bool = False  # written as a duration, such as 5m for 300

    @property
    def type(self) -> ValueType:
        return ValueType.SCALAR


@dataclass(slots=True, eq=False)
class StringLiteral(Node):
    value: str  # bytes that are not UTF-8 are kept by surrogateescape

    @property
    def type(self) -> ValueType:
        return ValueType.STRING


@dataclass(slots=True, eq=False)
class Paren(Node):
    expr: Node
    _type: ValueType = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._type = self.expr.type

    @property
    def type(self) -> ValueType:
        return self._type


@dataclass(slots=True, eq=False)
class Unary(Node):
    op: str  # "+" or "-"
    expr: Node
    _type: ValueType = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._type = self.expr.type

    @property
    def type(self) -> ValueType:
        return self._type


@dataclass(slots=True, eq=False)
class VectorMatching:
    """How the two sides of a vector operation are matched.

    labels: those of on() or ignoring(); include: those of group_left() or group_right().
    fill_left, fill_right: the value that stands for a missing sample of that side, or None.
    """

    card: Card = Card.ONE_TO_ONE
    on: bool = False
    labels: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None


@dataclass(slots=True, eq=False)
class Binary(Node):
    op: str  # + - * / % ^ atan2 == != < > <= >= and or unless </ >/
    lhs: Node
    rhs: Node
    return_bool: bool = False
    matching: VectorMatching | None = None  # set exactly if both sides are vectors
    _type: ValueType = field(init=False, repr=False)

    def __post_init__(self) -> None:
        are_scalars = self.lhs.type is ValueType.SCALAR and self.rhs.type is ValueType.SCALAR
        self._type = ValueType.SCALAR if are_scalars else ValueType.VECTOR

    @property
    def type(self) -> ValueType:
        return self._type


@dataclass(slots=True, eq=False)
class Aggregate(Node):
    op: str
    expr: Node
    param: Node | None = None
    grouping: tuple[str, ...] = ()
    without: bool = False

    @property
    def type(self) -> ValueType:
        return ValueType.VECTOR


@dataclass(slots=True, eq=False)
class Call(Node):
    func: str
    args: tuple[Node, ...]
    return_type: ValueType

    @property
    def type(self) -> ValueType:
        return self.return_type


@dataclass(slots=True, eq=False)
class DurationExpr(Node):
    """Arithmetic over durations: numbers (seconds), step(), range(), min_of(), max_of().

    op: + - * / % ^ step range min_of max_of, or "" for a literal kept in `value` (seconds;
    is_duration: written as one). A unary sign has lhs None. wrapped: it stood in parentheses.
    """

    op: str
    lhs: DurationExpr | None = None
    rhs: DurationExpr | None = None
    value: float = 0.0
    wrapped: bool = False
    is_duration: bool = False

    @property
    def type(self) -> ValueType:
        return ValueType.SCALAR


@dataclass(slots=True, eq=False)
class Shift:
    """The modifiers that move a selector or subquery in time.

    at_ms: the fixed time of `@ 123.4`; at_edge: "start" or "end" for `@ start()` and `@ end()`.
    offset_sign: 1 or -1 if a literal offset was written, were it less than a millisecond.
    """

    offset_ms: int = 0
    offset_expr: DurationExpr | None = None
    at_ms: int | None = None
    at_edge: str = ""
    offset_sign: int = 0


@dataclass(slots=True, eq=False)
class VectorSelector(Node):
    name: str  # the metric name written before the braces, "" if none
    matchers: tuple[Matcher, ...]  # including the one for __name__
    shift: Shift = field(default_factory=Shift)
    anchored: bool = False
    smoothed: bool = False

    @property
    def type(self) -> ValueType:
        return ValueType.VECTOR


@dataclass(slots=True, eq=False)
class MatrixSelector(Node):
    """A range selector; offset, @, anchored and smoothed are those of `selector`."""

    selector: VectorSelector
    range_ms: int = 0
    range_expr: DurationExpr | None = None

    @property
    def type(self) -> ValueType:
        return ValueType.MATRIX


@dataclass(slots=True, eq=False)
class Subquery(Node):
    expr: Node
    range_ms: int = 0
    range_expr: DurationExpr | None = None
    step_ms: int = 0  # 0: the default resolution of subqueries
    step_expr: DurationExpr | None = None
    shift: Shift = field(default_factory=Shift)

    @property
    def type(self) -> ValueType:
        return ValueType.MATRIX


def children(node: Node) -> tuple[Node, ...]:
    """The expressions directly below a node; a matrix selector has its vector selector."""
    match node:
        case Paren(expr=expr) | Unary(expr=expr) | Subquery(expr=expr):
            return (expr,)
        case Binary(lhs=lhs, rhs=rhs):
            return (lhs, rhs)
        case Aggregate(expr=expr, param=param):
            return (expr,) if param is None else (expr, param)
        case Call(args=args):
            return args
        case MatrixSelector(selector=selector):
            return (selector,)
    return ()


def without_parens(node: Node) -> Node:
    while isinstance(node, Paren):
        node = node.expr
    return node
