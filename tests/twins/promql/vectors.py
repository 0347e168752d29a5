"""Brute-force twins of the vector operators, and small vectors to try them on.

A vector here is a list of (labels, cells): a dict of texts, and per step a float or None. The
twins go step by step over plain samples, as Prometheus does, and gather series by labels at the
end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st

from api.promql.annotations import Annotations
from api.promql.bounds import Bound
from api.promql.context import Budget, Context
from api.promql.errors import ExecutionError
from api.promql.features import Features
from api.promql.options import EngineOptions
from api.promql.syntax.nodes import Card, VectorMatching
from api.promql.vectors.value import Vector
from storage.labels.frames import LabelFrame, Symbols

# What goes with the metric name, and what Prometheus says where rows become equal by that.
NAME_LABELS = ("__name__", "__type__", "__unit__")
DUPLICATE_LABELSET = "vector cannot contain metrics with the same labelset"

Labels = dict[str, str]
Series = tuple[Labels, list[float | None]]
Sample = tuple[Labels, float]
Key = tuple[tuple[str, str], ...]


# --- building and reading vectors ---------------------------------------------------------------


def make_context(steps: int = 1, *, step_ms: int = 60_000, delayed: bool = False) -> Context:
    return Context(
        steps=np.arange(steps, dtype=np.int64) * step_ms,
        start_ms=0,
        end_ms=(steps - 1) * step_ms,
        step_ms=step_ms if steps > 1 else 0,
        is_range=steps > 1,
        symbols=Symbols(),
        features=Features(experimental_functions=True, delayed_name_removal=delayed),
        options=EngineOptions(),
        budget=Budget(Bound(10_000_000, "query.max-samples"), 60_000),
        annotations=Annotations(b""),
    )


def make_vector(context: Context, series: Sequence[Series]) -> Vector:
    """Absent cells hold a number that would show up if it were read."""
    values = np.full((len(series), len(context.steps)), 12345.678)
    present = np.zeros(values.shape, np.bool_)
    for i, (_, cells) in enumerate(series):
        for k, cell in enumerate(cells):
            if cell is not None:
                values[i, k], present[i, k] = cell, True
    labels = LabelFrame.from_dicts(context.symbols, [labels for labels, _ in series])
    return Vector(labels, values, present)


def read_vector(vector: Vector) -> list[Series]:
    """The series that are present at some step, in the order of the rows."""
    return [
        (
            vector.labels.labelset(i),
            [
                float(value) if there else None
                for value, there in zip(vector.values[i], vector.present[i], strict=True)
            ],
        )
        for i in range(vector.labels.rows)
        if vector.present[i].any()
    ]


def as_dict(series: Sequence[Series]) -> dict[Key, list[str]]:
    """Series by labels; cells as texts, so that NaN equals NaN and zeros keep their sign."""
    found = {key_of(labels): [show(cell) for cell in cells] for labels, cells in series}
    assert len(found) == len(series), "two series with the same labels"
    return found


def show(cell: float | None) -> str:
    return "_" if cell is None else "nan" if math.isnan(cell) else repr(float(cell))


def key_of(labels: Labels) -> Key:
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def samples_at(series: Sequence[Series], step: int) -> list[Sample]:
    return [(labels, cell) for labels, cells in series if (cell := cells[step]) is not None]


def gather(steps: Sequence[Sequence[Sample]]) -> list[Series]:
    """Series out of the samples of each step; two equal label sets at a step are an error."""
    found: dict[Key, list[float | None]] = {}
    for k, samples in enumerate(steps):
        seen = set()
        for labels, value in samples:
            key = key_of(labels)
            if key in seen:
                raise ExecutionError(DUPLICATE_LABELSET)
            seen.add(key)
            found.setdefault(key, [None] * len(steps))[k] = value
    return [(dict(key), cells) for key, cells in found.items()]


FLOATS = st.sampled_from(
    [0.0, -0.0, 1.0, 1.0, 2.5, -3.0, 0.1, 1e16, 1e-9, 1.7e308, math.inf, -math.inf, math.nan]
)


def vectors(
    steps: int, *, names: str = "ab", values: str = "xyz"
) -> st.SearchStrategy[list[Series]]:
    """Small vectors over few labels, so that groups, clashes and gaps are common."""
    value = st.sampled_from(["", *values])
    labels = st.fixed_dictionaries(
        {"__name__": st.sampled_from(["m", "n"]), **{name: value for name in names}}
    ).map(lambda found: {name: text for name, text in found.items() if text})
    cells = st.lists(st.none() | FLOATS, min_size=steps, max_size=steps)
    return st.lists(st.tuples(labels, cells), max_size=7, unique_by=lambda row: key_of(row[0]))


# --- aggregation --------------------------------------------------------------------------------


def kahan_add(x: float, total: float, lost: float) -> tuple[float, float]:
    t = total + x
    if math.isinf(t):
        return t, 0.0
    if abs(total) >= abs(x):
        return t, lost + ((total - t) + x)
    return t, lost + ((x - t) + total)


def naive_sum(values: list[float]) -> float:
    total, lost = values[0], 0.0
    for x in values[1:]:
        total, lost = kahan_add(x, total, lost)
    return total + lost


def naive_avg(values: list[float]) -> float:
    total, lost = values[0], 0.0
    for n, x in enumerate(values[1:], start=2):
        new_total, new_lost = kahan_add(x, total, lost)
        if math.isinf(new_total):
            return _running_mean(values[n - 1 :], n, total / (n - 1), lost / (n - 1))
        total, lost = new_total, new_lost
    return total / len(values) + lost / len(values)


def _running_mean(rest: list[float], n: int, mean: float, lost: float) -> float:
    for count, x in enumerate(rest, start=n):
        weight = (count - 1) / count
        mean, lost = kahan_add(x / count, weight * mean, weight * lost)
    return mean + lost


def naive_best(values: list[float], better: Callable[[float, float], bool]) -> float:
    best = values[0]
    for x in values[1:]:
        if better(x, best) or math.isnan(best):
            best = x
    return best


def naive_stdvar(values: list[float]) -> float:
    mean, squares = values[0], 0.0 if math.isfinite(values[0]) else math.nan
    for n, x in enumerate(values[1:], start=2):
        delta = x - mean
        mean += delta / n
        squares += delta * (x - mean)
    return squares / len(values)


def naive_quantile(values: list[float], q: float) -> float:
    if math.isnan(q):
        return math.nan
    if q < 0 or q > 1:
        return math.copysign(math.inf, q)
    ordered = sorted(values, key=lambda x: (not math.isnan(x), 0.0 if math.isnan(x) else x))
    position = q * (len(ordered) - 1)
    low = math.floor(position)
    weight = position - low
    high = min(len(ordered) - 1, low + 1)
    return ordered[low] * (1 - weight) + ordered[high] * weight


AGGREGATES: dict[str, Callable[[list[float]], float]] = {
    "sum": naive_sum,
    "avg": naive_avg,
    "min": lambda values: naive_best(values, lambda x, best: x < best),
    "max": lambda values: naive_best(values, lambda x, best: x > best),
    "count": lambda values: float(len(values)),
    "group": lambda values: 1.0,
    "stdvar": naive_stdvar,
    "stddev": lambda values: math.sqrt(v) if (v := naive_stdvar(values)) >= 0 else math.nan,
}


def group_key(labels: Labels, grouping: Sequence[str], without: bool) -> Labels:
    if without:
        gone = {*grouping, "__name__"}
        return {name: value for name, value in labels.items() if name not in gone}
    return {name: labels[name] for name in grouping if name in labels}


def naive_aggregate(
    series: Sequence[Series],
    steps: int,
    fold: Callable[[list[float]], float],
    grouping: Sequence[str],
    without: bool,
) -> list[Series]:
    out = []
    for k in range(steps):
        groups: dict[Key, list[float]] = {}
        for labels, value in samples_at(series, k):
            groups.setdefault(key_of(group_key(labels, grouping, without)), []).append(value)
        out.append([(dict(key), fold(values)) for key, values in groups.items()])
    return gather(out)


class RankingHeap:
    """A binary heap as Go's container/heap keeps it, smallest on top, NaN below all numbers."""

    def __init__(self, size_max: int) -> None:
        self.size_max = size_max
        self.items: list[tuple[float, int]] = []

    def offer(self, value: float, row: int) -> None:
        if len(self.items) < self.size_max:
            self.items.append((value, row))
            self._up(len(self.items) - 1)
        elif self.items[0][0] < value or (math.isnan(self.items[0][0]) and not math.isnan(value)):
            self.items[0] = (value, row)
            self._down()

    def _less(self, i: int, j: int) -> bool:
        return math.isnan(self.items[i][0]) or self.items[i][0] < self.items[j][0]

    def _swap(self, i: int, j: int) -> None:
        self.items[i], self.items[j] = self.items[j], self.items[i]

    def _up(self, j: int) -> None:
        while j > 0 and self._less(j, (j - 1) // 2):
            self._swap(j, (j - 1) // 2)
            j = (j - 1) // 2

    def _down(self) -> None:
        i = 0
        while 2 * i + 1 < len(self.items):
            j = 2 * i + 1
            if j + 1 < len(self.items) and self._less(j + 1, j):
                j += 1
            if not self._less(j, i):
                return
            self._swap(i, j)
            i = j


# --- binary operators ---------------------------------------------------------------------------


def signature(labels: Labels, matching: VectorMatching) -> Key:
    if matching.on:
        return key_of({name: labels.get(name, "") for name in matching.labels})
    gone = {"__name__", *matching.labels}
    return key_of({name: value for name, value in labels.items() if name not in gone})


def naive_binary(
    lhs: Sequence[Sample],
    rhs: Sequence[Sample],
    matching: VectorMatching,
    compute: Callable[[float, float], tuple[float, bool]],
    drop_name: bool,
) -> list[Sample]:
    """One step of an arithmetic or comparison operator; compute gives (value, is it kept)."""
    if not lhs and not rhs:
        return []
    if (not lhs or not rhs) and matching.fill_left is None and matching.fill_right is None:
        return []
    swapped = matching.card is Card.ONE_TO_MANY
    many, one = (rhs, lhs) if swapped else (lhs, rhs)
    partners: dict[Key, Sample] = {}
    for sample in one:
        key = signature(sample[0], matching)
        if key in partners:
            raise ExecutionError("found duplicate series")
        partners[key] = sample
    matched: dict[Key, set[Key]] = {}
    out: list[Sample] = []

    def combine(key: Key, many_sample: Sample, one_sample: Sample) -> None:
        a, b = many_sample[1], one_sample[1]
        value, kept = compute(b, a) if swapped else compute(a, b)
        labels = result_labels(many_sample[0], one_sample[0], matching, drop_name)
        seen = matched.setdefault(key, set())
        if matching.card is Card.ONE_TO_ONE and seen:
            raise ExecutionError("many-to-one matching must be explicit")
        if key_of(labels) in seen:
            raise ExecutionError("grouping labels must ensure unique matches")
        seen.add(key_of(labels))
        if kept:
            out.append((labels, value))

    for sample in many:
        key = signature(sample[0], matching)
        if key in partners:
            combine(key, sample, partners[key])
        elif matching.fill_right is not None:
            combine(key, sample, (dict(key), matching.fill_right))
    if matching.fill_left is not None:
        for key, sample in partners.items():
            if key not in matched:
                combine(key, (dict(key), matching.fill_left), sample)
    return out


def result_labels(many: Labels, one: Labels, matching: VectorMatching, drop_name: bool) -> Labels:
    labels = dict(many)
    if drop_name:
        labels = {name: value for name, value in labels.items() if name not in NAME_LABELS}
    if matching.card is Card.ONE_TO_ONE:
        keep = set(matching.labels)
        labels = {name: v for name, v in labels.items() if (name in keep) == matching.on}
    for name in matching.include:
        labels[name] = one.get(name, "")
    return {name: value for name, value in labels.items() if value}


def naive_set(
    op: str, lhs: Sequence[Sample], rhs: Sequence[Sample], matching: VectorMatching
) -> list[Sample]:
    left = {signature(labels, matching) for labels, _ in lhs}
    right = {signature(labels, matching) for labels, _ in rhs}
    if op == "or":
        return [*lhs, *(s for s in rhs if signature(s[0], matching) not in left)]
    return [s for s in lhs if (signature(s[0], matching) in right) == (op == "and")]
