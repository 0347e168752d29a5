"""The port of rows that are read: series that were not made one with their replicas.

The storage's own rows implement it (selection.StoredSelection), and those that were joined from
several sources, or fetched.
"""

from __future__ import annotations

from typing import Protocol

from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame
from storage.samples.samples import Samples

Span = tuple[int, int]


class Rows(Protocol):
    """Some series, and their samples of a span of time."""

    @property
    def labels(self) -> LabelFrame:
        """One row per series; rows are distinct."""
        ...

    @property
    def expected_samples(self) -> int:
        """About how many samples are to be read."""
        ...

    @property
    def is_plain(self) -> bool:
        """Whether all samples are floats without start timestamps."""
        ...

    def read(self, first_row: int, end_row: int) -> Samples:
        """The samples of rows [first_row, end_row)."""
        ...

    def read_near(self, first_row: int, end_row: int, span: Span, lead: int) -> Samples:
        """Like read(), for plain samples; of what is out of the span, only `lead` samples on each
        side are certain to be there."""
        ...

    def pick(self, rows: Int64s) -> Rows:
        """Some of these series, in the order of `rows`; for plain samples."""
        ...

    def loaded(self, first_row: int, end_row: int) -> Rows:
        """The same, for whom reads only these rows, but again and again."""
        ...
