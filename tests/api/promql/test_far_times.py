"""Times near the ends of int64, in queries and around them."""

import pytest

from api.promql.engine import Engine
from api.promql.features import ALL_FEATURES
from api.promql.options import EngineOptions
from api.promql.vectors.value import Vector
from tests.makers.memory_store import MemoryStore

FAR_S = ("9223372036854775", "-9223372036854775.808", "9223372036854775.807", "4611686018427387.9")


@pytest.mark.parametrize("seconds", FAR_S)
@pytest.mark.parametrize(
    "query",
    [
        *("x @ T", "x @ T offset -100y", "x @ T offset 100y", "x smoothed @ T", "rate(x[5m] @ T)"),
        *("rate(x[5m] @ T anchored)", "rate(x[5m] @ T smoothed)", "max_over_time(x[5m:1m] @ T)"),
        *("max_over_time((x @ T)[5m:1m] offset -100y)", "info(x @ T)", "timestamp(x @ T)"),
        "predict_linear(x[5m] @ T, 1)",
    ],
)
def test_nothing_is_found_near_the_ends_of_time(query: str, seconds: str) -> None:
    text = query.replace("T", seconds)
    store = MemoryStore()
    store.write({"__name__": "x"}, [(0, 1.0), (60_000, 2.0)])
    engine = Engine(EngineOptions(), ALL_FEATURES)
    for result in (
        engine.instant_query(store, text, 0),
        engine.range_query(store, text, 0, 120_000, 60_000),
    ):
        assert isinstance(result.value, Vector)
        assert not result.value.present.any()
    engine.close()


@pytest.mark.parametrize("time_ms", [2**63 - 1, -(2**63), 2**62, -(2**62)])
def test_a_query_may_ask_for_any_time(time_ms: int) -> None:
    store = MemoryStore()
    store.write({"__name__": "x"}, [(0, 1.0), (60_000, 2.0)])
    engine = Engine(EngineOptions(), ALL_FEATURES)
    start, end = sorted((time_ms, 0))
    step = min(end - start, 2**63 - 1)
    for query in ("x", "x smoothed", "rate(x[5m] offset -1y)", "year()", "absent(x)", "time()"):
        engine.instant_query(store, query, time_ms)
        if query != "time()":
            engine.instant_query(store, f"max_over_time(({query})[5m:1m])", time_ms)
        result = engine.range_query(store, query, start, end, step)
        assert result.steps.tolist() == [*range(start, end + 1, step)], query
    engine.instant_query(store, "x[5m]", time_ms)
    engine.close()
