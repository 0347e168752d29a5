"""The functions of classic histograms: grouping, labels and annotations."""

import math

import numpy as np
import pytest

from api.promql.errors import ExecutionError
from api.promql.functions.table import CALLS
from api.promql.syntax.nodes import Call, NumberLiteral, ValueType
from api.promql.vectors.value import Scalar, String, Value, Vector
from tests.twins.promql.vectors import Series, as_dict, make_context, make_vector, read_vector, show

SERIES: list[Series] = [
    ({"__name__": "h_bucket", "a": "x", "le": "+Inf"}, [4.0, 8.0]),
    ({"__name__": "h_bucket", "a": "x", "le": "1"}, [2.0, 2.0]),
    ({"__name__": "h_bucket", "a": "y", "le": "1.0"}, [1.0, None]),
    ({"__name__": "h_bucket", "a": "x", "le": "2"}, [4.0, 4.0]),
    ({"__name__": "h_bucket", "a": "y", "le": "inf"}, [1.0, None]),
]


def scalar(*values: float) -> Scalar:
    return Scalar(np.array(values))


def call(
    func: str,
    args: list[Value],
    *,
    steps: int = 2,
    series: list[Series] | None = None,
    delayed: bool = False,
) -> tuple[list[Series], tuple[str, ...], tuple[str, ...]]:
    """(result, warnings, infos); argument i stands at column i + 1. None stands for the vector."""
    context = make_context(steps, delayed=delayed)
    vector = make_vector(context, SERIES if series is None else series)
    node = Call(
        0, 1, func, tuple(NumberLiteral(i, 9, 0.0) for i in range(len(args))), ValueType.VECTOR
    )
    given = [vector if arg is VECTOR else arg for arg in args]
    got = CALLS[func](context, node, given)
    assert isinstance(got, Vector)
    return read_vector(got), context.annotations.warnings(), context.annotations.infos()


VECTOR = String("stands for the vector")


def test_quantile() -> None:
    got, warnings, infos = call("histogram_quantile", [scalar(0.5, 0.25), VECTOR])
    assert as_dict(got) == as_dict([({"a": "x"}, [1.0, 1.0]), ({"a": "y"}, [0.5, None])])
    assert warnings == infos == ()


def test_quantiles_have_a_label() -> None:
    args = [VECTOR, String("q"), scalar(0.5, 1.0), scalar(0.0, 0.0)]
    got, _, _ = call("histogram_quantiles", args, series=SERIES[:2] + SERIES[3:4])
    assert as_dict(got) == as_dict(
        [
            ({"a": "x", "q": "0.5"}, [1.0, None]),
            ({"a": "x", "q": "1.0"}, [None, 2.0]),
            ({"a": "x", "q": "0.0"}, [0.0, 0.0]),
        ]
    )


def test_fraction() -> None:
    got, _, _ = call("histogram_fraction", [scalar(0, 0), scalar(1, 1.5), VECTOR])
    assert as_dict(got) == as_dict([({"a": "x"}, [0.5, 3 / 8]), ({"a": "y"}, [1.0, None])])


@pytest.mark.parametrize(
    ("func", "args", "place"),
    [
        ("histogram_quantile", [scalar(0.5), VECTOR], 2),
        ("histogram_quantiles", [VECTOR, String("q"), scalar(0.5)], 1),
        ("histogram_fraction", [scalar(0), scalar(1), VECTOR], 3),
    ],
)
@pytest.mark.parametrize(("delayed", "name"), [(False, ""), (True, ' for metric name "h"')])
def test_bad_bounds_are_left_out(
    func: str, args: list[Value], place: int, delayed: bool, name: str
) -> None:
    series: list[Series] = [
        ({"__name__": "h", "le": "+Inf"}, [4.0]),
        ({"__name__": "h", "le": "2"}, [4.0]),
        ({"__name__": "h", "le": " 1"}, [9.0]),
        ({"__name__": "h"}, [9.0]),
        ({"__name__": "h", "le": "absent"}, [None]),
        ({"le": "0x10"}, [9.0]),
    ]
    got, warnings, _ = call(func, args, steps=1, series=series, delayed=delayed)
    assert len(got) == 1
    start = 'PromQL warning: bucket label "le" is missing or has a malformed value of '
    assert warnings == (
        f'{start}" 1"{name} (1:{place})',
        f'{start}""{name} (1:{place})',
        f'{start}"0x10" (1:{place})',
    )


