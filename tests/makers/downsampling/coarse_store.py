"""A store in memory that answers all selects from windows of one resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from storage.downsampling.folding import fold
from storage.downsampling.points import points_of
from storage.labels.frames import LabelFrame
from storage.labels.matchers import Matcher
from storage.samples.hint import NO_HINT, SelectHint
from storage.samples.samples import Samples
from tests.makers.memory_store import MemorySelection, MemoryStore

EVER = (-(1 << 60), 1 << 60)


@dataclass
class CoarseSelection:
    raw: MemorySelection
    hint: SelectHint
    resolution_ms: int

    @property
    def labels(self) -> LabelFrame:
        return self.raw.labels

    @property
    def resolutions(self) -> tuple[int, ...]:
        return (self.resolution_ms,)

    def read(self, first_row: int, end_row: int) -> Samples:
        windows = fold(self.raw.read(first_row, end_row), self.resolution_ms)
        return points_of(windows, self.hint.purpose, self.resolution_ms)


class CoarseStore(MemoryStore):
    """Nothing finer than resolution_ms is left."""

    def __init__(self, resolution_ms: int) -> None:
        super().__init__()
        self.resolution_ms = resolution_ms
        self.has_aggregates = True
        self.aggregated_until_ms = EVER[1]

    def select(  # type: ignore[override]
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, hint: SelectHint = NO_HINT
    ) -> CoarseSelection:
        raw = super().select(matchers, *EVER, hint)
        return CoarseSelection(raw, hint, self.resolution_ms)
