"""The aggregations of the slow evaluator, step by step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import xxhash

from api.promql.errors import ExecutionError
from api.promql.syntax.nodes import Aggregate
from tests.twins.promql.rows import Row, Sample, rows_of_steps, samples_at
from tests.twins.promql.vectors import (
    AGGREGATES,
    Key,
    RankingHeap,
    group_key,
    key_of,
    naive_quantile,
)

CHOOSING = ("topk", "bottomk", "limitk")


def aggregate(
    node: Aggregate, rows: Sequence[Row], param: list[Row] | list[float] | str | None, steps: int
) -> list[Row]:
    """rows: those of the operand that have a cell."""
    numbers = [x for x in param or [] if isinstance(x, float)]
    if node.op in CHOOSING:
        return choose(node, rows, numbers, steps)
    if node.op == "limit_ratio":
        return share_of(rows, numbers)
    if node.op == "count_values":
        assert isinstance(param, str)
        return count_values(node, rows, param, steps)
    out: list[list[Sample]] = []
    for k in range(steps):
        found: list[Sample] = []
        for key, samples in groups_at(node, rows, k).items():
            values = [value for _, value, _ in samples]
            folded = (
                naive_quantile(values, numbers[k])
                if node.op == "quantile"
                else AGGREGATES[node.op](values)
            )
            found.append((dict(key), folded, any(drop for _, _, drop in samples)))
        out.append(found)
    result = rows_of_steps(out)
    for row in result:
        # Whether the name goes is decided by the last step at which there is a sample.
        last = max(k for k, cell in enumerate(row.cells) if cell is not None)
        row.drop = next(d for labels, _, d in out[last] if key_of(labels) == key_of(row.labels))
    return result


def groups_at(node: Aggregate, rows: Sequence[Row], k: int) -> dict[Key, list[Sample]]:
    groups: dict[Key, list[Sample]] = {}
    for sample in samples_at(rows, k):
        key = key_of(group_key(sample[0], node.grouping, node.without))
        groups.setdefault(key, []).append(sample)
    return groups


def choose(node: Aggregate, rows: Sequence[Row], counts: Sequence[float], steps: int) -> list[Row]:
    """topk, bottomk and limitk keep some cells of their operand."""
    if rows and counts and max(counts) >= 1 or any(map(math.isnan, counts)):
        check_counts(counts)
    kept = [Row(row.labels, [None] * steps, row.drop) for row in rows]
    sign = -1.0 if node.op == "bottomk" else 1.0
    for k in range(steps):
        taken: dict[Key, RankingHeap] = {}
        size = int(min(max(counts[k], 0), len(rows)))
        for i, row in enumerate(rows):
            cell = row.cells[k]
            if cell is None or size < 1:
                continue
            key = key_of(group_key(row.labels, node.grouping, node.without))
            heap = taken.setdefault(key, RankingHeap(size))
            if node.op != "limitk":
                heap.offer(sign * cell, i)
            elif len(heap.items) < size:
                heap.items.append((cell, i))
        for heap in taken.values():
            for _, i in heap.items:
                kept[i].cells[k] = rows[i].cells[k]
    return [row for row in kept if row.has_cells()]


def share_of(rows: Sequence[Row], ratios: Sequence[float]) -> list[Row]:
    """limit_ratio keeps the rows whose labels have a small hash, or with a negative ratio the
    others."""
    if any(map(math.isnan, ratios)):
        raise ExecutionError("Ratio value is NaN")
    kept = []
    for row in rows:
        place = label_hash(row.labels) / 2.0**64
        wanted = [
            place < ratio if ratio >= 0 else place >= 1 + max(ratio, -1.0) for ratio in ratios
        ]
        cells = [cell if keep else None for cell, keep in zip(row.cells, wanted, strict=True)]
        kept.append(Row(row.labels, cells, row.drop))
    return [row for row in kept if row.has_cells()]


def label_hash(labels: dict[str, str]) -> int:
    """XXH64 of all names and values in order, each after its length (here below 255 bytes)."""
    texts = [text.encode() for pair in sorted(labels.items()) for text in pair]
    return int(xxhash.xxh64_intdigest(b"".join(bytes((len(t),)) + t for t in texts)))


def check_counts(counts: Sequence[float]) -> None:
    if any(map(math.isnan, counts)):
        raise ExecutionError("Parameter value is NaN")
    if min(counts) <= -(2.0**63) or max(counts) >= 2.0**63:
        raise ExecutionError("Scalar value over- or underflows int64")


def count_values(node: Aggregate, rows: Sequence[Row], label: str, steps: int) -> list[Row]:
    names = node.grouping if node.without else (*node.grouping, label)
    out: list[list[Sample]] = []
    for k in range(steps):
        counts: dict[Key, tuple[int, bool]] = {}
        for labels, value, drop in samples_at(rows, k):
            labelled = labels | {label: plain_text(value)}
            key = key_of(group_key(labelled, names, node.without))
            count, dropped = counts.get(key, (0, False))
            counts[key] = count + 1, dropped or drop
        out.append([(dict(key), float(n), drop) for key, (n, drop) in counts.items()])
    return rows_of_steps(out)


def plain_text(value: float) -> str:
    """The shortest digits, without exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
