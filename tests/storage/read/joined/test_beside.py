"""What is downsampled, and what other sources have before and behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from storage.labels.frames import LabelFrame, Symbols
from storage.read.joined.beside import around, beside
from storage.read.joined.home import HomeQuerier
from storage.read.joined.querier import ReplicaRule
from storage.read.resolutions.mixing import MixedSelection
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.samples import Samples, Weights
from tests.makers.databases import series
from tests.makers.memory_store import float_samples_of
from tests.makers.sources.joined import MemorySource

Times = dict[str, list[int]]


@dataclass(frozen=True)
class Selection:
    """Series by name whose values say whose they are."""

    labels: LabelFrame
    samples: Samples
    resolutions: tuple[int, ...] = (0, 300_000)

    def read(self, first_row: int, end_row: int) -> Samples:
        offsets = self.samples.offsets[first_row : end_row + 1]
        part = slice(offsets[0], offsets[-1])
        weights = self.samples.weights
        return Samples(
            offsets - offsets[0],
            self.samples.timestamps[part],
            self.samples.values[part],
            weights=None if weights is None else weights.at(part),
        )


def selection(value: float, times: Times, *, weighted: bool = False) -> Selection:
    labels = LabelFrame.from_dicts(Symbols(), [{"n": name} for name in times])
    samples = float_samples_of([[(t, value) for t in own] for own in times.values()])
    if weighted:
        counts = np.full(len(samples), 20)
        samples = replace(samples, weights=Weights(counts, samples.timestamps - 9))
    return Selection(labels, samples)


OWN: Times = {"d": [100, 200], "a": [50, 60], "e": []}
OTHER: Times = {"a": [10, 50, 55, 70], "c": [5], "d": [150], "e": [1, 2]}
BOTH = {
    "a": [(10, 2.0), (50, 1.0), (60, 1.0), (70, 2.0)],
    "c": [(5, 2.0)],
    "d": [(100, 1.0), (200, 1.0)],
    "e": [(1, 2.0), (2, 2.0)],
}


@pytest.mark.parametrize("weighted", [False, True])
def test_others_count_before_and_behind(weighted: bool) -> None:
    found = beside(selection(1.0, OWN, weighted=weighted), selection(2.0, OTHER))
    names = [found.labels.labelset(row)["n"] for row in range(found.labels.rows)]
    assert names == list(BOTH)
    for first in range(len(names) + 1):
        for end in range(first, len(names) + 1):
            samples = found.read(first, end)
            pairs = list(zip(samples.timestamps.tolist(), samples.values.tolist(), strict=True))
            assert pairs == [pair for name in names[first:end] for pair in BOTH[name]]
            if weighted and len(samples):
                counts = [20 if value == 1.0 else 1 for _, value in pairs]
                weights = samples.weights
                assert (weights is None and 20 not in counts) or (
                    weights is not None and weights.counts.tolist() == counts
                )
    assert found.resolutions == (0, 300_000)


def test_nothing_of_one_s_own_hides_nothing() -> None:
    other = float_samples_of([[(1, 1.0)], [(2, 2.0)]])
    assert around(float_samples_of([[], []]), other) is other
    kept = around(float_samples_of([[(1, 0.0)], [(3, 0.0)]]), other)
    assert kept.offsets.tolist() == [0, 0, 1]


class Home:
    """A querier of a database that is downsampled as far as a hint wants it."""

    has_aggregates = True
    losses = ()

    def __init__(self) -> None:
        self.symbols = Symbols()

    def select(self, matchers: Any, start_ms: int, end_ms: int, hint: SelectHint) -> Any:
        labels = LabelFrame.from_dicts(self.symbols, [{"__name__": "up"}])
        part = Selection(labels, float_samples_of([[(500, 1.0)]]))
        return MixedSelection(labels, [part], (300_000,))  # type: ignore[list-item]

    def stored(self, matchers: Any, span: Any) -> Any:
        return MemorySource([series("up", [(400, 3.0)])])._fetched(matchers, span)

    def gauges(self, labels: LabelFrame) -> None:
        return None


@pytest.mark.parametrize(
    ("hint", "values"),
    [(NO_HINT, [3.0, 2.0]), (SelectHint(coarser=True), [1.0, 2.0])],
)
def test_a_database_with_aggregates_stands_beside_others(
    hint: SelectHint, values: list[float]
) -> None:
    """As they came, samples are joined one by one."""
    other = MemorySource([series("up", [(900, 2.0)])])
    querier = HomeQuerier(lambda *_: Home(), [other], ReplicaRule(), series_max=9)  # type: ignore
    found = querier.select([], 0, 1_000, hint)
    assert found.read(0, 1).values.tolist() == values
