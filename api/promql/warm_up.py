"""Compiling the kernels of queries before a query has to wait for them.

A kernel is compiled at its first call, which takes up to seconds, and is found on disk by later
processes. Warming up asks an engine a few queries over two series that are made up here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from api.promql.engine import Engine
from storage.labels import LabelFrame, Matcher, Symbols
from storage.samples import STALE_NAN, Samples

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
)


class _Example:
    """Two series of seven samples each, one of them stale; any selector matches both."""

    counters_differ = False

    def __init__(self) -> None:
        self.symbols = Symbols()
        labelsets = [
            {"__name__": "x_total", "a": "1", "le": "1"},
            {"__name__": "x_total", "a": "2", "le": "+Inf"},
        ]
        self.labels = LabelFrame.from_dicts(self.symbols, labelsets)
        timestamps = np.tile(np.arange(7, dtype=np.int64) * 10_000, 2)
        values = np.arange(14, dtype=np.float64)
        values[3] = STALE_NAN
        self._samples = Samples(np.array([0, 7, 14], np.int64), timestamps, values)

    def read(self, first_row: int, end_row: int) -> Samples:
        return self._samples

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, counter: bool = False
    ) -> _Example:
        return self


def warm_up(engine: Engine, stopped: Callable[[], bool] = lambda: False) -> None:
    """Ask all queries; gives up between two of them once `stopped` says so."""
    for text in QUERIES:
        if stopped():
            return
        engine.range_query(_Example(), text, 30_000, 60_000, 10_000)
