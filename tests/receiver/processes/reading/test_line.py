"""Messages between two ends of a connection."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from receiver.processes.reading.line import HEAD, INLINE_BYTES_MAX, Line, LineLost
from receiver.processes.reading.packing import Packer
from storage.labels.frames import Symbols

Ends = tuple[Line, Line]


@pytest.fixture
def ends() -> Iterator[Ends]:
    one, other = (Line(each) for each in socket.socketpair())
    yield one, other
    one.close()
    other.close()


def passed(ends: Ends, value: object) -> Any:
    sending = threading.Thread(target=ends[0].send, args=(Packer(value),))
    sending.start()
    try:
        return ends[1].receive(Symbols())
    finally:
        sending.join()


@pytest.mark.parametrize(
    "size", [0, 1, INLINE_BYTES_MAX // 8, INLINE_BYTES_MAX // 8 + 1, 3_000_000]
)
def test_small_and_large_arrays_come_as_they_are(ends: Ends, size: int) -> None:
    before = len(os.listdir("/proc/self/fd"))
    numbers = np.arange(size, dtype=np.int64)
    for _ in range(3):
        found = passed(ends, [numbers, "x"])
        assert found[0].tobytes() == numbers.tobytes()
        assert found[0].flags.writeable
    # What memory they came in is held by what was made of it only.
    assert len(os.listdir("/proc/self/fd")) <= before + 1
    del found
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_large_tree_comes_while_it_is_sent(ends: Ends) -> None:
    texts = ["x" * 100] * 100_000
    assert passed(ends, texts) == texts


def test_an_end_is_found(ends: Ends) -> None:
    assert not ends[0].is_left
    ends[1].close()
    assert ends[0].is_left
    with pytest.raises(LineLost):
        ends[0].receive(Symbols())
    with pytest.raises(LineLost):
        ends[0].send(Packer(np.zeros(INLINE_BYTES_MAX)))


def test_a_thread_that_waits_finds_its_line_cut(ends: Ends) -> None:
    found: list[BaseException] = []

    def wait() -> None:
        try:
            ends[0].receive(Symbols())
        except LineLost as error:
            found.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    ends[0].cut()
    waiting.join()
    assert len(found) == 1


def test_who_waits_looks(ends: Ends) -> None:
    looks: list[None] = []

    def look() -> None:
        looks.append(None)
        if len(looks) == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        ends[0].receive(Symbols(), look)
    looks.clear()
    with pytest.raises(TimeoutError):  # no one takes it
        ends[0].send(Packer("x" * 10_000_000), look)


@pytest.mark.parametrize(
    "head",
    [HEAD.pack(1 << 62, 0, 0), HEAD.pack(1, 1 << 40, 0), HEAD.pack(1, 8, 1), b"\x00"],
    ids=["tree", "arrays", "no memory", "torn"],
)
def test_what_is_no_message_ends_the_line(head: bytes) -> None:
    one, other = socket.socketpair()
    line = Line(other)
    one.sendall(head + b"\xc0")
    one.close()
    with pytest.raises(LineLost):
        line.receive(Symbols())
    line.close()


def test_memory_that_is_too_small_is_not_read() -> None:
    one, other = socket.socketpair()
    line = Line(other)
    descriptor = os.memfd_create("small")
    socket.send_fds(one, [HEAD.pack(1, 1 << 20, 1)], [descriptor])
    one.sendall(b"\xc0")
    with pytest.raises(LineLost, match="too small"):
        line.receive(Symbols())
    os.close(descriptor)
    one.close()
    line.close()
