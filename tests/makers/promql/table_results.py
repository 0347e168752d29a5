"""Results of queries for tests of tables, and what their rows are, made one value at a time."""

from typing import Any

import numpy as np

from api.answers.encoding import SampleReplicas
from api.promql.vectors.value import Matrix, Result, Scalar, String, Vector
from storage.histograms.columns import Natives
from storage.histograms.histograms import Parts, from_parts
from storage.labels.frames import LabelFrame, Symbols
from storage.samples.samples import Samples

Labelset = dict[str, str]
LABELSETS: list[Labelset] = [
    {"__name__": "up", "job": 'a,"b"', "pod": "p1"},
    {"__name__": "up", "job": "c"},
    {"__name__": "up", "job": "", "zone": "ü\n"},
]
STEPS = [-1, 1_500, 1_764_513_300_123]
VALUES = [[0.5, float("nan"), 3.0], [float("inf"), -2e30, 5.0], [1.0, 2.0, 1 / 3]]
PRESENT = [[True, True, True], [True, False, True], [False, False, True]]
HISTOGRAMS = [
    Parts(
        count=6.0, sum=1.5, positive=[(1, 3.0)], negative=[(2, 1.0)], zero_count=2.0,
        zero_threshold=0.25,
    ),
    Parts(schema=-53, count=2.0, sum=4.0, bounds=[1.0, 2.0], positive=[(0, 1.0), (2, 1.0)]),
    Parts(),
]  # fmt: skip
# Their buckets: (boundaries, lower, upper, count).
BUCKETS = [
    [(1, -4.0, -2.0, 1.0), (3, -0.25, 0.25, 2.0), (0, 1.0, 2.0, 3.0)],
    [(3, float("-inf"), 1.0, 1.0), (0, 2.0, float("inf"), 1.0)],
    [],
]
# Of the cells of VALUES, which histogram each is.
ROWS = [[-1, -1, 0], [1, -1, -1], [-1, 0, 2]]


def frame(labelsets: list[Labelset]) -> LabelFrame:
    return LabelFrame.from_dicts(Symbols(), labelsets)


def vector_result(*, histograms: bool = False) -> Result:
    """The series over three steps."""
    natives = Natives(from_parts(HISTOGRAMS), np.array(ROWS, np.int32)) if histograms else None
    vector = Vector(frame(LABELSETS), np.array(VALUES), np.array(PRESENT), natives=natives)
    return Result(vector, np.array(STEPS, np.int64), True, ("careful",), ("by the way",))


def matrix_result(*, histograms: bool = False) -> Result:
    """The same samples as those of a range selector."""
    present = np.array(PRESENT)
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int64)
    times = np.broadcast_to(np.array(STEPS, np.int64), present.shape)[present]
    rows = np.array(ROWS, np.int32)[present]
    natives = Natives(from_parts(HISTOGRAMS), rows) if histograms else None
    samples = Samples(offsets, times, np.array(VALUES)[present], natives=natives)
    return Result(Matrix(frame(LABELSETS), samples), np.array([9], np.int64), False)


def scalar_result() -> Result:
    return Result(Scalar(np.array([0.25])), np.array([1_500], np.int64), False)


def string_result() -> Result:
    return Result(String('a,"b"'), np.array([1_500], np.int64), False)


def wide_result(rows: int, steps: int) -> Result:
    """Many series with three labels, of which one tells them apart."""
    symbols = Symbols()
    pods = np.array([symbols.code(f"pod-{i}") for i in range(rows)], np.int32)
    few = np.array([symbols.code(f"job-{i % 7}") for i in range(rows)], np.int32)
    name = np.full(rows, symbols.code("m"), np.int32)
    labels = LabelFrame(symbols, rows, {"__name__": name, "job": few, "pod": pods})
    values = np.arange(rows * steps, dtype=np.float64).reshape(rows, steps)
    times = 1_000 * np.arange(steps, dtype=np.int64)
    return Result(Vector(labels, values, np.ones(values.shape, np.bool_)), times, True)


def origins() -> SampleReplicas:
    """Where the samples of vector_result() came from."""
    replicas = frame([{"replica": "a"}, {"replica": "b"}])
    return SampleReplicas(replicas, np.array([[0, 1, 0], [1, 1, 0], [0, 0, 1]], np.int32))


def rows_of(labelsets: list[Labelset], *, histograms: bool = False) -> list[dict[str, Any]]:
    """The rows of the results, with absent labels as None; times in ms."""
    names = sorted({name for labels in LABELSETS for name, value in labels.items() if value})
    rows = []
    for i, labels in enumerate(labelsets):
        for k, time in enumerate(STEPS):
            if not PRESENT[i][k]:
                continue
            row: dict[str, Any] = {"time": time}
            row |= {name: labels.get(name) or None for name in names}
            at = ROWS[i][k] if histograms else -1
            row["value"] = VALUES[i][k] if at < 0 else None
            if histograms:
                row["histogram"] = None if at < 0 else histogram_of(at)
            rows.append(row)
    return rows


def histogram_of(number: int) -> dict[str, Any]:
    parts = HISTOGRAMS[number]
    names = ("boundaries", "lower", "upper", "count")
    buckets = [dict(zip(names, bucket, strict=True)) for bucket in BUCKETS[number]]
    return {"count": parts.count, "sum": parts.sum, "buckets": buckets}
