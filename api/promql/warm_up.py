"""Queries over made-up series, so that no real query waits for the compiler.

The kernels are compiled when they are first called and then cached on disk: with a cold cache that
takes many seconds. A program runs `warm_up` in a thread when it starts.
"""

from collections.abc import Sequence

import numpy as np

from api.promql.engine import Engine
from storage.labels import LabelFrame, Matcher, Symbols
from storage.samples import Samples

# One query for every kernel that common queries reach.
QUERIES = (
    "sum by (a) (rate(warm[1m]))",
    "topk(1, increase(warm[1m]))",
    "max(delta(warm[1m])) - min(irate(warm[1m]))",
    "avg by (b) (avg_over_time(warm[1m])) > 0",
    "count(max_over_time(warm[1m]) + on (a, b) group_left () warm)",
    "quantile(0.5, warm) or stddev(warm)",
    "histogram_quantile(0.9, sum by (le) (rate(warm[1m])))",
    "sum_over_time(rate(warm[1m])[2m:30s])",
    "sort(last_over_time(warm[1m]))",
)
STEP_MS = 15_000
SAMPLES = 20


class MadeUpSeries:
    """A queryable, and the one selection it gives: two series of a counter."""

    def __init__(self) -> None:
        self.symbols = Symbols()
        common = {"__name__": "warm", "a": "x", "b": "1"}
        labelsets = [common | {"le": "1"}, common | {"b": "2", "le": "+Inf"}]
        self.labels = LabelFrame.from_dicts(self.symbols, labelsets)

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> "MadeUpSeries":
        return self

    def read(self, first_row: int, end_row: int) -> Samples:
        rows = end_row - first_row
        times = np.arange(SAMPLES, dtype=np.int64) * STEP_MS
        return Samples(
            np.arange(rows + 1, dtype=np.int64) * SAMPLES,
            np.tile(times, rows),
            np.tile(times / 1000.0, rows),
        )


def warm_up(engine: Engine) -> None:
    """Compile or load the kernels of common queries. Blocks."""
    end_ms = (SAMPLES - 1) * STEP_MS
    for text in QUERIES:
        engine.range_query(MadeUpSeries(), text, end_ms - 4 * STEP_MS, end_ms, STEP_MS)
