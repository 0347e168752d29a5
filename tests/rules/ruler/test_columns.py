"""Results as columns, against the rows that rules/evaluation makes of the same results."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.promql.vectors.value import Result, Scalar, String, Vector
from rules.evaluation.rows import Row, RuleError, key_of, rows_of
from rules.evaluation.steps import recorded as plain
from rules.groups import Group, Rule
from rules.ruler.columns import (
    NO_LABELSETS,
    Labelsets,
    joined,
    labelsets_of,
    labelsets_of_keys,
    part_of_rows,
    recorded,
    stale_part,
)
from rules.unit_tests.notation import parse_values
from storage.labels.frames import LabelFrame, Symbols
from tests.makers.rules.ruling import ENGINE, STALE, World, samples_of

NAMES = st.sampled_from(["__name__", "job", "team"])
TEXTS = st.sampled_from(["", "a", "b"])
LABELSETS = st.lists(st.dictionaries(NAMES, TEXTS), max_size=5)
OWN = st.dictionaries(st.sampled_from(["team", "zone"]), TEXTS)


def vector(labelsets: list[dict[str, str]], present: list[bool]) -> Result:
    frame = LabelFrame.from_dicts(Symbols(), labelsets)
    values = np.arange(len(labelsets), dtype=np.float64).reshape(-1, 1)
    there = np.array(present[: len(labelsets)], np.bool_).reshape(-1, 1)
    return Result(Vector(frame, values, there), np.zeros(1, np.int64), False)


@given(LABELSETS, OWN, st.lists(st.booleans(), min_size=5, max_size=5), st.integers(0, 3))
def test_what_is_recorded(
    labelsets: list[dict[str, str]], own: dict[str, str], present: list[bool], limit: int
) -> None:
    result = vector(labelsets, present)
    rule = Rule("x", record="r", labels=own)
    try:
        rows = plain(Group("g", limit=limit), rule, rows_of(result))
    except RuleError as error:
        with pytest.raises(RuleError) as caught:
            recorded(result, "r", own, limit)
        assert str(caught.value) == str(error)
        return
    part = recorded(result, "r", own, limit)
    found = samples_of(joined([part], 5))
    assert found == [(dict(sorted(row.labels.items())), 5, row.value) for row in rows]


def test_labels_are_made_once_for_a_frame() -> None:
    result = vector([{"job": "a"}, {"job": "b"}], [True, True])
    first = recorded(result, "r", {"team": "x"}, 0)
    assert recorded(result, "r", {"team": "x"}, 0).labelsets is first.labelsets
    assert recorded(result, "r", {"team": "y"}, 0).labelsets is not first.labelsets
    assert recorded(result, "s", {"team": "x"}, 0).labelsets is not first.labelsets


def test_scalars_and_what_is_none() -> None:
    steps = np.zeros(1, np.int64)
    part = recorded(Result(Scalar(np.array([7.0])), steps, False), "r", {}, 0)
    assert samples_of(joined([part], 1)) == [({"__name__": "r"}, 1, 7.0)]
    with pytest.raises(RuleError, match="rule result is not a vector or scalar"):
        recorded(Result(String("x"), steps, False), "r", {}, 0)


def test_parts_are_joined_with_their_histograms() -> None:
    world = World()
    store = world.store("t")
    for text in ("h", "i"):
        (value,) = parse_values("{{schema:0 sum:3 count:2 buckets:[1 1]}}")
        store.put({"__name__": text}, [(0, value)])
    store.put({"__name__": "f"}, [(0, 4.0)])
    results = [ENGINE.instant_query(store, text, 0) for text in ("f", '{__name__=~"[fhi]"}', "h")]
    parts = [recorded(result, f"r{k}", {}, 0) for k, result in enumerate(results) if k != 1]
    rows = rows_of(results[1])
    parts.append(part_of_rows([Row(row.labels, row.value) for row in rows]))
    parts.append(stale_part(parts[0].labelsets))
    found = samples_of(joined(parts, 9))
    histogram = rows_of(results[2])[0].value
    assert found[0] == ({"__name__": "r0"}, 9, 4.0)
    assert found[1] == ({"__name__": "r2"}, 9, histogram)
    assert sorted(found[2:5], key=lambda each: each[0]["__name__"]) == [
        ({"__name__": "f"}, 9, 4.0),
        ({"__name__": "h"}, 9, histogram),
        ({"__name__": "i"}, 9, histogram),
    ]
    assert found[5] == ({"__name__": "r0"}, 9, STALE)


KEYS = st.frozensets(st.dictionaries(NAMES, st.sampled_from("ab")).map(key_of), max_size=6)


@given(KEYS, KEYS, KEYS)
def test_what_is_left_of_label_sets(a: frozenset, b: frozenset, c: frozenset) -> None:
    found = labelsets_of_keys(a).without(labelsets_of_keys(b), labelsets_of_keys(c))
    assert set(found.texts) == set(labelsets_of_keys(a - b - c).texts)
    assert len(found) == len(a - b - c)


def test_equal_label_sets() -> None:
    one = labelsets_of([b"ab", b"c"])
    assert one.equals(labelsets_of([b"ab", b"c"]))
    assert not one.equals(labelsets_of([b"a", b"bc"]))
    assert not one.equals(labelsets_of([b"ab", b"d"]))
    assert len(one.without(Labelsets(one.content, one.offsets))) == 0
    assert len(NO_LABELSETS) == len(joined([], 0).samples) == 0
