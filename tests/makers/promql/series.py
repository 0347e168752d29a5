"""Random series for comparing evaluators of PromQL, and the times they are asked at.

Most values are small multiples of a quarter, whose sums are exact in any order. What real series do
wrong is there too: gaps, resets, stale markers, NaN and infinities, and numbers that sums overflow
or lose digits with.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from storage.kernels.stale import STALE_NAN
from tests.twins.promql.engine import Stored

NAMES = ("a_total", "b", "c_bucket")
ODD_VALUES = (math.nan, math.inf, -math.inf, 0.0, -0.0)
EXTREMES = (1.7e308, -1.7e308, 5e-324, 1e-310, 2.0**53 + 2, 1e16, -1e16, 0.1, 1e-9)


@dataclass(frozen=True)
class Grid:
    """When a query is asked: step 0 is an instant query."""

    start_ms: int
    end_ms: int
    step_ms: int


class SeriesMaker:
    """Makes the series of one case. is_exact: sums do not depend on the order of their values,
    which for the rows of some operators is nobody's promise."""

    def __init__(self, source: random.Random, *, with_info: bool) -> None:
        self.random = source
        self.with_info = with_info
        self.is_exact = source.random() < 0.8

    def series(self) -> list[Stored]:
        found: dict[tuple[tuple[str, str], ...], Stored] = {}
        makers = [self.labels] * self.random.randint(5, 20)
        if self.with_info:
            makers = [self.targeted_labels] * len(makers)
            makers += [self.info_labels] * self.random.randint(1, 4)
        for maker in makers:
            labels = {name: value for name, value in maker().items() if value}
            found[tuple(sorted(labels.items()))] = labels, self.samples()
        return list(found.values())

    # --- labels

    def labels(self) -> dict[str, str]:
        pick = self.random.choice
        labels = {
            "__name__": pick(NAMES),
            "x": pick(("", "1", "1", "2", "2", "10")),
            "y": pick(("", "1", "2")),
        }
        if labels["__name__"] == "c_bucket":
            labels["le"] = pick(("0.5", "1", "2", "+Inf", "+Inf", "1.0", "bad"))
        elif self.random.random() < 0.05:
            labels |= {"z": pick(("é", "e", "Z")), "__type__": pick(("", "counter"))}
        return labels

    def targeted_labels(self) -> dict[str, str]:
        return self.labels() | self.target()

    def target(self) -> dict[str, str]:
        return {"instance": self.random.choice("ab"), "job": self.random.choice(("j", "j", ""))}

    def info_labels(self) -> dict[str, str]:
        pick = self.random.choice
        labels = {"__name__": pick(("target_info", "target_info", "build_info"))} | self.target()
        return labels | {
            "data": pick(("", "1", "2")),
            "x": pick(("", "9")),
            "more": pick(("", "m")),
        }

    # --- samples

    def samples(self) -> list[tuple[int, float]]:
        chance = self.random.random
        interval = self.random.choice((10_000, 15_000, 15_000, 30_000, 60_000))
        jitter = self.random.choice((0, 0, 1_000, 7_000))
        time, value, out = self.random.randrange(0, 90_000), self.value(), []
        is_counter = chance() < 0.6
        end = self.random.choice((300_000, 700_000, 1_000_000, 1_000_000))
        while time < end:
            time += interval + (self.random.randint(0, jitter) if jitter else 0)
            value = self.next_counter(value) if is_counter else self.value()
            rare = chance()
            if rare < 0.05:
                time += self.random.choice((120_000, 400_000))
            elif rare < 0.1:
                continue
            out.append((time, STALE_NAN if 0.1 < rare < 0.13 else value))
        return out if chance() < 0.97 else []

    def next_counter(self, value: float) -> float:
        if not math.isfinite(value) or self.random.random() < 0.05:
            return 0.0
        return abs(value) + self.random.choice((0.0, 0.25, 1.0, 5.0, 40.0))

    def value(self) -> float:
        roll = self.random.random()
        if roll < 0.05:
            return self.random.choice(ODD_VALUES)
        if self.is_exact:
            return int(roll * 440 - 40) / 4
        if roll < 0.1:
            return self.random.choice(EXTREMES)
        return self.random.uniform(-1, 1) * 10.0 ** self.random.choice((0, 1, 3, 6))

    # --- times

    def grid(self) -> Grid:
        start = self.random.randrange(60_000, 900_000, self.random.choice((1, 1_000, 15_000)))
        if self.random.random() < 0.03:
            start -= 200_000
        if self.random.random() < 0.35:
            return Grid(start, start, 0)
        step = self.random.choice((15_000, 30_000, 60_000, 47_000, 300_000))
        return Grid(start, start + step * self.random.randint(0, 5) + 3, step)
