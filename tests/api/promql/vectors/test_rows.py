"""Rows picked and put together."""

import numpy as np

from api.promql.vectors.rows import concat
from api.promql.vectors.value import Vector
from tests.twins.promql.vectors import make_context, make_vector


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
