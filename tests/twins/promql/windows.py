"""Windows of floats and native histograms: what range functions make and say of them.

The rules are those of Prometheus, sample by sample; histograms are those of `native_histograms`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy

from tests.makers.memory_store import Timed
from tests.makers.native_points import NativePoint
from tests.twins.promql import ranges as naive_ranges
from tests.twins.promql.extended import extended
from tests.twins.promql.native_histograms import (
    HINT_GAUGE,
    HINT_NOT_RESET,
    HINT_RESET,
    HINT_UNKNOWN,
    Incompatible,
    Plain,
    add_to,
    is_reset,
    mean_of,
    parts_of_plain,
    plain_of,
    sum_of,
)
from tests.twins.promql.rows import bits_of
from tests.twins.promql.window_notes import (
    COLLISION,
    IGNORED,
    MIXED,
    RECONCILED,
    SCHEMAS,
    Cell,
    Notes,
    Reach,
    Window,
    plus,
    quoted,
    scaled,
)

OF_FLOATS = ("max_over_time", "min_over_time", "stddev_over_time", "mad_over_time", "deriv")


def plain_samples(samples: Sequence[Timed]) -> Window:
    out: Window = []
    for time, point, _ in samples:
        out.append((time, point if isinstance(point, float) else plain_point(point)))
    return out


def plain_point(point: NativePoint) -> Plain:
    sides = [{i: [c, 0.0] for i, c in side} for side in (point.positive, point.negative)]
    numbers = [[x, 0.0] for x in (point.count, point.sum, point.zero_count)]
    bounds = list(point.bounds)
    return Plain(point.schema, point.hint, point.zero_threshold, *numbers, *sides, bounds)


def of_cells(cells: list[Cell], grid: list[int]) -> Window:
    """What a subquery gives: hints are forgotten, but that of a gauge."""
    out: Window = []
    for cell, time in zip(cells, grid, strict=True):
        if isinstance(cell, Plain):
            cell = deepcopy(cell)
            cell.hint = HINT_GAUGE if cell.hint == HINT_GAUGE else HINT_UNKNOWN
        if cell is not None:
            out.append((time, cell))
    return out


def window_of(samples: Window, end: int, range_ms: int) -> Window:
    return [s for s in samples if end - range_ms < s[0] <= end and not is_stale(s[1])]


def is_stale(value: float | Plain) -> bool:
    return isinstance(value, float) and bits_of(value) == naive_ranges.STALE_NAN_BITS


# --- arithmetic -----------------------------------------------------------------------------------


def folded(op: str, group: list[Plain]) -> Plain:
    parts = sum_of(group) if op == "sum" else mean_of(group)
    return plain_of(parts)


def sum_reconciles(group: list[Plain], p: Plain) -> bool:
    """Whether the sum of a group has other bounds than one more."""
    total = deepcopy(group[0])
    for other in group[1:]:
        add_to(total, other)
    return p.custom and total.bounds != p.bounds


def same_plain(a: Plain, b: Plain) -> bool:
    parts = [parts_of_plain(p) for p in (a, b)]
    flat = [
        str(
            (
                p.schema,
                p.count,
                p.sum,
                p.zero_threshold,
                p.zero_count,
                p.positive,
                p.negative,
                list(p.bounds),
            )
        )
        for p in parts
    ]
    return flat[0] == flat[1]


def rank(cell: Cell, sign: int) -> tuple[bool, float]:
    assert isinstance(cell, float)
    return (True, 0.0) if math.isnan(cell) else (False, sign * cell)


def of_floats(op: str, floats: list[float], param: float) -> float | None:
    window = [(k, x) for k, x in enumerate(floats)]
    if op == "quantile":
        return naive_ranges.quantile(param, floats)
    if op == "stddev" and not math.isfinite(floats[0]):
        return math.nan
    names = {"sum": "sum", "avg": "avg", "min": "min", "max": "max", "stddev": "stddev"}
    return naive_ranges.FUNCTIONS[f"{names[op]}_over_time"](window, 0, 0)


# --- functions ------------------------------------------------------------------------------------


def range_cell(
    func: str, samples: Window, end: int, at: tuple[float, int], reach: Reach, notes: Notes
) -> Cell:
    """The value of a function over one window; at: its parameter, and the time of the step."""
    window = window_of(
        samples, end + reach.ahead_ms, reach.range_ms + reach.back_ms + reach.ahead_ms
    )
    floats = [(t, v) for t, v in window if isinstance(v, float)]
    natives = [(t, v) for t, v in window if isinstance(v, Plain)]
    if not window:
        return None
    if func in ("count_over_time", "present_over_time"):
        return float(len(window)) if func == "count_over_time" else 1.0
    if func in ("first_over_time", "last_over_time"):
        return window[0 if func == "first_over_time" else -1][1]
    if func in ("resets", "changes"):
        return events(func, window, end - reach.range_ms if reach.back_ms else None)
    if func in ("irate", "idelta"):
        return last_two(window, notes, is_rate=func == "irate")
    if func in (*OF_FLOATS, "quantile_over_time", "predict_linear"):
        return of_floats_only(func, floats, natives, at, notes)
    if floats and natives:
        notes.warn(MIXED + quoted(notes.name))
        return None
    if func in ("sum_over_time", "avg_over_time"):
        if floats:
            return naive_ranges.FUNCTIONS[func](floats, end, reach.range_ms)
        return sum_over_time(func, [p for _, p in natives], notes)
    counter, per_second = func != "delta", func == "rate"
    if reach.back_ms:
        if floats:
            return naive_ranges.extended_change(
                floats,
                end - reach.range_ms,
                end,
                smoothed=reach.ahead_ms > 0,
                counter=counter,
                per_second=per_second,
            )
        return extended(natives, end, reach, notes, counter=counter, per_second=per_second)
    if floats:
        return naive_ranges.FUNCTIONS[func](floats, end, reach.range_ms)
    return histogram_rate(
        natives, end, reach.range_ms, notes, counter=counter, per_second=per_second
    )


def of_floats_only(
    func: str,
    floats: list[tuple[int, float]],
    natives: list[tuple[int, Plain]],
    at: tuple[float, int],
    notes: Notes,
) -> float | None:
    if not floats:
        return None
    if func == "quantile_over_time" and not 0 <= at[0] <= 1:
        number = "NaN" if math.isnan(at[0]) else f"{at[0]:g}"
        notes.warn(f"quantile value should be between 0 and 1, got {number}")
    if natives:
        notes.info(IGNORED + quoted(notes.name))
    if func == "quantile_over_time":
        return naive_ranges.quantile(at[0], [x for _, x in floats])
    if func == "predict_linear":
        line = naive_ranges.regression(floats, at[1])
        return None if line is None else line[0] * at[0] + line[1]
    return naive_ranges.FUNCTIONS[func](floats, 0, 0)


def events(func: str, window: Window, anchor: int | None) -> float | None:
    if anchor is not None:
        inside = [s for s in window if s[0] > anchor]
        window = [s for s in window if s[0] <= anchor][-1:] + inside if inside else []
    if not window:
        return None
    found = 0
    for (_, a), (_, b) in zip(window, window[1:], strict=False):
        if isinstance(a, Plain) and isinstance(b, Plain):
            found += is_reset(a, b) if func == "resets" else not same_plain(a, b)
        elif isinstance(a, float) and isinstance(b, float):
            differ = a != b and not (math.isnan(a) and math.isnan(b))
            found += b < a if func == "resets" else differ
        else:
            found += 1
    return float(found)


def last_two(window: Window, notes: Notes, *, is_rate: bool) -> Cell:
    if len(window) < 2:
        return None
    (t1, a), (t2, b) = window[-2:]
    seconds = (t2 - t1) / 1000
    if isinstance(a, float) and isinstance(b, float):
        return naive_ranges.last_change([(t1, a), (t2, b)], is_rate=is_rate)
    if not (isinstance(a, Plain) and isinstance(b, Plain)):
        notes.warn(MIXED + quoted(notes.name))
        return None
    gauges = (a.hint == HINT_GAUGE) + (b.hint == HINT_GAUGE)
    if is_rate and gauges:
        notes.warn("this native histogram metric is not a counter: " + quoted(notes.name))
    if not is_rate and gauges < 2:
        notes.warn("this native histogram metric is not a gauge: " + quoted(notes.name))
    result = deepcopy(b)
    if not is_rate or not is_reset(a, b):
        try:
            result, reconciled = plus(b, a, -1.0)
        except Incompatible:
            notes.warn(SCHEMAS + quoted(notes.name))
            return None
        if reconciled:
            notes.info(RECONCILED + "subtraction")
    result = scaled(result, seconds, divide=True) if is_rate else result
    result.hint = HINT_GAUGE
    return result


def sum_over_time(func: str, group: list[Plain], notes: Notes) -> Cell:
    for p in group:
        if p.custom != group[0].custom:
            notes.warn(SCHEMAS + quoted(notes.name))
            return None
    if any(sum_reconciles(group[:i], group[i]) for i in range(1, len(group))):
        notes.info(RECONCILED + "aggregation")
    if {HINT_RESET, HINT_NOT_RESET} <= {p.hint for p in group}:
        notes.warn(COLLISION + "aggregation")
    return folded("sum" if func == "sum_over_time" else "avg", group)


def histogram_rate(
    points: list[tuple[int, Plain]],
    end: int,
    range_ms: int,
    notes: Notes,
    *,
    counter: bool,
    per_second: bool,
) -> Cell:
    if len(points) < 2:
        return None
    change = histogram_change([p for _, p in points], notes, counter=counter)
    if change is None:
        return None
    (first_t, first), (last_t, _) = points[0], points[-1]
    sampled = (last_t - first_t) / 1000
    average = sampled / (len(points) - 1)
    to_start, to_end = (first_t - (end - range_ms)) / 1000, (end - last_t) / 1000
    to_start = average / 2 if to_start >= average * 1.1 else to_start
    if counter and change.count[0] > 0 and first.count[0] >= 0:
        to_start = min(to_start, sampled * (first.count[0] / change.count[0]))
    to_end = average / 2 if to_end >= average * 1.1 else to_end
    factor = (sampled + to_start + to_end) / sampled
    return scaled(change, factor / (range_ms / 1000) if per_second else factor)


def histogram_change(points: list[Plain], notes: Notes, *, counter: bool) -> Plain | None:
    prev, last = points[0], points[-1]
    if counter and HINT_GAUGE in (prev.hint, last.hint):
        notes.warn("this native histogram metric is not a counter: " + quoted(notes.name))
    custom = prev.custom
    if counter and is_reset(prev, points[1]):
        second = points[1]
        prev = Plain(second.schema, bounds=list(second.bounds))
        custom = second.custom
    if last.custom != custom:
        notes.warn(SCHEMAS + quoted(notes.name))
        return None
    middle = points[1:-1] if counter else []
    if any(p.custom != custom for p in middle):
        # What was said before of counters is not said then.
        notes.warn(SCHEMAS + quoted(notes.name))
        return None
    if any(p.hint == HINT_GAUGE for p in middle):
        notes.warn("this native histogram metric is not a counter: " + quoted(notes.name))
    change, reconciled = plus(last, prev, -1.0)
    if reconciled:
        notes.info(RECONCILED + "subtraction")
    if not counter and not points[0].hint == last.hint == HINT_GAUGE:
        notes.warn("this native histogram metric is not a gauge: " + quoted(notes.name))
    for p in points[1:] if counter else []:
        if is_reset(prev, p):
            change, reconciled = plus(change, prev)
            if reconciled:
                notes.info(RECONCILED + "addition")
        prev = p
    change.hint = HINT_GAUGE
    return change
