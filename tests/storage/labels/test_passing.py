"""Rows of a frame that pass matchers, against the matchers' plain test."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.labels.passing import passing, passing_any
from tests.makers.memory_store import matches

texts = st.sampled_from(["", "x", "y", "xy"])
labelsets = st.lists(st.dictionaries(st.sampled_from("ab"), texts), max_size=6)
matchers = st.lists(
    st.builds(
        Matcher,
        st.sampled_from("abc"),
        st.sampled_from(["=", "!=", "=~", "!~"]),
        st.sampled_from(["", "x", "x|y", ".*", ".+", "x.*"]),
    ),
    max_size=3,
)


@given(labelsets, st.lists(matchers, max_size=3))
def test_rows_pass_as_their_labels_do(
    sets: list[dict[str, str]], wanted: list[list[Matcher]]
) -> None:
    frame = LabelFrame.from_dicts(Symbols(), sets)
    passes = [
        [all(matches(m, own.get(m.name, "")) for m in each) for own in sets] for each in wanted
    ]
    for each, rows in zip(wanted, passes, strict=True):
        assert passing(frame, each).tolist() == rows
    any_of = [any(row) for row in zip(*passes, strict=True)] if wanted else [True] * len(sets)
    assert passing_any(frame, wanted).tolist() == any_of
