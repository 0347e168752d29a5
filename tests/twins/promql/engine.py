"""A slow evaluator of PromQL over floats, written from the rules: the twin of the whole engine.

Series are lists of (time, value), vectors are rows with a cell or None per step, and every operator
goes through the steps one by one. What single windows, groups and matches amount to is told by the
twins of their kernels (naive_ranges, naive_vectors).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from api.promql.errors import ExecutionError
from api.promql.syntax.nodes import (
    Aggregate,
    Binary,
    Call,
    DurationExpr,
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
    without_parens,
)
from tests.makers.memory_store import matches
from tests.twins.promql import aggregation as naive_aggregation
from tests.twins.promql import functions as naive_functions
from tests.twins.promql import info as naive_info
from tests.twins.promql import ranges as naive_ranges
from tests.twins.promql.operators import COMPARISONS, SETS, TRIMS, duration_ms, operate
from tests.twins.promql.rows import Row, bits_of, drop_names, merge, rows_of_steps, samples_at
from tests.twins.promql.vectors import (
    DUPLICATE_LABELSET,
    Key,
    Labels,
    key_of,
    naive_binary,
    naive_set,
)

Stored = tuple[Labels, list[tuple[int, float]]]
Value = list[Row] | list[float] | str
Ranges = list[tuple[Labels, list[tuple[int, float]]]]

KEEP_NAME = ("last_over_time", "first_over_time")


@dataclass
class Naive:
    """One query over the stored series: from start to end in steps (0: an instant query)."""

    stored: list[Stored]
    start_ms: int
    end_ms: int
    step_ms: int
    lookback_ms: int = 300_000
    subquery_step_ms: int = 60_000
    delayed: bool = False
    times: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.times = list(range(self.start_ms, self.end_ms + 1, self.step_ms or 1))

    def answer(self, root: Node) -> Value | Ranges:
        """The value of the query; rows without any cell are left out. Raises ExecutionError."""
        self.check_durations(root)
        if root.type is ValueType.MATRIX:
            return self.matrix(without_parens(root))
        value = self.evaluate(root, self.times)
        if isinstance(value, str) or not is_vector(root):
            return value
        rows = as_rows(value)
        if self.delayed:
            named = [row.without_names() if row.drop else row for row in rows]
            rows = merge(named)
        return [row for row in rows if row.has_cells()]

    def evaluate(self, node: Node, times: list[int]) -> Value:
        match node:
            case Paren(expr=expr):
                return self.evaluate(expr, times)
            case NumberLiteral(value=number):
                return [number] * len(times)
            case StringLiteral(value=text):
                return text
            case VectorSelector():
                return self.instant(node, times)
            case Unary():
                return self.unary(node, times)
            case Binary():
                return self.binary(node, times)
            case Aggregate():
                return self.aggregate(node, times)
            case Call():
                return self.call(node, times)
        raise AssertionError(f"{type(node).__name__} is no instant value")

    # --- selectors

    def ends(self, shift: Shift, times: list[int]) -> list[int]:
        edges = {"start": self.start_ms, "end": self.end_ms}
        at = edges.get(shift.at_edge, shift.at_ms)
        offset_ms = self.duration(shift.offset_expr, shift.offset_ms, signed=True)
        return [(time if at is None else at) - offset_ms for time in times]

    def duration(self, expr: DurationExpr | None, plain_ms: int, *, signed: bool = False) -> int:
        """The value of a duration expression, or of the plain duration if there is none."""
        if expr is None:
            return plain_ms
        return duration_ms(expr, self.step_ms, self.end_ms - self.start_ms, signed=signed)

    def check_durations(self, root: Node) -> None:
        """Durations that cannot be used are an error, even where nothing is looked up by them."""
        if isinstance(root, VectorSelector | Subquery):
            self.ends(root.shift, [0])
        if isinstance(root, MatrixSelector | Subquery):
            self.duration(root.range_expr, 0)
        if isinstance(root, Subquery):
            self.duration(root.step_expr, 0)
        for node in children(root):
            self.check_durations(node)

    def matched(self, node: VectorSelector) -> list[Stored]:
        return [
            (labels, samples)
            for labels, samples in self.stored
            if all(matches(m, labels.get(m.name, "")) for m in node.matchers)
        ]

    def instant(
        self, node: VectorSelector, times: list[int], *, of_time: bool = False
    ) -> list[Row]:
        rows = []
        for labels, samples in self.matched(node):
            row = Row(labels, [])
            for time in self.ends(node.shift, times):
                if node.smoothed and not of_time:
                    fresh = [s for s in samples if not is_marker(s[1])]
                    cell = naive_ranges.smoothed_value(fresh, time, self.lookback_ms)
                else:
                    found = naive_ranges.newest(samples, time, self.lookback_ms)
                    cell = None
                    if found is not None and not is_marker(found[1]):
                        cell = found[0] / 1000 if of_time else found[1]
                row.cells.append(cell)
            rows.append(row)
        return rows

    def ranges(
        self, node: Node, times: list[int]
    ) -> tuple[list[tuple[Row, list[tuple[int, float]]]], list[int], int]:
        """(a row without cells and the samples of each series, the ends of the windows, range)."""
        if isinstance(node, MatrixSelector):
            found = [
                (Row(labels, []), [s for s in samples if not is_marker(s[1])])
                for labels, samples in self.matched(node.selector)
            ]
            range_ms = self.duration(node.range_expr, node.range_ms)
            return found, self.ends(node.selector.shift, times), range_ms
        assert isinstance(node, Subquery)
        ends = self.ends(node.shift, times)
        range_ms = self.duration(node.range_expr, node.range_ms)
        step = self.duration(node.step_expr, node.step_ms) or self.subquery_step_ms
        first = (ends[0] - range_ms) // step * step + step if ends else 0
        grid = list(range(first, ends[-1] + 1, step)) if ends else []
        inner = as_rows(self.evaluate(node.expr, grid)) if grid else []
        pairs = [
            (
                Row(row.labels, [], row.drop),
                [(t, c) for t, c in zip(grid, row.cells, strict=True) if c is not None],
            )
            for row in inner
        ]
        return pairs, ends, range_ms

    def matrix(self, root: Node) -> Ranges:
        """The samples of a range at the only step of an instant query."""
        pairs, ends, range_ms = self.ranges(root, self.times)
        out: dict[Key, tuple[Labels, list[tuple[int, float]]]] = {}
        for row, samples in pairs:
            if isinstance(root, MatrixSelector) and is_extended(root.selector):
                window = self.extended_window(root.selector, samples, (ends[0], range_ms))
            else:
                window = naive_ranges.window_of(samples, ends[0], range_ms)
            labels = row.without_names().labels if row.drop else row.labels
            found = out.setdefault(key_of(labels), (labels, []))[1]
            if {t for t, _ in found} & {t for t, _ in window}:
                raise ExecutionError(DUPLICATE_LABELSET)
            found.extend(window)
        return [(labels, sorted(found)) for labels, found in out.values() if found]

    def extended_window(
        self, selector: VectorSelector, samples: list[tuple[int, float]], span: tuple[int, int]
    ) -> list[tuple[int, float]]:
        """The samples inside of a range, between those at its edges."""
        end, start = span[0], span[0] - span[1]
        window = self.around(selector, samples, span)
        found = naive_ranges.edges(window, start, end, smoothed=selector.smoothed, counter=False)
        return [(start, found[0]), *found[2], (end, found[1])] if found else []

    def around(
        self, selector: VectorSelector, samples: list[tuple[int, float]], span: tuple[int, int]
    ) -> list[tuple[int, float]]:
        """What an extended range looks at: the lookback before it, and after it if smoothed."""
        end, range_ms = span
        ahead = self.lookback_ms if selector.smoothed else 0
        return [s for s in samples if end - range_ms - self.lookback_ms < s[0] <= end + ahead]

    # --- operators

    def unary(self, node: Unary, times: list[int]) -> Value:
        value = self.evaluate(node.expr, times)
        if node.op == "+" or isinstance(value, str):
            return value
        if not is_vector(node):
            return [-x for x in as_floats(value)]
        rows = [
            Row(row.labels, [None if c is None else -c for c in row.cells], row.drop)
            for row in as_rows(value)
        ]
        return drop_names(rows, delayed=self.delayed)

    def aggregate(self, node: Aggregate, times: list[int]) -> list[Row]:
        param = None if node.param is None else self.evaluate(node.param, times)
        rows = [row for row in as_rows(self.evaluate(node.expr, times)) if row.has_cells()]
        return naive_aggregation.aggregate(node, rows, param, len(times))

    def binary(self, node: Binary, times: list[int]) -> Value:
        lhs, rhs = self.evaluate(node.lhs, times), self.evaluate(node.rhs, times)
        assert not isinstance(lhs, str) and not isinstance(rhs, str)
        if not is_vector(node.lhs) and not is_vector(node.rhs):
            pairs = zip(as_floats(lhs), as_floats(rhs), strict=True)
            return [operate(node.op, a, b) for a, b in pairs]
        if is_vector(node.lhs) and is_vector(node.rhs):
            return self.of_vectors(node, as_rows(lhs), as_rows(rhs))
        swapped = not is_vector(node.lhs)
        rows, scalar = (as_rows(rhs), as_floats(lhs)) if swapped else (as_rows(lhs), as_floats(rhs))
        return self.with_scalar(node, rows, scalar, swapped)

    def with_scalar(
        self, node: Binary, rows: list[Row], scalar: list[float], swapped: bool
    ) -> list[Row]:
        if node.op in TRIMS:
            return []
        out = []
        for row in rows:
            cells: list[float | None] = []
            for cell, x in zip(row.cells, scalar, strict=True):
                a, b = (x, cell) if swapped else (cell, x)
                if a is None or b is None:
                    cells.append(None)
                elif node.op not in COMPARISONS or node.return_bool:
                    cells.append(operate(node.op, a, b))
                else:
                    cells.append(cell if COMPARISONS[node.op](a, b) else None)
            out.append(Row(row.labels, cells, row.drop))
        if node.op in COMPARISONS and not node.return_bool:
            return out
        return drop_names(out, delayed=self.delayed)

    def of_vectors(self, node: Binary, lhs: list[Row], rhs: list[Row]) -> list[Row]:
        matching = node.matching or VectorMatching()
        steps = len((lhs or rhs)[0].cells) if lhs or rhs else 0
        arithmetic = node.op not in COMPARISONS and node.op not in TRIMS
        drops = arithmetic or (node.return_bool and not self.delayed)
        marked = node.return_bool and self.delayed
        out = []
        for k in range(steps):
            left, right = samples_at(lhs, k), samples_at(rhs, k)
            if node.op in SETS:
                both = {id(labels): drop for labels, _, drop in left + right}
                kept = naive_set(
                    node.op,
                    [(labels, cell) for labels, cell, _ in left],
                    [(labels, cell) for labels, cell, _ in right],
                    matching,
                )
                out.append([(labels, cell, both[id(labels)]) for labels, cell in kept])
                continue
            found = naive_binary(
                [(labels, cell) for labels, cell, _ in left],
                [(labels, cell) for labels, cell, _ in right],
                matching,
                lambda a, b: compare_or_operate(node, a, b),
                drops,
            )
            out.append([(labels, cell, marked) for labels, cell in found])
        return rows_of_steps(out)

    # --- calls

    def call(self, node: Call, times: list[int]) -> Value:
        args = [without_parens(arg) for arg in node.args]
        if any(arg.type is ValueType.MATRIX for arg in args):
            return self.range_call(node, args, times)
        if node.func == "timestamp" and isinstance(args[0], VectorSelector):
            rows = self.instant(args[0], times, of_time=True)
            return drop_names(rows, delayed=self.delayed)
        if node.func == "info":
            base = [row for row in as_rows(self.evaluate(args[0], times)) if row.has_cells()]
            return naive_info.info(node, base, self, times)
        values = [self.evaluate(arg, times) for arg in args]
        if node.func == "absent":
            found = as_rows(values[0])
            return naive_functions.absent(args[0], found, len(times))
        return naive_functions.call(node, values, times, self)

    def range_call(self, node: Call, args: Sequence[Node], times: list[int]) -> list[Row]:
        at = next(i for i, arg in enumerate(args) if arg.type is ValueType.MATRIX)
        argument = args[at]
        params = [self.evaluate(arg, times) for i, arg in enumerate(args) if i != at]
        scalars = [as_floats(value) for value in params if not isinstance(value, str)]
        pairs, ends, range_ms = self.ranges(argument, times)
        rows = []
        for row, samples in pairs:
            for k, (time, end) in enumerate(zip(times, ends, strict=True)):
                extra = [values[k] for values in scalars]
                if isinstance(argument, MatrixSelector) and is_extended(argument.selector):
                    cell = self.extended(node, argument.selector, samples, (end, range_ms))
                else:
                    window = naive_ranges.window_of(samples, end, range_ms)
                    cell = naive_functions.range_cell(
                        node.func, window, (end, range_ms, time), extra
                    )
                row.cells.append(cell)
            rows.append(row)
        if node.func == "absent_over_time":
            return naive_functions.absent(argument, rows, len(times))
        if node.func in KEEP_NAME:
            return rows
        used = [row for row in rows if row.has_cells()]
        return drop_names(used, delayed=self.delayed, may_merge=False)

    def extended(
        self,
        node: Call,
        selector: VectorSelector,
        samples: list[tuple[int, float]],
        span: tuple[int, int],
    ) -> float | None:
        end, range_ms = span
        start = end - range_ms
        window = self.around(selector, samples, span)
        if node.func in ("changes", "resets"):
            return naive_ranges.FUNCTIONS[node.func](
                naive_ranges.anchored(window, start), end, range_ms
            )
        return naive_ranges.extended_change(
            window,
            start,
            end,
            smoothed=selector.smoothed,
            counter=node.func != "delta",
            per_second=node.func == "rate",
        )


def is_extended(selector: VectorSelector) -> bool:
    return selector.anchored or selector.smoothed


def is_marker(value: float) -> bool:
    return bits_of(value) == naive_ranges.STALE_NAN_BITS


def is_vector(node: Node) -> bool:
    return node.type is ValueType.VECTOR


def as_rows(value: Value) -> list[Row]:
    assert not isinstance(value, str)
    return [row for row in value if isinstance(row, Row)]


def as_floats(value: Value) -> list[float]:
    assert not isinstance(value, str)
    return [x for x in value if not isinstance(x, Row)]


def compare_or_operate(node: Binary, a: float, b: float) -> tuple[float, bool]:
    """(value, whether a comparison keeps it)."""
    if node.op in TRIMS:
        return a, False
    if node.op in COMPARISONS and not node.return_bool:
        return a, COMPARISONS[node.op](a, b)
    return operate(node.op, a, b), True
