"""Order and change of labels in the slow evaluator."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence

from tests.twins.promql.rows import Row, merge
from tests.twins.promql.vectors import Labels

LabelOrder = list[tuple[bytes, bytes]]


def label_order(labels: Labels) -> LabelOrder:
    """What label sets are ordered by: names and values as bytes, the shorter set first."""
    return sorted((name.encode(), value.encode()) for name, value in labels.items())


def ordered(func: str, vector: Sequence[Row], names: Sequence[str]) -> list[Row]:
    """The rows of an instant vector in order: by value with NaN last, or by labels."""
    down = func.endswith("_desc")
    found = [row for row in vector if row.has_cells()]

    def value_order(row: Row) -> tuple[bool, float]:
        value = row.cells[0] or 0.0
        return (True, 0.0) if math.isnan(value) else (False, -value if down else value)

    def compare(a: Row, b: Row) -> int:
        for name in names:
            found = compare_naturally(a.labels.get(name, ""), b.labels.get(name, ""))
            if found:
                return found
        return -1 if label_order(a.labels) < label_order(b.labels) else 1

    if func in ("sort", "sort_desc"):
        return sorted(found, key=value_order)
    return sorted(found, key=functools.cmp_to_key(compare), reverse=down)


def compare_naturally(a: str, b: str) -> int:
    """Runs of digits are compared as numbers, everything else as text."""
    chunks = [re.findall(r"[0-9]+|[^0-9]+", text) for text in (a, b)]
    for x, y in zip(*chunks, strict=False):
        if x[0].isdigit() and y[0].isdigit():
            if int(x) != int(y):
                return int(x) - int(y)
        elif x != y:
            return -1 if x.encode() < y.encode() else 1
    if len(chunks[0]) != len(chunks[1]):
        return len(chunks[0]) - len(chunks[1])
    return (a.encode() > b.encode()) - (a.encode() < b.encode())


def relabelled(func: str, vector: Sequence[Row], texts: list[str]) -> list[Row]:
    """label_replace and label_join; texts: their arguments after the vector."""
    out = []
    for row in vector:
        target, new = texts[0], row.labels.get(texts[0], "")
        drop = row.drop
        if func == "label_join":
            new = texts[1].join(row.labels.get(name, "") for name in texts[2:])
            drop = drop and target != "__name__"
        else:
            match = re.fullmatch(texts[3], row.labels.get(texts[2], ""), re.DOTALL)
            if match:
                new = expand(texts[1], match)
                drop = drop and target != "__name__"
        labels = {**row.labels, target: new}
        out.append(Row({name: value for name, value in labels.items() if value}, row.cells, drop))
    return merge(out)


def expand(template: str, match: re.Match[str]) -> str:
    """$1 and ${1}; groups that do not exist are empty."""

    def group(reference: re.Match[str]) -> str:
        number = int(reference[1] or reference[2])
        return (match[number] or "") if number <= (match.re.groups) else ""

    return re.sub(r"\$(?:\{([0-9]+)\}|([0-9]+))", group, template)
