"""Rows in blocks: their sizes, their order, their labels."""

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from api.promql.annotations import Annotations
from api.promql.bounds import Bound
from api.promql.context import Budget, Context
from api.promql.errors import QueryCanceled, QueryTimeout, TooManySamples
from api.promql.features import Features
from api.promql.options import EngineOptions
from api.promql.pipeline import BLOCK_SIZES, Block, BlockSizes, Pipeline
from api.promql.vectors.names import drop_metric_name
from storage.labels.frames import LabelFrame, Symbols


def make_rows(
    count: int,
    *,
    steps: int = 2,
    samples_per_row: int = 1,
    samples_max: int = 1 << 40,
    names: tuple[str, ...] = ("x",),
    delayed: bool = False,
    sizes: BlockSizes = BLOCK_SIZES,
    cancelled: Callable[[], bool] = lambda: False,
) -> Pipeline:
    """Row i has the value i at all steps."""
    context = Context(
        steps=np.arange(steps, dtype=np.int64),
        start_ms=0,
        end_ms=steps - 1,
        step_ms=1,
        is_range=True,
        symbols=Symbols(),
        features=Features(delayed_name_removal=delayed),
        options=EngineOptions(threads=3),
        budget=Budget(Bound(samples_max, "query.max-samples"), 60_000, cancelled),
        annotations=Annotations(b""),
    )
    labelsets = [{"__name__": names[i % len(names)], "i": str(i)} for i in range(count)]
    labels = LabelFrame.from_dicts(context.symbols, labelsets)

    def leaf(first: int, end: int) -> Block:
        values = np.repeat(np.arange(first, end, dtype=float)[:, None], steps, axis=1)
        return Block(values, np.ones(values.shape, np.bool_), (end - first) * samples_per_row)

    return Pipeline(context, labels, leaf, sizes=sizes)


SMALL = BlockSizes(first_rows=4, rows=10)


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_blocks_come_in_the_order_of_the_rows(threads: int) -> None:
    rows = make_rows(37, sizes=SMALL)
    rows.executor = ThreadPoolExecutor(threads) if threads else None
    blocks = list(rows.blocks())
    assert [first for first, _ in blocks] == [0, 4, 14, 24, 34]
    values = np.concatenate([block.values[:, 0] for _, block in blocks])
    assert values.tolist() == list(range(37))
    if rows.executor is not None:
        rows.executor.shutdown()


def test_no_rows_are_one_empty_block() -> None:
    ((first, block),) = make_rows(0).blocks()
    assert (first, block.labels.rows, block.values.shape) == (0, 0, (0, 2))


def test_the_samples_found_set_the_size_of_the_next_block() -> None:
    few = BlockSizes(first_rows=4, samples=700)
    rows = make_rows(20, samples_per_row=100, sizes=few)
    sizes = [block.labels.rows for _, block in rows.blocks()]
    assert sizes == [4, 7, 7, 2]


