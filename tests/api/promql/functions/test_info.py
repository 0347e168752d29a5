"""The label work of info(); scripts test the rules, and test_fuzz compares with a slow twin."""

import numpy as np
import pytest

from api.promql.context import Context
from api.promql.errors import ExecutionError
from api.promql.functions.info import enrich, newest_rows
from api.promql.syntax.info_selector import TARGET_INFO, InfoSelector
from api.promql.vectors.value import Vector
from storage.labels.matchers import Matcher
from tests.twins.promql.vectors import Series, make_context, make_vector, read_vector

ANY = InfoSelector((TARGET_INFO,), ())


def base(**labels: str) -> dict[str, str]:
    return {"__name__": "m", "instance": "a", **labels}


def described(**labels: str) -> dict[str, str]:
    return {"__name__": "target_info", "instance": "a", **labels}


def enriched(rows: list[Series], infos: list[Series], selector: InfoSelector = ANY) -> list[Series]:
    context = make_context(3)
    return read_vector(vector(context, rows, infos, selector))


def vector(
    context: Context, rows: list[Series], infos: list[Series], selector: InfoSelector
) -> Vector:
    return enrich(context, make_vector(context, rows), make_vector(context, infos), selector)


def test_rows_keep_their_order_and_are_split_where_the_info_changes() -> None:
    rows: list[Series] = [
        (base(n="1"), [1.0, 2.0, 3.0]),
        (base(n="2", instance="b"), [4.0, None, 6.0]),
        (base(n="3"), [None, 8.0, None]),
    ]
    infos: list[Series] = [
        (described(v="old"), [0.0, 0.0, None]),
        (described(v="new"), [None, 5.0, 5.0]),
    ]
    assert enriched(rows, infos) == [
        (base(n="1", v="old"), [1.0, None, None]),
        (base(n="1", v="new"), [None, 2.0, 3.0]),
        (base(n="2", instance="b"), [4.0, None, 6.0]),
        (base(n="3", v="new"), [None, 8.0, None]),
    ]


def test_rows_that_become_equal_are_joined() -> None:
    rows: list[Series] = [(base(v="1"), [1.0, None, None]), (base(), [None, 2.0, 3.0])]
    infos: list[Series] = [(described(v="1"), [0.0, 0.0, None])]
    assert enriched(rows, infos) == [
        (base(v="1"), [1.0, 2.0, None]),
        (base(), [None, None, 3.0]),
    ]


def test_rows_that_become_equal_and_meet_are_refused() -> None:
    rows: list[Series] = [(base(v="1"), [1.0, 1.0, None]), (base(), [None, 2.0, 3.0])]
    with pytest.raises(ExecutionError, match="same labelset"):
        enriched(rows, [(described(v="1"), [0.0, 0.0, 0.0])])


def test_labels_that_disagree_matter_only_where_they_are_added() -> None:
    names = InfoSelector((Matcher("__name__", "=~", ".+_info"),), ())
    infos: list[Series] = [
        (described(v="1"), [0.0, 0.0, 0.0]),
        ({**described(v="2"), "__name__": "build_info"}, [0.0, 0.0, 0.0]),
    ]
    own: list[Series] = [(base(v="own"), [1.0, 1.0, 1.0])]
    assert enriched(own, infos, names) == own
    with pytest.raises(ExecutionError, match="conflicting label: v"):
        enriched([(base(), [1.0, 1.0, 1.0])], infos, names)


def test_equally_new_info_series_matter_only_at_steps_with_samples() -> None:
    infos: list[Series] = [
        (described(v="1"), [0.0, 7.5, 7.5]),
        (described(v="2"), [None, 7.5, 8.0]),
    ]
    assert enriched([(base(), [1.0, None, 2.0])], infos) == [
        (base(v="1"), [1.0, None, None]),
        (base(v="2"), [None, None, 2.0]),
    ]
    with pytest.raises(ExecutionError, match=r"duplicate series .* @ 7500, new .* @ 7500"):
        enriched([(base(), [1.0, 1.0, None])], infos)


def test_marks_of_dropped_names_stay_with_their_rows() -> None:
    context = make_context(1)
    rows = make_vector(context, [(base(n="1"), [1.0]), (base(n="2", instance="b"), [2.0])])
    marked = Vector(rows.labels, rows.values, rows.present, np.array([True, False]))
    info = make_vector(context, [(described(v="1"), [0.0])])
    result = enrich(context, marked, info, ANY)
    assert result.drop_name is not None and result.drop_name.tolist() == [True, False]


def test_newest_rows_are_chosen_step_by_step() -> None:
    times = np.array([[1.0, 5.0, 5.0], [2.0, 4.0, 5.0], [9.0, 9.0, 9.0]])
    present = np.array([[True, True, True], [True, True, False], [True, False, True]])
    group = np.array([0, 0, 1])
    newest, a, b = newest_rows(group, 2, times, present, np.array([True, True, True]))
    assert newest.tolist() == [[1, 0, 0], [2, -1, 2]]
    assert (a, b) == (-1, -1)
    present[1, 2] = True
    assert newest_rows(group, 2, times, present, np.array([True, True, True]))[1:] == (0, 1)
    assert newest_rows(group, 2, times, present, np.array([True, True, False]))[1:] == (-1, -1)
