"""Which implementation of a function computes what: by its facts, and by the samples."""

import math

import numpy as np
import pytest

from api.promql.errors import ExecutionError
from api.promql.ranges.extended import Extension
from api.promql.ranges.mixed import IGNORED
from api.promql.ranges.table import FUNCTIONS, over
from api.promql.ranges.windows import Windows
from api.promql.syntax.signatures import FUNCTIONS as FACTS
from api.promql.syntax.signatures import HistogramUse
from tests.makers.memory_store import Timed, samples_of
from tests.makers.native_points import NativePoint

ENDS = np.array([100])
WINDOWS = Windows(ENDS, ENDS, 100)
PARAMS = [np.array([0.5]), np.array([0.5])]


def native(count: float) -> NativePoint:
    return NativePoint(count=count, sum=count, positive=((1, count),))


FLOATS: list[Timed] = [(10, 1.0, 0), (60, 4.0, 0)]
HISTOGRAMS: list[Timed] = [(10, native(1), 0), (60, native(4), 0)]
BOTH: list[Timed] = [(10, 1.0, 0), (20, native(2), 0), (60, 4.0, 0)]


@pytest.mark.parametrize("func", sorted(FUNCTIONS))
def test_kinds_of_samples_have_a_result_as_the_facts_say(func: str) -> None:
    result = over(func, samples_of([FLOATS, HISTOGRAMS, BOTH]), WINDOWS, PARAMS)
    use = FACTS[func].histograms
    assert result.present[:2, 0].tolist() == [True, use is not HistogramUse.IGNORED]
    assert (IGNORED in result.notes) == (use is HistogramUse.IGNORED)


def test_edges_are_looked_at_in_extended_ranges_only() -> None:
    samples = samples_of([[(-10, 1.0, 0), (60, 5.0, 0)]])
    assert not over("increase", samples, WINDOWS, []).present.any()
    anchored = over("increase", samples, WINDOWS, [], Extension(50, smoothed=False))
    assert anchored.values.tolist() == [[4.0]]
    counted = over("changes", samples, WINDOWS, [], Extension(50, smoothed=False))
    assert counted.values.tolist() == [[1.0]]


@pytest.mark.parametrize("series", [FLOATS, HISTOGRAMS])
def test_arguments_are_checked_whatever_the_samples_are(series: list[Timed]) -> None:
    params = [np.array([0.5]), np.array([math.nan])]
    samples = samples_of([series])
    over("double_exponential_smoothing", samples, WINDOWS, params)
    with pytest.raises(ExecutionError, match="invalid trend factor"):
        over("double_exponential_smoothing", samples, WINDOWS, [params[0], np.array([1.0])])
