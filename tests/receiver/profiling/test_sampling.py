"""What a profile sees of threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from receiver.profiling import sampling
from receiver.profiling.sampling import Profile, look, processor_times, sample


def spin(ended: threading.Event) -> None:
    while not ended.is_set():
        sum(range(100))


def idle(ended: threading.Event) -> None:
    ended.wait()


@contextmanager
def threads() -> Iterator[None]:
    """One that works and one that waits."""
    ended = threading.Event()
    running = [threading.Thread(target=work, args=(ended,)) for work in (spin, idle)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in running:
            thread.join()


def seen(profile: Profile, name: str) -> tuple[int, int]:
    """The looks and the processor time of all stacks with a function of this file."""
    found = [
        weight
        for stack, weight in profile.stacks.items()
        if any(code.co_name == name and code.co_filename == __file__ for code, _ in stack)
    ]
    return sum(each.looks for each in found), sum(each.processor_ns for each in found)


def test_who_works_and_who_waits_are_told_apart() -> None:
    with threads():
        profile, ends = Profile(0, 1), time.monotonic() + 60
        used = processor_times()
        # However busy the machine is: until the worker has had some of it.
        while seen(profile, "spin")[1] < 5_000_000 and time.monotonic() < ends:
            time.sleep(0.01)
            now = processor_times()
            look(profile, {ident: ns - used.get(ident, ns) for ident, ns in now.items()})
            used = now
    assert seen(profile, "spin")[1] >= 5_000_000
    looks, idle_ns = seen(profile, "idle")
    assert looks > 0
    assert idle_ns < 5_000_000
    assert seen(profile, test_who_works_and_who_waits_are_told_apart.__name__) == (0, 0)


def test_a_profile_ends_when_it_is_told_to_or_when_its_time_is_over() -> None:
    stop = threading.Event()
    assert sample(0.03, stop, interval_s=0.001).seconds >= 0.03
    stop.set()
    assert sample(1e9, stop, interval_s=0.001).seconds < 1e8


def test_stacks_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "STACKS_MAX", 0)
    with threads():
        profile = Profile(0, 1)
        look(profile, {})
    assert not profile.stacks
    assert profile.lost >= 2
