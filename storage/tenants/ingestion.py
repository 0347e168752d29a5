"""How many samples a second each tenant writes of late: those that are sent, and those of rules.

As Mimir's figure it is a moving average over ticks of fifteen seconds, each of which counts for a
fifth; it is 0 up to the end of the first.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

TICK_S = 15.0
WEIGHT = 0.2
TENANTS_MAX = 20_000


@dataclass(slots=True)
class Average:
    """Of one tenant and source. count: samples of the tick under way, which is number `tick`."""

    tick: int
    count: int = 0
    rate: float = 0.0
    has_rate: bool = False

    def move_to(self, tick: int) -> None:
        """End the ticks before this one."""
        passed = tick - self.tick
        if passed <= 0:
            return
        last = self.count / TICK_S
        self.rate += (last - self.rate) * (WEIGHT if self.has_rate else 1.0)
        self.rate *= (1.0 - WEIGHT) ** (passed - 1)
        self.tick, self.count, self.has_rate = tick, 0, True


class IngestionRates:
    """By tenant; the one that did not write for longest goes first. Thread-safe."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, tenants_max: int = TENANTS_MAX
    ) -> None:
        self._clock = clock
        self._tenants_max = tenants_max
        self._lock = threading.Lock()
        self._averages: OrderedDict[tuple[str, bool], Average] = OrderedDict()

    def note(self, tenant: str, samples: int, *, by_rules: bool = False) -> None:
        """Samples of a tenant were written."""
        tick, key = int(self._clock() / TICK_S), (tenant, by_rules)
        with self._lock:
            average = self._averages.setdefault(key, Average(tick))
            self._averages.move_to_end(key)
            average.move_to(tick)
            average.count += samples
            if len(self._averages) > 2 * self._tenants_max:
                self._averages.popitem(last=False)

    def of(self, tenants: Sequence[str]) -> tuple[float, float]:
        """Samples a second of these tenants together: (sent, of rules)."""
        tick, found = int(self._clock() / TICK_S), [0.0, 0.0]
        with self._lock:
            for tenant in tenants:
                for by_rules in (False, True):
                    average = self._averages.get((tenant, by_rules))
                    if average is not None:
                        average.move_to(tick)
                        found[by_rules] += average.rate
        return found[0], found[1]
