"""What is noted of the nodes of a query, and that noting changes no value."""

from collections.abc import Iterator

import numpy as np
import pytest

from api.promql.engine import Engine, Measured
from api.promql.explaining import NAMES_MAX, VALUES_MAX, Found, Notes, explaining
from api.promql.features import Features
from api.promql.options import EngineOptions
from api.promql.pipeline import BlockSizes
from api.promql.syntax.nodes import Node, children
from api.promql.vectors.value import Matrix, Result, Vector
from tests.makers.memory_store import MemoryStore

MINUTE = 60_000


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Whose blocks are small, so that ordinary queries would run in several."""
    blocks = BlockSizes(first_rows=4, rows=4, shared=1)
    made = Engine(EngineOptions(threads=2), Features(experimental_functions=True), blocks=blocks)
    yield made
    made.close()


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    made = MemoryStore()
    for i in range(20):
        samples = [(t * MINUTE, float(t * i)) for t in range(i % 2, 11)]
        made.write({"__name__": "x_total", "i": str(i), "g": str(i % 3)}, samples)
    made.write({"__name__": "gone", "g": "9"}, [(0, 1.0)])
    return made


def explain(
    engine: Engine, store: MemoryStore, text: str, *, steps: int = 0
) -> tuple[Result, Notes, Node]:
    """The result of a query at 10 min, or at steps of a minute up to it."""
    notes = Notes()
    meter = Measured(evaluator_of=explaining(notes))
    result = ask(engine, store, text, steps=steps, meter=meter)
    assert meter.evaluator is not None
    return result, notes, meter.evaluator.plan.root


def ask(
    engine: Engine, store: MemoryStore, text: str, *, steps: int, meter: Measured | None = None
) -> Result:
    end_ms = 10 * MINUTE
    if not steps:
        return engine.instant_query(store, text, end_ms, meter=meter)
    start_ms = end_ms - (steps - 1) * MINUTE
    return engine.range_query(store, text, start_ms, end_ms, MINUTE, meter=meter)


@pytest.mark.parametrize("steps", [0, 5])
@pytest.mark.parametrize(
    "text",
    [
        "sum by (g) (rate(x_total[5m]))",
        "x_total * 2 + on (i) x_total > 5",
        "--(x_total) or gone offset 10m",
        "topk(3, x_total) / ignoring (g) group_left sum without (g, i) (x_total)",
        "max_over_time(rate(x_total[2m])[5m:1m])",
        'label_replace(x_total, "k", "$1", "i", "(.).*")',
        "absent(gone) + scalar(sum(x_total)) + 1 + 2 + time()",
        "timestamp(x_total) - vector(3)",
        "histogram_quantile(0.5, x_total)",
        "sum(x_total @ end()) + sum(x_total)",
        "info(x_total)",
    ],
)
def test_values_are_those_of_the_query(
    engine: Engine, store: MemoryStore, text: str, steps: int
) -> None:
    plain = ask(engine, store, text, steps=steps).value
    noted = explain(engine, store, text, steps=steps)[0].value
    assert isinstance(plain, Vector) and isinstance(noted, Vector)
    assert [noted.labels.labelset(i) for i in range(noted.labels.rows)] == [
        plain.labels.labelset(i) for i in range(plain.labels.rows)
    ]
    assert np.array_equal(noted.present, plain.present)
    there = plain.present
    assert noted.values[there].tobytes() == plain.values[there].tobytes()


def counts(found: Found) -> tuple[int | None, int | None, int]:
    return found.series, found.samples, found.samples_read


def test_each_node_has_its_figures(engine: Engine, store: MemoryStore) -> None:
    _, notes, root = explain(engine, store, "sum by (g) (rate(x_total[5m])) > 0.5", steps=3)
    aggregate, number = children(root)
    (call,) = children(aggregate)
    (matrix,) = children(call)
    assert counts(notes.of(root))[0] == 3
    assert counts(notes.of(aggregate)) == (3, 9, 0)
    assert counts(notes.of(call)) == (20, 60, 0)
    # Windows of 5 minutes at 3 steps: samples of 4 to 10 min.
    assert counts(notes.of(matrix)) == (20, 140, 140)
    assert counts(notes.of(number)) == (1, 3, 0)
    labels = {label.name: label for label in notes.of(matrix).labels}
    assert labels["i"].cardinality == 20 and len(labels["i"].values) == VALUES_MAX
    assert labels["g"].values == (("0", 7), ("1", 7), ("2", 6))
    assert labels["__name__"].values == (("x_total", 20),)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("x_total[3m]", (20, 60, 60)),
        ("(gone)", (0, 0, 0)),
        ("timestamp(x_total)", (20, 20, 0)),
        ('"a"', (0, 0, 0)),
        ("time()", (1, 1, 0)),
        ("sum(x_total)[3m:1m]", (1, 3, 0)),
        ("-(+(-x_total))", (20, 20, 0)),
    ],
)
def test_figures_of_a_root(
    engine: Engine, store: MemoryStore, text: str, want: tuple[int, int, int]
) -> None:
    result, notes, root = explain(engine, store, text)
    assert counts(notes.of(root)) == want
    if isinstance(result.value, Matrix):
        assert len(result.value.samples) == want[1]


def test_a_selector_that_is_no_step_of_its_own_has_what_was_read(
    engine: Engine, store: MemoryStore
) -> None:
    _, notes, root = explain(engine, store, "timestamp(x_total)")
    (selector,) = children(root)
    found = notes.of(selector)
    assert found.series == 20 and found.samples == found.samples_read >= 20
    _, notes, root = explain(engine, store, "absent(x_total)")
    assert notes.of(children(root)[0]).series == 20


def test_the_time_of_a_node_is_its_own() -> None:
    now = [0.0]
    notes = Notes(lambda: now[0])
    outer, inner = Node(0, 1), Node(0, 1)

    def work(seconds: float) -> str:
        now[0] += seconds
        return "done"

    def take(_: Found, __: str) -> None:
        now[0] += 100.0  # of no node

    def both() -> str:
        work(1.0)
        notes.watch(inner, lambda: work(10.0), take)
        return work(2.0)

    assert notes.watch(outer, both, take) == "done"
    assert (notes.of(outer).seconds, notes.of(inner).seconds) == (3.0, 10.0)


def test_names_and_values_are_bounded(engine: Engine) -> None:
    store = MemoryStore()
    for i in range(15):
        names = {f"n{k:02}": str(i % (k + 1)) for k in range(15)}
        store.write({"__name__": "wide", **names}, [(10 * MINUTE, 1.0)])
    _, notes, root = explain(engine, store, "wide")
    found = notes.of(root)
    assert found.label_names == 16 and len(found.labels) == NAMES_MAX
    assert [label.cardinality for label in found.labels] == list(range(15, 5, -1))
    assert max(len(label.values) for label in found.labels) == VALUES_MAX
