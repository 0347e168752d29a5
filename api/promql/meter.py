"""What one query took: filled in by the engine while it runs, for whoever wants statistics."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Meter:
    """Times in seconds; the others are parts of total_s. peak_samples: the most held at once.
    is_whole: whether the value at a step may depend on which other steps there are. known_steps:
    those that were known before and not evaluated."""

    total_s: float = 0.0
    prepare_s: float = 0.0
    inner_s: float = 0.0
    sort_s: float = 0.0
    peak_samples: int = 0
    is_whole: bool = False
    known_steps: int = 0

    @contextmanager
    def sorting(self) -> Iterator[None]:
        """Time of sorting the result, which is not that of evaluating it."""
        started = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - started
            self.sort_s += seconds
            self.inner_s -= seconds
