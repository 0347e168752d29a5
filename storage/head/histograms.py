"""The native histograms of a head: columns that only grow, so that what was seen of them stays.

A row is a histogram; its buckets and bounds lie in three growing lists. The arrays are reserved for
the head's whole life (storage/kernels/memory.py): a head without histograms takes no memory for
them.
"""

import numpy as np

from storage.histograms.columns import Bounds, Buckets, Histograms
from storage.kernels.arrays import Float64s, Int8s, Int32s, Int64s
from storage.kernels.memory import reserve


class GrowingLists:
    """One list of numbers per row, under each other; indexes are left out for bounds."""

    def __init__(self, rows_max: int, numbers_max: int, *, indexed: bool) -> None:
        self.offsets: Int64s = reserve(rows_max + 1, np.int64)
        self.indexes: Int32s = reserve(numbers_max if indexed else 0, np.int32)
        self.numbers: Float64s = reserve(numbers_max, np.float64)

    def extend(self, row: int, offsets: Int64s, numbers: Float64s, indexes: Int32s | None) -> None:
        """Add the lists of the rows from `row` on; they lie one after the other from offset 0."""
        start = int(self.offsets[row])
        end = start + len(numbers)
        self.offsets[row + 1 : row + len(offsets)] = offsets[1:] + start
        self.numbers[start:end] = numbers
        if indexes is not None:
            self.indexes[start:end] = indexes

    def buckets(self, rows: int) -> Buckets:
        end = int(self.offsets[rows])
        return Buckets(self.offsets[: rows + 1], self.indexes[:end], self.numbers[:end])

    def bounds(self, rows: int) -> Bounds:
        end = int(self.offsets[rows])
        return Bounds(self.offsets[: rows + 1], self.numbers[:end])


class HistogramArena:
    """All native histograms that a head took, in order of arrival."""

    def __init__(self, rows_max: int, buckets_max: int) -> None:
        self.count = 0
        self._schemas: Int8s = reserve(rows_max, np.int8)
        self._hints: Int8s = reserve(rows_max, np.int8)
        self._counts: Float64s = reserve(rows_max, np.float64)
        self._sums: Float64s = reserve(rows_max, np.float64)
        self._zero_thresholds: Float64s = reserve(rows_max, np.float64)
        self._zero_counts: Float64s = reserve(rows_max, np.float64)
        self._positive = GrowingLists(rows_max, buckets_max, indexed=True)
        self._negative = GrowingLists(rows_max, buckets_max, indexed=True)
        self._bounds = GrowingLists(rows_max, buckets_max, indexed=False)

    @property
    def bucket_count(self) -> int:
        lists = (self._positive, self._negative, self._bounds)
        return sum(int(each.offsets[self.count]) for each in lists)

    def extend(self, taken: Histograms) -> int:
        """Add rows whose lists lie one after the other; returns the first one's number."""
        first, end = self.count, self.count + len(taken)
        self._schemas[first:end] = taken.schemas
        self._hints[first:end] = taken.hints
        self._counts[first:end] = taken.counts
        self._sums[first:end] = taken.sums
        self._zero_thresholds[first:end] = taken.zero_thresholds
        self._zero_counts[first:end] = taken.zero_counts
        for lists, new in ((self._positive, taken.positive), (self._negative, taken.negative)):
            lists.extend(first, new.offsets, new.counts, new.indexes)
        self._bounds.extend(first, taken.bounds.offsets, taken.bounds.values, None)
        self.count = end
        return first

    def set_hints(self, first: int, hints: Int8s) -> None:
        self._hints[first : first + len(hints)] = hints

    def view(self) -> Histograms:
        """The rows there are now, without a copy."""
        count = self.count
        return Histograms(
            self._schemas[:count], self._hints[:count], self._counts[:count], self._sums[:count],
            self._zero_thresholds[:count], self._zero_counts[:count],
            self._positive.buckets(count), self._negative.buckets(count),
            self._bounds.bounds(count),
        )  # fmt: skip
