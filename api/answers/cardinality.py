"""What the labels of series consist of, counted in columns: one pass over each label's codes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from storage.kernels.arrays import Int64s
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """The values of one label by descending count of series; of equal counts by value.

    text_bytes: of all values, each as often as a series has it.
    """

    values: list[str]
    counts: list[int]
    text_bytes: int

    @property
    def series(self) -> int:
        return sum(self.counts)


def count_label(labels: LabelFrame, name: str) -> LabelCounts:
    """The values that series have of a label."""
    codes, counts = np.unique(labels.column(name), return_counts=True)
    codes, counts = codes[codes != 0], counts[codes != 0]
    texts = labels.symbols.texts(codes.tolist())
    sizes = np.array([len(text.encode("utf-8", "surrogateescape")) for text in texts], np.int64)
    order = sorted(range(len(texts)), key=lambda k: (-counts[k], texts[k]))
    return LabelCounts(
        [texts[k] for k in order],
        [int(counts[k]) for k in order],
        int((sizes * counts).sum()),
    )


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
    metrics = counts.get(METRIC_NAME, LabelCounts([], [], 0))
    pairs = [
        (f"{name}={value}", count)
        for name, own in counts.items()
        for value, count in zip(own.values[:limit], own.counts[:limit], strict=True)
    ]
    return {
        "seriesCountByMetricName": listed(
            list(zip(metrics.values, metrics.counts, strict=True)), limit
        ),
        "labelValueCountByLabelName": listed(
            [(name, len(own.values)) for name, own in counts.items()], limit
        ),
        "memoryInBytesByLabelName": listed(
            [(name, own.text_bytes) for name, own in counts.items()], limit
        ),
        "seriesCountByLabelValuePair": listed(pairs, limit),
    }


def pair_count(labels: LabelFrame) -> int:
    """Distinct pairs of a name and a value."""
    return sum(len(own.values) for own in count_labels(labels).values())


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
        own = count_label(frame, name)
        for value, count in zip(own.values, own.counts, strict=True):
            counts.setdefault(value, [0, 0])[place] = count
    ordered = sorted(counts.items(), key=lambda item: (-abs(item[1][1] - item[1][0]), item[0]))
    return [
        {"name": value, "before": first, "after": second, "difference": second - first}
        for value, (first, second) in ordered[:limit]
    ]
