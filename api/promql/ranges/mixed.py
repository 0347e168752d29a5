"""The functions over range vectors whose samples are native histograms, or know their start.

A function either takes both kinds of samples, or ignores histograms, or refuses a window that has
both. Floats go the way of plain float series, histograms are folded by kernels, and the cells of
the two are put together again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from api.promql.native_histograms import arithmetic as native
from api.promql.ranges import floats
from api.promql.ranges.kernels import count_events, window_edges
from api.promql.ranges.native import rate_kernels
from api.promql.ranges.native import rates as native_rates
from api.promql.ranges.starts import find_new_starts, started_rate_windows
from api.promql.ranges.windows import Windows
from api.promql.vectors.cells import Cells, empty_cells, float_samples, histogram_samples
from api.promql.vectors.natives import compacted, natives_at
from storage.histograms.columns import HINT_GAUGE, NO_HISTOGRAM, Histograms, Natives
from storage.histograms.histograms import concat, take
from storage.histograms.resets import detect_resets
from storage.kernels.arrays import Bools, Float64s, Int32s, Int64s
from storage.samples.samples import Samples

# What there is to say of windows, in the order in which it is said.
IGNORED, MIXED, SCHEMAS, NOT_COUNTER, NOT_GAUGE, CONFLICT = range(6)
SUBTRACTED, ADDED, FOLDED, OVERLAP = range(6, 10)


@dataclass(slots=True)
class Mixed:
    """The cells of a function; notes: where there is something to say, bool[series, steps]."""

    values: Float64s
    present: Bools
    natives: Natives | None = None
    notes: dict[int, Bools] = field(default_factory=dict)

    def note(self, kind: int, where: Bools) -> None:
        if where.any():
            known = self.notes.get(kind)
            self.notes[kind] = where if known is None else known | where


Fold = Callable[[Histograms, Int32s, Int64s, int], tuple[Histograms, native.Notes]]
MixedFunction = Callable[[Samples, Windows], Mixed]


def over_floats(
    function: floats.FloatFunction, samples: Samples, windows: Windows, params: list[Float64s]
) -> Mixed:
    """What a function makes of the floats; histograms among them are ignored."""
    plain = float_samples(samples)
    result = Mixed(*function(plain, windows, params))
    result.note(IGNORED, _has(plain, windows) & _has(histogram_samples(samples), windows))
    return result


def _has(samples: Samples, windows: Windows) -> Bools:
    return floats.presence(samples, windows, [])[1]


def picked(*, is_first: bool) -> MixedFunction:
    """The first or the last sample of each window."""

    def apply(samples: Samples, windows: Windows) -> Mixed:
        low, high = edges_of(samples, windows)
        present = high > low
        at = (low if is_first else high - 1)[present]
        values = np.zeros(present.shape)
        values[present] = samples.values[at]
        if samples.natives is None:
            return Mixed(values, present)
        rows = np.full(present.shape, NO_HISTOGRAM, np.int32)
        rows[present] = samples.natives.rows[at]
        return Mixed(values, present, compacted(Natives(samples.natives.histograms, rows)))

    return apply


def edges_of(samples: Samples, windows: Windows) -> tuple[Int64s, Int64s]:
    """The positions of the samples of each window: low <= position < high."""
    return window_edges(samples.offsets, samples.timestamps, windows.ends, windows.range_ms)


def folded(function: floats.FloatFunction, fold: Fold) -> MixedFunction:
    """Sums or means of windows of one kind: those of floats, and those of histograms."""
    return lambda samples, windows: _folded(function, fold, samples, windows)


def _folded(
    function: floats.FloatFunction, fold: Fold, samples: Samples, windows: Windows
) -> Mixed:
    values, present = function(float_samples(samples), windows, [])
    others = histogram_samples(samples)
    natives = others.natives
    low, high = edges_of(others, windows)
    has_both = present & (high > low)
    result = Mixed(values, present & ~has_both)
    result.note(MIXED, has_both)
    places = np.flatnonzero((high > low) & ~present)
    if len(places) == 0 or natives is None:
        return result
    first, counts = low.reshape(-1)[places], (high - low).reshape(-1)[places]
    groups = np.repeat(np.arange(len(places)), counts)
    starts = np.cumsum(counts) - counts
    positions = np.arange(len(groups)) - np.repeat(starts - first, counts)
    sums, said = fold(natives.histograms, natives.rows[positions], groups, len(places))
    _put(result, sums, places, said.incompatible)
    # Nothing else is said of windows whose histograms do not go together.
    result.note(CONFLICT, _mask(result, places[said.hint_conflict & ~said.incompatible]))
    result.note(FOLDED, _mask(result, places[said.reconciled_add & ~said.incompatible]))
    return result


def _put(result: Mixed, histograms: Histograms, places: Int64s, wrong: Bools) -> None:
    """Histogram i to places[i], but for those of schemas that do not go together."""
    kept = np.flatnonzero(~wrong)
    if len(kept) < len(places):
        histograms = take(histograms, kept)
    result.natives = natives_at(histograms, places[kept], result.present.shape)
    result.present.reshape(-1)[places[kept]] = True
    result.note(SCHEMAS, _mask(result, places[wrong]))


def _mask(result: Mixed, places: Int64s) -> Bools:
    mask = np.zeros(result.present.shape, np.bool_)
    mask.reshape(-1)[places] = True
    return mask


def find_events(samples: Samples, *, of_resets: bool) -> Bools:
    """Where a sample differs from the one before in its series, or restarts."""
    values = samples.values
    events = np.zeros(len(samples), np.bool_)
    if len(samples) == 0:
        return events
    with np.errstate(invalid="ignore"):
        if of_resets:
            events[1:] = values[1:] < values[:-1]
        else:
            both_nan = np.isnan(values[1:]) & np.isnan(values[:-1])
            events[1:] = (values[1:] != values[:-1]) & ~both_nan
    if samples.natives is not None:
        are_native, rows = samples.natives.mask, samples.natives.rows
        events[1:] = np.where(are_native[1:] | are_native[:-1], True, events[1:])
        at = np.flatnonzero(are_native[1:] & are_native[:-1]) + 1
        h, before, after = samples.natives.histograms, rows[at - 1], rows[at]
        if of_resets:
            events[at] = detect_resets(h, before, after)
        else:
            events[at] = ~native.equal(h, before, h, after)
    if of_resets and samples.starts is not None:
        events |= new_starts(samples)[0]
    return events


def new_starts(samples: Samples) -> tuple[Bools, Bools]:
    """Where a sample's start says that it restarts, and where it overlaps the one before."""
    anew, overlap = np.zeros(len(samples), np.bool_), np.zeros(len(samples), np.bool_)
    if samples.starts is not None:
        find_new_starts(samples.offsets, samples.timestamps, samples.starts, anew, overlap)
    return anew, overlap


