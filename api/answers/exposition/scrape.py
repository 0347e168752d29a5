"""The newest samples of series as columns, and what they are written under: families by name.

A family has one metric name and either floats, or native histograms, or such with custom buckets;
where a name has several of these it comes again.
"""

from dataclasses import dataclass

import numpy as np

from storage.histograms.columns import CUSTOM_SCHEMA, NO_HISTOGRAM, Natives
from storage.histograms.histograms import concat
from storage.kernels.arrays import Bools, Float64s, Int32s, Int64s
from storage.labels.frames import LabelFrame, text_ranks
from storage.labels.matchers import METRIC_NAME


@dataclass(frozen=True, slots=True)
class Scrape:
    """One sample of each series. natives: the rows that are histograms; None if none is."""

    labels: LabelFrame
    timestamps: Int64s
    values: Float64s
    natives: Natives | None = None

    def __len__(self) -> int:
        return len(self.timestamps)

    @property
    def are_native(self) -> Bools:
        if self.natives is None:
            return np.zeros(len(self), np.bool_)
        return self.natives.mask

    @property
    def are_custom(self) -> Bools:
        """The histograms with custom buckets."""
        are = np.zeros(len(self), np.bool_)
        if self.natives is not None:
            mask = self.natives.mask
            are[mask] = self.natives.histograms.schemas[self.natives.rows[mask]] == CUSTOM_SCHEMA
        return are

    def take(self, rows: Int64s) -> "Scrape":
        """Some rows, in this order."""
        return Scrape(
            self.labels.take(rows),
            self.timestamps[rows],
            self.values[rows],
            None if self.natives is None else self.natives.at(rows),
        )

    def in_families(self) -> "Scrape":
        """The rows that have a metric name, by name; in a family in the order of their labels."""
        order = self.labels.order()
        codes = self.labels.column(METRIC_NAME)[order]
        order, codes = order[codes != 0], codes[codes != 0]
        distinct, places = np.unique(codes, return_inverse=True)
        ranks = text_ranks(self.labels.symbols.texts(distinct.tolist()))
        return self.take(order[np.argsort(ranks[places], kind="stable")])

    def family_starts(self) -> Int64s:
        """The first row of each family, of rows that are in families."""
        codes, natives = self.labels.column(METRIC_NAME), self.are_native
        changes = np.ones(len(self), np.bool_)
        changes[1:] = (codes[1:] != codes[:-1]) | (natives[1:] != natives[:-1])
        custom = self.are_custom
        changes[1:] |= custom[1:] != custom[:-1]
        return np.flatnonzero(changes)


def merged(parts: list[Natives | None], lengths: list[int]) -> Natives | None:
    """The histograms of rows under each other, of which each part has so many."""
    found = [part for part in parts if part is not None]
    if not found:
        return None
    rows: list[Int32s] = []
    before = 0
    for part, length in zip(parts, lengths, strict=True):
        if part is None:
            rows.append(np.full(length, NO_HISTOGRAM, np.int32))
            continue
        moved = np.where(part.mask, part.rows + before, NO_HISTOGRAM)
        rows.append(moved.astype(np.int32))
        before += len(part.histograms)
    return Natives(concat([part.histograms for part in found]), np.concatenate(rows))
