"""Compiling the kernels of queries before a query has to wait for them.

A kernel is compiled at its first call with arguments of some types, which takes up to seconds, and
is found on disk by later processes. Warming up asks an engine every function, aggregation and
operator there is, of floats, of native histograms and of both: what the tables of the language gain
is warmed up, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from api.promql.engine import Engine
from api.promql.features import ALL_FEATURES
from api.promql.operators.binary import ARITHMETIC, COMPARISONS, SET_OPERATORS
from api.promql.operators.native import TRIM_OPERATORS
from api.promql.options import EngineOptions
from api.promql.ranges.table import FUNCTIONS as RANGE_FUNCTIONS
from api.promql.ranges.windows import Windows
from api.promql.syntax.nodes import ValueType
from api.promql.syntax.signatures import (
    AGGREGATORS,
    FUNCTIONS,
    Signature,
)
from storage.histograms.columns import NO_HISTOGRAM, Histograms, Natives
from storage.histograms.histograms import Parts, from_parts
from storage.kernels.stale import STALE_NAN
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.samples.edges import Edges
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.samples import Samples, weights_of

# The first is what most queries are about, and is warmed up first.
NAMES = ("x_total", "native", "mixed")
# Its samples have start timestamps.
STARTED = "started"
# Its samples are downsampled.
WEIGHTED = "weighted"
# What most panels and rules ask; a server answers these without compiling or loading anything.
FIRST = (
    "x_total",
    "sum by (a) (rate(x_total[30s]))",
    "histogram_quantile(0.9, sum by (le) (rate(x_total[30s])))",
    "max by (a) (x_total) > 1",
    "topk(2, x_total)",
)
TEXTS = {
    "info": "{0}, {{a=~'.+'}}",
    "histogram_quantiles": '{0}, "q", 0.5, 0.9',
    "label_join": '{0}, "b", "-", "a"',
    "label_replace": '{0}, "b", "$1", "a", "(.*)"',
}
# What the tables do not bring about.
OTHERS = (
    "x_total * on (a) group_left () x_total",
    "x_total + on (a) group_right () x_total",
    "x_total + ignoring (le) mixed",
    "x_total + on (a) fill (0) native",
    "x_total{a='1'} unless on (a) x_total",
    "histogram_quantile(0.9, sum by (le) (rate(x_total[30s])))",
    "max_over_time(rate(x_total[30s])[1m:10s])",
    "sum_over_time((native + native)[1m:10s])",
    "last_over_time(mixed[1m:10s] offset 10s)",
    "x_total @ 40 + native offset 10s",
    '{__name__=~"x_total"} * 1',
    "-x_total - -native",
    "x_total smoothed",
    "native smoothed",
    "x_total and native or mixed",
    "sum by (__name__) (-x_total)",
    *(f"{name}[30s] {how}" for name in NAMES for how in ("anchored", "smoothed")),
    "1 + time() > bool 2",
)


def queries() -> Iterator[str]:
    """Texts that together call every kernel of queries, those of floats first."""
    for name in NAMES:
        yield from (call_of(function, name) for function in FUNCTIONS.values())
        for aggregator in AGGREGATORS.values():
            param = "" if aggregator.param is None else f"{argument(aggregator.param, name)}, "
            for grouping in ("", "by (a)", "without (a)"):
                yield f"{aggregator.name} {grouping} ({param}{name})"
        yield from (f"{f}({name}[30s] anchored)" for f, s in FUNCTIONS.items() if s.anchored)
        yield from (f"{f}({name}[30s] smoothed)" for f, s in FUNCTIONS.items() if s.smoothed)
    of_ranges = (f for f in FUNCTIONS.values() if ValueType.MATRIX in f.args)
    for function in of_ranges:
        yield from (call_of(function, name) for name in (STARTED, WEIGHTED))
    yield from (WEIGHTED, f"timestamp({WEIGHTED})")
    yield from OTHERS
    for operator in (*ARITHMETIC, *COMPARISONS, *SET_OPERATORS, *TRIM_OPERATORS):
        sides = [(a, b) for a in NAMES for b in NAMES]
        if operator not in SET_OPERATORS:
            sides += [pair for name in NAMES for pair in ((name, "2"), ("2", name))]
        yield from (f"{a} {operator} {b}" for a, b in sides)
        if operator in COMPARISONS:
            yield from (f"{a} {operator} bool {b}" for a, b in sides)


def call_of(function: Signature, name: str) -> str:
    arguments = ", ".join(argument(kind, name) for kind in function.args)
    return f"{function.name}({TEXTS.get(function.name, arguments).format(name)})"


def argument(kind: ValueType, name: str) -> str:
    texts = {ValueType.SCALAR: "0.5", ValueType.STRING: '"a"', ValueType.MATRIX: f"{name}[30s]"}
    return texts.get(kind, name)


class _Example:
    """Two series of seven samples each, one of them stale; any selector matches both.

    Samples of `native` are native histograms, and every other one of `mixed`; those of `started`
    and `weighted` are floats.
    """

    counters_differ = False
    has_aggregates = False

    def __init__(self, name: str = "x_total", symbols: Symbols | None = None) -> None:
        self.symbols = symbols or Symbols()
        labelsets = [
            {"__name__": name, "a": "1", "le": "1"},
            {"__name__": name, "a": "2", "le": "+Inf"},
        ]
        self.labels = LabelFrame.from_dicts(self.symbols, labelsets)
        timestamps = np.tile(np.arange(7, dtype=np.int64) * 10_000, 2)
        values = np.arange(14, dtype=np.float64)
        values[3] = STALE_NAN
        offsets = np.array([0, 7, 14], np.int64)
        self._samples = Samples(offsets, timestamps, values)
        if name == STARTED:
            self._samples = replace(self._samples, starts=timestamps - 5_000)
        elif name == WEIGHTED:
            self._samples = replace(self._samples, weights=weights_of(self._samples))
        elif name != "x_total":
            rows = np.arange(14, dtype=np.int32)
            rows[3] = NO_HISTOGRAM
            if name == "mixed":
                rows[::2] = NO_HISTOGRAM
            self._samples = replace(self._samples, natives=Natives(_histograms(14), rows))

    def read(self, first_row: int, end_row: int) -> Samples:
        return self._samples

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> _Example:
        name = next(
            (m.value for m in matchers if m.value in (*NAMES, STARTED, WEIGHTED)), "x_total"
        )
        return _Example(name, self.symbols)


def _histograms(count: int) -> Histograms:
    """Growing counters of one bucket on each side and one of zero."""
    parts = [
        Parts(1, 3.0 * i, float(i), 0.001, float(i), [(i % 3, float(i))], [(1, float(i))])
        for i in range(count)
    ]
    return from_parts(parts)


def warm_up(texts: Sequence[str], stopped: Callable[[], bool] = lambda: False) -> None:
    """Ask these of queries(); gives up between two of them once `stopped` says so. Blocks."""
    warm_edges()
    engine = Engine(EngineOptions(), ALL_FEATURES)
    try:
        for text in texts:
            if stopped():
                return
            if engine.parse(text).type is ValueType.MATRIX:
                engine.instant_query(_Example(), text, 60_000)
            else:
                engine.range_query(_Example(), text, 30_000, 60_000, 10_000)
    finally:
        engine.close()


def warm_edges() -> None:
    """Compute a rate of windows of which only the edges are known."""
    times, values, ends = np.zeros((1, 1), np.int64), np.zeros((1, 1)), np.zeros(1, np.int64)
    function = RANGE_FUNCTIONS["rate"].edges
    assert function is not None, "BUG: a rate is not made of edges"
    function(Edges(times, times, times, values, values, 0), Windows(ends, ends, 1))
