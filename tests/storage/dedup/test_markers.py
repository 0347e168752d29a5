"""Stale markers under `auto`: the series ends when its last replica does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.dedup.algorithm import SILENT_MS
from tests.makers.replicas.series import Series, deduped
from tests.twins.storage import dedup as naive
from tests.twins.storage.dedup import STALE

S = 1_000


def scraped(*times_s: int, ends_s: int | None = None) -> Series:
    found: Series = [(t * S, 1.0) for t in times_s]
    return found if ends_s is None else [*found, (ends_s * S, STALE)]


SCENES: dict[str, tuple[list[Series], list[tuple[int, float | str, int]]]] = {
    "one replica ends, the other goes on": (
        [scraped(0, 15, 30, ends_s=45), scraped(4, 19, 34, 49, 64)],
        [(0, 1.0, 0), (15, 1.0, 0), (30, 1.0, 0), (49, 1.0, 1), (64, 1.0, 1)],
    ),
    "both end": (
        [scraped(0, 15, 30, ends_s=45), scraped(4, 19, 34, ends_s=49)],
        [(0, 1.0, 0), (15, 1.0, 0), (30, 1.0, 0), (49, STALE, 1)],
    ),
    "both end at once": (
        [scraped(0, 15, ends_s=30), scraped(4, 19, ends_s=30)],
        [(0, 1.0, 0), (15, 1.0, 0), (30, STALE, 0)],
    ),
    "the other was silent for longer than a query looks back": (
        [scraped(*range(0, 420, 15), ends_s=420), scraped(4, 19)],
        [*[(t, 1.0, 0) for t in range(0, 420, 15)], (420, STALE, 0)],
    ),
    "a target that comes and goes": (
        [
            [*scraped(0, 15, ends_s=30), *scraped(90, 105, ends_s=120)],
            [*scraped(4, 19, ends_s=34), *scraped(94, 109, ends_s=124)],
        ],
        [(0, 1.0, 0), (15, 1.0, 0), (34, STALE, 1), (90, 1.0, 0), (105, 1.0, 0), (124, STALE, 1)],
    ),
    "scraped every ten minutes, the other's last sample is older than a query looks back": (
        [scraped(0, 600, 1_200, ends_s=1_800), scraped(100, 700, 1_300, 1_900, 2_500)],
        [(0, 1.0, 0), (600, 1.0, 0), (1_200, 1.0, 0), (1_900, 1.0, 1), (2_500, 1.0, 1)],
    ),
    "scraped every ten minutes, the other had missed its next scrapes": (
        [scraped(0, 600, 1_200, 1_800, 2_400, ends_s=3_000), scraped(480, 1_080, 2_090)],
        [*[(t, 1.0, 0) for t in range(0, 3_000, 600)], (3_000, STALE, 0)],
    ),
    "the one that ends is scraped more often than the other": (
        [scraped(0, 60, 120, 180, 240, 300, 360, 420, ends_s=480), scraped(100, 1_000, 1_900)],
        [*[(t * 60, 1.0, 0) for t in range(8)], (480, STALE, 0), (1_000, 1.0, 1), (1_900, 1.0, 1)],
    ),
    "a marker alone": ([[], scraped(ends_s=5)], [(5, STALE, 1)]),
    "a sample beats a marker of its time": (
        [scraped(0, 15, 30), [(30 * S, STALE)]],
        [(0, 1.0, 0), (15, 1.0, 0), (30, 1.0, 0)],
    ),
}


@pytest.mark.parametrize("what", SCENES)
def test_scene(what: str) -> None:
    members, expected = SCENES[what]
    assert deduped(members) == [(t * S, value, source) for t, value, source in expected]


@st.composite
def replica(draw: st.DrawFn) -> Series:
    t, step = draw(st.integers(0, 30)) * S, draw(st.sampled_from([15, 15, 200, 600])) * S
    found: Series = []
    for _ in range(draw(st.integers(0, 12))):
        found.append((t, STALE if draw(st.integers(0, 3)) == 0 else 1.0))
        t += step * draw(st.sampled_from([1, 1, 1, 2])) + draw(st.sampled_from([0, 0, SILENT_MS]))
    return found


@settings(max_examples=150)
@given(st.lists(replica(), min_size=1, max_size=3))
def test_the_kernel_does_as_its_twin(members: list[Series]) -> None:
    assert deduped(members) == naive.auto(members)
