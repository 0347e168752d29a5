"""What gives way to another value of its moment is found, and copies are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.segments.contradictions import contradictions
from storage.segments.merging import Runs, join_runs, merge, runs_of
from tests.makers.histograms import EXAMPLES, mixed_samples
from tests.twins.storage import segments as naive
from tests.twins.storage.kernels import MixedPoint

SERIES = 3
NAN, STALE = 0x7FF8000000000001, 0x7FF0000000000002
HINTED = EXAMPLES[0]._replace(hint=2)
# A float whose bits are the sum of the first histogram, odd NaNs, both zeros.
contents = st.sampled_from([0, 1 << 63, NAN, STALE, *EXAMPLES[:3], HINTED])
points = st.dictionaries(st.integers(0, 6), st.tuples(contents, st.integers(0, 1)), max_size=6)
Part = dict[int, list[MixedPoint]]


def part_of(drawn: list[dict[int, tuple[object, int]]]) -> Part:
    return {
        item: [(time, *own[time]) for time in sorted(own)]  # type: ignore[misc]
        for item, own in enumerate(drawn)
    }


def runs_in(part: Part) -> Runs:
    return runs_of(mixed_samples([part[item] for item in range(SERIES)]))


def found_in(parts: list[Part]) -> list[tuple[int, int, int]]:
    """(part, series, time) of each contradiction, in the order of the runs."""
    runs = join_runs([runs_in(part) for part in parts])
    samples = runs.samples
    found = []
    for place in contradictions(runs, merge(runs, SERIES)).tolist():
        run = int(np.searchsorted(samples.offsets, place, side="right")) - 1
        found.append((run // SERIES, int(runs.items[run]), int(samples.timestamps[place])))
    return found


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(points, min_size=SERIES, max_size=SERIES), min_size=1, max_size=4))
def test_all_are_found_and_nothing_else(
    drawn: list[list[dict[int, tuple[object, int]]]],
) -> None:
    parts = [part_of(each) for each in drawn]
    assert found_in(parts) == naive.contradictions(parts)


@pytest.mark.parametrize(
    ("first", "second", "lost"),
    [
        ((5, 7, 0), (5, 7, 0), 0),
        ((5, 7, 0), (5, 8, 0), 1),
        ((5, 7, 0), (6, 8, 0), 0),
        ((5, 0, 0), (5, 1 << 63, 0), 1),  # -0 is another value
        ((5, NAN, 0), (5, NAN, 0), 0),
        ((5, NAN, 0), (5, STALE, 0), 1),
        ((5, 7, 1), (5, 7, 2), 0),  # start timestamps are no values
        ((5, EXAMPLES[0], 0), (5, EXAMPLES[0], 3), 0),
        ((5, EXAMPLES[0], 0), (5, HINTED, 0), 0),  # nor are hints
        ((5, EXAMPLES[0], 0), (5, EXAMPLES[1], 0), 1),  # of equal sums and counts
        ((5, EXAMPLES[0], 0), (5, 0, 0), 1),  # a float of the bits of its sum
        ((5, 0, 0), (5, EXAMPLES[0], 0), 1),
    ],
)
def test_what_is_equal(first: MixedPoint, second: MixedPoint, lost: int) -> None:
    parts: list[Part] = [{0: [], 1: [point], 2: []} for point in (first, second)]
    assert found_in(parts) == [(1, 1, 5)] * lost


def test_each_lost_sample_counts_once_whatever_lost_beside_it() -> None:
    values = (7, 8, 7, 8, 9)
    parts: list[Part] = [{0: [(5, value, 0)], 1: [], 2: []} for value in values]
    assert [number for number, _, _ in found_in(parts)] == [1, 3, 4]
