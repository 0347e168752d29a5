"""The parts of matching that whole operators do not pin down; the rest is in test_binary."""

import pytest

from api.promql.operators.matching import match_groups, match_labels
from api.promql.syntax.nodes import VectorMatching
from storage.labels.frames import LabelFrame, Symbols
from tests.twins.promql.vectors import signature

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
