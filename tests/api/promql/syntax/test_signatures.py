"""The tables of functions and aggregations."""

import ast
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from api.promql.aggregations.aggregation import ACCUMULATING, OF_ALL_ROWS, OF_TEXT
from api.promql.aggregations.native import FOLDS
from api.promql.engine import Engine
from api.promql.evaluator import OF_NODES
from api.promql.features import Features
from api.promql.functions.table import CALLS
from api.promql.options import EngineOptions
from api.promql.ranges.table import FUNCTIONS as RANGE_FUNCTIONS
from api.promql.syntax import signatures
from api.promql.syntax.nodes import ValueType
from api.promql.syntax.signatures import AGGREGATORS, FUNCTIONS, HistogramUse
from api.promql.vectors.value import Vector
from tests.makers.memory_store import MemoryStore
from tests.makers.native_points import NativePoint

S, V, M, T = ValueType.SCALAR, ValueType.VECTOR, ValueType.MATRIX, ValueType.STRING


def test_counts() -> None:
    experimental = [f for f in FUNCTIONS.values() if f.experimental]
    assert (len(FUNCTIONS), len(experimental), len(AGGREGATORS)) == (90, 17, 14)


def test_names_are_keys_in_order() -> None:
    assert [f.name for f in FUNCTIONS.values()] == sorted(FUNCTIONS)
    assert all(name == aggregator.name for name, aggregator in AGGREGATORS.items())


@pytest.mark.parametrize(
    "name, args, returns, variadic",
    [
        ("rate", (M,), V, 0),
        ("time", (), S, 0),
        ("hour", (V,), V, 1),
        ("round", (V, S), V, 1),
        ("label_join", (V, T, T, T), V, -1),
        ("histogram_quantiles", (V, T, S, S), V, 9),
        ("quantile_over_time", (S, M), V, 0),
        ("scalar", (V,), S, 0),
        ("max_of", (S, S), S, 0),
    ],
)
def test_signature(
    name: str, args: tuple[ValueType, ...], returns: ValueType, variadic: int
) -> None:
    found = FUNCTIONS[name]
    assert (found.args, found.returns, found.variadic) == (args, returns, variadic)


def test_parameters_of_aggregations() -> None:
    with_param = {name: a.param for name, a in AGGREGATORS.items() if a.param is not None}
    numbers = dict.fromkeys(("bottomk", "limit_ratio", "limitk", "quantile", "topk"), S)
    assert with_param == numbers | {"count_values": T}
    assert [name for name, a in AGGREGATORS.items() if a.experimental] == ["limit_ratio", "limitk"]


def test_extended_ranges_are_for_functions_over_ranges() -> None:
    anchored = {name for name, facts in FUNCTIONS.items() if facts.anchored}
    smoothed = {name for name, facts in FUNCTIONS.items() if facts.smoothed}
    assert smoothed < anchored
    assert all(FUNCTIONS[name].args == (M,) for name in anchored)


# --- one row and one implementation -------------------------------------------------------------


def test_every_function_has_a_row_and_one_implementation() -> None:
    implemented = [*CALLS, *RANGE_FUNCTIONS, *OF_NODES]
    assert sorted(implemented) == sorted(FUNCTIONS)
    of_ranges = {name for name, facts in FUNCTIONS.items() if M in facts.args}
    assert of_ranges == set(RANGE_FUNCTIONS)
    assert {name for name, facts in FUNCTIONS.items() if facts.row_local} <= set(CALLS)


def test_every_aggregation_has_a_row_and_one_implementation() -> None:
    assert sorted([*ACCUMULATING, *OF_ALL_ROWS, *OF_TEXT]) == sorted(AGGREGATORS)
    with_param = {name for name, facts in AGGREGATORS.items() if facts.param is not None}
    assert with_param == {*OF_ALL_ROWS, *OF_TEXT}
    taken = {name for name, a in AGGREGATORS.items() if a.histograms is HistogramUse.TAKEN}
    assert taken == set(FOLDS)


@pytest.mark.parametrize("name", sorted(RANGE_FUNCTIONS))
def test_functions_over_ranges_are_what_their_row_says(name: str) -> None:
    facts, function = FUNCTIONS[name], RANGE_FUNCTIONS[name]
    assert (function.mixed is not None) == (facts.histograms is HistogramUse.TAKEN)
    assert (function.extended is not None) == (facts.anchored or facts.smoothed)


