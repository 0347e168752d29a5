"""How nodes are evaluated: what is computed once, in blocks, or not at all.

What queries answer is tested by scripts (test_scripts) and in test_engine.
"""

import numpy as np
import pytest

from api.promql.engine import Engine
from api.promql.options import EngineOptions
from api.promql.pipeline import BlockSizes
from api.promql.vectors.value import Vector
from storage.samples.hint import NO_HINT
from tests.makers.memory_store import MemorySelection, MemoryStore

MINUTE = 60_000


class Watched(MemoryStore):
    """Remembers its selections, so that a test can see what was read of them."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[MemorySelection] = []

    def select(self, matchers, start_ms, end_ms, hint=NO_HINT):  # type: ignore[no-untyped-def]
        self.made.append(super().select(matchers, start_ms, end_ms, hint))
        return self.made[-1]

    def reads(self) -> list[tuple[int, int]]:
        return [read for selection in self.made for read in selection.reads]


@pytest.fixture
def store() -> Watched:
    made = Watched()
    for i in range(20):
        samples = [(t * MINUTE, float(t * i)) for t in range(11)]
        made.write({"__name__": "x_total", "i": str(i), "g": str(i % 2)}, samples)
    return made


SMALL = BlockSizes(first_rows=8, rows=8)


@pytest.fixture
def engine() -> Engine:
    return Engine(EngineOptions(threads=1), blocks=SMALL)


BLOCKS = [(0, 8), (8, 16), (16, 20)]


@pytest.mark.parametrize(
    "text",
    [
        "sum by (g) (rate(x_total[5m]))",
        "max(-abs(rate(x_total[5m]) * 2 > 0))",
        "count(timestamp(x_total))",
        "avg(max_over_time(rate(x_total[2m])[5m:1m]))",
        "absent(x_total)",
        "absent_over_time(x_total[5m])",
        "stddev(1 - x_total)",
    ],
)
def test_rows_are_read_once_and_in_blocks(engine: Engine, store: Watched, text: str) -> None:
    engine.range_query(store, text, 5 * MINUTE, 10 * MINUTE, MINUTE)
    assert store.reads() == BLOCKS


def test_what_is_summed_up_is_never_held_as_a_whole(store: Watched) -> None:
    rows, steps = 20, 6
    options = EngineOptions(threads=1, max_samples=8 * 11 + 8 * steps)
    small = Engine(options, blocks=SMALL)
    small.range_query(store, "sum(x_total)", 5 * MINUTE, 10 * MINUTE, MINUTE)
    assert rows * steps + rows * 11 > 8 * 11 + 8 * steps


def test_a_step_invariant_part_is_evaluated_once(engine: Engine, store: Watched) -> None:
    text = "sum(x_total @ 300) + on() sum(x_total @ 300) * time() / time()"
    result = engine.range_query(store, text, 5 * MINUTE, 10 * MINUTE, MINUTE)
    assert isinstance(result.value, Vector)
    assert result.value.values.tolist() == [[1900.0] * 6]
    # Each of the two parts read its rows once, for one step.
    assert store.reads() == BLOCKS * 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sum(clamp(x_total, 2, 1))", []),
        ("sum(clamp(x_total, 0, 1))", [19.0]),
        ("sum(x_total > bool 100)", [9.0]),
        ("sum(-+-x_total)", [1900.0]),
        ("scalar(sum(x_total)) * sum(x_total) / 1900", [1900.0]),
        ("sum(sum_over_time(vector(1)[5m:1m]))", [5.0]),
        ("count(x_total) + absent(x_total)", []),
    ],
)
def test_fused_chains_give_what_whole_vectors_give(
    engine: Engine, store: Watched, text: str, expected: list[float]
) -> None:
    value = engine.instant_query(store, text, 10 * MINUTE).value
    assert isinstance(value, Vector)
    assert np.ravel(value.values).tolist() == expected
