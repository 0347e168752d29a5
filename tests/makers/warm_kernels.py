"""A plugin of pytest: warms up before the tests, and fails if they call a kernel that was not.

For tests that do what requests do, in this process. What counts is what Python calls with types
that no step of the warm-up has called it with, compiled or found on disk.
"""

from __future__ import annotations

import pytest

from receiver.warm_up import all_steps, steps
from storage.kernels.jit import KERNELS

Calls = set[tuple[str, str]]
# Those that read chunks, which only the tests of remote read do; and parts of other kernels.
OF_TESTS = (
    "storage.chunks.floats.read_",
    "storage.chunks.histograms.read_",
    "storage.chunks.lay",
    "storage.segments.encoding.lz4.",
    "storage.segments.encoding.pages.decode_chunk",
)
# Warm up as an installation does, not as a server.
ALL = "--warm-all"
NOT_WARM = "not warmed up:"
warm: Calls = set()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(ALL, action="store_true")


def calls() -> Calls:
    """Which kernels this process has called from Python, and with which types."""
    return {
        (f"{kernel.__module__}.{kernel.__qualname__}", str(types))
        for kernel in KERNELS
        for types in kernel.overloads
    }


def pytest_sessionstart(session: pytest.Session) -> None:
    for step in all_steps() if session.config.getoption(ALL) else steps():
        step()
    warm.update(calls())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    for name, types in sorted(calls() - warm):
        if name.startswith(OF_TESTS) and not session.config.getoption(ALL):
            continue
        print(f"\n{NOT_WARM} {name} {types}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
