"""Operators over whole matrices look at whether someone still waits: between blocks of cells."""

import numpy as np
import pytest

from api.promql.aggregations import aggregation, label_hash, ranking
from api.promql.engine import Engine
from api.promql.errors import QueryCanceled
from api.promql.features import Features
from api.promql.functions import labels
from api.promql.native_histograms import arithmetic, values
from api.promql.options import EngineOptions
from api.promql.vectors import blocks
from api.promql.vectors.value import Vector
from storage.histograms import histograms
from storage.histograms.histograms import Parts, parts_of
from storage.labels import frames
from tests.makers.memory_store import MemoryStore
from tests.makers.native_points import NativePoint

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
    "sum by (i) (x)": 18,
    "stddev by (i) (x)": 18,
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
    "exp(topk(100, x))": 18 + 18,
    "round(topk(100, x))": 18 + 18,
    "clamp_max(topk(100, x), 3)": 18 + 18,
    "hour(topk(100, x))": 18 + 18,
    'label_replace(x, "a", "$1", "i", "(.*)")': 9,
    'label_join(x, "a", "-", "i", "g")': 9,
    "histogram_quantile(0.5, b)": 5,
    "histogram_fraction(0, 1, b)": 5,
    "h + h": 4 + 4,
    "h * 2": 4 + 4,
    "h / scalar(vector(2))": 4 + 4,
    "h == h": 4,
    "h != bool h": 4,
    "h </ 3": 4 + 4,
    "-topk(100, x) or h": 18,
    "sum by (g) (h)": 2,
    "avg(h)": 2,
    "rate(h[5m])": 4,
    "histogram_quantile(0.5, h)": 4,
    "histogram_fraction(0, 1, h)": 4,
    "histogram_stddev(h)": 4,
}


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    made = MemoryStore()
    for name in ("x", "y"):
        for i in range(ROWS):
            samples = [(t * MINUTE, float((t * 7 + i * 3) % 11)) for t in range(STEPS)]
            made.write({"__name__": name, "i": str(i), "g": str(i % 3)}, samples)
    for i in range(ROWS):
        labels = {"__name__": "b", "i": str(i // 4), "le": ("1", "2", "3", "+Inf")[i % 4]}
        made.write(labels, [(t * MINUTE, float(t * (i % 4 + 1))) for t in range(STEPS)])
    for i in range(5):
        points = [(t * MINUTE, native(t + i + 1)) for t in range(STEPS)]
        made.write({"__name__": "h", "i": str(i), "g": str(i % 2)}, points)
    return made


def native(count: int) -> NativePoint:
    return NativePoint(count=2.0 * count, sum=3.0 * count, positive=((0, count), (2, count)))


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


def make_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look after a few cells, histograms and texts."""
    monkeypatch.setattr(blocks, "CELLS_AT_ONCE", CELLS)
    for module in (arithmetic, histograms, values):
        monkeypatch.setattr(module, "AT_ONCE", 32)
    for module in (labels, frames):
        monkeypatch.setattr(module, "TEXTS_AT_ONCE", 4)


def histograms_in(vector: Vector) -> list[Parts]:
    assert vector.natives is not None
    rows = vector.natives.rows[vector.present & vector.natives.mask]
    return [parts_of(vector.natives.histograms, row) for row in rows.tolist()]


@pytest.mark.parametrize("text", QUERIES)
def test_blocks_look_and_give_the_same(
    store: MemoryStore, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, few = ask(store, text)
    make_small(monkeypatch)
    value, many = ask(store, text)
    assert many - few >= QUERIES[text]
    assert np.array_equal(value.present, whole.present)
    there = whole.present
    if whole.natives is not None and value.natives is not None:
        there = there & ~whole.natives.mask
        assert histograms_in(value) == histograms_in(whole)
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
