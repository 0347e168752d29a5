"""Samples that queries look at, over one sample each 15 s of three series and of a histogram."""

from collections.abc import Iterator

import numpy as np
import pytest

from api.endpoints.sample_counts import Counts, SampleCounter, histogram_sizes
from api.promql.engine import Engine, Measured
from api.promql.features import ALL_FEATURES
from api.promql.options import EngineOptions
from storage.histograms.histograms import Parts, from_parts
from tests.makers.memory_store import MemoryStore
from tests.makers.native_points import NativePoint

EVERY_MS = 15_000
# 168 bytes, 8 for each of 3 buckets and 2 spans, and 8 for its time, in floats with their times.
HISTOGRAM = 13


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = Engine(EngineOptions(threads=1), ALL_FEATURES)
    yield made
    made.close()


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    filled = MemoryStore()
    times = range(0, 1_200_000, EVERY_MS)
    for job in "abc":
        filled.write({"__name__": "c_total", "job": job}, [(t, float(t)) for t in times])
    point = NativePoint(count=3.0, sum=3.0, positive=((0, 1.0), (1, 1.0), (5, 1.0)))
    filled.write({"__name__": "h"}, [(t, point) for t in times])
    filled.write({"__name__": "target_info", "job": "a", "x": "y"}, [(t, 1.0) for t in times])
    return filled


def counts(
    engine: Engine, store: MemoryStore, query: str, *, start_s: int = 600, steps: int = 1
) -> Counts:
    """Of a query at `steps` times, 30 s from one to the next."""
    meter, start_ms = Measured(), start_s * 1_000
    if steps == 1:
        result = engine.instant_query(store, query, start_ms, meter=meter)
    else:
        end_ms = start_ms + (steps - 1) * 30_000
        result = engine.range_query(store, query, start_ms, end_ms, 30_000, meter=meter)
    assert meter.evaluator is not None and meter.context is not None
    return SampleCounter(meter.evaluator, meter.context).of_query(result.value)


@pytest.mark.parametrize(
    ("query", "total", "read"),
    [
        ("1", 0, 0),
        ('"text"', 0, 0),
        ("time() + vector(1)", 0, 0),
        ("c_total", 3, 3),
        ("nothing", 0, 0),
        ("sum by (job) (c_total) + c_total", 6, 6),
        ("topk(scalar(c_total{job='a'}), c_total)", 4, 4),
        ("c_total offset 1h", 0, 0),
        ("h", HISTOGRAM, HISTOGRAM),
        ("histogram_count(h)", HISTOGRAM, HISTOGRAM),
        ("timestamp(h)", 1, 1),
        ("timestamp((c_total))", 3, 3),
        ("timestamp(c_total + 0)", 3, 3),
        ("c_total[1m]", 12, 12),
        ("h[1m]", 4 * HISTOGRAM, 4 * HISTOGRAM),
        ("rate(c_total[1m])", 12, 12),
        ("rate(c_total[1m] offset 5m)", 12, 12),
        ("rate(h[1m])", 4 * HISTOGRAM, 4 * HISTOGRAM),
        ("rate(c_total[1m] anchored)", 3 * 24, 3 * 24),
        ("info(c_total)", 4, 4),
        # A range above a subquery counts its points; the selector in it is read.
        ("max_over_time(c_total[1m:20s])", 9, 9),
        # At 560 s four samples, at 580 s that of 570 s, at 600 s those of 585 s and 600 s.
        ("max_over_time(rate(c_total[1m])[1m:20s])", 9, 3 * (4 + 1 + 2)),
        ("c_total[1m:20s]", 9, 9),
        ("max_over_time(h[1m:20s])", 3 * HISTOGRAM, 3 * HISTOGRAM),
    ],
)
def test_instant_queries(
    engine: Engine, store: MemoryStore, query: str, total: int, read: int
) -> None:
    got = counts(engine, store, query)
    assert (got.total.tolist(), got.read.tolist()) == ([total], [read])


