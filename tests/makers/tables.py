"""Series tables for tests: what they hold, as plain values."""

from __future__ import annotations

from storage.labels.frames import LabelFrame, Symbols
from storage.series.table import SeriesTable


def labelset_of(table: SeriesTable, ref: int) -> dict[str, str]:
    """The labels of a registered series."""
    return LabelFrame(Symbols(table.symbols), len(table), pairs=table.pairs).labelset(ref)
