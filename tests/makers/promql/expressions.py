"""Random well-typed expressions over the series of promql_series, for comparing evaluators.

A generator makes its choices from a seeded source of randomness, so that a seed tells the case.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.makers.promql.series import NAMES

MATCHERS = (
    *('x="1"', 'x!="1"', 'x=~"1|2"', 'y="1"', 'y=""', 'y!~"2"', 'x=~".+"', 'z="none"', 'le!="1"'),
    *('x="1",y="2"', 'y=~".*",x!=""', 'le="+Inf"', 'x!~"1|2"', 'x=~"1.?"', '__type__=""'),
)
NAMELESS = (
    *('{__name__=~"a.*|b"}', '{__name__=~".+",__name__!="b"}', '{x="1"}', '{__name__=~".*t"}'),
    *('{y=~".+"}', '{"b", x!="2"}'),
)
INFO_SELECTORS = (
    *("", "", ', {data="1"}', ', {data=~".*"}', ', {data!=""}', ', {__name__="build_info"}'),
    *(', {__name__=~".+_info"}', ', {__name__=~".*", more=~".*"}', ', {__name__!="target_info"}'),
    *(', {__name__=~".+_info", x=~".+"}', ', {instance="a", data=~".*"}'),
)
DURATIONS = ("15s", "30s", "1m", "90s", "2m", "150", "5m", "10m", "1m30s", "7m")
DURATION_TERMS = ("30s", "1m", "45", "90.5", "(2m)", "+15s")
TIMES = ("start()", "end()", "300", "450.5", "600", "-20")
LABELS = ("x", "y", "le", "__name__", "z")

OF_RANGE = (
    *("avg_over_time", "changes", "count_over_time", "delta", "deriv", "first_over_time"),
    *("idelta", "increase", "irate", "last_over_time", "mad_over_time", "max_over_time"),
    *("min_over_time", "present_over_time", "rate", "resets", "stddev_over_time"),
    *("stdvar_over_time", "sum_over_time", "ts_of_first_over_time", "ts_of_last_over_time"),
    *("ts_of_max_over_time", "ts_of_min_over_time", "absent_over_time", "rate", "increase"),
)
ANCHORED = ("rate", "increase", "delta", "resets", "changes")
SMOOTHED = ("rate", "increase", "delta")
EXACT = ("abs", "ceil", "deg", "floor", "rad", "sgn", "sqrt")
ROUNDED = (
    *("acos", "acosh", "asin", "asinh", "atan", "atanh", "cos", "cosh", "exp", "ln", "log10"),
    *("log2", "sin", "sinh", "tan", "tanh"),
)
CALENDAR = (
    *("day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month"),
    "year",
)
OF_NATIVE = ("histogram_avg", "histogram_count", "histogram_sum", "histogram_stddev")
CONSTANTS = ("time()", "time()", "pi()", "start()", "end()", "range()", "step()")
AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "sum", "count")
COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
ARITHMETIC = ("+", "-", "*", "/", "%", "+", "-", "*")
NUMBERS = ("0", "1", "2", "-1", "0.5", "3.25", "100", "-0.25", "NaN", "Inf", "-Inf", "1e3", "5m")
COUNTS = ("1", "2", "3", "2", "1", "0", "-1", "100", "2.9", "NaN", "time() / 200")
RATIOS = ("0.5", "-0.5", "0.3", "0", "1", "-1", "1.5", "-3", "NaN", "time() / 500 - 1")


class Generator:
    """Makes expressions. with_info: some of them are about info series.

    is_fuzzy is set if the last expression has a function that libraries round differently, which
    then is its outermost one.
    """

    def __init__(self, source: random.Random, *, with_info: bool = False) -> None:
        self.random = source
        self.with_info = with_info
        self.is_fuzzy = False

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def one_of(self, makers: tuple[Callable[[int], str], ...], depth: int) -> str:
        return self.random.choice(makers)(depth)

    def expression(self, *, is_instant: bool) -> str:
        self.is_fuzzy = False
        if self.with_info and self.chance(0.7):
            return self.info()
        roll = self.random.random()
        if roll < 0.07:
            self.is_fuzzy = True
            return f"{self.pick(*ROUNDED)}({self.vector(2)})"
        if roll < 0.1:
            self.is_fuzzy = True
            other = self.one_of((self.scalar, self.vector), 1)
            return f"({self.vector(1)}) {self.pick('^', 'atan2')} ({other})"
        if roll < 0.14:
            return self.scalar(2)
        if roll < 0.2 and is_instant:
            return self.only_instant(2)
        return self.vector(self.random.randint(0, 3))

    def only_instant(self, depth: int) -> str:
        """Expressions whose answer has an order, or is of a type that range queries refuse."""
        roll = self.random.random()
        if roll < 0.3:
            return self.sorting(depth)
        if roll < 0.5:
            return f"{self.pick('topk', 'bottomk')}({self.pick(*COUNTS)}, {self.in_stored_order()})"
        if roll < 0.55:
            return self.pick('"text"', "'x\\n'", "`a\\b`")
        if roll < 0.7:
            kind = self.pick("anchored", "smoothed")
            return f"{self.plain()}[{self.duration()}] {kind}{self.modifiers()}"
        return self.ranged(depth)

    def info(self) -> str:
        makers = (self.selector, self.range_call, self.vector, self.of_vectors, self.aggregation)
        return f"info({self.one_of(makers, 1)}{self.pick(*INFO_SELECTORS)})"

    def scalar(self, depth: int) -> str:
        roll = self.random.random()
        if depth <= 0 or roll < 0.4:
            return self.pick(*NUMBERS, *CONSTANTS)
        if roll < 0.6:
            return f"scalar({self.vector(depth - 1)})"
        if roll < 0.7:
            return f"-({self.scalar(depth - 1)})"
        sides = self.scalar(depth - 1), self.scalar(depth - 1)
        if roll < 0.8:
            return f"{self.pick('min_of', 'max_of')}({sides[0]}, {sides[1]})"
        op = self.pick(*ARITHMETIC, *(f"{c} bool" for c in COMPARISONS))
        return f"({sides[0]}) {op} ({sides[1]})"

    def vector(self, depth: int) -> str:
        if depth <= 0:
            return self.one_of((self.selector, self.selector, self.range_call), 0)
        makers = (
            *(self.selector, self.range_call, self.range_call, self.aggregation, self.aggregation),
            *(self.with_scalar, self.with_scalar, self.of_vectors, self.of_vectors, self.function),
            *(self.function, self.choosing, self.relabelling, self.unary, self.histogram),
        )
        return self.one_of(makers, depth - 1)

    # --- selectors

    def plain(self) -> str:
        """A selector without modifiers."""
        if self.chance(0.12):
            return self.pick(*NAMELESS)
        name = self.pick(*NAMES)
        return f"{name}{{{self.pick(*MATCHERS)}}}" if self.chance(0.25) else name

    def modifiers(self) -> str:
        offset, at = "", ""
        if self.chance(0.15):
            offset = f" offset {self.pick('', '-')}{self.pick(*DURATIONS)}"
            if self.chance(0.2):
                offset = f" offset ({self.duration_expression()})"
        if self.chance(0.12):
            at = f" @ {self.pick(*TIMES)}"
        return offset + at if self.chance(0.5) else at + offset

    def duration(self) -> str:
        return self.duration_expression() if self.chance(0.1) else self.pick(*DURATIONS)

    def duration_expression(self) -> str:
        """Small enough for a subquery to have few steps; some are no duration at all."""
        a, b = self.pick(*DURATION_TERMS, "step()", "range()"), self.pick(*DURATION_TERMS)
        number = self.pick("2", "0.5", "3", "1", "1.5")
        return self.pick(
            *(f"{a} + {b}", f"{a} + {b}", f"{a} - {b}", f"{a} * {number}", f"{a} / {number}"),
            *(f"{number} ^ 2 * {a}", f"{a} % {b} + 10", f"-({a} - 3m)", f"5m - -{a}"),
            *(f"min_of({a}, {b})", f"max_of({a}, {b})", f"max_of(step(), {a}) + {b}"),
        )

    def selector(self, depth: int) -> str:
        extension = " smoothed" if self.chance(0.06) else ""
        return self.plain() + extension + self.modifiers()

    def ranged(self, depth: int) -> str:
        if self.chance(0.3):
            inner = self.vector(min(depth, 1))
            step = self.pick("", "15s", "1m", "37s", "max_of(step(), 20s)")
            return f"({inner})[{self.duration()}:{step}]{self.modifiers()}"
        return f"{self.plain()}[{self.duration()}]{self.modifiers()}"

    # --- functions

    def range_call(self, depth: int) -> str:
        roll = self.random.random()
        if roll < 0.1:
            kind = self.pick("anchored", "smoothed")
            func = self.pick(*(ANCHORED if kind == "anchored" else SMOOTHED))
            return f"{func}({self.plain()}[{self.duration()}] {kind}{self.modifiers()})"
        ranged = self.ranged(depth)
        if roll < 0.15:
            return f"quantile_over_time({self.scalar(0)}, {ranged})"
        if roll < 0.2:
            return f"predict_linear({ranged}, {self.scalar(0)})"
        if roll < 0.23:
            factors = f"0.{self.random.randint(0, 9)}, 0.{self.random.randint(1, 9)}"
            return f"double_exponential_smoothing({ranged}, {factors})"
        return f"{self.pick(*OF_RANGE)}({ranged})"

    def in_stored_order(self) -> str:
        """A vector whose rows are in the order of the storage, which decides among equals."""
        roll = self.random.random()
        if roll < 0.4:
            return self.selector(0)
        if roll < 0.5:
            return f"{self.pick(*EXACT)}({self.selector(0)})"
        if roll < 0.6:
            return f"({self.selector(0)}) {self.pick(*COMPARISONS, '*', '-')} ({self.scalar(1)})"
        func = self.pick("rate", "increase", "max_over_time", "last_over_time", "changes")
        return f"{func}({self.plain()}[{self.duration()}]{self.modifiers()})"

    def function(self, depth: int) -> str:
        roll, operand = self.random.random(), self.vector(depth)
        if roll < 0.3:
            return f"{self.pick(*EXACT)}({operand})"
        if roll < 0.4:
            return f"round({operand}{self.pick('', ', 0.25', ', 10', ', 0', ', -2')})"
        if roll < 0.5:
            return f"clamp({operand}, {self.scalar(1)}, {self.scalar(1)})"
        if roll < 0.6:
            return f"{self.pick('clamp_min', 'clamp_max')}({operand}, {self.scalar(1)})"
        if roll < 0.7:
            return f"{self.pick(*CALENDAR)}({self.pick(operand, '')})"
        if roll < 0.8:
            return f"timestamp({operand})"
        if roll < 0.87:
            return f"absent({operand})"
        if roll < 0.92:
            return self.sorting(depth)
        return f"vector({self.scalar(1)})"

    def sorting(self, depth: int) -> str:
        func, operand = self.pick("sort", "sort_desc"), self.vector(depth)
        if self.chance(0.5):
            return f"{func}({operand})"
        names = self.random.choices(LABELS, k=self.random.randint(1, 2))
        listed = "".join(f', "{name}"' for name in names)
        return f"{func.replace('sort', 'sort_by_label')}({operand}{listed})"

    def relabelling(self, depth: int) -> str:
        operand, target = self.vector(depth), self.pick("x", "y", "new", "__name__")
        if self.chance(0.3):
            sources = "".join(f', "{name}"' for name in self.random.choices(LABELS, k=2))
            return f'label_join({operand}, "{target}", "-"{sources})'
        pattern = self.pick("(.*)", "([a-z])_?(.*)", "1", "", "(.)(.)?")
        template, source = self.pick("$1", "${1}s", "fixed", "", "$2-$1", "$3"), self.pick(*LABELS)
        return f'label_replace({operand}, "{target}", "{template}", "{source}", "{pattern}")'

    def unary(self, depth: int) -> str:
        return f"{self.pick('+', '-')}({self.vector(depth)})"

    def histogram(self, depth: int) -> str:
        roll = self.random.random()
        change = f"{self.pick('rate', 'increase', 'max_over_time')}(c_bucket[{self.duration()}])"
        operand = self.pick("c_bucket", f"sum by (le, x) ({change})")
        if roll < 0.1:
            return f"{self.pick(*OF_NATIVE, 'histogram_stdvar')}({self.vector(depth)})"
        if roll < 0.3:
            return f"histogram_fraction({self.scalar(0)}, {self.scalar(0)}, {operand})"
        params = [self.pick("0.5", "0.99", "0", "1", "0.9", "-1", "2", "NaN") for _ in range(2)]
        if roll < 0.5:
            label = self.pick("q", "q", "x", "le")
            return f'histogram_quantiles({operand}, "{label}", {", ".join(params)})'
        return f"histogram_quantile({params[0]}, {operand})"

    # --- aggregations

    def grouping(self) -> str:
        if self.chance(0.3):
            return ""
        names = self.random.sample(LABELS, self.random.randint(0, 2))
        return f" {self.pick('by', 'without')} ({', '.join(names)})"

    def aggregation(self, depth: int) -> str:
        roll = self.random.random()
        if roll < 0.1:
            param = self.pick("0.5", "0.9", "0", "1", "1.5", "-1", "NaN", "time() % 1")
            return f"quantile{self.grouping()} ({param}, {self.vector(depth)})"
        if roll < 0.2:
            label = self.pick("v", "x", "z")
            return f'count_values{self.grouping()} ("{label}", {self.vector(depth)})'
        return f"{self.pick(*AGGREGATIONS)}{self.grouping()} ({self.vector(depth)})"

    def choosing(self, depth: int) -> str:
        """Aggregations that keep some of their samples."""
        if self.chance(0.25):
            param = self.pick(*RATIOS)
            return f"limit_ratio{self.grouping()} ({param}, {self.vector(depth)})"
        op, param = self.pick("topk", "bottomk", "limitk"), self.pick(*COUNTS)
        return f"{op}{self.grouping()} ({param}, {self.in_stored_order()})"

    # --- binary operators

    def with_scalar(self, depth: int) -> str:
        sides = [f"({self.vector(depth)})", f"({self.scalar(1)})"]
        self.random.shuffle(sides)
        op = self.pick(*ARITHMETIC, *COMPARISONS, *(f"{c} bool" for c in COMPARISONS))
        if self.chance(0.02):
            return f"{self.pick(*NAMES)} {self.pick('</', '>/')} {self.scalar(1)}"
        return f"{sides[0]} {op} {sides[1]}"

    def of_vectors(self, depth: int) -> str:
        lhs, rhs = f"({self.vector(depth)})", f"({self.vector(depth)})"
        if self.chance(0.35):
            op = self.pick("and", "or", "unless", "or")
            return f"{lhs} {op}{self.matching()} {rhs}"
        op = self.pick(*ARITHMETIC, *COMPARISONS)
        if op in COMPARISONS and self.chance(0.4):
            op += " bool"
        if self.chance(0.02):
            op = self.pick("</", ">/")
        matching = self.matching()
        return f"{lhs} {op}{matching}{self.grouped(matching)}{self.fill()} {rhs}"

    def matching(self) -> str:
        if self.chance(0.25):
            return ""
        names = self.random.sample(LABELS, self.random.randint(0, 3))
        return f" {self.pick('on', 'ignoring', 'ignoring')} ({', '.join(names)})"

    def grouped(self, matching: str) -> str:
        if not matching or self.chance(0.6):
            return ""
        allowed = [name for name in LABELS if name not in matching or "ignoring" in matching]
        names = self.random.sample(allowed, self.random.randint(0, min(2, len(allowed))))
        return f" {self.pick('group_left', 'group_right')} ({', '.join(names)})"

    def fill(self) -> str:
        if self.chance(0.85):
            return ""
        values = [self.pick("0", "2", "-1", "1.5", "NaN") for _ in range(2)]
        return self.pick(
            *(f" fill ({values[0]})", f" fill_left ({values[0]})", f" fill_right ({values[0]})"),
            f" fill_left ({values[0]}) fill_right ({values[1]})",
        )
