"""The parts of matching that whole operators do not pin down; the rest is in test_binary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.promql.operators.matching import concat, match_groups, match_labels, pair_rows
from api.promql.syntax.nodes import VectorMatching
from api.promql.vectors.value import Vector
from storage.labels.frames import LabelFrame, Symbols
from tests.twins.promql.vectors import make_context, make_vector, signature

LEFT = [{"__name__": "m", "a": "x", "b": "1"}, {"__name__": "n", "a": "x", "b": "2"}, {"a": "y"}]
RIGHT = [{"__name__": "o", "a": "y"}, {"a": "x", "c": "9"}, {"a": "x", "b": "1"}]


@pytest.mark.parametrize(
    "matching",
    [
        VectorMatching(),
        VectorMatching(on=True),
        VectorMatching(on=True, labels=("a",)),
        VectorMatching(on=True, labels=("a", "__name__")),
        VectorMatching(labels=("b",)),
        VectorMatching(labels=("b", "c")),
    ],
)
def test_groups_are_the_signatures(matching: VectorMatching) -> None:
    symbols = Symbols()
    frames = [LabelFrame.from_dicts(symbols, side) for side in (LEFT, RIGHT)]
    left, right, groups = match_groups(*frames, matching)
    numbers = [*left.tolist(), *right.tolist()]
    signatures = [signature(labels, matching) for labels in (*LEFT, *RIGHT)]
    assert groups == len(set(signatures)) == len(set(numbers))
    assert len(set(zip(numbers, signatures, strict=True))) == groups
    shown = [match_labels(frames[0], matching).labelset(row) for row in range(3)]
    assert [tuple(sorted(labels.items())) for labels in shown] == signatures[:3]


GROUPS = st.lists(st.integers(0, 4), max_size=8)


@given(GROUPS, GROUPS)
def test_pair_rows(many: list[int], one: list[int]) -> None:
    pairing = pair_rows(np.array(many, np.int64), np.array(one, np.int64), 5)
    got = list(zip(pairing.many.tolist(), pairing.one.tolist(), strict=True))
    assert got == [(i, j) for i, g in enumerate(many) for j, h in enumerate(one) if g == h]


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
