"""Whole queries through the engine: results, their order, limits and errors."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from api.promql.engine import Engine
from api.promql.errors import (
    BadQuery,
    ExecutionError,
    ParseError,
    QueryCanceled,
    QueryError,
    QueryTimeout,
    TooManySamples,
)
from api.promql.features import ALL_FEATURES, Features
from api.promql.options import EngineOptions
from api.promql.pipeline import BlockSizes
from api.promql.vectors.value import Matrix, Result, Scalar, String, Vector
from storage.errors import LimitExceeded, QueryStopped, StorageError
from storage.labels.matchers import Matcher
from storage.samples.hint import NO_HINT, OF_COUNTER, Purpose, SelectHint
from tests.makers.memory_store import MemorySelection, MemoryStore

MINUTE = 60_000


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(EngineOptions())


@pytest.fixture
def store() -> MemoryStore:
    """x{a="1"} counts up by 1 a minute, x{a="2"} by 10, and y is written once."""
    made = MemoryStore()
    for a, slope in (("2", 10), ("1", 1)):
        samples = [(i * MINUTE, float(i * slope)) for i in range(11)]
        made.write({"__name__": "x", "a": a}, samples)
    made.write({"__name__": "y", "b": "1"}, [(0, 7.0)])
    return made


def rows(result: Result) -> list[tuple[dict[str, str], list[float | None]]]:
    value = result.value
    assert isinstance(value, Vector)
    return [
        (
            value.labels.labelset(i),
            [
                float(v) if p else None
                for v, p in zip(value.values[i], value.present[i], strict=True)
            ],
        )
        for i in range(value.labels.rows)
    ]


def test_an_instant_vector_keeps_the_order_of_the_storage(
    engine: Engine, store: MemoryStore
) -> None:
    result = engine.instant_query(store, "x", 2 * MINUTE)
    assert not result.is_range
    assert result.steps.tolist() == [2 * MINUTE]
    assert rows(result) == [
        ({"__name__": "x", "a": "2"}, [20.0]),
        ({"__name__": "x", "a": "1"}, [2.0]),
    ]


def test_what_the_store_lacks_is_warned_of(engine: Engine, store: MemoryStore) -> None:
    store.losses = ("damaged",)  # type: ignore[attr-defined]
    assert engine.instant_query(store, "x", 0).warnings == ("damaged",)


def test_a_range_result_is_sorted_by_labels(engine: Engine, store: MemoryStore) -> None:
    result = engine.range_query(store, '{__name__=~"x|y"}', 4 * MINUTE, 6 * MINUTE, MINUTE)
    assert result.is_range
    assert rows(result) == [
        ({"__name__": "x", "a": "1"}, [4.0, 5.0, 6.0]),
        ({"__name__": "x", "a": "2"}, [40.0, 50.0, 60.0]),
        ({"__name__": "y", "b": "1"}, [7.0, None, None]),
    ]


def test_series_without_any_value_are_left_out(engine: Engine, store: MemoryStore) -> None:
    assert rows(engine.instant_query(store, "y", 10 * MINUTE)) == []
    assert rows(engine.instant_query(store, "x > 50", 10 * MINUTE)) == [
        ({"__name__": "x", "a": "2"}, [100.0])
    ]


def test_scalars_and_strings(engine: Engine, store: MemoryStore) -> None:
    scalar = engine.instant_query(store, "1 + 2", 0).value
    assert isinstance(scalar, Scalar) and scalar.values.tolist() == [3.0]
    text = engine.instant_query(store, '("a")', 0).value
    assert text == String("a")
    assert rows(engine.range_query(store, "time()", 0, 2000, 1000)) == [({}, [0.0, 1.0, 2.0])]


def test_the_end_is_a_step_only_if_the_steps_meet_it(engine: Engine, store: MemoryStore) -> None:
    assert engine.range_query(store, "1", 5, 29, 10).steps.tolist() == [5, 15, 25]
    assert engine.range_query(store, "1", 5, 25, 10).steps.tolist() == [5, 15, 25]
    assert engine.range_query(store, "1", -20, 0, 10).steps.tolist() == [-20, -10, 0]


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("x[2m]", [3 * MINUTE, 4 * MINUTE]),
        ("x[2m] offset 1m", [2 * MINUTE, 3 * MINUTE]),
        ("(x[1m1ms])", [3 * MINUTE, 4 * MINUTE]),
        ("x[3m:2m]", [2 * MINUTE, 4 * MINUTE]),
    ],
)
def test_a_range_vector_is_answered_with_its_samples(
    engine: Engine, store: MemoryStore, text: str, times: list[int]
) -> None:
    value = engine.instant_query(store, text, 4 * MINUTE).value
    assert isinstance(value, Matrix)
    assert [value.labels.labelset(i)["a"] for i in range(value.labels.rows)] == ["1", "2"]
    assert value.samples.offsets.tolist() == [0, len(times), 2 * len(times)]
    assert value.samples.timestamps.tolist() == times * 2
    slow = [t / MINUTE for t in times]
    assert value.samples.values.tolist() == slow + [10 * v for v in slow]


def test_equal_selectors_are_read_once(engine: Engine, store: MemoryStore) -> None:
    engine.instant_query(store, "rate(x[1m]) + rate(x[5m]) - x", 6 * MINUTE)
    assert [(start, end) for _, start, end in store.selects] == [(MINUTE + 1, 6 * MINUTE)]


def test_a_store_that_tells_counters_apart_is_told_of_them(
    engine: Engine, store: MemoryStore
) -> None:
    query = "rate(x[1m]) + rate(x[5m]) - x"
    engine.instant_query(store, query, 6 * MINUTE)
    store.counters_differ = True
    engine.instant_query(store, query, 6 * MINUTE)
    assert store.hints[:1] == [NO_HINT]
    assert set(store.hints[1:]) == {NO_HINT, OF_COUNTER}


def test_only_what_reads_downsampled_times_says_what_it_is_for(
    engine: Engine, store: MemoryStore
) -> None:
    query = "rate(x[5m]) - x"
    store.has_aggregates, store.aggregated_until_ms = True, 100 * MINUTE
    engine.instant_query(store, query, 105 * MINUTE)
    assert store.hints == [NO_HINT]
    for time_ms in (104 * MINUTE, 105 * MINUTE - 1, MINUTE):
        store.hints.clear()
        engine.instant_query(store, query, time_ms)
        assert {hint.purpose for hint in store.hints} == {Purpose.RISES, Purpose.VALUES}
    store.hints.clear()
    engine.instant_query(store, query + " offset 1h", 120 * MINUTE)
    assert len(store.hints) == 2 and NO_HINT not in store.hints


def test_lookback_can_be_given_per_query(engine: Engine, store: MemoryStore) -> None:
    assert rows(engine.instant_query(store, "y", 6 * MINUTE)) == []
    longer = engine.instant_query(store, "y", 6 * MINUTE, lookback_ms=7 * MINUTE)
    assert rows(longer) == [({"__name__": "y", "b": "1"}, [7.0])]


def test_a_range_of_less_than_a_millisecond_is_empty(engine: Engine, store: MemoryStore) -> None:
    for text in ("rate(x[1m * 0.000001])", "x[1m * 0.000001]", "count_over_time(x[1m / 1e9:])"):
        value = engine.instant_query(store, text, 6 * MINUTE).value
        assert isinstance(value, Vector | Matrix)
        assert value.labels.rows == 0


def test_annotations_have_their_place(engine: Engine, store: MemoryStore) -> None:
    result = engine.instant_query(store, "sum(\n  rate(x[5m]))", 6 * MINUTE)
    assert result.warnings == ()
    assert result.infos == (
        "PromQL info: metric might not be a counter, name does not end in "
        '_total/_sum/_count/_bucket: "x" (2:8)',
    )


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("x[5m]", BadQuery, 'invalid expression type "range vector" for range query'),
        ('"text"', BadQuery, 'invalid expression type "string" for range query'),
        ("sum(", ParseError, "parse error"),
        ("x[1ms]", BadQuery, "range vector"),
        ("x + on() group_left() x", ExecutionError, "duplicate series"),
        ("sum_over_time(x[10y:1ms])", TooManySamples, r"query\.max-samples=50000000"),
    ],
)
def test_a_bad_query_is_refused(
    engine: Engine, store: MemoryStore, text: str, error: type[QueryError], message: str
) -> None:
    with pytest.raises(error, match=message):
        engine.range_query(store, text, 0, 10 * MINUTE, MINUTE)


@pytest.mark.parametrize(("start", "end", "step"), [(0, 10, 0), (0, 10, -1), (10, 0, 1)])
def test_steps_that_make_no_sense_are_refused(
    engine: Engine, store: MemoryStore, start: int, end: int, step: int
) -> None:
    with pytest.raises(BadQuery):
        engine.range_query(store, "1", start, end, step)


@pytest.mark.parametrize(
    ("text", "steps", "fits"),
    [
        ("x", 1, True),
        ("sum(x) + sum(x) + sum(x) + sum(x)", 1, True),  # what is summed up is not held
        ("x + x + x + x + x + x", 1, True),  # nor are the operands of what is done
        ("x + (x + (x + (x + (x + x))))", 1, False),
        ("x", 7, False),
        ("vector(1)", 301, False),
        ("x[1m:1s]", 1, False),
    ],
)
def test_the_samples_held_at_a_time_are_limited(text: str, steps: int, *, fits: bool) -> None:
    engine = Engine(EngineOptions(max_samples=300))
    store = MemoryStore()
    for i in range(50):
        store.write({"__name__": "x", "i": str(i)}, [(0, 1.0)])
    try:
        if fits:
            engine.instant_query(store, text, 0)
            return
        with pytest.raises(TooManySamples, match="query.max-samples=300"):
            if steps == 1:
                engine.instant_query(store, text, 0)
            else:
                engine.range_query(store, text, 0, steps - 1, 1)
    finally:
        engine.close()


def test_time_and_patience_end() -> None:
    engine = Engine(EngineOptions(timeout_ms=0))
    with pytest.raises(QueryTimeout, match="query timed out in expression evaluation"):
        engine.instant_query(MemoryStore(), "1", 0)
    engine.close()
    engine = Engine(EngineOptions())
    with pytest.raises(QueryTimeout):
        engine.instant_query(MemoryStore(), "1", 0, timeout_ms=0)
    with pytest.raises(QueryCanceled):
        engine.instant_query(MemoryStore(), "x + y", 0, cancelled=lambda: True)
    engine.close()


@pytest.mark.parametrize(
    ("error", "becomes"), [(LimitExceeded, TooManySamples), (QueryStopped, QueryTimeout)]
)
def test_errors_of_the_storage_become_query_errors(
    engine: Engine, error: type[StorageError], becomes: type[QueryError]
) -> None:
    class Failing(MemoryStore):
        """Fails at every select."""

        def select(
            self, matchers: Sequence[Matcher], start: int, end: int, hint: SelectHint = NO_HINT
        ) -> MemorySelection:
            raise error("storage.limit: too much")

    with pytest.raises(becomes, match="storage.limit: too much"):
        engine.instant_query(Failing(), "x", 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" + ".join(["1"] * 5000), 5000.0),
        ("-" * 3001 + "1", -1.0),
        ("(" * 500 + "1" + ")" * 500, 1.0),
        ("2 ^ " * 40 + "1", math.inf),
        ("abs(" * 95 + "vector(-1)" + ")" * 95, 1.0),
        ("1 + (" * 90 + "1" + ")" * 90, 91.0),
        ("sum(" * 95 + "vector(1)" + ")" * 95, 1.0),
        ("label_replace(" * 90 + "vector(1)" + ', "a", "b", "c", "d")' * 90, 1.0),
    ],
)
def test_long_chains_and_deep_nesting_are_evaluated(
    engine: Engine, text: str, expected: float
) -> None:
    value = engine.instant_query(MemoryStore(), text, 0).value
    assert isinstance(value, Scalar | Vector)
    assert value.values.ravel().tolist() == [expected]


def test_a_long_chain_over_series_is_evaluated(engine: Engine, store: MemoryStore) -> None:
    text = "x" + " + 1" * 2000 + " - x" * 200
    result = engine.instant_query(store, text, 0)
    assert [values for _, values in rows(result)] == [[2000.0], [2000.0]]


@pytest.mark.parametrize("nested", ["abs(", "sum(", "1 + (", "2 ^ ("])
def test_nesting_above_the_limit_names_it(engine: Engine, nested: str) -> None:
    text = nested * 150 + "vector(1)" + ")" * 150
    with pytest.raises(ExecutionError, match=r"query\.max-depth"):
        engine.instant_query(MemoryStore(), text, 0)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    "text",
    [
        "x",
        "sum by (b) (rate(x[5m]))",
        "avg(x) + on() group_right() -x * 2",
        "max_over_time(rate(x[2m])[4m:1m])",
        "absent_over_time(x[30s]) or stddev(timestamp(x))",
        "avg(rate(x[90s] smoothed)) + on () group_right () x smoothed",
        "sum by (b) (changes(x[1m] anchored))",
    ],
)
def test_blocks_and_threads_do_not_change_results(threads: int, text: str) -> None:
    store = MemoryStore()
    rng = np.random.default_rng(1)
    for i in range(300):
        labels = {"__name__": "x", "i": str(i), "b": str(i % 3)}
        store.write(labels, [(int(t) * 1000, float(rng.integers(9))) for t in range(0, 600, 20)])

    def ask(engine: Engine) -> Result:
        result = engine.range_query(store, text, 0, 10 * MINUTE, MINUTE)
        engine.close()
        return result

    features = Features(extended_range_selectors=True)
    whole = ask(Engine(EngineOptions(threads=1), features))
    blocks = BlockSizes(first_rows=7, rows=11)
    parts = ask(Engine(EngineOptions(threads=threads), features, blocks=blocks))
    assert repr(rows(parts)) == repr(rows(whole))


def test_operators_over_rows_that_lost_their_names_are_evaluated(engine: Engine) -> None:
    store = MemoryStore()
    for name, time in (("x", 0), ("y", 10 * MINUTE)):
        store.write({"__name__": name, "a": "1"}, [(time, 2.0)])
    text = '1 + ({__name__="x"} or -{__name__="y"} or {__name__="y"})'
    result = engine.range_query(store, text, 0, 10 * MINUTE, 10 * MINUTE)
    assert rows(result) == [({"a": "1"}, [3.0, -1.0])]


def test_absence_does_not_care_about_names(engine: Engine) -> None:
    store = MemoryStore()
    for name in ("x", "y"):
        store.write({"__name__": name, "a": "1"}, [(0, 1.0)])
    text = 'absent_over_time({__name__=~"x|y"}[5m])'
    assert rows(engine.instant_query(store, text, MINUTE)) == []
    assert rows(engine.instant_query(store, text, 10 * MINUTE)) == [({}, [1.0])]


def test_names_that_differ_within_a_selection_are_merged_or_refused(engine: Engine) -> None:
    store = MemoryStore()
    store.write({"__name__": "x", "a": "1"}, [(0, 1.0)])
    store.write({"__name__": "y", "a": "1"}, [(10 * MINUTE, 2.0)])
    both = '{__name__=~"x|y"}'
    negated = engine.range_query(store, f"-{both}", 0, 10 * MINUTE, 10 * MINUTE)
    assert rows(negated) == [({"a": "1"}, [-1.0, -2.0])]
    # A range function refuses them even where they never meet.
    with pytest.raises(ExecutionError, match="same labelset"):
        engine.range_query(store, f"changes({both}[1m])", 0, 10 * MINUTE, 10 * MINUTE)
    store.write({"__name__": "y", "a": "1"}, [(0, 2.0)])
    with pytest.raises(ExecutionError, match="same labelset"):
        engine.instant_query(store, f"-{both}", 0)


def test_starts_are_looked_at_only_if_the_feature_is_on() -> None:
    store = MemoryStore()
    store.write({"__name__": "x_total"}, [(60_000, 2.0, 30_000), (120_000, 3.0, 90_000)])
    for enabled, start, increase in ((True, [90.0], 5.0), (False, [], 5 / 3)):
        engine = Engine(EngineOptions(), replace(ALL_FEATURES, use_start_timestamps=enabled))
        queries = {
            "start_timestamp(x_total)": start,
            "start_timestamp(((x_total @ 120)))": start,
            "start_timestamp(x_total * 1)": [],
            "start_timestamp(-x_total)": [],
            "start_timestamp(last_over_time(x_total[1m]))": [],
            "increase(x_total[100s])": [increase],
        }
        for text, expected in queries.items():
            got = engine.instant_query(store, text, 120_000).value
            assert isinstance(got, Vector)
            assert got.values[got.present].tolist() == pytest.approx(expected), text
        engine.close()
