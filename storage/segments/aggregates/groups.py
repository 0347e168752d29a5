"""The row groups of aggregates.parquet: what a footer says of them, and their rows, decoded."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from storage.downsampling.aggregates import Rows
from storage.errors import FormatError
from storage.kernels.arrays import Int64s
from storage.segments.aggregates.columns import COLUMNS, names_for, rows_of
from storage.segments.damage import UNREADABLE
from storage.segments.histogram_reader import HistogramFooter


def read_footer(path: Path, place: Path | None = None) -> HistogramFooter:
    """place: where the file is, if not at its path. Raises FormatError if the file is missing,
    damaged or has other columns."""
    try:
        parquet = pq.read_metadata(place or path)
    except UNREADABLE as error:
        raise FormatError(f"cannot read {path}: {error}") from error
    names = tuple(parquet.schema.to_arrow_schema().names)
    if names != COLUMNS:
        raise FormatError(f"{path} has the columns {names}, not {COLUMNS}")
    bounds = np.empty((4, parquet.num_row_groups), np.int64)
    for i in range(parquet.num_row_groups):
        group = parquet.row_group(i)
        ids, times = group.column(0).statistics, group.column(1).statistics
        if ids is None or times is None:
            raise FormatError(f"{path} does not tell the ids and times of its row groups")
        bounds[:, i] = ids.min, ids.max, times.min, times.max
    return HistogramFooter(parquet, *bounds)


def read_groups(
    path: Path,
    footer: HistogramFooter,
    groups: Int64s,
    columns: Collection[str],
    place: Path | None = None,
) -> tuple[Int64s, Rows]:
    """The series ids and rows of some row groups. place: where the file is, if not at its path.
    Raises FormatError."""
    try:
        with pq.ParquetFile(place or path, metadata=footer.parquet, pre_buffer=False) as file:
            table = file.read_row_groups(
                groups.tolist(), names_for(columns), use_threads=len(groups) > 1
            )
    except UNREADABLE as error:
        raise FormatError(f"cannot read {path}: {error}") from error
    try:
        return table["series_id"].to_numpy(), rows_of(table, columns)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
