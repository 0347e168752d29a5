"""What segments have of the series of a selection: read when a block of rows is asked for.

A block is read by the thread that evaluates it, so that blocks are read side by side, and of a long
range there is never more in memory than the blocks in work.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from storage.deletion.masks import Run
from storage.errors import LimitExceeded
from storage.kernels.arrays import Int64s
from storage.read.edges import take_sealed
from storage.samples.cuts import without
from storage.samples.edges import EdgeRoom
from storage.samples.merge import clip, is_plain, merge_all, take_rows
from storage.samples.samples import Samples, empty_samples
from storage.segments.reader import SegmentReader
from storage.segments.row_index import ReadPlan


class Sealed(Protocol):
    """The sealed samples of the rows of a selection."""

    @property
    def expected(self) -> int:
        """About how many samples all rows have."""
        ...

    @property
    def is_plain(self) -> bool:
        """Whether all are floats without start timestamps."""
        ...

    def read(self, first_row: int, end_row: int) -> Samples: ...

    def pick(self, rows: Int64s) -> "Sealed":
        """The sealed samples of these rows, in their order."""
        ...


@dataclass(frozen=True)
class StoredRows:
    """Rows that are read from segments.

    runs: the segments in runs, with what is cut out of the rows of each. ids: the series of each
    row, in any order, each once.
    """

    reader: SegmentReader
    runs: Sequence[Run]
    ids: Int64s
    span: tuple[int, int]
    samples_max: int

    def check(self) -> None:
        """Raise LimitExceeded, before anything is decoded, if these are more samples than a
        selector may read."""
        SampleBudget(self.samples_max).spend(self.expected)

    @cached_property
    def expected(self) -> int:
        return sum(map(self.reader.count, self.plans))

    @cached_property
    def plans(self) -> list[ReadPlan]:
        """How each run is read, for all rows in the order of their ids."""
        ids = self.ids if self._are_sorted else np.sort(self.ids)
        return [self.reader.plan(segments, ids, self.span) for segments, _ in self.runs]

    @cached_property
    def _are_sorted(self) -> bool:
        return bool((self.ids[1:] > self.ids[:-1]).all())

    @cached_property
    def is_plain(self) -> bool:
        return all(self.reader.are_plain(segments) for segments, _ in self.runs)

    def read(self, first_row: int, end_row: int) -> Samples:
        ids = self.ids[first_row:end_row]
        if not self.runs or not len(ids):
            return empty_samples(len(ids))
        budget = SampleBudget(self.samples_max)
        order = None if self._are_sorted else np.argsort(ids, kind="stable")
        keep = self.reader.are_few(self.expected)
        sources = []
        for (segments, cuts), whole in zip(self.runs, self.plans, strict=True):
            if order is None:
                plan = whole.part(first_row, end_row)
            else:
                plan = self.reader.plan(segments, ids[order], self.span)
            found = self.reader.read(plan, budget.spend, keep=keep)
            if order is not None:
                found = take_rows(found, np.argsort(order, kind="stable"))
            if cuts is not None:
                found = without(found, cuts.take(np.arange(first_row, end_row)))
            sources.append(found)
        return sources[0] if len(sources) == 1 else merge_all(sources, len(ids))

    def take_edges(self, first_row: int, end_row: int, room: EdgeRoom) -> bool:
        """Have a room take the samples of rows; False, after which it is of no use, if these have
        to be read."""
        if (
            not self._are_sorted
            or len(self.runs) > 1
            or any(cuts is not None for _, cuts in self.runs)
        ):
            return False
        keep = self.reader.are_few(self.expected)
        parts = [plan.part(first_row, end_row) for plan in self.plans]
        return all(take_sealed(self.reader, plan, room, keep=keep) for plan in parts)

    def rows_of(self, first_row: int, end_row: int) -> int:
        """At most how many samples rows have, as they lie in segments."""
        parts = [plan.part(first_row, end_row) for plan in self.plans]
        return sum(int((runs.ends - runs.firsts).sum()) for plan in parts for runs in plan.runs)

    def pick(self, rows: Int64s) -> "StoredRows":
        runs = [
            (segments, None if cuts is None else cuts.take(rows)) for segments, cuts in self.runs
        ]
        return replace(self, ids=self.ids[rows], runs=runs)


@dataclass(frozen=True, slots=True)
class LoadedRows:
    """Rows that were read, the first of which is row first_row of the selection."""

    samples: Samples
    first_row: int = 0

    @property
    def expected(self) -> int:
        return len(self.samples)

    @property
    def is_plain(self) -> bool:
        return is_plain(self.samples)

    def read(self, first_row: int, end_row: int) -> Samples:
        return clip(self.samples, first_row - self.first_row, end_row - self.first_row)

    def pick(self, rows: Int64s) -> "LoadedRows":
        return LoadedRows(take_rows(self.samples, rows - self.first_row))


class SampleBudget:
    """Counts the samples one selector reads from disk."""

    def __init__(self, samples_max: int) -> None:
        self._samples_max = samples_max
        self._samples = 0

    def spend(self, samples: int) -> None:
        """Raises LimitExceeded once there are too many."""
        self._samples += samples
        if self._samples > self._samples_max:
            raise LimitExceeded(
                f"the selector reads more than {self._samples_max} samples from segments "
                "(storage.select.max-samples; a native histogram counts as half of its buckets)"
            )
