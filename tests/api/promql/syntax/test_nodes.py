"""The types of nodes."""

import pytest

from api.promql.syntax.nodes import (
    Binary,
    MatrixSelector,
    Node,
    NumberLiteral,
    Paren,
    StringLiteral,
    Subquery,
    Unary,
    ValueType,
    VectorSelector,
)

NUMBER = NumberLiteral(0, 1, 5.0)
VECTOR = VectorSelector(0, 1, "a", ())


@pytest.mark.parametrize(
    "node, expected",
    [
        (NUMBER, ValueType.SCALAR),
        (StringLiteral(0, 1, ""), ValueType.STRING),
        (MatrixSelector(0, 1, VECTOR), ValueType.MATRIX),
        (Subquery(0, 1, VECTOR), ValueType.MATRIX),
        (Paren(0, 1, MatrixSelector(0, 1, VECTOR)), ValueType.MATRIX),
        (Unary(0, 1, "-", NUMBER), ValueType.SCALAR),
        (Binary(0, 1, "+", NUMBER, NUMBER), ValueType.SCALAR),
        (Binary(0, 1, "+", NUMBER, VECTOR), ValueType.VECTOR),
        (Binary(0, 1, "+", VECTOR, NUMBER), ValueType.VECTOR),
    ],
)
def test_type(node: Node, expected: ValueType) -> None:
    assert node.type is expected


def test_the_type_of_a_deep_tree_needs_no_recursion() -> None:
    node: Node = VECTOR
    for _ in range(100_000):
        node = Paren(0, 1, Unary(0, 1, "-", node))
    assert node.type is ValueType.VECTOR


def test_nodes_are_equal_only_to_themselves() -> None:
    assert NumberLiteral(0, 1, 5.0) != NUMBER
    assert len({NUMBER: 1, NumberLiteral(0, 1, 5.0): 2}) == 2
