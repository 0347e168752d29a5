"""Aggregates: what is kept of the samples of series, window by window, as columns.

Windows are left-open, as ranges of PromQL are: the window of a time t ends at the multiple of the
resolution that is the smallest one not below t, which belongs to it. So a range whose ends are such
multiples is made of whole windows.

A row is what one window has of one series. Of floats and of native histograms it is kept apart:
floats have rows here, histograms are kept as the real samples that matter. Start timestamps and
exemplars are not kept.
"""

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from storage.kernels.arrays import Float64s, Int64s
from storage.samples.samples import Samples

RESOLUTION_5M_MS = 300_000
RESOLUTION_1H_MS = 3_600_000
# From fine to coarse; each is a multiple of the one before. 0: samples as they came.
RESOLUTIONS_MS = (RESOLUTION_5M_MS, RESOLUTION_1H_MS)


class Rows(NamedTuple):
    """The columns of windows, all of one length, as kernels take them.

    Only floats that are no stale markers count; other NaN are values. Times are int64 ms.

    first_ms, first, last_ms, last: the first and the last float of the window, bit for bit.
    min_ms, min, max_ms, max: the smallest and the largest, the earliest of equal ones; a NaN only
    if all are NaN. The sum is compensated, as sum_over_time() is, and NaN if one of them is.
    count: how many floats there are.
    falls: how many of them are smaller than the float before them in the window (a fall from the
    last of a window to the first of the next one is in neither: the two values show it). fallen:
    the sum of the floats right before those falls. So the increase of a counter within the window
    is last - first + fallen.
    stale_ms: the time of the first stale marker after `last_ms`, 0 if there is none in the window.
    A marker that a float of the same window follows is not kept: the series goes on.

    A window with stale markers but without floats, where a series ended at the very end of the
    window before, has a row with count 0: stale_ms, first_ms, last_ms, min_ms and max_ms are
    the marker's time, first, last, min and max the marker, and sum, falls and fallen 0.
    """

    first_ms: Int64s
    first: Float64s
    last_ms: Int64s
    last: Float64s
    min_ms: Int64s
    min: Float64s
    max_ms: Int64s
    max: Float64s
    sum: Float64s
    count: Int64s  # type: ignore[assignment]  # tuples have a method of this name
    falls: Int64s
    fallen: Float64s
    stale_ms: Int64s


FLOATS = frozenset({"first", "last", "min", "max", "sum", "fallen"})


@dataclass(frozen=True, slots=True)
class KeptHistograms:
    """The native histograms that are kept of n series, as real samples at their own times.

    samples: over the same n series; of each window the first and the last one, both sides of each
    reset, and a stale marker that is a histogram if no histogram of the window follows it. So a
    counter that is corrected for resets comes out as from all of them. Hints are what they were:
    between two that are kept there is no reset but the one that the second shows.
    counts: one for each: how many histograms, markers not counted, its window has, at the last one
    of the window; 0 at the others. They add up to what count_over_time() counts.
    """

    samples: Samples
    counts: Int64s

    def __len__(self) -> int:
        return len(self.samples)


@dataclass(frozen=True, slots=True)
class Aggregates:
    """Aggregates of n series over windows: series i owns rows offsets[i]:offsets[i+1], ascending.

    The columns are described at Rows. histograms: None where there are none.
    """

    offsets: Int64s
    first_ms: Int64s
    first: Float64s
    last_ms: Int64s
    last: Float64s
    min_ms: Int64s
    min: Float64s
    max_ms: Int64s
    max: Float64s
    sum: Float64s
    count: Int64s
    falls: Int64s
    fallen: Float64s
    stale_ms: Int64s
    histograms: KeptHistograms | None = None

    @classmethod
    def of(
        cls, offsets: Int64s, rows: Rows, histograms: KeptHistograms | None = None
    ) -> "Aggregates":
        return cls(offsets, *rows, histograms)

    @property
    def rows(self) -> Rows:
        return Rows._make(getattr(self, name) for name in Rows._fields)

    @property
    def series_count(self) -> int:
        return len(self.offsets) - 1

    def __len__(self) -> int:
        """The number of rows; kept histograms are not among them."""
        return len(self.last_ms)


@dataclass(frozen=True, slots=True)
class WindowRuns:
    """Windows of some series as they lie in one place: run r, of series items[r], is the rows
    starts[r]:starts[r] + lengths[r], ascending."""

    items: Int64s
    starts: Int64s
    lengths: Int64s
    rows: Rows

    @classmethod
    def of(cls, aggregates: Aggregates) -> "WindowRuns":
        """A run for each series."""
        offsets = aggregates.offsets
        items = np.arange(aggregates.series_count)
        return cls(items, offsets[:-1].copy(), np.diff(offsets), aggregates.rows)

    def __len__(self) -> int:
        return int(self.lengths.sum())


assert [field.name for field in fields(Aggregates)][1:-1] == list(Rows._fields)


def finer_than(resolution_ms: int) -> int:
    """What windows of a resolution are made of: windows of this one, or samples (0)."""
    return (0, *RESOLUTIONS_MS)[RESOLUTIONS_MS.index(resolution_ms)]


def empty_rows(size: int) -> Rows:
    """Room for the columns of this many windows."""
    types = [np.float64 if name in FLOATS else np.int64 for name in Rows._fields]
    return Rows._make(np.empty(size, kind) for kind in types)


def take_rows(rows: Rows, places: Int64s | slice) -> Rows:
    """The rows at some places, in their order."""
    return Rows._make(column[places] for column in rows)


def empty_aggregates(series_count: int) -> Aggregates:
    return Aggregates.of(np.zeros(series_count + 1, np.int64), empty_rows(0))
