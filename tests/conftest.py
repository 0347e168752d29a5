"""Settings for all tests: no deadlines, because the first call of a kernel compiles it.

Workers of pytest-xdist share the tests by files. Those with real agents, kills and overload are all
of one worker: they wait most of the time, and would disturb each other.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

# A run of CI tries the same examples each time; everyone else's tries new ones.
settings.register_profile(
    "cupola",
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("cupola")

OF_ONE_WORKER = {"agents", "crash", "load"}


class Shares(LoadFileScheduling):
    """A share of the work is a file, or all that is of one worker."""

    def _split_scope(self, nodeid: str) -> str:
        folder = Path(nodeid).parts[1]
        return "processes" if folder in OF_ONE_WORKER else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares:
    return Shares(config, log)


def pytest_unconfigure() -> None:
    """Let go of hypothesis' collector callback: through it, all modules stay alive past the end of
    Python, and DuckDB complains of that after pytest's last line."""
    gc.callbacks.clear()
