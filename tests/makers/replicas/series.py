"""Series as lists of (timestamp, value) for the tests of dedup; "stale" stands for the marker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from storage.dedup.dedup import Algorithm, dedup
from storage.kernels.stale import STALE_NAN, is_stale
from storage.samples.samples import Samples
from tests.twins.storage.dedup import STALE, Raw

Series = list[tuple[int, float | str]]


def line(t_s: float) -> tuple[int, float]:
    """A sample at a moment of a counter that grows by 1 a second."""
    return round(t_s * 1000), 1_000 + t_s


def columns(members: Sequence[Raw]) -> Samples:
    offsets = np.cumsum([0] + [len(member) for member in members]).astype(np.int64)
    flat = [sample for member in members for sample in member]
    values = np.array([0.0 if v == STALE else v for _, v in flat], np.float64)
    values[[v == STALE for _, v in flat]] = STALE_NAN
    return Samples(offsets, np.array([t for t, _ in flat], np.int64), values)


def deduped(
    members: Sequence[Raw],
    algorithm: Algorithm = Algorithm.AUTO,
    *,
    counter: bool = False,
    gauge: bool = False,
) -> list[tuple[int, float | str, int]]:
    """(timestamp, value, number of the member) of one group."""
    found = dedup(
        columns(members),
        np.array([0, len(members)]),
        algorithm,
        counter=counter,
        gauges=np.array([gauge]),
        provenance=True,
    )
    assert found.sources is not None
    stale = is_stale(found.samples.values)
    values = [STALE if s else v for s, v in zip(stale, found.samples.values.tolist(), strict=True)]
    times = found.samples.timestamps.tolist()
    return list(zip(times, values, found.sources.tolist(), strict=True))
