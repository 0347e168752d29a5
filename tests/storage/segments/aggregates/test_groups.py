"""The footers and row groups of aggregates.parquet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.errors import FormatError
from storage.files import AGGREGATES_FILE
from storage.segments.aggregates.groups import read_footer, read_groups
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
    ids, rows = read_groups(path, footer, np.array([0, 2]), ["count"])
    assert (ids.tolist(), rows.count.tolist()) == ([1, 1, 5, 5], [1, 1, 1, 1])


def test_other_columns_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / AGGREGATES_FILE
    pq.write_table(pa.table({"series_id": [1]}), path)
    with pytest.raises(FormatError, match="has the columns"):
        read_footer(path)
    path.unlink()
    with pytest.raises(FormatError, match="cannot read"):
        read_footer(path)
