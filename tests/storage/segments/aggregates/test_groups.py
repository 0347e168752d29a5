"""The footers and row groups of aggregates.parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.errors import FormatError
from storage.files import AGGREGATES_FILE
from storage.segments.aggregates.columns import EVERYTHING, FORMAT, table_of
from storage.segments.aggregates.groups import AggregateFile, read_footer
from storage.segments.aggregates.writer import AggregateWriter
from tests.makers.downsampling.segments import folded
from tests.twins.storage.aggregates import bits_of

ONE = bits_of(1.0)


def test_what_a_footer_says(tmp_path: Path) -> None:
    path = tmp_path / AGGREGATES_FILE
    with AggregateWriter(path, group_rows=3) as writer:
        writer.write(*folded({i: ([(i, ONE), (11, ONE)], []) for i in (1, 2, 5)}, 10))
    footer = read_footer(path)
    assert footer.first_ids.tolist() == [1, 2, 5]
    assert (footer.min_ms.tolist(), footer.max_ms.tolist()) == ([1, 2, 5], [11, 11, 11])
    assert footer.rows.tolist() == [2, 2, 2]
    with AggregateFile(path, footer) as file:
        for number, i in ((0, 1), (2, 5)):
            found = file.read(number, ["count"])
            assert (found.ids.tolist(), found.rows.count.tolist()) == ([i, i], [1, 1])


@pytest.mark.parametrize(
    "changed",
    [
        {"compression": "snappy"},
        {"use_dictionary": True, "column_encoding": None},
        {"column_encoding": None},
        {"max_rows_per_page": 1, "data_page_size": 1, "write_batch_size": 1},
    ],
)
def test_pages_that_only_arrow_knows(tmp_path: Path, changed: dict[str, Any]) -> None:
    path = tmp_path / AGGREGATES_FILE
    ids, made = folded({1: ([(t, bits_of(t / 10)) for t in range(1, 60)], [])}, 10)
    table = table_of(np.repeat(ids, len(made)), made.rows)
    pq.write_table(table, path, **(FORMAT | changed))
    with AggregateFile(path, read_footer(path)) as file:
        found = file.read(0, EVERYTHING)
    for column, expected in zip(found.rows, made.rows, strict=True):
        assert column.tolist() == expected.tolist()


def test_a_file_that_ends_too_early(tmp_path: Path) -> None:
    path = tmp_path / AGGREGATES_FILE
    with AggregateWriter(path) as writer:
        writer.write(*folded({1: ([(1, ONE)], [])}, 10))
    footer = read_footer(path)
    path.write_bytes(path.read_bytes()[:40])
    with (
        AggregateFile(path, footer) as file,
        pytest.raises(FormatError, match="ends before its row groups do"),
    ):
        file.read(0, EVERYTHING)


def test_other_columns_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / AGGREGATES_FILE
    pq.write_table(pa.table({"series_id": [1]}), path)
    with pytest.raises(FormatError, match="has the columns"):
        read_footer(path)
    path.unlink()
    with pytest.raises(FormatError, match="cannot read"):
        read_footer(path)