@pytest.mark.parametrize(
    ("query", "total", "read"),
    [
        ("c_total", [3, 3, 3, 3], [3, 3, 3, 3]),
        ("c_total offset 590s", [3, 3, 3, 3], [3, 3, 3, 3]),
        ("c_total @ 300", [3, 3, 3, 3], [3, 0, 0, 0]),
        ("c_total + c_total @ end()", [6, 6, 6, 6], [6, 3, 3, 3]),
        ("timestamp(c_total @ 300)", [3, 3, 3, 3], [3, 0, 0, 0]),
        # Windows that overlap, that touch, and that leave something out.
        ("rate(c_total[1m])", [12, 12, 12, 12], [12, 6, 6, 6]),
        ("rate(c_total[30s])", [6, 6, 6, 6], [6, 6, 6, 6]),
        ("last_over_time(c_total[15s])", [3, 3, 3, 3], [3, 3, 3, 3]),
        ("rate(c_total[1m] @ 300)", [12, 12, 12, 12], [12, 0, 0, 0]),
        ("predict_linear(c_total[1m] @ 300, 60)", [12, 12, 12, 12], [12, 0, 0, 0]),
        # 600 s: 540 < t <= 600 in steps of 30 s: 570 and 600. 630 s: 600 and 630.
        ("max_over_time(c_total[1m:30s])", [6, 6, 6, 6], [6, 3, 3, 3]),
        ("max_over_time(c_total[1m:30s] offset 30s)", [6, 6, 6, 6], [6, 3, 3, 3]),
        ("max_over_time(c_total[1m:30s] @ 300)", [6, 6, 6, 6], [6, 0, 0, 0]),
        # Steps of the subquery that no window reaches are read, and belong to nothing.
        ("max_over_time(c_total[10s:10s])", [3, 3, 3, 3], [3, 3, 3, 3]),
    ],
)
def test_range_queries(
    engine: Engine, store: MemoryStore, query: str, total: list[int], read: list[int]
) -> None:
    got = counts(engine, store, query, steps=4)
    assert (got.total.tolist(), got.read.tolist()) == (total, read)


QUERIES = [
    "sum(rate(c_total[5m])) / count(c_total)",
    "quantile_over_time(0.5, h[1m]) or c_total",
    "histogram_quantile(0.9, rate(h[2m])) unless c_total offset 10m",
    "max_over_time(sum(rate(c_total[1m]))[2m:15s])",
    "sum_over_time(max_over_time(c_total[1m:20s])[3m:45s] offset 1m)",
    "c_total smoothed + c_total",
    "increase(c_total[1m] smoothed)",
    "absent_over_time(nothing[1m])",
    "label_replace(c_total, 'a', '$1', 'job', '(.*)') and on (job) c_total @ 60",
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_step_counts_like_a_query_of_its_own(
    engine: Engine, store: MemoryStore, query: str
) -> None:
    got = counts(engine, store, query, start_s=20, steps=35)
    alone = [counts(engine, store, query, start_s=second) for second in range(20, 1_070, 30)]
    assert got.total.tolist() == [count.total[0] for count in alone]
    assert got.read[0] == alone[0].read[0]
    assert (got.read <= [count.read[0] for count in alone]).all()


def test_sizes_of_histograms() -> None:
    """Runs of buckets count, also where one histogram ends and the next goes on."""
    parts = [
        Parts(),
        Parts(positive=[(0, 1.0), (1, 1.0)], negative=[(3, 1.0)]),
        Parts(positive=[(2, 1.0), (4, 1.0), (5, 1.0)]),
        Parts(),
    ]
    sizes = [(176 + 8 * numbers) // 16 for numbers in (0, 3 + 2, 3 + 2, 0)]
    np.testing.assert_array_equal(histogram_sizes(from_parts(parts)), sizes)
