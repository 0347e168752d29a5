"""The result of a rule's query, row by row.

A rule gives few rows, and each becomes a series of its own labels, so rows are objects here. Labels
are dicts without empty values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from api.promql.native_histograms.values import text_of
from api.promql.vectors.value import Result, Scalar, Vector
from rules.errors import RulesError
from rules.templates.values import QueryResult, Sample, StringMap
from storage.histograms.histograms import Parts, from_parts, parts_of
from storage.labels.frames import LabelFrame

Labels = Mapping[str, str]
Key = tuple[tuple[str, str], ...]
Value = float | Parts  # Parts: a native histogram


class RuleError(RulesError):
    """The evaluation of a rule failed; str() is what its `lastError` says."""


@dataclass(frozen=True, slots=True)
class Row:
    """One sample of a result."""

    labels: Labels
    value: Value


def key_of(labels: Labels) -> Key:
    """What identifies a series or an alert."""
    return tuple(sorted(labels.items()))


def value_text(value: Value) -> float | str:
    """As templates see it: a histogram is its text."""
    return text_of(from_parts([value]), 0) if isinstance(value, Parts) else value


def rows_of(result: Result) -> list[Row]:
    """The rows of an instant query. Raises RuleError for what is no vector and no scalar."""
    value = result.value
    if isinstance(value, Scalar):
        return [Row({}, float(value.values[0]))]
    if not isinstance(value, Vector):
        raise RuleError("rule result is not a vector or scalar")
    labels = label_rows(value.labels)
    numbers = value.values[:, 0].tolist()
    natives = value.natives
    rows = []
    for i, is_present in enumerate(value.present[:, 0].tolist()):
        if not is_present:
            continue
        place = -1 if natives is None else int(natives.rows[i, 0])
        is_native = natives is not None and place >= 0
        found = parts_of(natives.histograms, place) if natives and is_native else numbers[i]
        rows.append(Row(labels[i], found))
    return rows


def label_rows(frame: LabelFrame) -> list[dict[str, str]]:
    """The labels of each row of a frame."""
    rows: list[dict[str, str]] = [{} for _ in range(frame.rows)]
    for name in frame.names:
        texts = frame.symbols.texts(frame.column(name))
        for labels, text in zip(rows, texts, strict=True):
            if text:
                labels[name] = text
    return rows


def template_samples(rows: Iterable[Row]) -> QueryResult:
    """Rows as templates see them; of a histogram they see no value."""
    return QueryResult(
        Sample(StringMap(row.labels), row.value if isinstance(row.value, float) else 0.0)
        for row in rows
    )
