"""The form of a query's statistics; what is counted is in test_sample_counts.py."""

import numpy as np

from api.endpoints.handler import Slot
from api.endpoints.query_stats import RAW, by_step, resolutions, statistics, timings
from api.promql.engine import Engine, Measured
from api.promql.options import EngineOptions
from tests.makers.downsampling.coarse_store import CoarseStore
from tests.makers.memory_store import MemoryStore


def test_all_times_are_told() -> None:
    meter = Measured(total_s=10.0, prepare_s=1.0, inner_s=6.0, sort_s=2.0)
    assert timings(Slot(1_000, 0.25, lambda: False), meter) == {
        "evalTotalTime": 10.0,
        "resultSortTime": 2.0,
        "queryPreparationTime": 1.0,
        "innerEvalTime": 6.0,
        "execQueueTime": 0.25,
        "execTotalTime": 10.25,
    }


def test_steps_are_told_in_seconds() -> None:
    steps = np.array([1_435_781_430_781, 1_435_781_431_000], np.int64)
    got = by_step(steps, np.array([3, 0], np.int64))
    assert got == [(1_435_781_430.781, 3), (1_435_781_431.0, 0)]


def test_resolutions_are_listed_where_downsampled_data_was_read() -> None:
    engine = Engine(EngineOptions(threads=1))
    stores = MemoryStore(), CoarseStore(3_600_000)
    for store, listed in zip(stores, ([RAW], ["1h"]), strict=True):
        store.write({"__name__": "g"}, [(t * 60_000, 1.0) for t in range(1, 600)])
        meter = Measured()
        result = engine.instant_query(store, "avg_over_time(g[4h])", 36_000_000, meter=meter)
        assert resolutions(meter) == listed
        found = statistics(Slot(1_000, 0.0, lambda: False), meter, result, per_step=False)
        assert found.get("resolutions", [RAW]) == listed
    engine.close()
