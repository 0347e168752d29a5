"""A slow evaluator of series of floats and native histograms, with all that is said of them.

It goes step by step and sample by sample, as Prometheus does, and keeps of each text the place
where it was said last. Histograms are those of `native_histograms`; windows are in `windows`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from api.promql.syntax.nodes import (
    Aggregate,
    Binary,
    Call,
    MatrixSelector,
    Node,
    NumberLiteral,
    Paren,
    Shift,
    StringLiteral,
    Subquery,
    Unary,
    ValueType,
    VectorMatching,
    VectorSelector,
    children,
)
from tests.makers.memory_store import MemoryStore
from tests.twins.promql import extended as naive_extended
from tests.twins.promql import windows as naive_windows
from tests.twins.promql.mixed_aggregation import aggregate
from tests.twins.promql.mixed_operators import (
    COMPARED,
    WRONG_QUANTILE,
    Labels,
    Row,
    check_distinct,
    elementary,
    go,
    joined,
    negative,
    open_metrics,
    paired,
    signature,
    start_of,
    unnamed,
)
from tests.twins.promql.nan import is_nan_excluded, nan_note
from tests.twins.promql.native_histograms import Plain
from tests.twins.promql.native_values import fraction, quantile
from tests.twins.promql.operators import TRIMS
from tests.twins.promql.window_notes import (
    Cell,
    Notes,
    Reach,
    Said,
    Window,
)
from tests.twins.promql.windows import window_of

NO_BOUND = 'bucket label "le" is missing or has a malformed value of ""'
SORT = "sort is ineffective for range queries since results are always ordered by labels"


def is_invariant(node: Node) -> bool:
    """Whether a node is the same at every step, and so evaluated at the first one only."""
    if isinstance(node, VectorSelector | Subquery):
        return node.shift.at_ms is not None
    if isinstance(node, Call) and node.func in ("timestamp", "time", "predict_linear"):
        return False
    return all(is_invariant(child) for child in children(node))


def inner(node: Node) -> Node:
    while isinstance(node, Paren):
        node = node.expr
    return node


@dataclass
class NaiveMixed:
    """One query; step 0: an instant one. said: (kind, text) -> where it was said last."""

    store: MemoryStore
    start_ms: int
    end_ms: int
    step_ms: int
    lookback_ms: int = 300_000
    said: Said = field(default_factory=dict)

    def answer(self, root: Node) -> list[Row]:
        times = list(range(self.start_ms, self.end_ms + 1, self.step_ms or 1))
        rows = self.rows(root, times, self.end_ms)
        return [row for row in rows if any(cell is not None for cell in row[1])]

    def warn(self, text: str, start: int) -> None:
        self.said["warning", text] = start

    def info(self, text: str, start: int) -> None:
        self.said["info", text] = start

    # --- evaluating

    def rows(self, node: Node, times: list[int], until: int) -> list[Row]:
        node = inner(node)
        if not times:
            return []
        if (len(times) > 1 or times[0] != until) and is_invariant(node):
            rows = self.rows(node, times[:1], times[0])
            return [(labels, cells * len(times)) for labels, cells in rows]
        match node:
            case VectorSelector(smoothed=True):
                return self.smoothed(node, times)
            case VectorSelector():
                return [
                    (labels, [self.newest(samples, time) for time in self.ends(node.shift, times)])
                    for labels, samples in self.series(node)
                ]
            case Unary(expr=expr):
                rows = self.rows(expr, times, until)
                return unnamed([(labels, [negative(c) for c in cells]) for labels, cells in rows])
            case Aggregate():
                return aggregate(self, node, times, until)
            case Call():
                return self.call(node, times, until)
            case Binary():
                return self.binary(node, times, until)
        raise AssertionError(f"{type(node).__name__} is no vector here")

    def numbers(self, node: Node, times: list[int], until: int) -> list[float]:
        """The values of a scalar: a number, time() or scalar()."""
        node = inner(node)
        if len(times) > 1 and is_invariant(node):
            return self.numbers(node, times[:1], times[0]) * len(times)
        if isinstance(node, NumberLiteral):
            return [node.value] * len(times)
        if isinstance(node, Unary):
            return [-x for x in self.numbers(node.expr, times, until)]
        assert isinstance(node, Call)
        if node.func == "time":
            return [time / 1000 for time in times]
        rows = self.rows(node.args[0], times, until)
        out = []
        for k in range(len(times)):
            floats = [c[k] for _, c in rows if isinstance(c[k], float)]
            out.append(float(floats[0]) if len(floats) == 1 else math.nan)  # type: ignore[arg-type]
        return out

    def series(self, node: VectorSelector) -> list[tuple[Labels, Window]]:
        found = self.store.select(node.matchers, -(1 << 60), 1 << 60)
        return [
            (found.labels.labelset(i), naive_windows.plain_samples(samples))
            for i, samples in enumerate(found.series)
        ]

    def ends(self, shift: Shift, times: list[int]) -> list[int]:
        return [(t if shift.at_ms is None else shift.at_ms) - shift.offset_ms for t in times]

    def newest(self, samples: Window, time: int) -> Cell:
        """Nothing if the newest sample is a stale marker."""
        window = [s for s in samples if time - self.lookback_ms < s[0] <= time]
        return window[-1][1] if window_of(window[-1:], time, self.lookback_ms) else None

    def smoothed(self, node: VectorSelector, times: list[int]) -> list[Row]:
        rows: list[Row] = []
        for labels, samples in self.series(node):
            cells: list[Cell] = []
            for time in self.ends(node.shift, times):
                reach = window_of(samples, time + self.lookback_ms, 2 * self.lookback_ms)
                notes = Notes(self.said, labels.get("__name__", ""), node.start)
                cells.append(naive_extended.smooth_value(reach, time, notes))
            rows.append((labels, cells))
        return rows

    # --- functions

    def call(self, node: Call, times: list[int], until: int) -> list[Row]:
        ranges = [arg for arg in node.args if arg.type is ValueType.MATRIX]
        if ranges:
            return self.range_call(node, inner(ranges[0]), times, until)
        vectors = [arg for arg in node.args if arg.type is ValueType.VECTOR]
        if node.func == "timestamp":
            return unnamed(self.timestamps(vectors[0], times, until))
        scalars: dict[int, list[float]] = {}
        rows: list[Row] = []
        for i, arg in enumerate(node.args):
            if arg.type is ValueType.SCALAR:
                scalars[i] = self.numbers(arg, times, until)
            elif arg.type is ValueType.VECTOR:
                rows = self.rows(arg, times, until)
        if node.func == "histogram_quantiles":
            return self.quantiles(node, rows, scalars)
        if node.func == "sort":
            if len(times) != 1 or times[0] != until:
                self.warn(SORT, node.start)
            return [
                (labels, [c if isinstance(c, float) else None for c in cells])
                for labels, cells in rows
            ]
        if node.func == "abs":
            return unnamed(
                [
                    (ls, [abs(c) if isinstance(c, float) else None for c in cells])
                    for ls, cells in rows
                ]
            )
        if node.func == "histogram_count":
            return unnamed(
                [
                    (ls, [c.count[0] if isinstance(c, Plain) else None for c in cells])
                    for ls, cells in rows
                ]
            )
        return self.of_natives(node, rows, scalars, start_of(vectors[0]))

    def timestamps(self, argument: Node, times: list[int], until: int) -> list[Row]:
        selector = inner(argument)
        if not isinstance(selector, VectorSelector):
            rows = self.rows(argument, times, until)
            return [
                (
                    ls,
                    [None if cell is None else t / 1000 for cell, t in zip(cs, times, strict=True)],
                )
                for ls, cs in rows
            ]
        out: list[Row] = []
        for labels, samples in self.series(selector):
            seen: list[Cell] = []
            for time in self.ends(selector.shift, times):
                known = [t for t, _ in samples if t <= time]
                seen.append(None if self.newest(samples, time) is None else known[-1] / 1000)
            out.append((labels, seen))
        return out

    def of_natives(
        self, node: Call, rows: list[Row], scalars: dict[int, list[float]], vector_start: int
    ) -> list[Row]:
        """Quantiles and fractions; floats have no bounds here."""
        out: list[Row] = [(labels, [None] * len(cells)) for labels, cells in rows]
        quantiles = [i for i in scalars if node.func != "histogram_fraction"]
        for k in range(len(rows[0][1]) if rows else 0):
            self.warn_quantiles(node, scalars, quantiles, k)
            for i, (_, cells) in enumerate(rows):
                cell = cells[k]
                if isinstance(cell, float):
                    self.warn(NO_BOUND, vector_start)
                elif cell is not None and node.func == "histogram_quantile":
                    out[i][1][k] = self.quantile(cell, scalars[0][k], start_of(node.args[0]))
                elif cell is not None:
                    lower, upper = scalars[0][k], scalars[1][k]
                    out[i][1][k] = fraction(cell, lower, upper)
                    if is_nan_excluded(cell) and lower < upper:
                        text = "input to histogram_fraction has NaN observations, which are "
                        self.info(text + "excluded from all fractions", start_of(node.args[0]))
        if not rows:
            for k in range(len(next(iter(scalars.values())))):
                self.warn_quantiles(node, scalars, quantiles, k)
        return unnamed(out)

    def quantiles(self, node: Call, rows: list[Row], scalars: dict[int, list[float]]) -> list[Row]:
        """A row for each quantile, which a label states."""
        name = node.args[1]
        assert isinstance(name, StringLiteral)
        for k in range(len(scalars[2])):
            self.warn_quantiles(node, scalars, list(scalars), k)
        out: list[Row] = []
        for numbers in scalars.values():
            for labels, cells in self.of_quantile(node, rows, numbers):
                for q in dict.fromkeys(map(open_metrics, numbers)):
                    own = [
                        cell if open_metrics(number) == q else None
                        for cell, number in zip(cells, numbers, strict=True)
                    ]
                    out.append((labels | {name.value: q}, own))
        return joined(out)

    def of_quantile(self, node: Call, rows: list[Row], numbers: list[float]) -> list[Row]:
        out: list[Row] = []
        for labels, cells in rows:
            found: list[Cell] = []
            for cell, q in zip(cells, numbers, strict=True):
                if isinstance(cell, float):
                    self.warn(NO_BOUND, start_of(node.args[0]))
                is_native = isinstance(cell, Plain)
                found.append(self.quantile(cell, q, start_of(node.args[0])) if is_native else None)
            out.append((dict(signature(labels)), found))
        return out

    def warn_quantiles(
        self, node: Call, scalars: dict[int, list[float]], quantiles: list[int], k: int
    ) -> None:
        for i in quantiles:
            if not 0 <= scalars[i][k] <= 1:
                self.warn(f"{WRONG_QUANTILE}{go(scalars[i][k])}", start_of(node.args[i]))

    def quantile(self, p: Plain, q: float, start: int) -> float:
        note = nan_note(p, q)
        if note:
            self.info(f"input to histogram_quantile has NaN observations, {note}", start)
        return quantile(p, q)

    def range_call(self, node: Call, argument: Node, times: list[int], until: int) -> list[Row]:
        scalar = next((arg for arg in node.args if arg.type is ValueType.SCALAR), None)
        first = start_of(node.args[0])
        series: list[tuple[Labels, Window]]
        if isinstance(argument, Subquery):
            ends = self.ends(argument.shift, times)
            step, range_ms = argument.step_ms or 60_000, argument.range_ms
            begin = (ends[0] - range_ms) // step * step + step
            grid = list(range(begin, ends[-1] + 1, step))
            rows = self.rows(argument.expr, grid, ends[-1])
            series = [(labels, naive_windows.of_cells(cells, grid)) for labels, cells in rows]
            params = self.numbers(scalar, times, until) if scalar else [0.0] * len(times)
            reach = Reach(range_ms, 0, 0)
        else:
            params = self.numbers(scalar, times, until) if scalar else [0.0] * len(times)
            assert isinstance(argument, MatrixSelector)
            selector = argument.selector
            ends = self.ends(selector.shift, times)
            series = self.series(selector)
            back = self.lookback_ms if selector.anchored or selector.smoothed else 0
            ahead = self.lookback_ms if selector.smoothed else 0
            reach = Reach(argument.range_ms, back, ahead)
        out: list[Row] = []
        for labels, samples in series:
            notes = Notes(self.said, labels.get("__name__", ""), first)
            cells = [
                naive_windows.range_cell(
                    node.func, samples, ends[k], (params[k], times[k]), reach, notes
                )
                for k in range(len(times))
            ]
            if node.func in ("rate", "increase") and any(isinstance(c, float) for c in cells):
                notes.not_counter()
            if any(cell is not None for cell in cells):
                out.append((labels, cells))
        if node.func in ("first_over_time", "last_over_time"):
            return out
        return unnamed(out, merge=False)

    # --- binary operators

    def binary(self, node: Binary, times: list[int], until: int) -> list[Row]:
        if node.lhs.type is ValueType.SCALAR:
            numbers = self.numbers(node.lhs, times, until)
            rows = self.rows(node.rhs, times, until)
            pairs = [
                (ls, [(n, c) for n, c in zip(numbers, cells, strict=True)]) for ls, cells in rows
            ]
            return self.operated(node, pairs, vector_first=False)
        rows = self.rows(node.lhs, times, until)
        if node.rhs.type is ValueType.SCALAR:
            numbers = self.numbers(node.rhs, times, until)
            pairs = [
                (ls, [(c, n) for c, n in zip(cells, numbers, strict=True)]) for ls, cells in rows
            ]
            return self.operated(node, pairs, vector_first=True)
        others = self.rows(node.rhs, times, until)
        matching = node.matching or VectorMatching()
        is_filled = not (matching.fill_left is None and matching.fill_right is None)
        pairs = paired(rows, others, matching, len(times))
        for k in range(len(times)):
            if is_filled or any(cells[k] is not None for _, cells in rows):
                check_distinct([ls for ls, there in others if there[k] is not None])
            met_at = [ls for ls, found in pairs if None not in found[k]]
            check_distinct(met_at)
        return self.operated(node, pairs, vector_first=True)

    def operated(
        self,
        node: Binary,
        pairs: list[tuple[Labels, list[tuple[Cell, Cell]]]],
        *,
        vector_first: bool,
    ) -> list[Row]:
        out: list[Row] = [(labels, [None] * len(cells)) for labels, cells in pairs]
        for k in range(len(pairs[0][1]) if pairs else 0):
            last: tuple[str, str] | None = None
            for i, (_, cells) in enumerate(pairs):
                a, b = cells[k]
                if a is None or b is None:
                    continue
                out[i][1][k], note = elementary(node.op, a, b)
                if node.op in COMPARED and out[i][1][k] is not None and not vector_first:
                    out[i][1][k] = b
                last = note or last
            if last:
                self.said[last] = node.start
        return joined(out) if node.op in (*COMPARED, *TRIMS) else unnamed(out)
