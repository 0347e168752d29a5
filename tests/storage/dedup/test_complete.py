"""Groups that are told to be complete, against what dedup makes of all of their samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.dedup.complete import LEAD, UNDECIDED, complete_groups, ranges_of
from storage.dedup.dedup import dedup
from storage.kernels.arrays import Int64s
from storage.kernels.stale import STALE_NAN
from storage.samples.samples import Samples

SPAN = (600_000, 900_000)
Times = list[int]


def columns(replicas: list[Times], stale: frozenset[int] = frozenset()) -> Samples:
    """Replicas whose values rise; stale: positions of markers among all samples."""
    offsets = np.cumsum([0, *map(len, replicas)]).astype(np.int64)
    times: Int64s = np.array([t for replica in replicas for t in replica], np.int64)
    values = times / 1_000 + np.repeat(np.arange(len(replicas)), np.diff(offsets))
    values[[k for k in stale if k < len(values)]] = STALE_NAN
    return Samples(offsets, times, values)


def near(samples: Samples, span: tuple[int, int]) -> Samples:
    """The samples of the span, and LEAD more on each side."""
    kept, offsets = [], [0]
    for i in range(samples.series_count):
        positions = range(samples.offsets[i], samples.offsets[i + 1])
        before = [k for k in positions if samples.timestamps[k] < span[0]][-LEAD:]
        after = [k for k in positions if samples.timestamps[k] > span[1]][:LEAD]
        kept += [*before, *(k for k in positions if span[0] <= samples.timestamps[k] <= span[1])]
        kept += after
        offsets.append(len(kept))
    return Samples(np.array(offsets), samples.timestamps[kept], samples.values[kept])


def told(samples: Samples, span: tuple[int, int] = SPAN) -> Samples | None:
    """The samples of a group that is told to be complete."""
    beside = near(samples, span)
    firsts, counts = complete_groups(beside, np.array([0, samples.series_count]), span)
    return None if counts[0] == UNDECIDED else ranges_of(beside, firsts, counts)


def deduped(samples: Samples, span: tuple[int, int] = SPAN) -> Samples:
    return dedup(samples, np.array([0, samples.series_count]), span=span).samples


def content(samples: Samples) -> tuple[list[int], list[int]]:
    return samples.timestamps.tolist(), samples.values.view(np.uint64).tolist()


@st.composite
def scraped(draw: st.DrawFn) -> Times:
    """Nearly regular scrapes, some of them missing, now and then at another interval."""
    times, t = [], draw(st.integers(0, 30_000))
    t += draw(st.sampled_from([0, 0, 500_000, 590_000, 700_000]))
    for _ in range(draw(st.integers(0, 3))):
        interval = draw(st.sampled_from([15_000, 15_000, 30_000, 5_000, 90_000, 200_000]))
        for _ in range(draw(st.integers(0, 60))):
            t += interval * draw(st.sampled_from([1] * 40 + [2, 9]))
            times.append(t + draw(st.sampled_from([0] * 8 + [1, 40, 700])))
    return times


@settings(max_examples=300, deadline=None)
@given(
    st.lists(scraped(), min_size=1, max_size=3),
    st.frozensets(st.integers(0, 200), max_size=1),
    st.integers(0, 1_800_000),
    st.integers(0, 600_000),
)
def test_what_is_told_is_what_dedup_gives(
    replicas: list[Times], stale: frozenset[int], start_ms: int, length_ms: int
) -> None:
    samples = columns([sorted(set(times)) for times in replicas], stale)
    span = (start_ms, start_ms + length_ms)
    found = told(samples, span)
    if found is not None:
        assert content(found) == content(deduped(samples, span))


REGULAR = list(range(0, 1_500_000, 15_000))


def shifted(by: int, times: Times = REGULAR) -> Times:
    return [t + by for t in times]


def cut(low: int, high: int, times: Times = REGULAR) -> Times:
    return [t for t in times if low <= t <= high]


def without(low: int, high: int, times: Times = REGULAR) -> Times:
    return [t for t in times if not low <= t <= high]


@pytest.mark.parametrize(
    ("replicas", "complete"),
    [
        ([REGULAR], True),
        ([without(700_000, 800_000)], True),
        ([[]], True),
        ([REGULAR, shifted(5_000)], True),
        ([REGULAR, []], True),
        ([[], REGULAR], False),
        ([REGULAR, REGULAR, REGULAR], False),  # more than two are left to dedup
        ([without(750_000, 750_000), shifted(5_000)], False),
        ([without(100_000, 300_000), shifted(5_000)], True),  # far from the range
        ([REGULAR, without(700_000, 800_000, shifted(5_000))], True),
        ([cut(700_000, 1_500_000), cut(700_000, 1_500_000, shifted(5_000))], True),
        ([cut(705_000, 1_500_000), cut(700_000, 1_500_000, shifted(-5_000))], True),
        ([cut(700_000, 1_500_000), shifted(5_000)], False),
        ([cut(0, 800_000), cut(0, 810_000, shifted(5_000))], True),
        ([cut(0, 800_000), shifted(5_000)], False),
        ([REGULAR[::4], REGULAR], False),  # the second one is scraped more often
        # Of longer intervals not all that counts may be known.
        ([REGULAR[::6], shifted(5_000, REGULAR[::6])], True),
        ([REGULAR[::7], shifted(5_000, REGULAR[::7])], False),
        ([REGULAR, [800_000]], False),
        ([[800_000], [795_000, 805_000]], False),
    ],
)
def test_which_groups_are_complete(replicas: list[Times], complete: bool) -> None:
    samples = columns(replicas)
    found = told(samples)
    assert (found is not None) is complete
    if found is not None:
        assert content(found) == content(deduped(samples))


@pytest.mark.parametrize(("position", "complete"), [(0, True), (45, False), (145, False)])
def test_a_marker_near_the_range_leaves_a_pair_open(position: int, complete: bool) -> None:
    samples = columns([REGULAR, shifted(5_000)], frozenset([position]))
    assert (told(samples) is not None) is complete


def test_a_single_replica_keeps_its_markers() -> None:
    samples = columns([REGULAR], frozenset([45]))
    found = told(samples)
    assert found is not None
    assert content(found) == content(deduped(samples))
