"""The windows of a range selector: which samples each step sees."""

from __future__ import annotations

from dataclasses import dataclass

from storage.kernels.arrays import Int64s


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of a query: (ends[k] - range_ms, ends[k]] for the step at steps[k]."""

    steps: Int64s
    ends: Int64s
    range_ms: int

    def part(self, first: int, end: int) -> Windows:
        """Those of the steps [first, end)."""
        return Windows(self.steps[first:end], self.ends[first:end], self.range_ms)

    @property
    def seconds(self) -> float:
        """The length of the windows, rounded as Go does."""
        return self.range_ms // 1000 + (self.range_ms % 1000) * 1_000_000 / 1e9
