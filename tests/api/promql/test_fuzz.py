"""Random expressions, asked of the engine and of the slow evaluator.

CUPOLA_FUZZ_EXPRESSIONS is how many expressions are asked, CUPOLA_FUZZ_SEED where the seeds start.
A case has series of its own and a few expressions; one that fails is named by its seed.
"""

from __future__ import annotations

import math
import os
import random
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from api.promql.engine import Engine
from api.promql.errors import QueryError
from api.promql.features import Features
from api.promql.operators.binary import ARITHMETIC, COMPARISONS, SET_OPERATORS, TRIM_OPERATORS
from api.promql.options import EngineOptions
from api.promql.syntax.nodes import Aggregate, Binary, Call, Card, Node, children, without_parens
from api.promql.syntax.parser import parse
from api.promql.syntax.signatures import AGGREGATORS, FUNCTIONS
from api.promql.vectors.value import Matrix, Result, Scalar, String
from storage.labels.frames import LabelFrame
from storage.labels.matchers import Matcher
from storage.labels.pairs import LabelPairs
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.samples import Samples
from tests.makers.memory_store import MemorySelection, MemoryStore
from tests.makers.promql.expressions import Generator
from tests.makers.promql.series import Grid, SeriesMaker
from tests.twins.promql.engine import Naive, Stored
from tests.twins.promql.labels import label_order
from tests.twins.promql.rows import Row, bits_of
from tests.twins.promql.vectors import Key, key_of

EXPRESSIONS = int(os.environ.get("CUPOLA_FUZZ_EXPRESSIONS", "10000"))
FIRST_SEED = int(os.environ.get("CUPOLA_FUZZ_SEED", "0"))
EXPRESSIONS_OF_CASE = 5
CHUNKS = 10
RELATIVE_TOLERANCE = 1e-9
LOOKBACKS_MS = (300_000, 300_000, 300_000, 60_000, 20_000)

# Row by row: the cells of each step, or, of a range vector, times and values in turn.
Cells = dict[Key, list[float | None]]


def features(delayed: bool) -> Features:
    return Features(
        experimental_functions=True,
        extended_range_selectors=True,
        binop_fill_modifiers=True,
        delayed_name_removal=delayed,
    )


FEATURES = {delayed: features(delayed) for delayed in (False, True)}


class PairStore(MemoryStore):
    """A store whose label frames are made of pairs, as those of the real one are."""

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> MemorySelection:
        found = super().select(matchers, start_ms, end_ms, hint)
        labelsets = [found.labels.labelset(row) for row in range(found.labels.rows)]
        flat = [pair for labelset in labelsets for pair in labelset.items()]
        offsets = np.concatenate(([0], np.cumsum([len(labelset) for labelset in labelsets])))
        names, values = (
            np.array([self.symbols.code(pair[i]) for pair in flat], np.int32) for i in (0, 1)
        )
        pairs = LabelPairs(offsets.astype(np.int64), names, values)
        return replace(found, labels=LabelFrame(self.symbols, len(labelsets), None, pairs))


@dataclass(frozen=True)
class Question:
    """One query. is_fuzzy: its last digits are open."""

    text: str
    grid: Grid
    lookback_ms: int
    delayed: bool
    is_fuzzy: bool


@dataclass(frozen=True)
class Case:
    """What the seed stands for."""

    seed: int
    series: list[Stored]
    questions: list[Question]

    def describe(self, question: Question) -> str:
        series = "\n".join(f"  {labels} {samples}" for labels, samples in self.series)
        return f"seed {self.seed}: {question}\n{series}"


def make_case(seed: int) -> Case:
    source = random.Random(seed)
    with_info = source.random() < 0.07
    maker = SeriesMaker(source, with_info=with_info)
    generator = Generator(source, with_info=with_info)
    series = maker.series()
    questions = []
    for _ in range(EXPRESSIONS_OF_CASE):
        grid, lookback_ms = maker.grid(), source.choice(LOOKBACKS_MS)
        text = generator.expression(is_instant=grid.step_ms == 0)
        delayed = source.random() < 0.33
        is_fuzzy = generator.is_fuzzy or not maker.is_exact
        questions.append(Question(text, grid, lookback_ms, delayed, is_fuzzy))
    return Case(seed, series, questions)


