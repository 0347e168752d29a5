"""What a call of a range function says about its input."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from api.promql.annotations import Place
from api.promql.engine import Engine, Measured
from api.promql.features import Features
from api.promql.options import EngineOptions
from api.promql.queryable import edges_of
from api.promql.ranges.calls import RangeCall, note_non_counters
from api.promql.ranges.windows import Windows
from api.promql.syntax.nodes import Call
from api.promql.syntax.parser import parse
from api.promql.vectors.value import Vector
from storage.database import Database
from storage.kernels.stale import STALE_NAN
from storage.samples.edges import Edges
from tests.api.promql.vectors.test_names import as_rows, context, vector
from tests.makers.databases import opened, seal, series, write

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


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Two sealed hours of counters that are reset now and then, one of which has ended."""
    random = np.random.default_rng(3)
    with opened(tmp_path_factory.mktemp("calls")) as made:
        for hour in range(2):
            times = [hour * 3_600_000 + 15_000 * k for k in range(240)]
            written = []
            for n in range(6):
                values = random.integers(0, 99, 240).cumsum() % 2_000 / 100
                points = list(zip(times, values.tolist(), strict=True))
                points += [(times[-1] + 1, STALE_NAN)] * (n == 5)
                written.append(series("x_total", points, n=str(n)))
            write(made, written)
            seal(made)
        yield made


@pytest.mark.parametrize("func", ["rate", "increase", "delta"])
@pytest.mark.parametrize("selector", ["x_total", 'x_total{n!="5"}'])
@pytest.mark.parametrize("range_text", ["5m", "1h", "1s"])
def test_edges_give_what_samples_give(
    database: Database, monkeypatch: pytest.MonkeyPatch, func: str, selector: str, range_text: str
) -> None:
    """Of long windows no samples are read where their edges will do, to the bit."""
    engine, asked = Engine(EngineOptions(threads=1)), []
    found = edges_of
    given_by: dict[int, tuple[bytes, bytes, int]] = {}

    def noted(*arguments: Any) -> Edges | None:
        asked.append(found(*arguments))
        return asked[-1]

    monkeypatch.setattr("api.promql.ranges.calls.edges_of", noted)
    for most in (1, 0):
        monkeypatch.setattr("api.promql.ranges.calls.EDGES_STEPS_MAX", most)
        querier = database.querier("t", replica_labels=(), dedup=False)
        meter = Measured()
        text = f"{func}({selector}[{range_text}])"
        result = engine.range_query(querier, text, 7_000, 7_200_000, 600_000, meter=meter)
        assert isinstance(result.value, Vector)
        values, present = result.value.values, result.value.present
        assert present.any() == (range_text != "1s")
        given_by[most] = values[present].tobytes(), present.tobytes(), meter.peak_samples
    engine.close()
    assert given_by[1] == given_by[0]
    assert [edges is None for edges in asked] == [selector == "x_total"]
