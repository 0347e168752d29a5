"""Rows of vectors: picked, put one behind the other, emptied, repeated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from api.promql.vectors.blocks import Check, blocks
from api.promql.vectors.natives import spread_natives, stacked_natives
from api.promql.vectors.value import Vector
from storage.histograms.columns import Natives
from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame


def take_rows(vector: Vector, rows: Int64s, check: Check = lambda: None) -> Vector:
    """The vector of the given rows, in their order. check: between blocks of rows."""
    return _taken(vector, rows, vector.labels.take(rows), check)


def part_of(vector: Vector, rows: slice) -> Vector:
    """A stretch of rows for what looks at cells only: its labels are those of the whole vector."""
    if rows.start == 0 and rows.stop == len(vector.values):
        return vector
    natives = vector.natives
    return Vector(
        vector.labels,
        vector.values[rows],
        vector.present[rows],
        None if vector.drop_name is None else vector.drop_name[rows],
        None if natives is None else Natives(natives.histograms, natives.rows[rows]),
    )


def in_order(vector: Vector, check: Check = lambda: None) -> Vector:
    """The vector with its rows in the order of their labels. check: between blocks of rows."""
    return _taken(vector, vector.labels.order(), vector.labels.in_order(), check)


def _taken(vector: Vector, rows: Int64s, labels: LabelFrame, check: Check) -> Vector:
    marks = None if vector.drop_name is None else vector.drop_name[rows]
    natives = None if vector.natives is None else vector.natives.at(rows)
    shape = len(rows), vector.values.shape[1]
    values, present = np.empty(shape), np.empty(shape, np.bool_)
    for part in blocks(check, *shape):
        np.take(vector.values, rows[part], axis=0, out=values[part], mode="clip")
        np.take(vector.present, rows[part], axis=0, out=present[part], mode="clip")
    return Vector(labels, values, present, marks, natives)


def concat(a: Vector, b: Vector) -> Vector:
    """The rows of a, then those of b."""
    names = sorted({*a.labels.names, *b.labels.names})
    columns = {
        name: np.concatenate((a.labels.column(name), b.labels.column(name))) for name in names
    }
    labels = LabelFrame(a.labels.symbols, a.labels.rows + b.labels.rows, columns)
    values = np.concatenate((a.values, b.values))
    present = np.concatenate((a.present, b.present))
    natives = stacked_natives([(v.natives, v.values.shape) for v in (a, b)])
    if a.drop_name is None and b.drop_name is None:
        return Vector(labels, values, present, natives=natives)
    marks = [
        vector.drop_name if vector.drop_name is not None else np.zeros(len(vector.values), np.bool_)
        for vector in (a, b)
    ]
    return Vector(labels, values, present, np.concatenate(marks), natives)


def emptied(vector: Vector) -> Vector:
    """The same rows, absent at every step."""
    return replace(vector, present=np.zeros_like(vector.present), natives=None)


def repeated(vector: Vector, count: int) -> Vector:
    """The only step of a vector, `count` times."""
    values = np.repeat(vector.values, count, axis=1)
    present = np.repeat(vector.present, count, axis=1)
    natives = spread_natives(vector.natives, count)
    return replace(vector, values=values, present=present, natives=natives)