@pytest.fixture(scope="module")
def engines() -> Iterator[dict[bool, Engine]]:
    made = {delayed: Engine(EngineOptions(), FEATURES[delayed]) for delayed in (False, True)}
    yield made
    for engine in made.values():
        engine.close()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_engine_equals_the_slow_evaluator(engines: dict[bool, Engine], chunk: int) -> None:
    for seed in range(FIRST_SEED + chunk, FIRST_SEED + EXPRESSIONS // EXPRESSIONS_OF_CASE, CHUNKS):
        for problem in problems(engines, make_case(seed)):
            pytest.fail(problem)


def problems(engines: dict[bool, Engine], case: Case) -> Iterator[str]:
    """What the two disagree about."""
    store = PairStore() if case.seed % 2 else MemoryStore()
    for labels, samples in case.series:
        store.write(labels, samples)
    for question in case.questions:
        expected = of_naive(case.series, question)
        got = of_engine(engines[question.delayed], store, question)
        equal = same(expected, got, is_fuzzy=question.is_fuzzy)
        if not equal and not (adds_rows(question) and same(expected, got, is_fuzzy=True)):
            yield f"{case.describe(question)}\nexpected {expected}\ngot      {got}"
        elif not is_ordered(expected, got, question):
            yield f"{case.describe(question)}\nin another order: {got}"


def of_naive(series: list[Stored], question: Question) -> Cells | str:
    """The cells by labels; the text of a string or an error."""
    grid = question.grid
    times = grid.start_ms, grid.end_ms, grid.step_ms
    naive = Naive(series, *times, lookback_ms=question.lookback_ms, delayed=question.delayed)
    root = parse(question.text, FEATURES[question.delayed])
    try:
        value = naive.answer(root)
    except QueryError as error:
        return f"error: {error}"
    if isinstance(value, str):
        return value
    found: Cells = {}
    scalars: list[float | None] = []
    for item in value:
        if isinstance(item, Row):
            found[key_of(item.labels)] = item.cells
        elif isinstance(item, tuple):
            found[key_of(item[0])] = [x for sample in item[1] for x in sample]
        else:
            scalars.append(item)
    return {(): scalars} if scalars else found


def of_engine(engine: Engine, store: MemoryStore, question: Question) -> Cells | str:
    grid, lookback_ms = question.grid, question.lookback_ms
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            if grid.step_ms:
                times = (grid.start_ms, grid.end_ms, grid.step_ms)
                result = engine.range_query(store, question.text, *times, lookback_ms=lookback_ms)
            else:
                result = engine.instant_query(
                    store, question.text, grid.start_ms, lookback_ms=lookback_ms
                )
        except QueryError as error:
            return f"error: {error}"
    return cells_of(result)


def cells_of(result: Result) -> Cells | str:
    value = result.value
    if isinstance(value, String):
        return value.text
    if isinstance(value, Scalar):
        return {(): list(value.values.tolist())}
    keys = [key_of(value.labels.labelset(i)) for i in range(value.labels.rows)]
    assert len(set(keys)) == len(keys), f"a label set twice in {keys}"
    if result.is_range or isinstance(value, Matrix):
        assert keys == sorted(keys, key=lambda key: label_order(dict(key))), f"no order: {keys}"
    if isinstance(value, Matrix):
        return dict(zip(keys, cells_of_samples(value.samples), strict=True))
    rows = zip(value.values.tolist(), value.present.tolist(), strict=True)
    cells = [
        [x if there else None for x, there in zip(xs, present, strict=True)] for xs, present in rows
    ]
    return dict(zip(keys, cells, strict=True))


def cells_of_samples(samples: Samples) -> Iterator[list[float | None]]:
    for first, end in zip(samples.offsets, samples.offsets[1:], strict=False):
        times, values = samples.timestamps[first:end], samples.values[first:end]
        yield [x for pair in zip(times.tolist(), values.tolist(), strict=True) for x in pair]


def same(expected: Cells | str, got: Cells | str, *, is_fuzzy: bool) -> bool:
    """Errors are compared by being there, as which of two is found first is nobody's promise."""
    if isinstance(expected, str) or isinstance(got, str):
        failed = [isinstance(answer, str) and answer[:6] == "error:" for answer in (expected, got)]
        return all(failed) or expected == got
    if expected.keys() != got.keys():
        return False
    return all(
        len(expected[key]) == len(got[key])
        and all(
            same_cell(a, b, is_fuzzy=is_fuzzy) for a, b in zip(expected[key], got[key], strict=True)
        )
        for key in expected
    )


def adds_rows(question: Question) -> bool:
    """Whether there is an aggregation whose rounding, or which of two zeros it takes, may depend on
    the order of rows; that of the rows of most operators is nobody's promise."""
    used = names_in(parse(question.text, FEATURES[question.delayed]))
    return not used.isdisjoint(("sum", "avg", "stddev", "stdvar", "min", "max"))


def same_cell(a: float | None, b: float | None, *, is_fuzzy: bool) -> bool:
    if a is None or b is None:
        return a is b
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if bits_of(a) == bits_of(b):
        return True
    return is_fuzzy and math.isclose(a, b, rel_tol=RELATIVE_TOLERANCE)


def is_ordered(expected: Cells | str, got: Cells | str, question: Question) -> bool:
    """Whether the rows of an instant query are in order, where the expression puts them in one."""
    if isinstance(expected, str) or isinstance(got, str) or question.grid.step_ms:
        return True
    root = without_parens(parse(question.text, FEATURES[question.delayed]))
    if isinstance(root, Call) and root.func in ("sort_by_label", "sort_by_label_desc"):
        return list(expected) == list(got)
    if isinstance(root, Call) and root.func in ("sort", "sort_desc"):
        down = root.func == "sort_desc"
    elif isinstance(root, Aggregate) and root.op in ("topk", "bottomk"):
        if root.grouping or root.without:
            return True
        down = root.op == "topk"
    else:
        return True
    values = [cells[0] or 0.0 for cells in got.values()]
    numbers = [x for x in values if not math.isnan(x)]
    ordered = sorted(numbers, reverse=down)
    return values[: len(numbers)] == ordered


# --- what the expressions are made of -----------------------------------------------------------

# Start timestamps come with remote write 2.0 and are no part of these series.
NOT_ASKED = {"start_timestamp"}


def test_expressions_have_the_whole_language() -> None:
    used: set[str] = set()
    for seed in range(500):
        for question in make_case(seed).questions:
            used |= names_in(parse(question.text, FEATURES[question.delayed]))
    assert {*FUNCTIONS} - used == NOT_ASKED
    assert {*AGGREGATORS} - used == set()
    assert {*ARITHMETIC, *COMPARISONS, *SET_OPERATORS, *TRIM_OPERATORS} - used == set()
    modifiers = ("bool", "on", "ignoring", "fill_left", "fill_right", "by", "without")
    assert {*modifiers, *(card.value for card in Card)} - used == set()


def names_in(root: Node) -> set[str]:
    used: set[str] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        waiting.extend(children(node))
        if isinstance(node, Call):
            used.add(node.func)
        elif isinstance(node, Aggregate):
            used |= {node.op, "without" if node.without else "by"}
        elif isinstance(node, Binary):
            used |= {node.op, *modifiers_of(node)}
    return used


def modifiers_of(node: Binary) -> Iterator[str]:
    if node.return_bool:
        yield "bool"
    if node.matching is None:
        return
    yield "on" if node.matching.on else "ignoring"
    yield node.matching.card.value
    if node.matching.fill_left is not None:
        yield "fill_left"
    if node.matching.fill_right is not None:
        yield "fill_right"
