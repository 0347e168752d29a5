"""Sums and means of native histograms that arrive in blocks, and what is said of them."""

from dataclasses import replace

import numpy as np
import pytest

from api.promql.aggregations.aggregation import Accumulator
from api.promql.aggregations.native import FOLD_COST
from api.promql.context import Context
from api.promql.syntax.nodes import Aggregate
from api.promql.syntax.parser import parse
from api.promql.vectors.natives import natives_at
from api.promql.vectors.rows import take_rows
from api.promql.vectors.value import Vector
from storage.histograms.columns import CUSTOM_SCHEMA, HINT_NOT_RESET, HINT_RESET
from storage.labels.frames import LabelFrame
from tests.api.promql.vectors.test_names import context
from tests.makers.native_points import NativePoint, histograms_of, point_of

CUSTOM = NativePoint(CUSTOM_SCHEMA, 1.0, 1.0, positive=((0, 1.0),), bounds=(1.0,))
OTHER_BOUNDS = NativePoint(CUSTOM_SCHEMA, 2.0, 2.0, positive=((1, 2.0),), bounds=(1.0, 2.0))


def native(count: float) -> NativePoint:
    return NativePoint(count=count, sum=2 * count, positive=((1, count),))


def vector(ctx: Context, *rows: tuple[str, list[float | NativePoint | None]]) -> Vector:
    """The rows' metrics and cells."""
    cells = [cell for _, row in rows for cell in row]
    shape = (len(rows), len(rows[0][1]))
    places = [i for i, cell in enumerate(cells) if isinstance(cell, NativePoint)]
    points = [cell for cell in cells if isinstance(cell, NativePoint)]
    values = np.array([cell if isinstance(cell, float) else 77.0 for cell in cells])
    present = np.array([cell is not None for cell in cells])
    labels = [{"__name__": name, "i": str(i)} for i, (name, _) in enumerate(rows)]
    return Vector(
        LabelFrame.from_dicts(ctx.symbols, labels),
        values.reshape(shape),
        present.reshape(shape),
        natives=natives_at(histograms_of(points), np.array(places, np.int64), shape),
    )


def cells_of(v: Vector) -> list[list[float | NativePoint | None]]:
    got: list[list[float | NativePoint | None]] = []
    for i in range(len(v.values)):
        row: list[float | NativePoint | None] = []
        for k in range(v.values.shape[1]):
            native_row = -1 if v.natives is None else int(v.natives.rows[i, k])
            if not v.present[i, k]:
                row.append(None)
            elif native_row < 0:
                row.append(float(v.values[i, k]))
            else:
                assert v.natives is not None
                row.append(point_of(v.natives.histograms, native_row))
        got.append(row)
    return got


def aggregated(
    ctx: Context, op: str, v: Vector, block_rows: int = 100, fold_cost: int = FOLD_COST
) -> list[float | NativePoint | None]:
    node = parse(f"{op}(x)")
    assert isinstance(node, Aggregate)
    accumulator = Accumulator(ctx, node, v.labels, fold_cost=fold_cost)
    for first in range(0, v.labels.rows, block_rows):
        rows = np.arange(first, min(first + block_rows, v.labels.rows))
        accumulator.add(first, take_rows(v, rows))
    return cells_of(accumulator.finish())[0]


@pytest.mark.parametrize("op", ["sum", "avg"])
@pytest.mark.parametrize("block_rows", [1, 2, 100])
@pytest.mark.parametrize("fold_cost", [1, 1 << 20])
def test_blocks_do_not_matter(op: str, block_rows: int, fold_cost: int) -> None:
    ctx = context()
    rows: list[tuple[str, list[float | NativePoint | None]]] = [
        ("x", [native(float(i + 1)), 1.0 if i % 2 else None]) for i in range(5)
    ]
    divisor = 1.0 if op == "sum" else 5.0
    expected = native(15.0 / divisor)
    got = aggregated(ctx, op, vector(ctx, *rows), block_rows, fold_cost)
    assert got == [expected, 2.0 if op == "sum" else 1.0]


