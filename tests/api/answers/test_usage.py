"""Tables of what series take."""

from __future__ import annotations

import numpy as np

from api.answers.usage import sample_changes, usage_tables
from storage.labels.frames import LabelFrame
from storage.read.usage import Usage
from tests.makers.promql.table_results import frame as frame_of


def usage(labels: LabelFrame, samples: list[int]) -> Usage:
    none = np.zeros(len(samples), np.bool_)
    return Usage(labels, np.array(samples), 2 * np.array(samples), none, ~none)


def test_the_largest_come_first_and_equal_ones_by_name() -> None:
    labels = frame_of([{"__name__": "b", "x": "1"}, {"__name__": "a"}, {"__name__": "c"}])
    found = usage_tables(usage(labels, [5, 5, 9]), limit=2)
    assert (found["samples"], found["bytes"], found["began"], found["ended"]) == (19, 38, 0, 3)
    assert [row["name"] for row in found["byMetricName"]] == ["c", "a"]
    assert found["byLabelName"] == [
        {"name": "__name__", "series": 3, "samples": 19, "bytes": 38, "began": 0, "ended": 3},
        {"name": "x", "series": 1, "samples": 5, "bytes": 10, "began": 0, "ended": 1},
    ]
    assert [row["name"] for row in found["byLabelValuePair"]] == ["__name__=c", "__name__=a"]


def test_changes_of_values_that_only_one_has() -> None:
    before = usage(frame_of([{"__name__": "a"}, {"__name__": "b"}]), [5, 1])
    after = usage(frame_of([{"__name__": "b"}, {"__name__": "c"}]), [1, 2])
    changes = [tuple(row.values()) for row in sample_changes(before, after, "__name__", limit=9)]
    assert changes == [("a", 5, 0, -5), ("c", 0, 2, 2), ("b", 1, 1, 0)]


def test_without_series() -> None:
    found = usage_tables(usage(frame_of([]), []), limit=5)
    assert found["byMetricName"] == found["byLabelName"] == found["byLabelValuePair"] == []
