"""Stamps of kernels are the same whoever asks for them, and when."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import pytest

from storage.kernels import stamps
from storage.kernels.stamps import stamp_of

PATIENCE_S = 60.0
# For one who would not wait to be there first; who waits is held up for as long.
HEADSTART_S = 0.5


def inner(number: int) -> int:
    return number + 1


def outer(number: int) -> int:
    return inner(number) * 2


def endless(number: int) -> int:
    return endless(number - 1)


@pytest.fixture(autouse=True)
def nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "PACKAGES", ("tests",))
    monkeypatch.setattr(stamps, "_stamps", {})


def test_a_function_that_calls_itself_has_one_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    first = stamp_of(endless)
    monkeypatch.setattr(stamps, "_stamps", {})
    assert stamp_of(endless) == first != endless.__qualname__


def test_what_another_thread_has_half_read_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = stamp_of(inner), stamp_of(outer)
    monkeypatch.setattr(stamps, "_stamps", {})
    reading, found = threading.Event(), threading.Event()
    traits = stamps.traits

    def slow(function: FunctionType) -> Iterator[str]:
        yield from traits(function)
        if function is inner and not reading.is_set():
            reading.set()
            found.wait(HEADSTART_S)

    monkeypatch.setattr(stamps, "traits", slow)
    told: dict[str, Any] = {}

    def one() -> None:
        told["inner"] = stamp_of(inner)

    def other() -> None:
        reading.wait(PATIENCE_S)
        told["outer"] = stamp_of(outer)
        found.set()

    threads = [threading.Thread(target=each) for each in (one, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert (told["inner"], told["outer"]) == expected
    assert stamp_of(outer) == expected[1]
