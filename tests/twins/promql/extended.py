"""Native histograms in anchored and smoothed windows, sample by sample."""

from __future__ import annotations

from copy import deepcopy

from tests.twins.promql import ranges as naive_ranges
from tests.twins.promql.native_histograms import HINT_GAUGE, HINT_UNKNOWN, Plain, is_reset
from tests.twins.promql.window_notes import (
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


def between(
    a: tuple[int, Plain], b: tuple[int, Plain], time: int, notes: Notes, *, counter: bool
) -> Plain:
    share = float(time - a[0]) / float(b[0] - a[0])
    if counter and is_reset(a[1], b[1]):
        return scaled(b[1], share)
    step, reconciled = plus(b[1], a[1], -1.0)
    if reconciled:
        notes.info(RECONCILED + "subtraction")
    value, reconciled = plus(scaled(step, share), a[1])
    if reconciled:
        notes.info(RECONCILED + "addition")
    return value


def extended(
    h: list[tuple[int, Plain]],
    end: int,
    reach: Reach,
    notes: Notes,
    *,
    counter: bool,
    per_second: bool,
) -> Cell:
    smoothed, start = reach.ahead_ms > 0, end - reach.range_ms
    last = len(h) - 1
    first = max(0, next((i for i in range(last) if h[i][0] > start), last) - 1)
    if smoothed:
        last = next((i for i in range(last) if h[i][0] >= end), last)
    if h[last][0] <= start or (smoothed and h[first][0] > end):
        return None
    for _, p in h[first : last + 1]:
        if p.custom != h[first][1].custom:
            notes.warn(SCHEMAS + quoted(notes.name))
            return None
        if counter and p.hint == HINT_GAUGE:
            notes.warn("this native histogram metric is not a counter: " + quoted(notes.name))
    left, right = h[first][1], h[last][1]
    into_left = smoothed and h[first][0] < start
    if into_left:
        left = between(h[first], h[first + 1], start, notes, counter=counter)
    if smoothed and last > 0 and h[last][0] > end:
        right = between(h[last - 1], h[last], end, notes, counter=counter)
    if not counter and not left.hint == right.hint == HINT_GAUGE:
        notes.warn("this native histogram metric is not a gauge: " + quoted(notes.name))
    change, reconciled = plus(right, left, -1.0)
    if reconciled:
        notes.info(RECONCILED + "subtraction")
    lost: Plain | None = None
    passed = first + 2 if into_left else first + 1
    for j in range(passed, last + 1) if counter else ():
        if is_reset(h[j - 1][1], h[j][1]):
            lost, reconciled = (h[j - 1][1], False) if lost is None else plus(lost, h[j - 1][1])
            if reconciled:
                notes.info(RECONCILED + "addition")
    if lost is not None:
        change, reconciled = plus(change, lost)
        if reconciled:
            notes.info(RECONCILED + "addition")
    change = scaled(change, reach.range_ms / 1000, divide=True) if per_second else change
    change.hint = HINT_GAUGE
    return change


def smooth_value(window: Window, time: int, notes: Notes) -> Cell:
    kinds = {isinstance(v, Plain) for _, v in window}
    if len(kinds) > 1:
        notes.warn(MIXED + quoted(notes.name))
        return None
    before = [s for s in window if s[0] <= time]
    behind = [s for s in window if s[0] > time]
    if not before:
        return None
    (t1, a) = before[-1]
    if isinstance(a, float):
        if t1 == time or not behind:
            return a
        (t2, b) = behind[0]
        assert isinstance(b, float)
        return naive_ranges.between((t1, a), (t2, b), time, counter=False)
    if t1 == time:
        return a
    if not behind:
        carried = deepcopy(a)
        carried.hint = HINT_UNKNOWN
        return carried
    (t2, c) = behind[0]
    assert isinstance(c, Plain)
    if a.custom != c.custom:
        notes.warn(SCHEMAS + quoted(notes.name))
        return None
    counter = not a.hint == c.hint == HINT_GAUGE
    return between((t1, a), (t2, c), time, notes, counter=counter)
