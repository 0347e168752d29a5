"""The form of a query's statistics; what is counted is in test_sample_counts.py."""

import numpy as np

from api.endpoints.handler import Slot
from api.endpoints.query_stats import by_step, timings
from api.promql.engine import Measured


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
