"""Samples as storage gives them, and the cells of vectors: from one to the other and back.

Floats and native histograms stand among each other in a series; where the two have to be told
apart, the float samples and the histogram samples become two blocks of the same series.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from api.promql.queryable import Selection, expected_samples, resolutions_of
from api.promql.vectors import kernels as sample_kernels
from api.promql.vectors.natives import compacted, natives_at
from api.promql.vectors.value import Vector
from storage.histograms.columns import HINT_GAUGE, HINT_UNKNOWN, NO_HISTOGRAM, Histograms, Natives
from storage.histograms.hints import filled_hints
from storage.histograms.histograms import take
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.kernels.stale import is_stale
from storage.labels.frames import LabelFrame
from storage.samples.merge import is_plain
from storage.samples.samples import Samples

Cells = tuple[Float64s, Bools]
MixedCells = tuple[Float64s, Bools, Natives | None]

# INFO_TIMESTAMP states, as natives, which samples are histograms.
VALUE, TIMESTAMP, START, INFO_TIMESTAMP = range(4)
_EVER_MS = 1 << 62


def empty_cells(rows: int, steps: int) -> Cells:
    return np.empty((rows, steps)), np.zeros((rows, steps), np.bool_)


def newest_cells(samples: Samples, times: Int64s, lookback_ms: int, what: int) -> MixedCells:
    """The newest sample of each series at each time: its value, timestamp or start in seconds.

    A cell is empty if that sample is a stale marker or older than the lookback.
    """
    values, present = empty_cells(samples.series_count, len(times))
    if samples.weights is not None:
        positions = np.empty(values.shape, np.int64)
        sample_kernels.latest_of_stretches(
            samples.offsets,
            samples.timestamps,
            samples.values,
            samples.weights.since,
            times,
            lookback_ms,
            positions,
            present,
        )
        return _picked(samples, positions, present, what)
    if what == TIMESTAMP or (what != START and samples.natives is None):
        sample_kernels.latest_values(
            what != VALUE,
            samples.offsets,
            samples.timestamps,
            samples.values,
            times,
            lookback_ms,
            values,
            present,
        )
        return values, present, None
    positions = np.empty(values.shape, np.int64)
    sample_kernels.latest_positions(
        samples.offsets,
        samples.timestamps,
        samples.values,
        times,
        lookback_ms,
        positions,
        present,
    )
    return _picked(samples, positions, present, what)


def _picked(samples: Samples, positions: Int64s, present: Bools, what: int) -> MixedCells:
    """The samples at these positions, which are read only where `present`."""
    at = positions[present]
    values = np.zeros(present.shape)
    if what == START:
        values[present] = 0.0 if samples.starts is None else samples.starts[at] / 1000
        return values, present, None
    values[present] = samples.values[at] if what == VALUE else samples.timestamps[at] / 1000
    if what == TIMESTAMP or samples.natives is None:
        return values, present, None
    rows = np.full(present.shape, NO_HISTOGRAM, np.int32)
    rows[present] = samples.natives.rows[at]
    natives = Natives(samples.natives.histograms, rows)
    return values, present, compacted(natives) if natives.mask.any() else None


def fresh_samples(samples: Samples) -> Samples:
    """The samples without stale markers; the same object if there are none."""
    if sample_kernels.count_stale(samples.values) == 0:
        return samples
    return fresh_between(samples, -_EVER_MS, _EVER_MS)


def fresh_between(samples: Samples, start_ms: int, end_ms: int) -> Samples:
    """A copy of the samples in [start_ms, end_ms] without stale markers."""
    if not is_plain(samples):
        times = samples.timestamps
        return chosen(samples, ~is_stale(samples.values) & (start_ms <= times) & (times <= end_ms))
    offsets = np.empty(samples.series_count + 1, np.int64)
    timestamps = np.empty(len(samples), np.int64)
    values = np.empty(len(samples), np.float64)
    sample_kernels.pick_fresh(
        samples.offsets,
        samples.timestamps,
        samples.values,
        start_ms,
        end_ms,
        offsets,
        timestamps,
        values,
    )
    return Samples(offsets, timestamps[: offsets[-1]], values[: offsets[-1]])


def chosen(samples: Samples, keep: Bools) -> Samples:
    """The samples for which `keep` is true."""
    before = np.zeros(len(samples) + 1, np.int64)
    np.cumsum(keep, out=before[1:])
    natives = None if samples.natives is None else samples.natives.at(keep)
    if natives is not None and not natives.mask.any():
        natives = None
    return Samples(
        before[samples.offsets],
        samples.timestamps[keep],
        samples.values[keep],
        None if samples.starts is None else samples.starts[keep],
        natives,
        None if samples.weights is None else samples.weights.at(keep),
    )


def float_samples(samples: Samples) -> Samples:
    """The samples that are floats; the same object if all of them are."""
    return samples if samples.natives is None else chosen(samples, ~samples.natives.mask)


def histogram_samples(samples: Samples) -> Samples:
    """The samples that are histograms."""
    if samples.natives is None:
        return Samples(np.zeros_like(samples.offsets), samples.timestamps[:0], samples.values[:0])
    return chosen(samples, samples.natives.mask)


def without_starts(samples: Samples) -> Samples:
    return samples if samples.starts is None else replace(samples, starts=None)


def samples_of_cells(vector: Vector, steps: Int64s) -> Samples:
    """The present cells of a vector as samples at their steps: what a subquery gives.

    Starts are lost, and with them what histograms say of the one before them: it may not be the one
    that is before them now.
    """
    values, present = vector.values, vector.present
    count = int(np.count_nonzero(present))
    offsets = np.empty(values.shape[0] + 1, np.int64)
    timestamps, out = np.empty(count, np.int64), np.empty(count, np.float64)
    sample_kernels.gather_cells(values, present, steps, offsets, timestamps, out)
    if vector.natives is None:
        return Samples(offsets, timestamps, out)
    natives = vector.natives.at(present)
    at = np.flatnonzero(natives.mask)
    if len(at) == 0:
        return Samples(offsets, timestamps, out)
    histograms = without_hints(take(natives.histograms, natives.rows[at]))
    out[at] = histograms.sums
    return Samples(offsets, timestamps, out, None, natives_at(histograms, at, (count,)))


def without_hints(histograms: Histograms) -> Histograms:
    """The histograms with no hint but that they are gauges."""
    hints = np.where(histograms.hints == HINT_GAUGE, HINT_GAUGE, HINT_UNKNOWN).astype(np.int8)
    return replace(histograms, hints=hints)


def with_filled_hints(samples: Samples) -> Samples:
    """The samples with what histograms leave open about resets found out by comparing them with the
    histogram before them in their series."""
    natives = samples.natives
    if natives is None:
        return samples
    at = np.flatnonzero(natives.mask)
    series = np.searchsorted(samples.offsets, at, "right")
    histograms = take(natives.histograms, natives.rows[at])
    places = np.arange(len(at))
    before = np.full(len(at), -1, np.int64)
    before[1:] = np.where(series[1:] == series[:-1], places[:-1], -1)
    hints = filled_hints(histograms, before, places)
    filled = replace(histograms, hints=hints)
    return replace(samples, natives=natives_at(filled, at, natives.rows.shape))


@dataclass(frozen=True, slots=True)
class HintedSelection:
    """A selection whose histograms are only counted or summed: it is read with hints filled in."""

    selection: Selection

    @property
    def labels(self) -> LabelFrame:
        return self.selection.labels

    @property
    def expected_samples(self) -> int:
        return expected_samples(self.selection)

    @property
    def resolutions(self) -> tuple[int, ...]:
        return resolutions_of(self.selection)

    def read(self, first_row: int, end_row: int) -> Samples:
        return with_filled_hints(self.selection.read(first_row, end_row))
