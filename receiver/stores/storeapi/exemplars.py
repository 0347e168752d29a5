"""Exemplars of a store, read from its messages; they are few, so in Python.

ExemplarData  series_labels = 1 {labels = 1 {name = 1, value = 2}}, exemplars = 2
Exemplar      labels = 1 {labels = 1}, value = 2, ts = 3
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from receiver.stores.storeapi.columns import MatcherSets, Span
from receiver.stores.storeapi.fields import reading
from receiver.stores.storeapi.messages import Labels, read_labels, read_numbers
from receiver.wire.messages import fields
from storage.labels.frames import LabelFrame, Symbols
from storage.labels.passing import passing_any
from storage.read.exemplars import ExemplarSelection, select_rows
from storage.samples.exemplars import ExemplarLabels
from storage.segments.exemplars import StoredExemplars

# (time in ms, value, labels).
Exemplar = tuple[int, float, ExemplarLabels]


@dataclass(slots=True)
class ExemplarReader:
    """What came of one answer so far; those out of the span are passed over."""

    symbols: Symbols
    span: Span
    _labels: list[dict[str, str]] = field(default_factory=list)
    _found: list[list[Exemplar]] = field(default_factory=list)

    def take(self, message: bytes) -> None:
        """Read the exemplars of a series. Raises LyingStore."""
        with reading("its exemplars are"):
            labels, found = read_data(message)
        self._labels.append(labels)
        self._found.append([own for own in found if self.span[0] <= own[0] <= self.span[1]])

    def selection(
        self, matcher_sets: MatcherSets, shown: Callable[[LabelFrame], LabelFrame]
    ) -> ExemplarSelection:
        """Those of series that pass one of the sets; shown: what queries see of labels."""
        frame = LabelFrame.from_dicts(self.symbols, self._labels)
        rows = np.flatnonzero(passing_any(frame, matcher_sets))
        frame = shown(frame.take(rows))
        groups, firsts = frame.group(frame.names)
        flat = [(k, own) for k, row in enumerate(rows.tolist()) for own in self._found[row]]
        stored = StoredExemplars(
            np.array([k for k, _ in flat], np.int64),
            np.array([own[0] for _, own in flat], np.int64),
            np.array([own[1] for _, own in flat], np.float64),
            [own[2] for _, own in flat],
        )
        return select_rows(frame.take(firsts), groups, [stored])


def read_data(message: bytes) -> tuple[dict[str, str], list[Exemplar]]:
    labels: Labels = {}
    found = []
    for part in fields(message, 0, len(message)):
        if part.number == 1:
            labels = read_labels(message, part.first, part.end)
        elif part.number == 2:
            found.append(read_exemplar(message, part.first, part.end))
    return {name: value for name, value in labels.items() if value}, found


def read_exemplar(message: bytes, start: int, end: int) -> Exemplar:
    value = 0.0
    labels: ExemplarLabels = ()
    for part in fields(message, start, end):
        if part.number == 1:
            own = read_labels(message, part.first, part.end)
            labels = tuple(sorted(own.items()))
        elif part.number == 2:
            (value,) = struct.unpack("<d", message[part.first : part.end])
    return read_numbers(message, start, end).get(3, 0), value, labels
