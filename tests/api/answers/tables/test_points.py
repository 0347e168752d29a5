"""Results as rows of a table, in blocks."""

from typing import Any

import numpy as np
import pytest

from api.answers.encoding import TRUNCATED, TextBlocks
from api.answers.tables.points import column_names, table_of
from tests.makers.promql import table_results
from tests.makers.promql.table_results import PRESENT, ROWS, STEPS, VALUES


def cells(table: Any, sizes: TextBlocks) -> list[tuple[int, int, str]]:
    """(series, time, value) of all points; values as text, so that NaN equals itself."""
    found = []
    for points in table.blocks(sizes):
        assert 0 < len(points) <= sizes.points
        found += [
            (row, time, str(value))
            for row, time, value in zip(
                points.rows.tolist(),
                points.timestamps.tolist(),
                points.values.tolist(),
                strict=True,
            )
        ]
    return found


@pytest.mark.parametrize(
    "sizes", [TextBlocks(), TextBlocks(points=2, rows=2), TextBlocks(points=1)]
)
@pytest.mark.parametrize("make", [table_results.vector_result, table_results.matrix_result])
@pytest.mark.parametrize("histograms", [False, True])
def test_blocks_have_all_points(make: Any, histograms: bool, sizes: TextBlocks) -> None:
    table = table_of(make(histograms=histograms))
    assert table.has_histograms == histograms
    assert cells(table, sizes) == [
        (i, STEPS[k], str(VALUES[i][k])) for i in range(3) for k in range(3) if PRESENT[i][k]
    ]


def test_a_limit_keeps_the_first_series() -> None:
    table = table_of(table_results.vector_result(), limit=2)
    assert table.warnings == ("careful", TRUNCATED)
    assert {row for row, *_ in cells(table, TextBlocks())} == {0, 1}
    assert table.labels.rows == 2
    assert table_of(table_results.vector_result(), limit=3).warnings == ("careful",)


def test_scalars_and_strings() -> None:
    table = table_of(table_results.scalar_result())
    assert (table.kind, cells(table, TextBlocks())) == ("scalar", [(0, 1_500, "0.25")])
    table = table_of(table_results.string_result())
    assert (table.kind, table.text) == ("string", 'a,"b"')
    assert cells(table, TextBlocks()) == []
    kinds = [table_results.vector_result(), table_results.matrix_result()]
    assert [table_of(result).kind for result in kinds] == ["matrix", "matrix"]


def test_parts_cost_no_more_than_allowed() -> None:
    table = table_of(table_results.vector_result(histograms=True))
    (points,) = table.blocks(TextBlocks())
    # One row each and, of histograms, their buckets and one more: 4, 3, 1 of them.
    costs = [1 + {-1: 0, 0: 30, 1: 30, 2: 10}[at] for at in np.array(ROWS)[np.array(PRESENT)]]
    for most in (1, 11, 12, 33, 1_000):
        parts = list(points.within(most, row=1, bucket=10))
        assert sum(map(len, parts)) == len(points) == len(costs)
        at = 0
        for part in parts:
            cost = sum(costs[at : at + len(part)])
            assert cost <= most or len(part) == 1
            # No part could take the next one, too.
            at += len(part)
            assert at == len(costs) or cost + costs[at] > most
    (whole,) = table_of(table_results.vector_result()).blocks(TextBlocks())
    assert list(whole.within(1, row=1, bucket=1)) == [whole]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ([], []),
        (["__name__", "job"], ["__name__", "job"]),
        (["time", "value", "histogram", "provenance"], [
            "label.time", "label.value", "label.histogram", "label.provenance",
        ]),
        (["label.time", "time"], ["label.time", "label.label.time"]),
        (["label.label.time", "label.time", "time"], [
            "label.label.time", "label.time", "label.label.label.time",
        ]),
    ],
)  # fmt: skip
def test_labels_keep_their_names_unless_columns_of_samples_have_them(
    labels: list[str], names: list[str]
) -> None:
    assert column_names(labels) == names
