"""What the labels of series consist of, counted in columns: one pass over each label's codes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from storage.kernels.arrays import Int32s, Int64s
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.matchers import METRIC_NAME
from storage.labels.numbering import number_codes


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """The values of one label by descending count of series; of equal counts by value.

    codes, counts: one of each value; text_bytes: of all values, each as often as a series has it.
    """

    symbols: Symbols
    codes: Int32s
    counts: Int64s
    text_bytes: int

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def series(self) -> int:
        return int(self.counts.sum())

    def first(self, limit: int | None = None) -> list[tuple[str, int]]:
        """The values that most series have, and how many that are; None: of all."""
        texts = self.symbols.texts(self.codes[:limit])
        return list(zip(texts, self.counts[:limit].tolist(), strict=True))


def count_label(labels: LabelFrame, name: str) -> LabelCounts:
    """The values that series have of a label."""
    column = labels.column(name)
    codes, numbers = number_codes(column)
    counts = np.bincount(numbers, minlength=len(codes))[1:]  # without those that do not have it
    codes, symbols = codes[1:], labels.symbols
    text_bytes = int((symbols.sizes(codes) * counts).sum())
    order = np.lexsort((symbols.ranks(codes), -counts))
    return LabelCounts(symbols, codes[order], counts[order], text_bytes)


def count_labels(labels: LabelFrame) -> dict[str, LabelCounts]:
    return {name: count_label(labels, name) for name in labels.names}


Pairs = list[tuple[str, int]]


def listed(pairs: Pairs, limit: int) -> list[dict[str, Any]]:
    """The largest ones, in the form of Prometheus."""
    pairs = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:limit]
    return [{"name": name, "value": value} for name, value in pairs]


def statistics(labels: LabelFrame, *, limit: int) -> dict[str, Any]:
    """The tables of Prometheus' status/tsdb."""
    counts = count_labels(labels)
    metrics = counts[METRIC_NAME].first(limit) if METRIC_NAME in counts else []
    pairs = [
        (f"{name}={value}", count)
        for name, own in counts.items()
        for value, count in own.first(limit)
    ]
    return {
        "seriesCountByMetricName": listed(metrics, limit),
        "labelValueCountByLabelName": listed(
            [(name, len(own)) for name, own in counts.items()], limit
        ),
        "memoryInBytesByLabelName": listed(
            [(name, own.text_bytes) for name, own in counts.items()], limit
        ),
        "seriesCountByLabelValuePair": listed(pairs, limit),
    }


def pair_count(labels: LabelFrame) -> int:
    """Distinct pairs of a name and a value."""
    return sum(len(own) for own in count_labels(labels).values())


@dataclass(frozen=True, slots=True)
class Compared:
    """Two sets of series under each other, `split` of the first before the others.

    groups: equal for equal label sets.
    """

    groups: Int64s
    split: int

    def only_first(self) -> Int64s:
        """The rows of the first set that the other has not."""
        return np.flatnonzero(~np.isin(self.groups[: self.split], self.groups[self.split :]))

    def only_second(self) -> Int64s:
        return np.flatnonzero(~np.isin(self.groups[self.split :], self.groups[: self.split]))


def changes(
    before: LabelFrame, after: LabelFrame, name: str, *, limit: int
) -> list[dict[str, Any]]:
    """How the counts of a label's values changed, the largest changes first."""
    counts: dict[str, list[int]] = {}
    for place, frame in enumerate((before, after)):
        for value, count in count_label(frame, name).first():
            counts.setdefault(value, [0, 0])[place] = count
    ordered = sorted(counts.items(), key=lambda item: (-abs(item[1][1] - item[1][0]), item[0]))
    return [
        {"name": value, "before": first, "after": second, "difference": second - first}
        for value, (first, second) in ordered[:limit]
    ]
