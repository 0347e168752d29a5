"""Rings report every time that was touched, and of those in the ring no others but their slots."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.revisions.rings import Ring, mark_times

SHIFT, SLOTS, AHEAD = 3, 8, 2
TIMES = st.integers(-50, 200)
Touch = tuple[int, int, int]  # first and last time, and the revision


def is_covered(time_ms: int, spans: list[tuple[int, int]]) -> bool:
    return any(start <= time_ms <= end for start, end in spans)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_nothing_that_was_touched_is_missed(data: st.DataObject) -> None:
    ring, touches = Ring(SHIFT, SLOTS, AHEAD, 0), []
    other = np.zeros(SLOTS + 2, np.int64)
    now_ms = 0
    for revision in range(1, data.draw(st.integers(1, 12)) + 1):
        now_ms += data.draw(st.integers(0, 100))
        ring.move_to(now_ms)
        if data.draw(st.booleans()):
            first = data.draw(TIMES)
            last = first + data.draw(st.integers(0, 60))
            ring.mark((first, last), revision)
            touches.append((first, last, revision))
        else:
            times = data.draw(st.lists(TIMES, min_size=0, max_size=4))
            oldest, newest = sorted((data.draw(TIMES), data.draw(TIMES)))
            mark_times(
                np.array(times, np.int64), oldest, newest, (SHIFT, SHIFT + 1),
                (ring.last, ring.last // 2), ring.values, other, revision,
            )  # fmt: skip
            touches += [(t, t, revision) for t in times if oldest <= t <= newest]
    since = data.draw(st.integers(0, len(touches) + 1))
    span = tuple(sorted((data.draw(TIMES), data.draw(TIMES))))
    found = ring.changed(since, span)
    for time_ms in range(span[0], span[1] + 1):
        was = any(a <= time_ms <= b and revision > since for a, b, revision in touches)
        assert not was or is_covered(time_ms, found)
    assert all(span[0] <= a <= b <= span[1] for a, b in found)
    assert all(b < c for (_, b), (c, _) in zip(found, found[1:], strict=False))


def test_a_time_in_the_ring_is_known_by_its_slot() -> None:
    ring = Ring(SHIFT, SLOTS, AHEAD, 40)
    assert (ring.first_ms, ring.end_ms) == (0, 64)
    ring.mark((17, 20), 1)
    ring.mark((33, 41), 2)
    assert ring.changed(0, (-9, 90)) == [(16, 23), (32, 47)]
    assert ring.changed(1, (-9, 90)) == [(32, 47)]
    assert ring.changed(1, (34, 90)) == [(34, 47)]
    assert ring.changed(2, (-9, 90)) == []


def test_what_is_out_of_the_ring_is_known_as_a_whole() -> None:
    ring = Ring(SHIFT, SLOTS, AHEAD, 40)
    ring.mark((-100, -90), 1)
    assert ring.changed(0, (-20, 90)) == [(-20, -1)]
    ring.mark((200, 200), 2)
    assert ring.changed(1, (-20, 90)) == [(64, 90)]
    ring.move_to(48)  # the slot that comes in may be the one that was touched
    assert ring.changed(1, (-20, 90)) == [(64, 71), (72, 90)]
    ring.mark((70, 70), 3)
    ring.move_to(1_000)
    assert ring.changed(2, (0, 90)) == [(0, 90)]
