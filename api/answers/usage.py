"""What series take in a span of time, by the values of their labels: one pass over each label."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from storage.kernels.arrays import Int32s, Int64s
from storage.kernels.stops import look
from storage.labels.matchers import METRIC_NAME
from storage.labels.numbering import number_codes
from storage.read.usage import Usage

Row = dict[str, Any]


class Sums(NamedTuple):
    """Of the values of one label, by their codes: how many series have each, and what those take
    together."""

    codes: Int32s
    series: Int64s
    samples: Int64s
    bytes: Int64s
    began: Int64s
    ended: Int64s

    def row(self, place: int, name: str) -> Row:
        return {"name": name} | {
            column: int(getattr(self, column)[place]) for column in self._fields[1:]
        }


def sums_of(usage: Usage, codes: Int32s | Int64s) -> Sums:
    """By codes, one for each row; rows with the code 0 have no such label."""
    values, places = number_codes(codes.astype(np.int32, copy=False))

    def summed(column: Any) -> Int64s:
        look()
        total = np.zeros(len(values), np.int64)
        np.add.at(total, places, column.astype(np.int64))
        return total[1:]

    columns = (usage.samples, usage.bytes, usage.began, usage.ended)
    return Sums(values[1:], summed(np.ones(len(codes))), *map(summed, columns))


def totals(usage: Usage) -> dict[str, int]:
    return {
        "samples": int(usage.samples.sum()),
        "bytes": int(usage.bytes.sum()),
        "began": int(usage.began.sum()),
        "ended": int(usage.ended.sum()),
    }


def usage_tables(usage: Usage, *, limit: int) -> dict[str, Any]:
    """As a whole, and what takes the most samples by metric, by label and by its values."""
    frame = usage.labels
    by_name = {name: sums_of(usage, frame.column(name)) for name in frame.names}
    metrics = by_name.get(METRIC_NAME, sums_of(usage, np.zeros(frame.rows, np.int64)))
    return totals(usage) | {
        "byMetricName": largest(rows_of(usage, metrics, limit), limit),
        "byLabelName": largest(
            (sums_of(usage, (frame.column(name) != 0).astype(np.int64)).row(0, name)
             for name, own in by_name.items() if len(own.codes)), limit,
        ),
        "byLabelValuePair": largest(
            (row for name, own in by_name.items() for row in rows_of(usage, own, limit, name)),
            limit,
        ),
    }  # fmt: skip


def rows_of(usage: Usage, sums: Sums, limit: int, name: str = "") -> Iterator[Row]:
    """The values with the most samples, at least; name: of the label, where it is to be said."""
    for place in np.argsort(-sums.samples, kind="stable")[: 2 * limit].tolist():
        (text,) = usage.labels.symbols.texts([int(sums.codes[place])])
        yield sums.row(place, f"{name}={text}" if name else text)


def largest(rows: Iterator[Row], limit: int) -> list[Row]:
    return sorted(rows, key=lambda row: (-row["samples"], row["name"]))[:limit]


def sample_changes(before: Usage, after: Usage, name: str, *, limit: int) -> list[Row]:
    """How the samples of a label's values changed, the largest changes first."""
    counts: dict[str, list[int]] = {}
    for place, usage in enumerate((before, after)):
        own = sums_of(usage, usage.labels.column(name))
        texts = usage.labels.symbols.texts(own.codes.tolist())
        for text, count in zip(texts, own.samples.tolist(), strict=True):
            counts.setdefault(text, [0, 0])[place] = count
    ordered = sorted(counts.items(), key=lambda item: (-abs(item[1][1] - item[1][0]), item[0]))
    return [
        {"name": value, "before": first, "after": second, "difference": second - first}
        for value, (first, second) in ordered[:limit]
    ]
