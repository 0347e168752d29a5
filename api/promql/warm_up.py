"""Compiling the kernels of queries before a query has to wait for them.

A kernel is compiled at its first call, which takes up to seconds, and is found on disk by later
processes. Warming up asks an engine a few queries over series that are made up here: floats first,
as most queries are about them, and native histograms last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from api.promql.engine import Engine
from storage.histograms.columns import NO_HISTOGRAM, Histograms, Natives
from storage.histograms.histograms import Parts, from_parts
from storage.kernels.stale import STALE_NAN
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import Matcher
from storage.samples.samples import Samples

# Together they call every kernel that dashboards commonly need.
QUERIES = (
    "sum by (a) (rate(x_total[30s]))",
    "avg without (a) (x_total) + max(x_total) - min(x_total)",
    "stddev(x_total) / count(x_total) * group(x_total)",
    "topk(1, x_total) or bottomk(1, x_total) and x_total unless (x_total > 100)",
    "quantile(0.5, x_total) or quantile_over_time(0.5, x_total[30s])",
    "histogram_quantile(0.9, rate(x_total[30s]))",
    "x_total * on (a) group_left () x_total",
    "max_over_time(rate(x_total[30s])[1m:10s])",
    "predict_linear(x_total[30s], 60) or irate(x_total[30s])",
    "timestamp(x_total) + time() + hour()",
    'label_replace(x_total, "b", "$1", "a", "(.*)")',
    'count_values("v", x_total)',
    "-abs(x_total) > bool 0",
    '{__name__=~"x_total"} * 1',
    "sum by (a) (rate(native[30s]))",
    "histogram_quantile(0.9, sum(increase(native[30s])))",
    "avg(native) + native - sum_over_time(native[30s])",
    "histogram_fraction(0, 1, native) + histogram_stddev(native * 2)",
    "last_over_time(native[30s]) == native",
    "resets(native[30s]) + histogram_count(irate(native[30s]))",
)


class _Example:
    """Two series of seven samples each, one of them stale; any selector matches both.

    In `natives` all but the stale one are native histograms; a selector of that name gets these.
    """

    counters_differ = False

    def __init__(self, *, natives: bool = False) -> None:
        self.symbols = Symbols()
        labelsets = [
            {"__name__": "x_total", "a": "1", "le": "1"},
            {"__name__": "x_total", "a": "2", "le": "+Inf"},
        ]
        self.labels = LabelFrame.from_dicts(self.symbols, labelsets)
        timestamps = np.tile(np.arange(7, dtype=np.int64) * 10_000, 2)
        values = np.arange(14, dtype=np.float64)
        values[3] = STALE_NAN
        offsets = np.array([0, 7, 14], np.int64)
        self._samples = Samples(offsets, timestamps, values)
        if natives:
            rows = np.arange(14, dtype=np.int32)
            rows[3] = NO_HISTOGRAM
            self._samples = replace(self._samples, natives=Natives(_histograms(14), rows))

    def read(self, first_row: int, end_row: int) -> Samples:
        return self._samples

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, counter: bool = False
    ) -> _Example:
        return _Example(natives=True) if any(m.value == "native" for m in matchers) else self


def _histograms(count: int) -> Histograms:
    """Growing counters of one bucket on each side and one of zero."""
    parts = [
        Parts(1, 3.0 * i, float(i), 0.001, float(i), [(i % 3, float(i))], [(1, float(i))])
        for i in range(count)
    ]
    return from_parts(parts)


def warm_up(engine: Engine, stopped: Callable[[], bool] = lambda: False) -> None:
    """Ask all queries; gives up between two of them once `stopped` says so."""
    for text in QUERIES:
        if stopped():
            return
        engine.range_query(_Example(), text, 30_000, 60_000, 10_000)
