"""What a call of a range function says about its input."""

from dataclasses import replace

import numpy as np
import pytest

from api.promql.annotations import Place
from api.promql.features import Features
from api.promql.ranges.calls import RangeCall, note_non_counters
from api.promql.ranges.windows import Windows
from api.promql.syntax.nodes import Call
from api.promql.syntax.parser import parse
from tests.api.promql.vectors.test_names import as_rows, context, vector

NOTE = "PromQL info: metric might not be a counter, "
BY_NAME = NOTE + "name does not end in _total/_sum/_count/_bucket: "
BY_TYPE = NOTE + '__type__ label is not set to "counter" or "histogram", got '


@pytest.mark.parametrize(
    ("labels", "by_type", "text"),
    [
        ({"__name__": "x"}, False, BY_NAME + '"x" (1:1)'),
        ({"__name__": "x_total"}, False, ""),
        ({"__name__": "x_sum"}, False, ""),
        ({"__name__": "x_count"}, False, ""),
        ({"__name__": "x_bucket"}, False, ""),
        ({"a": "1"}, False, ""),
        ({"__name__": "x_total"}, True, ""),
        ({"__name__": "x"}, True, BY_NAME + '"x" (1:1)'),
        ({"__name__": "x_total", "__type__": "gauge"}, True, BY_TYPE + '"gauge": "x_total" (1:1)'),
        ({"__name__": "x", "__type__": "gauge"}, True, BY_TYPE + '"gauge": "x" (1:1)'),
        ({"__name__": "x", "__type__": "counter"}, True, ""),
        ({"__name__": "x", "__type__": "histogram"}, True, ""),
    ],
)
def test_a_metric_that_is_no_counter_is_noted(
    labels: dict[str, str], text: str, *, by_type: bool
) -> None:
    ctx = replace(context(), features=Features(type_and_unit_labels=by_type))
    note_non_counters(ctx, Place(parse("x")), vector(ctx, (labels, [1.0, None])))
    assert ctx.annotations.infos() == ((text,) if text else ())


def test_a_metric_without_result_is_not_noted() -> None:
    ctx = context()
    v = vector(ctx, ({"__name__": "x"}, [None, None]), ({"__name__": "y"}, [1.0, None]))
    note_non_counters(ctx, Place(parse("x")), v)
    assert ctx.annotations.infos() == (BY_NAME + '"y" (1:1)',)


def test_only_quantiles_of_steps_with_a_result_are_warned_of() -> None:
    ctx = context()
    node = parse("quantile_over_time(x, y[5m])".replace("x", "scalar(x)"))
    assert isinstance(node, Call)
    steps = np.array([0, 1], np.int64)
    call = RangeCall(ctx, node, Windows(steps, steps, 5), [np.array([2.0, -1.0])])
    call.finish(vector(ctx, ({"__name__": "y"}, [1.0, None])))
    assert ctx.annotations.warnings() == (
        "PromQL warning: quantile value should be between 0 and 1, got 2 (1:20)",
    )


def test_a_subquery_keeps_the_marks_of_its_rows() -> None:
    ctx = context(delayed=True)
    node = parse("last_over_time(x[5m:1m])")
    assert isinstance(node, Call)
    steps = np.array([10, 20], np.int64)
    call = RangeCall(ctx, node, Windows(steps, steps, 10), [])
    inner = replace(vector(ctx, ({"__name__": "x"}, [1.0, 2.0])), drop_name=np.array([True]))
    got = call.finish(call.of_subquery(inner, np.array([5, 15])))
    assert as_rows(got) == [({"__name__": "x"}, [1.0, 2.0])]
    assert got.drop_name is not None and got.drop_name.all()
