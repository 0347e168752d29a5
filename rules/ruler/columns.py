"""Results of rules as columns: from the value of a query to samples that are written.

No object is made for a series. What depends on labels only, which are the same at nearly every
evaluation, is kept with the frame that the query's labels come in, and made again for new ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from api.promql.vectors.value import Result, Scalar, Vector
from rules.evaluation.alerts import METRIC_NAME
from rules.evaluation.rows import Key, Row, RuleError
from rules.ruler.ports import Recorded
from storage.histograms.columns import NO_HISTOGRAM, Natives
from storage.histograms.histograms import Parts, from_parts
from storage.kernels.arrays import Bytes, Float64s, Int64s
from storage.kernels.stale import STALE_NAN_BITS
from storage.labels.fields import fields_of, label_fields
from storage.labels.frames import LabelFrame, Symbols, one_row
from storage.samples.merge import stack
from storage.samples.samples import Samples


@dataclass(frozen=True, eq=False)
class Labelsets:
    """The label sets of series that are written, as bytes; all are distinct if is_distinct."""

    content: Bytes
    offsets: Int64s
    is_distinct: bool = True

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @cached_property
    def texts(self) -> list[bytes]:
        content, ends = self.content.tobytes(), self.offsets.tolist()
        return [content[a:b] for a, b in zip(ends, ends[1:], strict=False)]

    def equals(self, other: Labelsets) -> bool:
        """Whether both are the same label sets in the same order."""
        return self is other or (
            np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.content, other.content)
        )

    def without(self, *others: Labelsets) -> Labelsets:
        """Those that are among none of the others."""
        if not len(self) or any(self.equals(other) for other in others):
            return NO_LABELSETS
        gone = {text for other in others for text in other.texts}
        return labelsets_of(text for text in self.texts if text not in gone)


NO_LABELSETS = Labelsets(np.zeros(0, np.uint8), np.zeros(1, np.int64))


def labelsets_of(texts: Iterable[bytes]) -> Labelsets:
    """Of label sets as bytes."""
    found = list(texts)
    offsets = np.zeros(len(found) + 1, np.int64)
    np.cumsum(np.array([len(text) for text in found], np.int64), out=offsets[1:])
    return Labelsets(np.frombuffer(b"".join(found), np.uint8), offsets)


def labelsets_of_keys(keys: Collection[Key]) -> Labelsets:
    """Of label sets as pairs sorted by name."""
    return Labelsets(*fields_of(keys))


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One sample of each of some series; natives: a row for each, None if all are floats."""

    labelsets: Labelsets
    values: Float64s
    natives: Natives | None = None

    def __len__(self) -> int:
        return len(self.labelsets)


NO_PART = Part(NO_LABELSETS, np.zeros(0))


def recorded(result: Result, record: str, own: Mapping[str, str], limit: int) -> Part:
    """What a recording rule writes of a result. own: the labels of the rule; limit: how many series
    it may give, 0 for any number. Raises RuleError."""
    labels, values, natives = _columns(result)
    labelsets = _named(labels, record, own)
    if not labelsets.is_distinct:
        raise RuleError("vector contains metrics with the same labelset after applying rule labels")
    if 0 < limit < len(labelsets):
        raise RuleError(f"exceeded limit of {limit} with {len(labelsets)} series")
    return Part(labelsets, values, natives)


def _columns(result: Result) -> tuple[LabelFrame, Float64s, Natives | None]:
    value = result.value
    if isinstance(value, Scalar):
        return one_row(Symbols()), value.values[:1], None
    if not isinstance(value, Vector):
        raise RuleError("rule result is not a vector or scalar")
    values, natives = value.values[:, 0], value.natives
    if natives is not None:
        natives = Natives(natives.histograms, natives.rows[:, 0])
    present = value.present[:, 0]
    if present.all():
        return value.labels, values, natives
    rows = np.flatnonzero(present)
    return value.labels.take(rows), values[rows], None if natives is None else natives.at(rows)


def _named(labels: LabelFrame, record: str, own: Mapping[str, str]) -> Labelsets:
    """The label sets with the rule's name and labels in the place of those they have."""

    def make() -> Labelsets:
        frame = labels
        for name, text in {METRIC_NAME: record, **own}.items():
            code = frame.symbols.code(text)
            frame = frame.with_column(name, np.full(frame.rows, code, np.int32))
        _, firsts = frame.group(frame.names)
        return Labelsets(*label_fields(frame), is_distinct=len(firsts) == frame.rows)

    return labels.once(("recorded", record, *own.items()), make)


def part_of_rows(rows: Sequence[Row]) -> Part:
    """The same of rows, which alerts give."""
    if not rows:
        return NO_PART
    labelsets = labelsets_of_keys([tuple(sorted(row.labels.items())) for row in rows])
    natives = [row.value for row in rows if isinstance(row.value, Parts)]
    numbers = np.array([0.0 if isinstance(row.value, Parts) else row.value for row in rows])
    if not natives:
        return Part(labelsets, numbers)
    places = np.full(len(rows), NO_HISTOGRAM, np.int32)
    mask = np.array([isinstance(row.value, Parts) for row in rows])
    places[mask] = np.arange(len(natives), dtype=np.int32)
    return Part(labelsets, numbers, Natives(from_parts(natives), places))


def stale_part(labelsets: Labelsets) -> Part:
    """The markers that end series."""
    bits = np.full(len(labelsets), STALE_NAN_BITS, np.uint64)
    return Part(labelsets, bits.view(np.float64))


def joined(parts: Sequence[Part], time_ms: int) -> Recorded:
    """All parts as samples at one time."""
    sizes = np.cumsum([0, *(len(part.labelsets.content) for part in parts)])
    ends = [p.labelsets.offsets[1:] + size for p, size in zip(parts, sizes, strict=False)]
    samples = [
        Samples(
            np.arange(len(part) + 1, dtype=np.int64),
            np.full(len(part), time_ms, np.int64),
            part.values,
            natives=part.natives,
        )
        for part in parts
    ]
    return Recorded(
        np.concatenate([np.zeros(0, np.uint8), *(part.labelsets.content for part in parts)]),
        np.concatenate([np.zeros(1, np.int64), *ends]),
        stack(samples),
    )
