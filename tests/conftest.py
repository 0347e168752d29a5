"""Settings for all tests: no deadlines, because the first call of a kernel compiles it."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "cupola", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("cupola")