@pytest.mark.parametrize(
    ("op", "cells", "warnings", "infos"),
    [
        ("sum", [native(1.0), 1.0], ["encountered a mix of histograms and floats"], []),
        ("avg", [native(1.0), CUSTOM], ['custom buckets schemas for metric name "b"'], []),
        ("sum", [CUSTOM, native(1.0)], ['custom buckets schemas for metric name "b"'], []),
        ("min", [native(1.0), None], [], ["ignored histogram in min aggregation"]),
        ("stddev", [native(1.0), None], [], ["ignored histogram in stddev aggregation"]),
    ],
)
def test_groups_without_a_result(
    op: str, cells: list[float | NativePoint | None], warnings: list[str], infos: list[str]
) -> None:
    ctx = context()
    v = vector(ctx, ("a", [cells[0], None]), ("b", [cells[1], None]))
    assert aggregated(ctx, op, v) == [None, None]
    for texts, said in (
        (warnings, ctx.annotations.warnings()),
        (infos, ctx.annotations.infos()),
    ):
        assert len(said) == len(texts)
        assert all(text in got for text, got in zip(texts, said, strict=True))


MIX = "encountered a mix of histograms and floats for aggregation"
SCHEMAS = 'custom buckets schemas for metric name "'
COLLISION = "conflicting counter resets during histogram aggregation"
RECONCILED = "mismatched custom buckets were reconciled during aggregation"
RESET, CONTINUED = (replace(native(1.0), hint=hint) for hint in (HINT_RESET, HINT_NOT_RESET))


@pytest.mark.parametrize("op", ["sum", "avg"])
@pytest.mark.parametrize("block_rows", [1, 2, 100])
@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        # A float at the beginning ends all interest in histograms.
        ([1.0, CUSTOM, native(1.0), OTHER_BOUNDS], [MIX]),
        ([1.0, RESET, CONTINUED], [MIX]),
        # So does one that does not go together with those before.
        ([native(1.0), CUSTOM, 1.0], [SCHEMAS + "b"]),
        ([native(1.0), 1.0, CUSTOM], [MIX, SCHEMAS + "c"]),
        ([CUSTOM, native(1.0), OTHER_BOUNDS], [SCHEMAS + "b"]),
        ([CUSTOM, OTHER_BOUNDS, native(1.0)], [SCHEMAS + "c", RECONCILED]),
        ([CUSTOM, OTHER_BOUNDS, 1.0], [MIX, RECONCILED]),
        # Of resets is said only what has a result.
        ([RESET, CONTINUED], [COLLISION]),
        ([RESET, CONTINUED, 1.0], [MIX]),
        ([RESET, CUSTOM, CONTINUED], [SCHEMAS + "b"]),
    ],
)
def test_what_is_said_depends_on_the_order(
    op: str, block_rows: int, cells: list[float | NativePoint | None], expected: list[str]
) -> None:
    ctx = context()
    v = vector(ctx, *(("abcd"[i], [cell, None]) for i, cell in enumerate(cells)))
    aggregated(ctx, op, v, block_rows)
    said = (*ctx.annotations.warnings(), *ctx.annotations.infos())
    assert len(said) == len(expected), said
    assert all(any(text in got for got in said) for text in expected), said


def test_what_did_not_go_together_stays_away_in_later_blocks() -> None:
    ctx = context()
    rows: list[tuple[str, list[float | NativePoint | None]]] = [
        ("a", [native(1.0), native(1.0)]),
        ("b", [CUSTOM, native(1.0)]),
        ("a", [native(1.0), native(1.0)]),
        ("a", [native(1.0), native(1.0)]),
    ]
    assert aggregated(ctx, "sum", vector(ctx, *rows), 1, 1) == [None, native(4.0)]


def test_custom_bounds_are_reconciled_with_an_info() -> None:
    ctx = context()
    v = vector(ctx, ("a", [CUSTOM, None]), ("a", [OTHER_BOUNDS, None]))
    got = aggregated(ctx, "sum", v)
    assert got[0] == replace(CUSTOM, sum=3.0, count=3.0, positive=((0, 1.0), (1, 2.0)))
    (info,) = ctx.annotations.infos()
    assert "mismatched custom buckets were reconciled during aggregation" in info


def test_counting_counts_both_kinds() -> None:
    ctx = context()
    v = vector(ctx, ("a", [native(1.0), 1.0]), ("a", [2.0, None]))
    assert aggregated(ctx, "count", v) == [2.0, 1.0]
    assert aggregated(ctx, "group", v) == [1.0, 1.0]