def events(*, of_resets: bool) -> floats.FloatFunction:
    """How often samples of any kind change, or are reset, in each window."""

    def apply(samples: Samples, windows: Windows, params: list[Float64s]) -> Cells:
        return count_windows(samples, find_events(samples, of_resets=of_resets), windows)

    return apply


def count_windows(samples: Samples, events: Bools, windows: Windows, anchored_ms: int = 0) -> Cells:
    """How many events each window has, its first sample's not counted.

    anchored_ms: how far back the sample before the window may be that comes first then.
    """
    out, present = empty_cells(samples.series_count, len(windows.ends))
    count_events(
        samples.offsets,
        samples.timestamps,
        events,
        windows.ends,
        windows.range_ms,
        anchored_ms,
        out,
        present,
    )
    return out, present


def instant(*, is_rate: bool) -> MixedFunction:
    """irate or idelta: what the last two samples of each window differ by."""
    return lambda samples, windows: _instant(samples, windows, is_rate=is_rate)


def _instant(samples: Samples, windows: Windows, *, is_rate: bool) -> Mixed:
    low, high = edges_of(samples, windows)
    places = np.flatnonzero(high - low >= 2)
    after = high.reshape(-1)[places] - 1
    before = after - 1
    result = Mixed(np.zeros(low.shape), np.zeros(low.shape, np.bool_))
    anew = new_starts(samples)[0][after] if is_rate else np.zeros(len(places), np.bool_)
    seconds = (samples.timestamps[after] - samples.timestamps[before]) / 1000.0
    natives = samples.natives
    are_native = np.zeros(len(samples), np.bool_) if natives is None else natives.mask
    kinds = are_native[after].astype(np.int8) + are_native[before]
    result.note(MIXED, _mask(result, places[kinds == 1]))
    plain = kinds == 0
    last, previous = samples.values[after], samples.values[before]
    with np.errstate(all="ignore"):
        changes = last - previous
        if is_rate:
            changes = np.where(anew | (last < previous), last, changes) / seconds
    result.values.reshape(-1)[places[plain]] = changes[plain]
    result.present.reshape(-1)[places[plain]] = True
    both = np.flatnonzero(kinds == 2)
    if natives is not None and len(both):
        h, rows = natives.histograms, natives.rows
        _instant_natives(
            result,
            _Pairs(h, rows[before[both]], rows[after[both]], seconds[both]),
            places[both],
            anew[both] if is_rate else None,
        )
    return result


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Two histograms each, and the seconds between them."""

    histograms: Histograms
    before: Int32s
    after: Int32s
    seconds: Float64s


def _instant_natives(result: Mixed, pairs: _Pairs, places: Int64s, anew: Bools | None) -> None:
    """The differences of histograms; per second, and seeing resets, if anew is given."""
    h, before, after = pairs.histograms, pairs.before, pairs.after
    gauges = (h.hints[before] == HINT_GAUGE).astype(np.int8) + (h.hints[after] == HINT_GAUGE)
    if anew is None:
        resets = np.zeros(len(places), np.bool_)
        result.note(NOT_GAUGE, _mask(result, places[gauges < 2]))
    else:
        resets = anew | detect_resets(h, before, after)
        result.note(NOT_COUNTER, _mask(result, places[gauges > 0]))
    differences, said = native.subtract(h, after, h, before)
    reset_rows = len(differences) + np.arange(len(places))
    chosen = np.where(resets, reset_rows, np.arange(len(places)))
    changes = take(concat([differences, take(h, after)]), chosen)
    hints = np.full(len(places), HINT_GAUGE, np.int8)
    changes = replace(changes, hints=hints)
    if anew is not None:
        changes = native.divide(changes, pairs.seconds)
    result.note(SUBTRACTED, _mask(result, places[said.reconciled_sub & ~resets]))
    _put(result, changes, places, said.incompatible & ~resets)


def rates(*, is_counter: bool, is_rate: bool) -> MixedFunction:
    """rate, increase or delta of windows of one kind."""
    return lambda samples, windows: _rates(samples, windows, is_counter=is_counter, is_rate=is_rate)


def _rates(samples: Samples, windows: Windows, *, is_counter: bool, is_rate: bool) -> Mixed:
    plain, natives = float_samples(samples), histogram_samples(samples)
    if is_counter and plain.starts is not None:
        result = _started_rates(plain, windows, is_rate=is_rate)
    else:
        function = floats.rate(is_counter=is_counter, is_rate=is_rate)
        result = Mixed(*function(plain, windows, []))
    if len(natives) == 0:
        return result
    has_floats, has_natives = _has(plain, windows), _has(natives, windows)
    if OVERLAP in result.notes:
        result.notes[OVERLAP] &= ~has_natives
    result.note(MIXED, has_floats & has_natives)
    resets = find_events(natives, of_resets=True)
    cells = native_rates.histogram_rates(
        natives,
        windows,
        is_counter,
        is_rate,
        resets,
        starts=natives.starts if is_counter else None,
    )
    add_rates(result, cells, has_floats, has_natives)
    if is_counter and natives.starts is not None:
        overlap = count_windows(natives, new_starts(natives)[1], windows)
        fits = ~has_floats & (cells.flags & rate_kernels.MIXED_SCHEMAS == 0)
        result.note(OVERLAP, (overlap[0] > 0) & overlap[1] & fits)
    return result


def _started_rates(samples: Samples, windows: Windows, *, is_rate: bool) -> Mixed:
    """rate or increase of floats that know their start."""
    assert samples.starts is not None, "BUG: samples without starts"
    out, present = empty_cells(samples.series_count, len(windows.ends))
    overlapping = np.zeros(present.shape, np.bool_)
    started_rate_windows(
        is_rate,
        samples.offsets,
        samples.timestamps,
        samples.values,
        samples.starts,
        windows.ends,
        windows.range_ms,
        out,
        present,
        overlapping,
    )
    result = Mixed(out, present)
    result.note(OVERLAP, overlapping)
    return result


def add_rates(
    result: Mixed, cells: native_rates.RateCells, has_floats: Bools, has_natives: Bools
) -> None:
    """Put the rates of histograms among those of floats; windows that have both have none."""
    flags = np.where(has_floats, 0, cells.flags)
    result.note(SCHEMAS, flags & rate_kernels.MIXED_SCHEMAS != 0)
    result.note(NOT_COUNTER, flags & rate_kernels.NOT_COUNTER != 0)
    result.note(NOT_GAUGE, flags & rate_kernels.NOT_GAUGE != 0)
    result.note(SUBTRACTED, flags & rate_kernels.RECONCILED_SUB != 0)
    result.note(ADDED, flags & rate_kernels.RECONCILED_ADD != 0)
    rows = np.where(has_floats, NO_HISTOGRAM, cells.rows).astype(np.int32)
    result.present &= ~has_natives
    result.present |= rows != NO_HISTOGRAM
    result.natives = Natives(cells.histograms, rows)