@pytest.mark.parametrize(
    ("rows", "expected", "threads", "sizes"),
    [
        (20, 2_000, 0, [7, 7, 6]),  # 100 a row, as many rows as 700 samples have
        (20, 2_000, 3, [7, 7, 6]),
        (20, 1_000, 0, [14, 6]),
        (20, 1_000, 3, [7, 7, 6]),  # a part for each thread
        (20, 400, 3, [20]),  # too little for that
        (20, 0, 3, [4, 10, 6]),
    ],
)
def test_where_samples_are_expected_all_threads_begin_at_once(
    rows: int, expected: int, threads: int, sizes: list[int]
) -> None:
    limits = BlockSizes(first_rows=4, rows=20, samples=700, shared=500)
    made = make_rows(rows, samples_per_row=expected // rows or 70, sizes=limits)
    made.expected = expected
    made.executor = ThreadPoolExecutor(threads) if threads else None
    found = [block.labels.rows for _, block in made.blocks()]
    assert found == sizes
    if made.executor is not None:
        made.executor.shutdown()


@pytest.mark.parametrize("expected", [0, 37, 10**9])
@pytest.mark.parametrize("threads", [0, 1, 3])
def test_results_do_not_depend_on_threads(threads: int, expected: int) -> None:
    rows = make_rows(37, sizes=BlockSizes(rows=5, samples=10**6, shared=1))
    rows.executor = ThreadPoolExecutor(threads) if threads else None
    rows.expected = expected
    blocks = list(rows.blocks())
    assert np.concatenate([block.values[:, 0] for _, block in blocks]).tolist() == list(range(37))
    assert [first for first, _ in blocks] == sorted(first for first, _ in blocks)
    if rows.executor is not None:
        rows.executor.shutdown()


def test_wide_rows_come_one_by_one() -> None:
    rows = make_rows(3, steps=BLOCK_SIZES.cells * 2)
    assert [block.labels.rows for _, block in rows.blocks()] == [1, 1, 1]


def test_a_block_is_charged_before_it_is_made() -> None:
    rows = make_rows(3, steps=1000, samples_max=999)
    rows.leaf = lambda first, end: pytest.fail("computed in spite of the limit")
    with pytest.raises(TooManySamples):
        list(rows.blocks())


def test_of_samples_that_are_only_looked_at_those_held_are_charged() -> None:
    def leaf(first_row: int, end_row: int) -> Block:
        cells = np.zeros((end_row - first_row, 1)), np.ones((end_row - first_row, 1), np.bool_)
        return Block(*cells, 1_000_000, held=10)

    rows = make_rows(4, sizes=BLOCK_SIZES.of_seen())
    rows.leaf = leaf
    assert [block.labels.rows for _, block in rows.blocks()] == [4]
    assert 10 <= rows.context.budget.peak < 100
    assert BLOCK_SIZES.of_seen().samples == BLOCK_SIZES.seen > BLOCK_SIZES.samples


def test_time_is_checked_between_blocks() -> None:
    rows = make_rows(3)
    rows.context.budget.deadline_s = 0.0
    with pytest.raises(QueryTimeout):
        list(rows.blocks())


@pytest.mark.parametrize(
    ("names", "delayed", "distinct"),
    [(("x",), False, True), (("x", "y"), False, False), (("x", "y"), True, True)],
)
def test_mixed_names_stay_distinct_only_if_names_go_at_the_end(
    names: tuple[str, ...], *, delayed: bool, distinct: bool
) -> None:
    assert make_rows(4, names=names, delayed=delayed).stays_distinct == distinct


def test_labels_of_all_rows_follow_what_stages_did_to_a_block() -> None:
    rows = make_rows(12, sizes=SMALL)
    assert rows.full_labels(next(rows.blocks())[1]).names == ("__name__", "i")
    rows.stages.append(lambda vector: drop_metric_name(rows.context, vector))
    labels = rows.full_labels(next(rows.blocks())[1])
    assert labels.names == ("i",)
    assert labels.rows == 12


def test_stages_run_in_their_order_at_their_own_steps() -> None:
    rows = make_rows(2)
    context = rows.context.at_steps(np.arange(5, dtype=np.int64))
    rows.move_to(context)
    assert rows.width == 5
    rows.move_to(context.at_steps(context.steps[:1]))
    assert rows.width == 5


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_no_block_is_begun_once_no_one_waits(threads: int) -> None:
    """Those that have begun by then end, so they are as many as there are threads."""
    left, computed = threading.Event(), []
    rows = make_rows(400, sizes=SMALL, cancelled=left.is_set)
    leaf = rows.leaf

    def counted(first: int, end: int) -> Block:
        computed.append(first)
        if len(computed) == 3:
            left.set()
        return leaf(first, end)

    rows.leaf = counted
    rows.executor = ThreadPoolExecutor(threads) if threads else None
    with pytest.raises(QueryCanceled):
        list(rows.blocks())
    if rows.executor is not None:
        rows.executor.shutdown(wait=True)
    assert 3 <= len(computed) <= 2 + max(1, threads)


def test_blocks_that_no_one_asks_for_are_taken_back() -> None:
    """One thread is kept busy, so that none of the blocks behind it can have begun."""
    begin, computed = threading.Event(), []
    rows = make_rows(400, sizes=SMALL)
    leaf = rows.leaf

    def counted(first: int, end: int) -> Block:
        computed.append(first)
        if len(computed) == 3:
            begin.wait(60)
        return leaf(first, end)

    rows.leaf = counted
    rows.executor = ThreadPoolExecutor(1)
    blocks = rows.blocks()
    assert isinstance(blocks, Generator)
    next(blocks)
    next(blocks)  # begins as many as there may be ahead
    blocks.close()
    begin.set()
    rows.executor.shutdown(wait=True)
    assert len(computed) <= 3