ARGUMENTS = {
    "histogram_quantiles": '{x}, "q", 0.5',
    "label_join": '{x}, "n", "-", "a"',
    "label_replace": '{x}, "n", "$1", "a", "(.*)"',
    "sort_by_label": '{x}, "a"',
    "sort_by_label_desc": '{x}, "a"',
    "info": "{x}",
}
OF_ROWS = sorted(
    name
    for name, facts in FUNCTIONS.items()
    if facts.returns is V and not facts.of_absence and {V, M} & {*facts.args}
)


def call_of(name: str, metric: str) -> str:
    wanted = {S: "0.5", V: "{x}", M: "{x}[5m]"}
    arguments = ARGUMENTS.get(name) or ", ".join(wanted[arg] for arg in FUNCTIONS[name].args)
    return f"{name}({arguments.format(x=metric)})"


@pytest.fixture(scope="module")
def answer() -> Callable[[str], list[dict[str, str]]]:
    store = MemoryStore()
    counts = (1.0, 2.0, 4.0)
    store.write({"__name__": "f", "a": "1"}, [(i * 60_000, c) for i, c in enumerate(counts)])
    natives = [NativePoint(count=c, sum=c, positive=((1, c),)) for c in counts]
    store.write({"__name__": "n", "a": "1"}, [(i * 60_000, p) for i, p in enumerate(natives)])
    features = Features(experimental_functions=True, use_start_timestamps=True)
    engine = Engine(EngineOptions(threads=1), features)

    def ask(text: str) -> list[dict[str, str]]:
        value = engine.instant_query(store, text, 120_000).value
        assert isinstance(value, Vector)
        return [value.labels.labelset(i) for i in np.flatnonzero(value.present[:, 0]).tolist()]

    return ask


@pytest.mark.parametrize("name", OF_ROWS)
def test_rows_say_what_becomes_of_names_and_histograms(
    name: str, answer: Callable[[str], list[dict[str, str]]]
) -> None:
    facts = FUNCTIONS[name]
    of_floats, of_natives = answer(call_of(name, "f")), answer(call_of(name, "n"))
    assert bool(of_natives) == (facts.histograms is not HistogramUse.IGNORED)
    assert bool(of_floats) != name.startswith("histogram_")
    for labels in of_floats + of_natives:
        assert ("__name__" in labels) == facts.keeps_name


NAMES = {*FUNCTIONS, *AGGREGATORS}
# The table itself; and the words that durations share with functions, which are their grammar.
# Parameters of requests and fields of answers have names of functions, too.
LISTS = {"signatures.py", "vocabulary.py", "parameters.py", "answer_schemas.py"}


def lists_of_names(source: str) -> list[list[str]]:
    """Where two or more names stand beside each other, but for keys of tables."""
    found = []
    for node in ast.walk(ast.parse(source)):
        texts: list[object] = []
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            texts = [item.value for item in node.elts if isinstance(item, ast.Constant)]
        elif isinstance(node, ast.MatchOr):
            values = [item.value for item in node.patterns if isinstance(item, ast.MatchValue)]
            texts = [value.value for value in values if isinstance(value, ast.Constant)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            words = node.value.split()
            texts = [*words] if "_" in node.value and NAMES.issuperset(words) else []
        names = [text for text in texts if isinstance(text, str) and text in NAMES]
        found += [names] if len(names) > 1 else []
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('X = ("rate", "x", "delta")', [["rate", "delta"]]),
        ('X = frozenset({"rate", "delta"})', [["rate", "delta"]]),
        ('X = "count_over_time rate".split()', [["count_over_time", "rate"]]),
        ('if func in ["sum", "avg"]: pass', [["sum", "avg"]]),
        ('match func:\n case "sum" | "avg": pass', [["sum", "avg"]]),
        ('X = {"rate": rate, "delta": delta}', []),
        ('X = "a range vector"; Y = ("rate", 1)', []),
    ],
)
def test_lists_of_names_are_found(source: str, found: list[list[str]]) -> None:
    assert lists_of_names(source) == found


def test_only_the_table_lists_names() -> None:
    root = Path(signatures.__file__).parents[2]
    found = {
        str(path.relative_to(root)): names
        for path in sorted(root.rglob("*.py"))
        if path.name not in LISTS and (names := lists_of_names(path.read_text()))
    }
    assert found == {}
