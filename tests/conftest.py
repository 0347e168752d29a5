"""Settings for all tests: no deadlines, because the first call of a kernel compiles it."""

from __future__ import annotations

import gc

from hypothesis import HealthCheck, settings

settings.register_profile(
    "cupola", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("cupola")


def pytest_unconfigure() -> None:
    """Let go of hypothesis' collector callback: through it, all modules stay alive past the end of
    Python, and DuckDB complains of that after pytest's last line."""
    gc.callbacks.clear()
