"""Random expressions over floats and native histograms among each other, asked of the engine and of
the slow evaluator: cells, and all that is said of them with its place.

CUPOLA_FUZZ_EXPRESSIONS is ten times as many as are asked, CUPOLA_FUZZ_SEED where the seeds start.
"""

from __future__ import annotations

import math
import os
import random
import warnings
from collections.abc import Iterator

import pytest

from api.promql.engine import Engine
from api.promql.errors import QueryError
from api.promql.features import Features
from api.promql.options import EngineOptions
from api.promql.syntax.parser import parse
from api.promql.vectors.value import Result, Vector
from storage.histograms.histograms import Parts, parts_of
from tests.makers.memory_store import MemoryStore
from tests.makers.promql.mixed_expressions import MixedSource
from tests.makers.promql.series import Grid
from tests.twins.promql.mixed import NaiveMixed
from tests.twins.promql.native_histograms import Plain, parts_of_plain
from tests.twins.promql.vectors import Key, key_of

EXPRESSIONS = int(os.environ.get("CUPOLA_FUZZ_EXPRESSIONS", "10000")) // 10
FIRST_SEED = int(os.environ.get("CUPOLA_FUZZ_SEED", "0"))
EXPRESSIONS_OF_CASE = 5
CHUNKS = 5
FEATURES = Features(
    experimental_functions=True, extended_range_selectors=True, binop_fill_modifiers=True
)

Answer = dict[Key, list[float | Parts | None]] | str


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = Engine(EngineOptions(), FEATURES)
    yield made
    made.close()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_engine_equals_the_slow_evaluator(engine: Engine, chunk: int) -> None:
    for seed in range(FIRST_SEED + chunk, FIRST_SEED + EXPRESSIONS // EXPRESSIONS_OF_CASE, CHUNKS):
        for problem in problems(engine, seed):
            pytest.fail(problem)


def problems(engine: Engine, seed: int) -> Iterator[str]:
    """What the two disagree about."""
    source = MixedSource(random.Random(seed))
    store = MemoryStore()
    for labels, samples in source.series():
        store.write(labels, samples)
    for _ in range(EXPRESSIONS_OF_CASE):
        text, grid = source.expression(), source.grid()
        expected, wanted = of_naive(store, text, grid)
        got, said = of_engine(engine, store, text, grid)
        if not same(expected, got):
            yield f"seed {seed}: {text} {grid}\nexpected {expected}\ngot      {got}"
        elif not isinstance(expected, str) and wanted != said:
            yield f"seed {seed}: {text} {grid}\nexpected {wanted}\ngot      {said}"


def of_naive(store: MemoryStore, text: str, grid: Grid) -> tuple[Answer, list[str]]:
    naive = NaiveMixed(store, grid.start_ms, grid.end_ms, grid.step_ms)
    try:
        rows = naive.answer(parse(text, FEATURES))
    except QueryError as error:
        return f"error: {error}", []
    said = [f"PromQL {kind}: {what} (1:{at + 1})" for (kind, what), at in naive.said.items()]
    cells: Answer = {
        key_of(labels): [parts_of_plain(c) if isinstance(c, Plain) else c for c in row]
        for labels, row in rows
    }
    return cells, sorted(said)


def of_engine(
    engine: Engine, store: MemoryStore, text: str, grid: Grid
) -> tuple[Answer, list[str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            if grid.step_ms:
                result = engine.range_query(store, text, grid.start_ms, grid.end_ms, grid.step_ms)
            else:
                result = engine.instant_query(store, text, grid.start_ms)
        except QueryError as error:
            return f"error: {error}", []
    return cells_of(result), sorted((*result.warnings, *result.infos))


def cells_of(result: Result) -> Answer:
    value = result.value
    assert isinstance(value, Vector)
    out: dict[Key, list[float | Parts | None]] = {}
    for i in range(value.labels.rows):
        cells: list[float | Parts | None] = []
        for k in range(value.values.shape[1]):
            row = -1 if value.natives is None else int(value.natives.rows[i, k])
            if not value.present[i, k]:
                cells.append(None)
            elif row >= 0 and value.natives is not None:
                cells.append(parts_of(value.natives.histograms, row))
            else:
                cells.append(float(value.values[i, k]))
        if any(cell is not None for cell in cells):
            out[key_of(value.labels.labelset(i))] = cells
    return out


def same(expected: Answer, got: Answer) -> bool:
    if isinstance(expected, str) or isinstance(got, str):
        return isinstance(expected, str) and isinstance(got, str)
    return expected.keys() == got.keys() and all(
        same_cell(a, b) for key in expected for a, b in zip(expected[key], got[key], strict=True)
    )


def same_cell(a: float | Parts | None, b: float | Parts | None) -> bool:
    if isinstance(a, Parts) and isinstance(b, Parts):
        return same_parts(a, b)
    if a is None or b is None or isinstance(a, Parts) or isinstance(b, Parts):
        return a is b
    return close(a, b)


def same_parts(a: Parts, b: Parts) -> bool:
    if (a.schema, a.zero_threshold, list(a.bounds)) != (b.schema, b.zero_threshold, list(b.bounds)):
        return False
    numbers = [(p.count, p.sum, p.zero_count) for p in (a, b)]
    if not all(close(x, y) for x, y in zip(*numbers, strict=True)):
        return False
    for side in ("positive", "negative"):
        buckets = [dict(getattr(p, side)) for p in (a, b)]
        indexes = buckets[0].keys() | buckets[1].keys()
        if not all(close(*(side.get(i, 0.0) for side in buckets)) for i in indexes):
            return False
    return True


def close(a: float, b: float) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