def test_wrong_quantiles_are_warned_of() -> None:
    got, warnings, _ = call("histogram_quantile", [scalar(-1, math.nan), VECTOR])
    assert [[show(cell) for cell in cells] for _, cells in got] == [["-inf", "nan"], ["-inf", "_"]]
    start = "PromQL warning: quantile value should be between 0 and 1, got "
    assert sorted(warnings) == [f"{start}-1 (1:1)", f"{start}NaN (1:1)"]


def test_a_number_that_two_arguments_have_is_warned_of_at_the_last() -> None:
    args: list[Value] = [VECTOR, String("q"), scalar(2, 3), scalar(4, 2), scalar(3, 0.5)]
    _, warnings, _ = call("histogram_quantiles", args)
    start = "PromQL warning: quantile value should be between 0 and 1, got "
    assert sorted(warnings) == [f"{start}2 (1:4)", f"{start}3 (1:3)", f"{start}4 (1:4)"]


QUANTILE_LABELS: list[Series] = [
    ({"__name__": "h", "a": a, "le": le}, [cell])
    for a in "xy"
    for le, cell in (("1", 2.0), ("+Inf", 4.0))
]


@pytest.mark.parametrize("delayed", [False, True])
def test_quantiles_with_the_name_of_a_label_may_clash(delayed: bool) -> None:
    args: list[Value] = [VECTOR, String("a"), scalar(0.5), scalar(1)]
    with pytest.raises(ExecutionError, match="same labelset"):
        call("histogram_quantiles", args, steps=1, series=QUANTILE_LABELS, delayed=delayed)
    got, _, _ = call("histogram_quantiles", args, steps=1, series=QUANTILE_LABELS[:2])
    assert as_dict(got) == as_dict([({"a": "0.5"}, [1.0]), ({"a": "1.0"}, [1.0])])


def test_the_number_of_a_quantile_may_be_the_name() -> None:
    args: list[Value] = [VECTOR, String("__name__"), scalar(0.5)]
    got, _, _ = call("histogram_quantiles", args, steps=1, series=QUANTILE_LABELS)
    assert as_dict(got) == as_dict(
        [({"__name__": "0.5", "a": "x"}, [1.0]), ({"__name__": "0.5", "a": "y"}, [1.0])]
    )


@pytest.mark.parametrize(("delayed", "name"), [(False, ""), (True, ' for metric name "h"')])
@pytest.mark.parametrize("quantiles", [[0.5], [0.5, 0.9], [2.0, 0.1, 0.5]])
def test_a_repair_for_several_quantiles_is_noted_once(
    quantiles: list[float], delayed: bool, name: str
) -> None:
    series: list[Series] = [
        ({"__name__": "h", "le": le}, [c]) for le, c in (("1", 5.0), ("2", 4.0), ("+Inf", 7.0))
    ]
    args: list[Value] = [VECTOR, String("q"), *(scalar(q) for q in quantiles)]
    _, _, infos = call("histogram_quantiles", args, steps=1, series=series, delayed=delayed)
    (info,) = infos
    assert f"{name}, from buckets 2 to 2, with a max diff of 1, over 1 samples" in info


@pytest.mark.parametrize(("delayed", "name"), [(False, ""), (True, ' for metric name "h"')])
def test_buckets_that_shrink_are_noted(delayed: bool, name: str) -> None:
    series: list[Series] = [
        ({"__name__": "h", "a": a, "le": le}, cells)
        for a in "xy"
        for le, cells in (("1", [5.0, 5.0]), ("2", [4.5, 6.0]), ("+Inf", [7.0, 2.0]))
    ]
    args: list[Value] = [scalar(0.5, 0.5), VECTOR]
    _, _, infos = call("histogram_quantile", args, series=series, delayed=delayed)
    assert infos == (
        "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
        "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
        f"{name}, from buckets 2 to +Inf, with a max diff of 4, over 4 samples from "
        "1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z (1:2)",
    )


@pytest.mark.parametrize(
    "func", [f"histogram_{of}" for of in ["avg", "count", "stddev", "stdvar", "sum"]]
)
def test_floats_are_no_native_histograms(func: str) -> None:
    assert call(func, [VECTOR])[0] == []
