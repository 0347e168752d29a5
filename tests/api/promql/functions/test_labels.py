"""label_replace and label_join."""

import numpy as np
import pytest

from api.promql.errors import ExecutionError
from api.promql.functions.labels import label_join, label_replace
from api.promql.syntax.literals import is_label_name
from api.promql.syntax.nodes import Call, NumberLiteral, ValueType
from api.promql.vectors.value import String, Vector
from tests.twins.promql.vectors import Series, as_dict, make_context, make_vector, read_vector

NODE = Call(0, 1, "f", (NumberLiteral(0, 1, 0.0),), ValueType.VECTOR)

SERIES: list[Series] = [
    ({"__name__": "m", "src": "a-1", "keep": "x"}, [1.0, None]),
    ({"__name__": "m", "src": "a-2", "dst": "old"}, [2.0, 2.0]),
    ({"__name__": "n", "dst": "old"}, [None, 3.0]),
]


def replace(series: list[Series], *texts: str) -> list[Series]:
    context = make_context(2)
    got = label_replace(context, NODE, [make_vector(context, series), *map(String, texts)])
    return read_vector(got)


def join(series: list[Series], *texts: str) -> list[Series]:
    context = make_context(2)
    return read_vector(
        label_join(context, NODE, [make_vector(context, series), *map(String, texts)])
    )


def test_replace_sets_keeps_and_removes() -> None:
    assert as_dict(replace(SERIES, "dst", "n$1", "src", "a-(.)")) == as_dict(
        [
            ({"__name__": "m", "src": "a-1", "keep": "x", "dst": "n1"}, [1.0, None]),
            ({"__name__": "m", "src": "a-2", "dst": "n2"}, [2.0, 2.0]),
            ({"__name__": "n", "dst": "old"}, [None, 3.0]),
        ]
    )
    assert replace(SERIES[1:], "dst", "", "src", ".*") == [
        ({"__name__": "m", "src": "a-2"}, [2.0, 2.0]),
        ({"__name__": "n"}, [None, 3.0]),
    ]


def test_equal_rows_are_joined_unless_they_meet() -> None:
    apart: list[Series] = [({"a": "x"}, [1.0, None]), ({"a": "y"}, [None, 2.0])]
    assert replace(apart, "a", "z", "a", ".*") == [({"a": "z"}, [1.0, 2.0])]
    with pytest.raises(ExecutionError, match="cannot contain metrics with the same labelset"):
        replace([*apart, ({"a": "w"}, [3.0, None])], "a", "z", "a", ".*")


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        (("dst", "", "src", "(.*"), "invalid regular expression in label_replace(): (.*"),
        (("", "", "src", ".*"), "invalid destination label name in label_replace(): "),
        (("\udcff", "", "s", ".*"), "invalid destination label name in label_replace(): \udcff"),
    ],
)
def test_replace_refuses(texts: tuple[str, ...], error: str) -> None:
    with pytest.raises(ExecutionError) as caught:
        replace(SERIES, *texts)
    assert str(caught.value) == error


def test_join() -> None:
    got = join(SERIES, "dst", "/", "src", "nosuch", "keep")
    assert [labels["dst"] for labels, _ in got] == ["a-1//x", "a-2//", "//"]
    assert all("dst" not in labels for labels, _ in join(SERIES, "dst", "", "nosuch"))
    assert all("dst" not in labels for labels, _ in join(SERIES, "dst", "/"))


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        (("", "/", "src"), "invalid destination label name in label_join(): "),
        (("dst", "/", "src", ""), "invalid source label name in label_join(): "),
    ],
)
def test_join_refuses(texts: tuple[str, ...], error: str) -> None:
    with pytest.raises(ExecutionError) as caught:
        join(SERIES, *texts)
    assert str(caught.value) == error


def test_a_new_name_is_not_dropped_later() -> None:
    context = make_context(2, delayed=True)
    plain = make_vector(context, SERIES)
    vector = Vector(plain.labels, plain.values, plain.present, np.array([True, True, False]))
    renamed = label_replace(
        context, NODE, [vector, *map(String, ("__name__", "new_$1", "src", "a-(1)"))]
    )
    assert renamed.drop_name is not None
    assert renamed.drop_name.tolist() == [False, True, False]
    other = label_join(context, NODE, [vector, *map(String, ("x", "", "src"))])
    assert other.drop_name is not None
    assert other.drop_name.tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("name", "valid"), [("a", True), ("~é", True), ("", False), ("\udc80", False)]
)
def test_label_names(name: str, valid: bool) -> None:
    assert is_label_name(name) == valid
