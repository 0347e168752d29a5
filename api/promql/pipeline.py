"""Vectors that are computed block by block: a selector, and what is done to each of its rows.

As long as a row of a result depends on the same row of its input only, nothing forces the whole
[series, steps] matrix into memory. `Pipeline` holds such a chain unevaluated: a leaf that reads a
block of series, and stages that each turn a block into the next. Blocks are computed by a few
threads (the kernels release the GIL) and are handed out in the order of the rows, so results do not
depend on the number of threads.

Invariants:
* A block's frame has the name labels only; the full labels are worked out once, for all rows.
* A chain of stages is run in blocks only if dropping the metric name cannot make rows equal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from api.promql.context import Context
from api.promql.vectors.names import NAME_LABELS, names_are_constant
from api.promql.vectors.natives import natives_cost
from api.promql.vectors.value import Vector
from storage.histograms.columns import Natives
from storage.kernels.arrays import Bools, Float64s
from storage.kernels.stops import stoppable
from storage.labels.frames import LabelFrame

Stage = Callable[[Vector], Vector]


@dataclass(frozen=True, slots=True)
class BlockSizes:
    """The most of a block.

    cells: of its matrix, which is to stay near the processor. samples: read at once, 16 bytes each;
    what the first, small block finds sets the size of the next. shared: samples from which on it
    pays to have a block for each thread. seen: samples that are looked at where they lie, of which
    few are in memory at a time.
    """

    cells: int = 1 << 18
    rows: int = 1 << 14
    samples: int = 1 << 20
    first_rows: int = 1 << 8
    shared: int = 1 << 18
    seen: int = 1 << 22

    def of_seen(self) -> BlockSizes:
        """The sizes of blocks whose samples are not held."""
        return replace(self, samples=max(self.samples, self.seen))


BLOCK_SIZES = BlockSizes()


@dataclass(frozen=True, slots=True)
class Block:
    """The cells of rows [first_row, first_row + rows) before any stage, and the samples read. held:
    how many of these were in memory at a time; None: all."""

    values: Float64s
    present: Bools
    samples: int
    natives: Natives | None = None
    held: int | None = None


class Computed(NamedTuple):
    """A block after all stages, the samples that were read for it, and those that were held."""

    vector: Vector
    samples: int
    held: int


Leaf = Callable[[int, int], Block]


@dataclass(slots=True)
class Pipeline:
    """labels: those of the leaf, one row per series. Owned by the one operator that uses it.

    expected: about how many samples all rows have, 0 where that is not known. stays_distinct:
    whether stages may be run in blocks; width: the most steps that a stage has.
    """

    context: Context
    labels: LabelFrame
    leaf: Leaf
    executor: Executor | None = None
    sizes: BlockSizes = BLOCK_SIZES
    expected: int = 0
    stages: list[Stage] = field(default_factory=list)
    stays_distinct: bool = field(init=False)
    width: int = field(init=False)

    def __post_init__(self) -> None:
        delayed = self.context.features.delayed_name_removal
        self.stays_distinct = delayed or names_are_constant(self.labels)
        self.width = len(self.context.steps)

    def move_to(self, context: Context) -> None:
        """Go on at other steps: the last stage has changed the steps of its blocks."""
        self.context = context
        self.width = max(self.width, len(context.steps))

    def blocks(self) -> Iterator[tuple[int, Vector]]:
        """(first row, block) in the order of the rows; at least one, empty if there are no rows.

        The blocks' labels are the name labels only: full_labels makes the real ones.
        """
        if self.labels.rows == 0:
            yield 0, self._compute(0, 0).vector
            return
        size = self._first_size()
        if self.labels.rows <= size:
            self._prepare(0, self.labels.rows)
            yield 0, self._counted(self._compute(0, self.labels.rows))
            return
        waiting: deque[tuple[int, Future[Computed]]] = deque()
        try:
            yield from self._ahead(waiting, size)
        finally:
            for _, future in waiting:
                future.cancel()

    def _ahead(
        self, waiting: deque[tuple[int, Future[Computed]]], size: int
    ) -> Iterator[tuple[int, Vector]]:
        """The blocks, the first of them of this size, while others are computed."""
        next_row, started = 0, self.expected > 0
        while next_row < self.labels.rows or waiting:
            while self._may_start(waiting, next_row, started):
                end = min(next_row + size, self.labels.rows)
                waiting.append((next_row, self._start(next_row, end)))
                next_row = end
            first_row, future = waiting.popleft()
            computed = future.result()
            block = self._counted(computed)
            started = True
            size = self._next_size(block.labels.rows, computed.samples)
            yield first_row, block

    def _may_start(
        self, waiting: deque[tuple[int, Future[Computed]]], row: int, started: bool
    ) -> bool:
        """One block alone at first, to learn its size, unless it is known; then one more than there
        are threads, because the one that is waited for may be done."""
        if row >= self.labels.rows:
            return False
        ahead = self.context.options.threads + 1 if started and self.executor is not None else 1
        return len(waiting) < ahead

    def _start(self, first_row: int, end_row: int) -> Future[Computed]:
        self._prepare(first_row, end_row)
        if self.executor is not None:
            return self.executor.submit(self._compute, first_row, end_row)
        future: Future[Computed] = Future()
        future.set_result(self._compute(first_row, end_row))
        return future

    def _prepare(self, first_row: int, end_row: int) -> None:
        """Raise if the query has to stop, or these rows would be too large for it."""
        self.context.check()
        self._try_charge((end_row - first_row) * self.width)

    def _counted(self, computed: Computed) -> Vector:
        """The block, counted as held for a moment, with the samples it was made of."""
        block = computed.vector
        self._try_charge(computed.held + block.values.size + natives_cost(block.natives))
        return block

    def _try_charge(self, samples: int) -> None:
        held = self.context.budget.held
        self.context.charge(samples)
        self.context.budget.release_to(held)

    def _first_size(self) -> int:
        if not self.expected:
            return min(self.sizes.first_rows, self._next_size(1, 0))
        threads = self.context.options.threads if self.executor is not None else 1
        size = self._next_size(self.labels.rows, self.expected)
        if self.expected < self.sizes.shared:
            return size
        return min(size, -(-self.labels.rows // threads))

    def _next_size(self, rows: int, samples: int) -> int:
        """The rows of a block such that neither its cells nor its samples are too many."""
        by_cells = self.sizes.cells // max(1, self.width)
        by_samples = self.sizes.samples * rows // max(1, samples)
        return max(1, min(self.sizes.rows, by_cells, by_samples))

    def _compute(self, first_row: int, end_row: int) -> Computed:
        self.context.check()  # it may have waited for its thread
        with stoppable(self.context.check):
            return self._computed(first_row, end_row)

    def _computed(self, first_row: int, end_row: int) -> Computed:
        block = self.leaf(first_row, end_row)
        stub = self._stub(first_row, end_row)
        vector = Vector(stub, block.values, block.present, natives=block.natives)
        for stage in self.stages:
            vector = stage(vector)
        return Computed(vector, block.samples, block.samples if block.held is None else block.held)

    def _stub(self, first_row: int, end_row: int) -> LabelFrame:
        if end_row - first_row == self.labels.rows:
            return self.labels.keep(NAME_LABELS)
        columns = {name: self.labels.column(name)[first_row:end_row] for name in NAME_LABELS}
        return LabelFrame(self.labels.symbols, end_row - first_row, columns)

    def full_labels(self, block: Vector) -> LabelFrame:
        """The labels of all rows, given any block: stages drop the name of all rows or of none."""
        if not self.stages or self.context.features.delayed_name_removal:
            return self.labels
        gone = [
            name for name in NAME_LABELS if self.labels.has(name) and not block.labels.has(name)
        ]
        return self.labels.drop(gone) if gone and block.labels.rows else self.labels
