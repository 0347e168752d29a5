"""Random series of floats and native histograms, and expressions for the twin `mixed`."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from storage.histograms.columns import CUSTOM_SCHEMA, HINT_GAUGE, HINT_RESET, HINT_UNKNOWN
from storage.kernels.stale import STALE_NAN
from tests.makers.native_points import Counts, NativePoint
from tests.makers.promql.series import Grid

NAMES = ("f", "f_total", "h", "h_total", "m", "c", "b", "u", "n")
MATCHERS = ("", "", '{i="1"}', '{i!="1"}')
SEVERAL = ('{__name__=~"[fhm]",i="1"}', '{__name__=~"[cbm]"}', '{__name__=~"[mun]",i="2"}')
AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group", "stddev")
OF_RANGE = (
    *("rate", "increase", "delta", "irate", "idelta", "resets", "changes", "sum_over_time"),
    *("avg_over_time", "count_over_time", "last_over_time", "first_over_time", "max_over_time"),
    *("min_over_time", "deriv", "present_over_time", "rate", "increase", "delta"),
)
ANCHORED = ("rate", "increase", "delta", "resets", "changes")
DURATIONS = ("30s", "1m", "90s", "2m", "5m")
QUANTILES = ("0.5", "0.9", "0", "1", "(0.25)", "-1", "2", "NaN")
NUMBERS = ("1", "2", "-1", "0.5", "0", "NaN", "3", "Inf")
OPERATORS = ("+", "-", "*", "/", "==", "!=", ">", "<", "+", "-", "</", ">/")
BOUNDS = ("1", "2", "-1", "0.5", "0", "NaN", "3", "Inf", "-Inf", "-0.1", "1.5", "4")
FILLS = (
    "",
    "",
    "",
    " fill (0)",
    " fill_left (2)",
    " fill_right (-1)",
    " fill_left (1) fill_right (0.5)",
)
SHIFTS = ("", "", "", " offset 30s", " offset -1m", " @ 300")


@dataclass
class MixedSource:
    """Makes its choices from a seeded source of randomness."""

    random: random.Random

    # --- series

    def series(self) -> list[tuple[dict[str, str], list[tuple[int, float | NativePoint]]]]:
        names = self.random.sample(NAMES, self.random.randint(3, len(NAMES)))
        return [
            ({"__name__": name, "i": i}, self.samples(name))
            for name in names
            for i in ("1", "2")[: self.random.choice((1, 2, 2))]
        ]

    def samples(self, name: str) -> list[tuple[int, float | NativePoint]]:
        pick = self.random.choice
        interval, time = pick((15_000, 30_000, 60_000)), self.random.randrange(0, 90_000)
        count, out = 0, []
        is_native = name != "f"
        while time < 600_000:
            time += interval if self.random.random() < 0.9 else 4 * interval
            count = 0 if self.random.random() < 0.1 else count + self.random.randint(0, 6)
            if name == "m" and self.random.random() < 0.15:
                is_native = not is_native
            if name[0] == "f" or not is_native:
                out.append((time, STALE_NAN if self.random.random() < 0.05 else float(count)))
            else:
                out.append((time, self.histogram(name, count)))
        return out

    def histogram(self, name: str, count: int) -> NativePoint:
        pick = self.random.choice
        buckets: Counts = tuple((i, float(count + i)) for i in range(3) if count + i)
        total = sum(n for _, n in buckets)
        hint = HINT_UNKNOWN
        if name == "u":
            hint = HINT_GAUGE if self.random.random() < 0.7 else HINT_UNKNOWN
        elif self.random.random() < 0.05:
            hint = HINT_RESET
        if name == "b" or (name == "c" and self.random.random() < 0.3):
            bounds = pick(((1.0, 2.0, 5.0), (1.0, 2.0), (1.0, 5.0))) if name == "b" else (1.0, 2.0)
            return NativePoint(
                CUSTOM_SCHEMA, 2.0 * total, total, positive=buckets, bounds=bounds, hint=hint
            )
        zero = float(pick((0, 0, count)))
        is_nan = name == "n" and self.random.random() < 0.6
        return NativePoint(
            pick((0, 0, 0, 1)),
            math.nan if is_nan else 2.0 * total,
            total + zero + (2.0 if is_nan and self.random.random() < 0.6 else 0.0),
            zero,
            0.25 if zero else 0.0,
            positive=buckets,
            negative=((1, float(count)),) if count and self.random.random() < 0.2 else (),
            hint=hint,
        )

    def grid(self) -> Grid:
        start = self.random.randrange(60_000, 600_000, 5_000)
        if self.random.random() < 0.5:
            return Grid(start, start, 0)
        step = self.random.choice((15_000, 47_000, 60_000))
        return Grid(
            start, start + step * self.random.randint(0, 4) + self.random.choice((0, 3)), step
        )

    # --- expressions

    def expression(self, depth: int = 3) -> str:
        if depth == 0:
            return self.selector()
        makers = (
            *(self.selector, self.aggregation, self.aggregation, self.of_range, self.of_range),
            *(self.of_range, self.operation, self.operation, self.of_natives, self.of_natives),
            *(self.other, self.wrapped, self.trim, self.trim),
        )
        return self.random.choice(makers)(depth - 1)

    def selector(self, depth: int = 0) -> str:
        text = self.random.choice(NAMES) + self.random.choice(MATCHERS)
        if self.random.random() < 0.2:
            text = self.random.choice(SEVERAL)
        shift = self.random.choice(SHIFTS)
        smoothed = " smoothed" if self.random.random() < 0.15 else ""
        return f"{text}{smoothed}{shift}"

    def wrapped(self, depth: int) -> str:
        return self.random.choice(("({})", "( {})", "-{}")).format(self.expression(depth))

    def aggregation(self, depth: int) -> str:
        by = self.random.choice(("", "", " by (i)"))
        vector = self.expression(depth)
        roll = self.random.random()
        if roll < 0.6:
            return f"{self.random.choice(AGGREGATIONS)}{by}({vector})"
        if roll < 0.75:
            return f"quantile{by}({self.random.choice(QUANTILES)}, {vector})"
        op = self.random.choice(("topk", "bottomk", "limitk"))
        return f"{op}{by}({self.random.choice(('0', '1', '2', '3'))}, {vector})"

    def of_range(self, depth: int) -> str:
        func, duration = self.random.choice(OF_RANGE), self.random.choice(DURATIONS)
        roll = self.random.random()
        if depth and roll < 0.2:
            step = self.random.choice(("30s", "1m", "45s"))
            argument = f"{self.subquery_operand(depth)}[{duration}:{step}]"
        else:
            argument = f"{self.random.choice(NAMES)}{self.random.choice(MATCHERS)}[{duration}]"
            if func in ANCHORED and roll < 0.6:
                smooth = func not in ("resets", "changes") and self.random.random() < 0.6
                argument += " smoothed" if smooth else " anchored"
        argument += self.random.choice(SHIFTS)
        if self.random.random() < 0.1:
            return f"quantile_over_time({self.random.choice(QUANTILES)}, {argument})".replace(
                " smoothed", ""
            ).replace(" anchored", "")
        return f"{func}({argument})"

    def subquery_operand(self, depth: int) -> str:
        return f"({self.expression(depth - 1)})"

    def operation(self, depth: int) -> str:
        op = self.random.choice(OPERATORS)
        roll = self.random.random()
        left = self.expression(depth)
        if roll < 0.25:
            return f"({left}) {op} {self.random.choice(NUMBERS)}"
        if roll < 0.4:
            return f"{self.random.choice(NUMBERS)} {op} ({left})"
        if roll < 0.5:
            return f"({left}) {op} scalar({self.expression(depth)})"
        fill = self.random.choice(FILLS)
        right = self.plain(self.expression(depth)) if fill else self.expression(depth)
        return f"({self.plain(left) if fill else left}) {op}{fill} ({right})"

    def trim(self, depth: int) -> str:
        op, bound = self.random.choice(("</", ">/")), self.random.choice(BOUNDS)
        return f"({self.plain(self.expression(depth))}) {op} {bound}"

    def plain(self, expression: str) -> str:
        """The expression, or as often a selector, which nearly always has samples."""
        return expression if self.random.random() < 0.5 else self.selector()

    def of_natives(self, depth: int) -> str:
        vector = self.expression(depth)
        roll = self.random.random()
        if roll < 0.2:
            quantiles = self.random.sample(QUANTILES, self.random.randint(1, 3))
            label = self.random.choice(("q", "q", "i"))
            return f'histogram_quantiles({self.plain(vector)}, "{label}", {", ".join(quantiles)})'
        if roll < 0.7:
            return f"histogram_quantile({self.random.choice(QUANTILES)}, {vector})"
        return f"histogram_fraction({self.random.choice(('-1', '0', '1'))}, 2, {vector})"

    def other(self, depth: int) -> str:
        vector = self.expression(depth)
        return self.random.choice(("sort({})", "abs({})", "timestamp({})")).format(vector)
