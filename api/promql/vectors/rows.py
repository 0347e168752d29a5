"""Rows of vectors: picked, put one behind the other, emptied, repeated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from api.promql.vectors.natives import spread_natives, stacked_natives
from api.promql.vectors.value import Vector
from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame


def take_rows(vector: Vector, rows: Int64s) -> Vector:
    """The vector of the given rows, in their order."""
    return _taken(vector, rows, vector.labels.take(rows))


def in_order(vector: Vector) -> Vector:
    """The vector with its rows in the order of their labels."""
    return _taken(vector, vector.labels.order(), vector.labels.in_order())


def _taken(vector: Vector, rows: Int64s, labels: LabelFrame) -> Vector:
    marks = None if vector.drop_name is None else vector.drop_name[rows]
    natives = None if vector.natives is None else vector.natives.at(rows)
    return Vector(labels, vector.values[rows], vector.present[rows], marks, natives)


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
