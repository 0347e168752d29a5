"""Operators over whole matrices look at whether someone still waits: between blocks of cells."""

import numpy as np
import pytest

from api.promql.aggregations import aggregation, label_hash, ranking
from api.promql.engine import Engine
from api.promql.errors import QueryCanceled
from api.promql.features import Features
from api.promql.options import EngineOptions
from api.promql.vectors import blocks
from api.promql.vectors.value import Vector
from tests.makers.memory_store import MemoryStore

MINUTE = 60_000
ROWS, STEPS = 40, 30
CELLS = 64  # of a block; the matrix has 1,200

# What is evaluated, and how many blocks its work on whole matrices has at least.
QUERIES = {
    "topk(3, x)": 18,
    "bottomk by (g) (2, x)": 18,
    "limitk(3, x)": 18,
    "limit_ratio(0.5, x)": 10,
    "quantile(0.5, x)": 18,
    "quantile by (g) (0.5, x)": 18,
    'count_values("v", x)': 18 + 18,
    "sum(topk(100, x))": 18 + 18,
    "x + y": 18,
    "x > y": 18,
    "x == bool on (i) y": 18,
    "x * on (g) group_left () sum by (g) (y)": 18,
    "sum by (g) (y) * on (g) group_right () x": 18,
    "x and y": 18,
    "x unless y": 18,
    "x or y": 18,
    "topk(100, x) * 2": 18 + 18,
    "2 > bool topk(100, x)": 18 + 18,
    "-topk(100, x)": 18,
}


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    made = MemoryStore()
    for name in ("x", "y"):
        for i in range(ROWS):
            samples = [(t * MINUTE, float((t * 7 + i * 3) % 11)) for t in range(STEPS)]
            made.write({"__name__": name, "i": str(i), "g": str(i % 3)}, samples)
    return made


def ask(store: MemoryStore, text: str, looks_max: int = 1 << 30) -> tuple[Vector, int]:
    """The value, and how often was looked. Ends the query at that look."""
    looks = [0]

    def cancelled() -> bool:
        looks[0] += 1
        return looks[0] > looks_max

    engine = Engine(EngineOptions(threads=1), Features(experimental_functions=True))
    try:
        end_ms = (STEPS - 1) * MINUTE
        value = engine.range_query(store, text, 0, end_ms, MINUTE, cancelled=cancelled).value
    finally:
        engine.close()
    assert isinstance(value, Vector)
    return value, looks[0]


@pytest.mark.parametrize("text", QUERIES)
def test_blocks_look_and_give_the_same(
    store: MemoryStore, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, few = ask(store, text)
    monkeypatch.setattr(blocks, "CELLS_AT_ONCE", CELLS)
    value, many = ask(store, text)
    assert many - few >= QUERIES[text]
    assert np.array_equal(value.present, whole.present)
    there = whole.present
    assert value.values[there].tobytes() == whole.values[there].tobytes()
    with pytest.raises(QueryCanceled):
        ask(store, text, many - 1)


KERNELS = [
    (ranking, "select_largest", "topk(3, x)"),
    (ranking, "select_first", "limitk(3, x)"),
    (aggregation, "group_quantiles", "quantile(0.5, x)"),
    (aggregation, "count_cells", 'count_values("v", x)'),
    (label_hash, "hash_label_rows", "limit_ratio(0.5, x)"),
]


@pytest.mark.parametrize(("module", "name", "text"), KERNELS)
def test_no_kernel_is_called_after_the_end(
    store: MemoryStore,
    module: object,
    name: str,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "CELLS_AT_ONCE", CELLS)
    kernel, calls = getattr(module, name), [0]

    def counted(*arguments: object) -> object:
        calls[0] += 1
        return kernel(*arguments)

    def cancelled() -> bool:
        return calls[0] >= 3

    monkeypatch.setattr(module, name, counted)
    engine = Engine(EngineOptions(threads=1), Features(experimental_functions=True))
    try:
        with pytest.raises(QueryCanceled):
            end_ms = (STEPS - 1) * MINUTE
            engine.range_query(store, text, 0, end_ms, MINUTE, cancelled=cancelled)
    finally:
        engine.close()
    assert calls[0] == 3
