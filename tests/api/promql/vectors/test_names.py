"""Dropping the metric name, at once and delayed."""

import numpy as np
import pytest

from api.promql.annotations import Annotations
from api.promql.bounds import Bound
from api.promql.context import Budget, Context
from api.promql.errors import ExecutionError
from api.promql.features import Features
from api.promql.options import EngineOptions
from api.promql.vectors.names import drop_metric_name, finish_names, merge_equal_rows
from api.promql.vectors.value import Vector
from storage.labels.frames import LabelFrame, Symbols

NAN = float("nan")


def context(*, delayed: bool = False) -> Context:
    return Context(
        steps=np.array([0, 1], np.int64),
        start_ms=0,
        end_ms=1,
        step_ms=1,
        is_range=True,
        symbols=Symbols(),
        features=Features(delayed_name_removal=delayed),
        options=EngineOptions(),
        budget=Budget(Bound(1000, "query.max-samples"), 1000),
        annotations=Annotations(b""),
    )


def vector(ctx: Context, *rows: tuple[dict[str, str], list[float | None]]) -> Vector:
    """None stands for an absent cell."""
    present = np.array([[v is not None for v in values] for _, values in rows])
    values = np.array([[NAN if v is None else v for v in values] for _, values in rows])
    return Vector(LabelFrame.from_dicts(ctx.symbols, [ls for ls, _ in rows]), values, present)


def as_rows(v: Vector) -> list[tuple[dict[str, str], list[float | None]]]:
    return [
        (
            v.labels.labelset(i),
            [float(x) if p else None for x, p in zip(v.values[i], v.present[i], strict=True)],
        )
        for i in range(v.labels.rows)
    ]


def test_name_type_and_unit_go() -> None:
    ctx = context()
    row = {"__name__": "x", "__type__": "gauge", "__unit__": "s", "a": "1"}
    dropped = drop_metric_name(ctx, vector(ctx, (row, [1.0, 2.0])))
    assert as_rows(dropped) == [({"a": "1"}, [1.0, 2.0])]


def test_rows_that_become_equal_are_merged_where_they_do_not_meet() -> None:
    ctx = context()
    v = vector(
        ctx,
        ({"__name__": "x", "a": "1"}, [1.0, None]),
        ({"__name__": "y", "a": "2"}, [5.0, 6.0]),
        ({"__name__": "y", "a": "1"}, [None, 2.0]),
    )
    assert as_rows(drop_metric_name(ctx, v)) == [
        ({"a": "1"}, [1.0, 2.0]),
        ({"a": "2"}, [5.0, 6.0]),
    ]
    with pytest.raises(ExecutionError, match="same labelset"):
        drop_metric_name(ctx, v, merge=False)


def test_rows_that_become_equal_and_meet_are_an_error() -> None:
    ctx = context()
    v = vector(ctx, ({"__name__": "x"}, [1.0, 1.0]), ({"__name__": "y"}, [None, 2.0]))
    with pytest.raises(ExecutionError, match="same labelset"):
        drop_metric_name(ctx, v)


def test_an_absent_row_is_no_duplicate_even_where_merging_is_none() -> None:
    ctx = context()
    v = vector(ctx, ({"__name__": "x"}, [None, None]), ({"__name__": "y"}, [1.0, 2.0]))
    assert as_rows(drop_metric_name(ctx, v, merge=False)) == [({}, [1.0, 2.0])]


def test_delayed_removal_marks_first_and_drops_at_the_end() -> None:
    ctx = context(delayed=True)
    v = vector(ctx, ({"__name__": "x", "a": "1"}, [1.0, None]), ({"__name__": "y"}, [2.0, 3.0]))
    marked = drop_metric_name(ctx, v)
    assert marked.drop_name is not None and marked.drop_name.all()
    assert as_rows(marked) == as_rows(v)
    assert as_rows(finish_names(ctx, marked)) == [({"a": "1"}, [1.0, None]), ({}, [2.0, 3.0])]


def test_only_marked_rows_lose_their_name() -> None:
    ctx = context(delayed=True)
    v = vector(ctx, ({"__name__": "x"}, [1.0, None]), ({"__name__": "y"}, [2.0, 3.0]))
    marked = Vector(v.labels, v.values, v.present, np.array([True, False]))
    finished = finish_names(ctx, marked)
    assert as_rows(finished) == [({}, [1.0, None]), ({"__name__": "y"}, [2.0, 3.0])]


def test_marked_rows_that_become_equal_are_merged_or_refused() -> None:
    ctx = context(delayed=True)
    apart = vector(ctx, ({"__name__": "x"}, [1.0, None]), ({"__name__": "y"}, [None, 3.0]))
    assert as_rows(finish_names(ctx, drop_metric_name(ctx, apart))) == [({}, [1.0, 3.0])]
    meeting = vector(ctx, ({"__name__": "x"}, [1.0, None]), ({"__name__": "y"}, [2.0, 3.0]))
    with pytest.raises(ExecutionError, match="same labelset"):
        finish_names(ctx, drop_metric_name(ctx, meeting))


def test_merging_keeps_marks() -> None:
    ctx = context()
    v = vector(ctx, ({"a": "1"}, [1.0, None]), ({"a": "1"}, [None, 2.0]))
    merged = merge_equal_rows(Vector(v.labels, v.values, v.present, np.array([True, True])))
    assert merged.drop_name is not None and merged.drop_name.tolist() == [True]
