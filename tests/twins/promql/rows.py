"""The rows of the slow evaluator: labels, a cell or None per step, and whether the name goes."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from api.promql.errors import ExecutionError
from tests.twins.promql.vectors import DUPLICATE_LABELSET, Key, Labels, key_of

NAMES = ("__name__", "__type__", "__unit__")
Sample = tuple[Labels, float, bool]


@dataclass
class Row:
    """drop: the name goes at the end of the query (delayed name removal)."""

    labels: Labels
    cells: list[float | None]
    drop: bool = False

    def has_cells(self) -> bool:
        return any(cell is not None for cell in self.cells)

    def without_names(self) -> Row:
        kept = {name: value for name, value in self.labels.items() if name not in NAMES}
        return Row(kept, self.cells)


def bits_of(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


def samples_at(rows: Sequence[Row], step: int) -> list[Sample]:
    """The cells of a step, each with a copy of its labels, so that labels tell samples apart."""
    return [
        (dict(row.labels), cell, row.drop) for row in rows if (cell := row.cells[step]) is not None
    ]


def rows_of_steps(steps: Sequence[Iterable[Sample]]) -> list[Row]:
    """Rows out of the samples of each step; two equal label sets at one step are an error."""
    found: dict[Key, Row] = {}
    for k, samples in enumerate(steps):
        for labels, value, drop in samples:
            row = found.setdefault(key_of(labels), Row(labels, [None] * len(steps), drop))
            if row.cells[k] is not None:
                raise ExecutionError(DUPLICATE_LABELSET)
            row.cells[k] = value
    return list(found.values())


def merge(rows: Sequence[Row]) -> list[Row]:
    """Rows with equal labels joined, in the order of the first of them; an error where two have a
    cell at one step."""
    if not rows:
        return []
    joined = rows_of_steps([samples_at(rows, k) for k in range(len(rows[0].cells))])
    found = {key_of(row.labels): row for row in joined}
    return [found[key] for key in dict.fromkeys(key_of(r.labels) for r in rows) if key in found]


def drop_names(rows: Sequence[Row], *, delayed: bool, may_merge: bool = True) -> list[Row]:
    """The rows without names, or marked; may_merge: whether equal rows that never meet are fine."""
    if delayed:
        return [Row(row.labels, row.cells, True) for row in rows]
    dropped = [row.without_names() for row in rows]
    if not may_merge and len({key_of(row.labels) for row in dropped}) < len(dropped):
        raise ExecutionError(DUPLICATE_LABELSET)
    return merge(dropped)
