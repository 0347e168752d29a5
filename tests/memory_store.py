"""A store in memory for tests of the query engine: label sets and their samples, nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import re2

from storage.labels import LabelFrame, Matcher, Symbols
from storage.samples import Samples

LabelSet = tuple[tuple[str, str], ...]


def matches(matcher: Matcher, value: str) -> bool:
    if matcher.op in ("=", "!="):
        return (value == matcher.value) == (matcher.op == "=")
    if any("\ud800" <= char <= "\udfff" for char in matcher.value):
        # RE2 refuses bytes that are no UTF-8; the parser lets them be in lists of plain texts.
        return (value in matcher.value.split("|")) == (matcher.op == "=~")
    found = re2.match(f"^(?s:{matcher.value})$", value) is not None
    return found == (matcher.op == "=~")


@dataclass
class MemorySelection:
    labels: LabelFrame
    series: list[list[tuple[int, float]]]
    reads: list[tuple[int, int]] = field(default_factory=list)

    def read(self, first_row: int, end_row: int) -> Samples:
        self.reads.append((first_row, end_row))
        chosen = self.series[first_row:end_row]
        lengths = [len(samples) for samples in chosen]
        flat = [sample for samples in chosen for sample in samples]
        return Samples(
            np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
            np.array([t for t, _ in flat], np.int64),
            np.array([v for _, v in flat], np.float64),
        )


class MemoryStore:
    """Series in the order in which they were first written; a queryable for any number of queries.

    selects: the (matchers, start, end) of all selects so far; hints: were they for
    counters?
    """

    def __init__(self) -> None:
        self._series: dict[LabelSet, dict[int, float]] = {}
        self.selects: list[tuple[tuple[Matcher, ...], int, int]] = []
        self.hints: list[bool] = []
        self.counters_differ = False
        self.symbols = Symbols()

    def write(self, labels: dict[str, str], samples: Iterable[tuple[int, float]]) -> None:
        key = tuple(sorted(labels.items()))
        self._series.setdefault(key, {}).update(samples)

    def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, *, counter: bool = False
    ) -> MemorySelection:
        self.hints.append(counter)
        self.selects.append((tuple(matchers), start_ms, end_ms))
        found = [
            (dict(key), samples)
            for key, samples in self._series.items()
            if all(matches(matcher, dict(key).get(matcher.name, "")) for matcher in matchers)
        ]
        labels = LabelFrame.from_dicts(self.symbols, [labelset for labelset, _ in found])
        series = [
            sorted((t, v) for t, v in samples.items() if start_ms <= t <= end_ms)
            for _, samples in found
        ]
        return MemorySelection(labels, series)
