"""Settings for all tests: no deadlines, because the first call of a kernel compiles it.

Workers of pytest-xdist share the tests by files. Those with real agents, kills and overload are all
of one worker: they wait most of the time, and would disturb each other.
"""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "cupola", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("cupola")

TESTS = Path(__file__).resolve().parent
OF_ONE_WORKER = {"agents", "crash", "load"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name the worker's share that each test belongs to, before xdist looks for it."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        share = "processes" if folder in OF_ONE_WORKER else item.path.stem
        item.add_marker(pytest.mark.xdist_group(share))


def pytest_unconfigure() -> None:
    """Let go of hypothesis' collector callback: through it, all modules stay alive past the end of
    Python, and DuckDB complains of that after pytest's last line."""
    gc.callbacks.clear()
