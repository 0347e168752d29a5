"""The columns of aggregates.parquet."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.downsampling.aggregates import Rows
from storage.downsampling.folding import fold
from storage.errors import FormatError
from storage.samples.samples import Samples
from storage.segments.aggregates.columns import FORMAT, SOURCES, names_for, rows_of, table_of
from tests.makers.downsampling.aggregates import FINE, float_points, samples_of
from tests.twins.storage.aggregates import STALE, Point, bits_of


def as_bits(rows: Rows) -> list[list[int]]:
    return [
        (column.view(np.uint64) if column.dtype == np.float64 else column).tolist()
        for column in rows
    ]


@given(st.lists(float_points, min_size=1, max_size=3))
def test_rows_come_back_to_the_bit(series: list[list[Point]]) -> None:
    aggregates = fold(samples_of(series, [[] for _ in series]), FINE)
    ids = np.repeat(np.arange(len(series)), np.diff(aggregates.offsets))
    stream = io.BytesIO()
    pq.write_table(table_of(ids, aggregates.rows), stream, **FORMAT)
    table = pq.read_table(stream)
    assert table["series_id"].to_pylist() == ids.tolist()
    found = rows_of(table)
    assert as_bits(found) == as_bits(aggregates.rows)
    assert [c.dtype for c in found] == [c.dtype for c in aggregates.rows]


def windows() -> Rows:
    """A constant, a counter, a gauge and an end."""
    values = [[5.0] * 3, [1.0, 2.0, 4.0], [3.0, 1.0, 2.0]]
    times = np.array([1, 2, 3, 11, 12, 13, 21, 22, 23], np.int64)
    samples = Samples(np.array([0, 9]), times, np.array(values).ravel())
    return fold(samples, 10).rows


def test_what_follows_from_other_columns_is_null() -> None:
    table = table_of(np.zeros(3, np.int64), windows())
    valid = {name: table[name].is_valid().to_pylist() for name in table.column_names}
    assert valid["last_scaled"] == [True, True, True]
    assert valid["first_scaled"] == [False, True, True]
    assert valid["min_scaled"] == [False, False, True]
    assert valid["max_scaled"] == [False, False, True]
    assert valid["sum_scaled"] == [False, True, False]
    assert valid["fallen"] == [False, False, True]
    assert valid["stale_age"] == [False, False, False]
    assert table["scale"].to_pylist() == [0, 0, 0]
    for name in ("last", "first", "min", "max", "sum"):
        assert not any(valid[name])


def test_decimals_are_integers_but_for_single_sums() -> None:
    times = np.arange(1, 21, dtype=np.int64)
    values = np.array([0.1, 0.2, 0.3] + [0.1 * k for k in range(1, 8)] + [0.7] * 10)
    rows = fold(Samples(np.array([0, 20]), times, np.round(values, 1)), 10).rows
    table = table_of(np.zeros(2, np.int64), rows)
    assert table["scale"].to_pylist() == [1, 1]
    assert table["last_scaled"].to_pylist() == [7, 7]
    exact = [round(total * 10) / 10 == total for total in rows.sum.tolist()]
    assert table["sum"].is_valid().to_pylist()[0] == (not exact[0])
    assert as_bits(rows_of(table)) == as_bits(rows)


def test_the_end_of_a_series_does_not_make_it_floats() -> None:
    samples = samples_of([[(1, bits_of(5.0)), (11, STALE)]], [[]])
    rows = fold(samples, 10).rows
    table = table_of(np.zeros(2, np.int64), rows)
    assert table["last_scaled"].to_pylist() == [5, None]
    assert as_bits(rows_of(table)) == as_bits(rows)


@pytest.mark.parametrize("name", SOURCES)
def test_columns_are_read_alone(name: str) -> None:
    whole = table_of(np.zeros(3, np.int64), windows())
    some = rows_of(whole.select(names_for([name])), [name])
    assert getattr(some, name).tolist() == getattr(windows(), name).tolist()
    assert some.last_ms.tolist() == windows().last_ms.tolist()
    for other, column in zip(Rows._fields, some, strict=True):
        if other not in (name, "last_ms"):
            assert not column.any()
        assert column.dtype == getattr(windows(), other).dtype


def test_what_makes_no_sense() -> None:
    table = table_of(np.zeros(3, np.int64), windows())
    nulls = table.set_column(1, "ts", pa.nulls(3, pa.int64()))
    with pytest.raises(FormatError, match="nulls in the column ts"):
        rows_of(nulls)
    place = table.column_names.index("scale")
    wild = table.set_column(place, "scale", pa.array([10, 0, 0], pa.int8()))
    with pytest.raises(FormatError, match=r"they may be 0 to 9"):
        rows_of(wild)
