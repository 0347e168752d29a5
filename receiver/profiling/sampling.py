"""Looks at what all threads of the process are doing, many times a second.

A look takes half a millisecond with 30 threads, most of it for their times. It sees Python's frames
only, so the time of a kernel is that of the line which calls it. The processor time of a thread
between two looks is counted for the stack that the second one finds. Time of threads that run no
Python, such as DuckDB's, is not seen.
"""

import sys
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from types import CodeType, FrameType

STACKS_MAX = 20_000
DEPTH_MAX = 200
TASKS = "/proc/self/task"

# The outermost call first; where a function was, by the line.
Stack = tuple[tuple[CodeType, int], ...]


@dataclass(slots=True)
class Weight:
    """How often a stack was seen, and the processor time that it took, in nanoseconds."""

    looks: int = 0
    processor_ns: int = 0


@dataclass(slots=True)
class Profile:
    """What was seen. interval_ns: between two looks; lost: looks at stacks beyond
    those that are kept."""

    started_ns: int
    interval_ns: int
    seconds: float = 0.0
    lost: int = 0
    stacks: dict[Stack, Weight] = field(default_factory=lambda: defaultdict(Weight))


def sample(seconds: float, stop: threading.Event, *, interval_s: float) -> Profile:
    """Look at all other threads until the time is over or `stop` is set. Blocks."""
    profile = Profile(time.time_ns(), round(interval_s * 1e9))
    begun = time.monotonic()
    used = processor_times()
    while not stop.wait(interval_s):
        now = processor_times()
        look(profile, {ident: ns - used.get(ident, ns) for ident, ns in now.items()})
        used = now
        if time.monotonic() - begun >= seconds:
            break
    profile.seconds = time.monotonic() - begun
    return profile


def look(profile: Profile, used_ns: dict[int, int]) -> None:
    """Count the stack of each other thread. used_ns: the processor time of threads since the last
    look, by their identifiers."""
    own = threading.get_ident()
    for ident, frame in sys._current_frames().items():
        if ident == own:
            continue
        stack = stack_of(frame)
        if stack not in profile.stacks and len(profile.stacks) >= STACKS_MAX:
            profile.lost += 1
            continue
        weight = profile.stacks[stack]
        weight.looks += 1
        weight.processor_ns += used_ns.get(ident, 0)


def stack_of(innermost: FrameType) -> Stack:
    """The calls that lead to a frame; of very deep ones the innermost."""
    calls: list[tuple[CodeType, int]] = []
    frame: FrameType | None = innermost
    while frame is not None and len(calls) < DEPTH_MAX:
        calls.append((frame.f_code, frame.f_lineno or frame.f_code.co_firstlineno))
        frame = frame.f_back
    return tuple(reversed(calls))


def processor_times() -> dict[int, int]:
    """The processor time of each thread in nanoseconds, by its identifier; without those of which
    the system does not say it."""
    found = {}
    for thread in threading.enumerate():
        if thread.ident is None or thread.native_id is None:
            continue
        try:
            with open(f"{TASKS}/{thread.native_id}/schedstat", "rb", buffering=0) as file:
                found[thread.ident] = int(file.read(64).split()[0])
        except (OSError, ValueError, IndexError):  # it has ended, or the kernel does not count
            continue
    return found
