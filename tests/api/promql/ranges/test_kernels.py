"""The edges of windows, and what is counted between them."""

import numpy as np
import pytest

from api.promql.ranges import kernels


@pytest.mark.parametrize(
    ("positions", "stop", "bound", "expected"),
    [(0, 3, 5, 0), (0, 3, 10, 1), (0, 3, 25, 2), (0, 3, 99, 3), (1, 3, 0, 1), (0, 2, 99, 2)],
)
def test_skip_until_is_above_the_bound(
    positions: int, stop: int, bound: int, expected: int
) -> None:
    assert kernels.skip_until(np.array([10, 20, 30]), positions, stop, bound) == expected


@pytest.mark.parametrize(("anchored_ms", "last"), [(0, 1.0), (5, 1.0), (6, 2.0), (99, 2.0)])
def test_events_are_counted_but_for_that_of_the_first_sample(anchored_ms: int, last: float) -> None:
    timestamps, events = np.array([0, 10, 20, 30]), np.ones(4, np.bool_)
    ends, offsets = np.array([-1, 10, 30]), np.array([0, 4])
    out, present = np.zeros((1, 3)), np.zeros((1, 3), np.bool_)
    kernels.count_events(offsets, timestamps, events, ends, 15, anchored_ms, out, present)
    assert present.tolist() == [[False, True, True]]
    assert out[present].tolist() == [1.0, last]
