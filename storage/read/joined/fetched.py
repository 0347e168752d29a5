"""Series that are here as a whole, with all samples that their source has of a span of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame, Symbols, empty_frame
from storage.labels.numbering import group_rows
from storage.samples.merge import between, clip, is_plain, stack, take_rows
from storage.samples.samples import Samples, empty_samples

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class FetchedRows:
    """Some of the series. chosen: which of `samples` each row is; span: what of them is to be seen,
    both ends inclusive."""

    labels: LabelFrame
    samples: Samples
    chosen: Int64s
    span: Span

    @property
    def expected_samples(self) -> int:
        return int(np.diff(self.samples.offsets)[self.chosen].sum())

    @property
    def is_plain(self) -> bool:
        return is_plain(self.samples)

    def read(self, first_row: int, end_row: int) -> Samples:
        own = self.chosen[first_row:end_row]
        if len(own) and (np.diff(own) == 1).all():
            found = clip(self.samples, int(own[0]), int(own[-1]) + 1)
        else:
            found = take_rows(self.samples, own)
        return between(found, *self.span)

    def read_near(self, first_row: int, end_row: int, span: Span, lead: int) -> Samples:
        return self.read(first_row, end_row)

    def pick(self, rows: Int64s) -> FetchedRows:
        return FetchedRows(self.labels.take(rows), self.samples, self.chosen[rows], self.span)

    def loaded(self, first_row: int, end_row: int) -> FetchedRows:
        return self


@dataclass(frozen=True, slots=True)
class FetchedSeries:
    """Series with their samples of `span`. wider: fetches the same of a longer span, which may be
    more series, or fewer, in another order; None: there are no other samples."""

    labels: LabelFrame
    samples: Samples
    span: Span
    wider: Callable[[Span], FetchedSeries] | None = None

    def open(self, rows: Int64s, span: Span) -> FetchedRows:
        labels = self.labels.take(rows)
        has_all = self.span[0] <= span[0] and span[1] <= self.span[1]
        if has_all or self.wider is None:
            return FetchedRows(labels, self.samples, rows, span)
        more = self.wider(span)
        # What is not there any more is a series without samples, behind all others.
        samples = stack([more.samples, empty_samples(1)])
        return FetchedRows(labels, samples, places_of(labels, more.labels), span)


def places_of(wanted: LabelFrame, known: LabelFrame) -> Int64s:
    """The row of `known` that each row of `wanted` is equal to, or the number of its rows. Both are
    of the same symbols, and the rows of `known` are distinct."""
    names = tuple(dict.fromkeys((*known.names, *wanted.names)))
    numbers, _ = group_rows(np.concatenate([known.matrix(names), wanted.matrix(names)]))
    # Groups are numbered as they appear, so those of `known` are its rows.
    return np.minimum(numbers[known.rows :], known.rows)


def nothing(symbols: Symbols, span: Span) -> FetchedSeries:
    """No series at all."""
    return FetchedSeries(empty_frame(symbols), empty_samples(0), span)
