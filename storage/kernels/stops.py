"""Looks of long work at whether it is still wanted.

Whoever computes for someone says, for its own thread, how that is found out (`stoppable`). Work
that may take long looks between pieces of some 10 to 30 ms (`look`, `pieces`), however deep below
it is; the look raises what ends the work. Where nothing was said a look does nothing, so that work
of the program's own is never ended.

Invariant: what others use too is whole, or as it was before, whenever there is a look.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Check = Callable[[], None]

# How long a thread waits for a lock between two looks.
WAIT_S = 0.02


class _Here(threading.local):
    """What is asked by looks of this thread."""

    check: Check | None = None
    deadline_s: float = math.inf


_here = _Here()


def look() -> None:
    """Raises what the check of this thread raises, if it has one."""
    check = _here.check
    if check is not None:
        check()


def seconds_left() -> float:
    """Until looks of this thread end the work because its time is over; infinite if they never
    do. Who waits for others has to come to an end before that, to say what is missing."""
    return _here.deadline_s - time.monotonic()


@contextmanager
def stoppable(check: Check, deadline_s: float = math.inf) -> Iterator[None]:
    """For a while in which looks of this thread call `check`, which raises to end the work.
    deadline_s: when it will, at the latest, on the monotonic clock."""
    before, before_s = _here.check, _here.deadline_s
    _here.check, _here.deadline_s = check, min(deadline_s, before_s)
    try:
        yield
    finally:
        _here.check, _here.deadline_s = before, before_s


def pieces(count: int, size: int) -> Iterator[slice]:
    """Stretches of 0..count of this size, with a look before each but the first. There is at least
    one, which may be empty."""
    for first in range(0, max(1, count), size):
        if first:
            look()
        yield slice(first, min(count, first + size))


@contextmanager
def holding(lock: threading.Lock) -> Iterator[None]:
    """Hold a lock that others may hold for long; looks while it waits."""
    if not lock.acquire(blocking=False):
        while not lock.acquire(timeout=WAIT_S):
            look()
    try:
        yield
    finally:
        lock.release()
