"""Aggregates as columns."""

from __future__ import annotations

import numpy as np

from storage.downsampling.aggregates import (
    RESOLUTIONS_MS,
    Aggregates,
    Rows,
    empty_aggregates,
    empty_rows,
    take_rows,
)

FLOATS = {"first", "last", "min", "max", "sum", "fallen"}


def test_columns_have_their_types() -> None:
    for name, column in zip(Rows._fields, empty_rows(3), strict=True):
        assert (len(column), column.dtype) == (3, np.float64 if name in FLOATS else np.int64)


def test_rows_go_in_and_come_out() -> None:
    rows = Rows._make(np.arange(4) + 10 * k for k in range(len(Rows._fields)))
    whole = Aggregates.of(np.array([0, 3, 4]), rows)
    assert (whole.series_count, len(whole)) == (2, 4)
    assert whole.first.tolist() == [10, 11, 12, 13]
    assert whole.stale_ms.tolist() == [120, 121, 122, 123]
    taken = take_rows(whole.rows, np.array([3, 0]))
    assert (taken.first_ms.tolist(), taken.sum.tolist()) == ([3, 0], [83, 80])


def test_nothing() -> None:
    nothing = empty_aggregates(2)
    assert (nothing.offsets.tolist(), len(nothing), nothing.histograms) == ([0, 0, 0], 0, None)


def test_coarse_windows_are_made_of_fine_ones() -> None:
    assert RESOLUTIONS_MS == (300_000, 3_600_000)
