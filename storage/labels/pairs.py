"""The labels of series as flat pairs of codes, and single columns picked from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from storage.kernels.arrays import Int32s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.stops import pieces
from storage.labels.numbering import distinct_codes

# So many series are looked at between two looks, which takes some 5 to 20 ms.
ROWS_AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True)
class LabelPairs:
    """The labels of n series as pairs: series i has offsets[i]:offsets[i+1] of names and values.

    offsets: int64[n+1]; names, values: int32 codes. No pair has an empty value.
    """

    offsets: Int64s
    names: Int32s
    values: Int32s

    def name_codes(self) -> Int32s:
        """The codes of the names that some series has."""
        return distinct_codes(self.names)

    def fill(self, name_code: int, out: Int32s) -> None:
        """out[i] = the value code that series i has for a name."""
        for part in pieces(len(out), ROWS_AT_ONCE):
            offsets = self.offsets[part.start : part.stop + 1]
            scatter_column(offsets, self.names, self.values, name_code, out[part])


class KnownColumns(Protocol):
    """Labels of all series of a source as columns."""

    def has(self, rows: Int64s) -> bool:
        """Whether it pays to look at columns for these series."""
        ...

    def name_codes(self) -> Int32s:
        """The codes of all names that some series has."""
        ...

    def fill(self, name_code: int, rows: Int64s, out: Int32s) -> bool:
        """Like that of PickedPairs; False if nothing was done, as it would not pay."""
        ...


class PickedPairs:
    """Rows of label pairs, copied out when they are first looked at. columns: knows labels of many
    rows as columns already."""

    __slots__ = ("_columns", "_rows", "_source", "_taken")

    def __init__(
        self, source: LabelPairs, rows: Int64s, columns: KnownColumns | None = None
    ) -> None:
        self._source = source
        self._rows = rows
        self._taken: LabelPairs | None = None
        self._columns = columns

    def all(self) -> LabelPairs:
        if self._taken is None:
            self._taken = take_pairs(self._source, self._rows)
        return self._taken

    def pick(self, rows: Int64s) -> PickedPairs:
        return PickedPairs(self._source, self._rows[rows], self._columns)

    @property
    def are_columns(self) -> bool:
        """Whether columns cost less than a copy of all pairs."""
        return self._columns is not None and self._columns.has(self._rows)

    def name_codes(self) -> Int32s:
        """The codes of names that some row may have; of others none has."""
        if self._columns is not None and self._columns.has(self._rows):
            return self._columns.name_codes()
        return distinct_codes(self.all().names)

    def fill(self, name_code: int, out: Int32s) -> None:
        """out[i] = the value code that row i has for a name. Does not copy the pairs."""
        source = self._source
        if self._columns is not None and self._columns.fill(name_code, self._rows, out):
            return
        for part in pieces(len(out), ROWS_AT_ONCE):
            rows = self._rows[part]
            pick_column(source.offsets, source.names, source.values, rows, name_code, out[part])


def take_pairs(pairs: LabelPairs, rows: Int64s) -> LabelPairs:
    """The pairs of the given rows, in their order."""
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(pairs.offsets[rows + 1] - pairs.offsets[rows], out=offsets[1:])
    names = np.empty(offsets[-1], np.int32)
    values = np.empty(offsets[-1], np.int32)
    for part in pieces(len(rows), ROWS_AT_ONCE):
        ends = offsets[part.start : part.stop + 1]
        gather_pairs(pairs.offsets, pairs.names, pairs.values, rows[part], ends, names, values)
    return LabelPairs(offsets, names, values)


@kernel
def gather_pairs(
    offsets: Int64s,
    names: Int32s,
    values: Int32s,
    rows: Int64s,
    out_offsets: Int64s,
    out_names: Int32s,
    out_values: Int32s,
) -> None:
    """Copy the pairs of `rows` to the places that out_offsets gives them."""
    for i in range(len(rows)):
        source = offsets[rows[i]]
        for k in range(out_offsets[i + 1] - out_offsets[i]):
            out_names[out_offsets[i] + k] = names[source + k]
            out_values[out_offsets[i] + k] = values[source + k]


@kernel
def scatter_column(
    offsets: Int64s, names: Int32s, values: Int32s, name_code: int, out: Int32s
) -> None:
    """out[i] = the value code that series i has for name_code; untouched where it has none."""
    for i in range(len(offsets) - 1):
        for k in range(offsets[i], offsets[i + 1]):
            if names[k] == name_code:
                out[i] = values[k]
                break


@kernel
def pick_column(
    offsets: Int64s,
    names: Int32s,
    values: Int32s,
    rows: Int32s | Int64s,
    name_code: int,
    out: Int32s,
) -> None:
    """out[i] = the value code that series rows[i] has for a name; untouched where it has none."""
    for i in range(len(rows)):
        for k in range(offsets[rows[i]], offsets[rows[i] + 1]):
            if names[k] == name_code:
                out[i] = values[k]
                break


@kernel
def scatter_columns(
    offsets: Int64s, names: Int32s, values: Int32s, wanted: Int32s, out: Int32s
) -> None:
    """out[i, c] = the value code that series i has for name wanted[c]; untouched where none.

    Pairs and wanted names mostly come in the same order, so the search for a name goes on from
    the one found before.
    """
    width = len(wanted)
    for i in range(len(offsets) - 1):
        at = 0
        for k in range(offsets[i], offsets[i + 1]):
            for step in range(width):
                column = at + step
                if column >= width:
                    column -= width
                if wanted[column] == names[k]:
                    out[i, column] = values[k]
                    at = column + 1
                    break
