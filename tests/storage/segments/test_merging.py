"""Runs in any order become one column: of equal times the first given counts."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.samples.samples import Samples
from storage.segments.merging import Runs, join_runs, merge

SERIES = 4
# One part: of some series, the times in order; the bits say which part it was.
parts = st.lists(
    st.dictionaries(st.integers(0, SERIES - 1), st.sets(st.integers(0, 9), max_size=5)),
    max_size=5,
)


def runs_of(part: dict[int, set[int]], number: int, *, starts: bool) -> Runs:
    items = sorted(part)
    times = [sorted(part[item]) for item in items]
    flat = np.array([t for own in times for t in own], np.int64)
    offsets = np.cumsum([0, *(len(own) for own in times)]).astype(np.int64)
    values = np.full(len(flat), float(number))
    samples = Samples(offsets, flat, values, flat + number if starts else None)
    return Runs(np.array(items, np.int64), samples)


@settings(max_examples=150, deadline=None)
@given(parts, st.integers(0, 5))
def test_the_first_of_equal_times_counts(
    drawn: list[dict[int, set[int]]], with_starts: int
) -> None:
    runs = [runs_of(part, i, starts=i == with_starts) for i, part in enumerate(drawn)]
    merged = merge(join_runs(runs), SERIES)
    for item in range(SERIES):
        expected: dict[int, int] = {}
        for i, part in enumerate(drawn):
            for time in part.get(item, set()):
                expected.setdefault(time, i)
        own = slice(merged.offsets[item], merged.offsets[item + 1])
        found = dict(zip(merged.timestamps[own].tolist(), merged.values[own].tolist(), strict=True))
        assert found == expected
        assert list(found) == sorted(found)
        if merged.starts is not None:
            since = [t + i if i == with_starts else 0 for t, i in sorted(expected.items())]
            assert merged.starts[own].tolist() == since
