"""The rows of a table: one for each sample of a result, in blocks of columns.

Invariant: no block has more than its share of points, whichever way it was cut.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from api.answers.encoding import (
    TRUNCATED,
    Block,
    SampleReplicas,
    TextBlocks,
    matrix_blocks,
    vector_blocks,
)
from api.promql.vectors.value import Matrix, Result, Scalar, String, Vector
from storage.histograms.columns import Natives
from storage.histograms.histograms import offsets_of
from storage.kernels.arrays import Float64s, Int32s, Int64s
from storage.labels.frames import LabelFrame, Symbols, one_row

TIME, VALUE, HISTOGRAM, PROVENANCE = "time", "value", "histogram", "provenance"
SAMPLE_COLUMNS = (TIME, VALUE, HISTOGRAM, PROVENANCE)


@dataclass(frozen=True, slots=True)
class Points:
    """Successive rows of a table. rows: of each the row of its series in the labels.

    origins: of each the number of its replica, empty if that is not stated.
    """

    rows: Int64s
    timestamps: Int64s
    values: Float64s
    natives: Natives | None
    origins: Int32s

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, first: int, end: int) -> "Points":
        own = slice(first, end)
        natives = None if self.natives is None else self.natives.at(own)
        return Points(
            self.rows[own], self.timestamps[own], self.values[own], natives, self.origins[own]
        )

    def within(self, most: int, *, row: int, bucket: int) -> Iterator["Points"]:
        """The same in parts that cost no more than `most`, unless a single row does, if each row
        and each bucket of its histogram costs so much."""
        if self.natives is None:
            yield self
            return
        h = self.natives.histograms
        # The zero bucket is one more.
        buckets = np.diff(h.positive.offsets) + np.diff(h.negative.offsets) + 1
        ends = offsets_of(row + np.where(self.natives.mask, bucket * buckets[self.natives.rows], 0))
        first = 0
        while first < len(self):
            end = int(np.searchsorted(ends, ends[first] + most, "right")) - 1
            end = max(first + 1, end)
            yield self.part(first, end)
            first = end


@dataclass(frozen=True, slots=True)
class Table:
    """A result as a table: what it says beside its rows, and what these are made of.

    kind: the type of the result; text: of a result that is one; value: of any other. rows: how
    many of the series are in it; replicas: those that `origins` of points number.
    """

    kind: str
    labels: LabelFrame
    steps: Int64s
    warnings: tuple[str, ...]
    infos: tuple[str, ...]
    rows: int
    value: Vector | Matrix | None = None
    text: str = ""
    origins: SampleReplicas | None = None
    stats: dict[str, Any] | None = None

    @property
    def has_histograms(self) -> bool:
        match self.value:
            case Vector(natives=natives) if natives is not None:
                return bool(natives.mask.any())
            case Matrix(samples=samples) if samples.natives is not None:
                return bool(samples.natives.mask.any())
        return False

    def blocks(self, sizes: TextBlocks) -> Iterator[Points]:
        """The rows, at most sizes.points at a time."""
        numbers = None if self.origins is None else self.origins.numbers
        blocks: Iterator[Block] = iter(())
        if isinstance(self.value, Matrix):
            blocks = matrix_blocks(self.value, self.rows, sizes, numbers)
        elif self.value is not None:
            blocks = vector_blocks(self.value, self.steps, self.rows, sizes, numbers)
        for block in blocks:
            points = points_of(block)
            for first in range(0, len(points), sizes.points):
                yield points.part(first, first + sizes.points)


def points_of(block: Block) -> Points:
    samples = block.samples
    lengths = np.diff(samples.offsets)
    rows = np.repeat(np.arange(block.first_row, block.first_row + len(lengths)), lengths)
    natives = samples.natives
    if natives is not None and not natives.mask.any():
        natives = None
    return Points(rows, samples.timestamps, samples.values, natives, block.origins)


def table_of(
    result: Result,
    *,
    limit: int = 0,
    stats: dict[str, Any] | None = None,
    origins: SampleReplicas | None = None,
) -> Table:
    """A result as a table. A limit keeps that many series."""
    value, warnings = result.value, result.warnings
    kind = "matrix" if result.is_range else type(value).__name__.lower()
    if isinstance(value, Scalar | String):
        labels, rows = one_row(Symbols()), 1
    else:
        labels, rows = value.labels, value.labels.rows
        if 0 < limit < rows:
            rows, warnings = limit, (*warnings, TRUNCATED)
    text = value.text if isinstance(value, String) else ""
    if isinstance(value, Scalar):
        present = np.ones((1, len(result.steps)), np.bool_)
        value = Vector(labels, value.values.reshape(1, -1), present)
    return Table(
        kind,
        labels if rows == labels.rows else labels.take(np.arange(rows)),
        result.steps,
        warnings,
        result.infos,
        rows,
        None if isinstance(value, String) else value,
        text,
        origins,
        stats,
    )


def column_names(labels: Sequence[str]) -> list[str]:
    """The column of each label: its name, with `label.` before it where a column of samples, or of
    another label, has that name."""
    taken = {*SAMPLE_COLUMNS, *labels}
    names = []
    for label in labels:
        name = label
        if label in SAMPLE_COLUMNS:
            while name in taken:
                name = f"label.{name}"
            taken.add(name)
        names.append(name)
    return names
