"""Rows picked and put together."""

import numpy as np

from api.promql.vectors.rows import concat, emptied, repeated
from api.promql.vectors.value import Vector
from tests.twins.promql.vectors import make_context, make_vector, read_vector


def test_concat_keeps_marks() -> None:
    context = make_context(1)
    a = make_vector(context, [({"a": "x"}, [1.0])])
    b = make_vector(context, [({"b": "y"}, [2.0])])
    marked = Vector(b.labels, b.values, b.present, np.array([True]))
    joined = concat(a, marked)
    assert joined.labels.labelset(1) == {"b": "y"}
    assert joined.drop_name is not None
    assert joined.drop_name.tolist() == [False, True]
    assert concat(a, b).drop_name is None


def test_rows_are_emptied_and_repeated() -> None:
    vector = make_vector(make_context(1), [({"a": "x"}, [1.0]), ({"a": "y"}, [None])])
    assert emptied(vector).labels is vector.labels and read_vector(emptied(vector)) == []
    assert repeated(vector, 3).present.tolist() == [[True] * 3, [False] * 3]
    assert [cells for _, cells in read_vector(repeated(vector, 3))] == [[1.0] * 3]
