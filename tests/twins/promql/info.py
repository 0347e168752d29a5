"""info() of the slow evaluator: label sets are completed one sample at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from api.promql.errors import ExecutionError
from api.promql.syntax.nodes import (
    Call,
    MatrixSelector,
    Node,
    Shift,
    Subquery,
    ValueType,
    VectorSelector,
    children,
)
from storage.labels.matchers import Matcher
from tests.makers.memory_store import matches
from tests.twins.promql.rows import Row, Sample, rows_of_steps, samples_at
from tests.twins.promql.vectors import Key, Labels

if TYPE_CHECKING:
    from tests.twins.promql.engine import Naive

IDENTIFYING = ("instance", "job")
VECTORS = (ValueType.VECTOR, ValueType.MATRIX)


def info(node: Call, base: Sequence[Row], naive: Naive, times: list[int]) -> list[Row]:
    """base: the rows of the first argument that have a cell."""
    names, data = info_matchers(node)
    plain = [row for row in base if not passes(names, row.labels)]
    shift = reference(node.args[0], naive) or Shift()
    selector = VectorSelector(0, 0, "", (*names, *data), shift)
    found = [
        row
        for row in naive.instant(selector, times, of_time=True)
        if is_wanted(row.labels, [one.labels for one in plain])
    ]
    out: list[list[Sample]] = []
    for k in range(len(times)):
        samples = samples_at(base, k)
        newest = newest_info(samples_at(found, k)) if samples else {}
        out.append([])
        for labels, value, drop in samples:
            if passes(names, labels):
                out[-1].append((labels, value, drop))
                continue
            described = [one for key, one in newest.items() if key[1] == target_of(labels)]
            added = added_labels(labels, described, data)
            if described or all(matches(m, "") for m in data):
                out[-1].append((labels | added, value, drop))
    return rows_of_steps(out)


def info_matchers(node: Call) -> tuple[list[Matcher], list[Matcher]]:
    given: tuple[Matcher, ...] = ()
    if len(node.args) > 1:
        assert isinstance(node.args[1], VectorSelector)
        given = node.args[1].matchers
    names = [m for m in given if m.name == "__name__"]
    if not names:
        names = [Matcher("__name__", "=", "target_info")]
    elif not any(m.op in ("=", "=~") for m in names):
        names.insert(0, Matcher("__name__", "=~", ".+_info"))
    return names, [m for m in given if m.name != "__name__"]


def passes(names: Sequence[Matcher], labels: Labels) -> bool:
    return all(matches(m, labels.get("__name__", "")) for m in names)


def target_of(labels: Labels) -> Key:
    return tuple((name, labels[name]) for name in IDENTIFYING if name in labels)


def is_wanted(labels: Labels, plain: Sequence[Labels]) -> bool:
    """Whether an info series has one of the values in use of each identifying label in use."""
    in_use = {name: {one[name] for one in plain if name in one} for name in IDENTIFYING}
    used = [name for name in IDENTIFYING if in_use[name]]
    return bool(used) and all(labels.get(name, "") in in_use[name] for name in used)


def newest_info(samples: Sequence[Sample]) -> dict[tuple[str, Key], Sample]:
    """By metric and target; the values of the samples are their times."""
    newest: dict[tuple[str, Key], Sample] = {}
    for sample in samples:
        key = sample[0].get("__name__", ""), target_of(sample[0])
        if key in newest and newest[key][1] == sample[1]:
            raise ExecutionError("found duplicate series for info metric")
        if key not in newest or newest[key][1] < sample[1]:
            newest[key] = sample
    return newest


def added_labels(
    labels: Labels, described: Sequence[Sample], data: Sequence[Matcher]
) -> dict[str, str]:
    wanted = {m.name for m in data}
    added: dict[str, str] = {}
    for info_labels, _, _ in described:
        for name, value in info_labels.items():
            if name == "__name__" or name in labels or (wanted and name not in wanted):
                continue
            if added.setdefault(name, value) != value:
                raise ExecutionError(f"conflicting label: {name}")
    return added


def reference(node: Node, naive: Naive) -> Shift | None:
    """The offset or fixed time that all selectors below a vector share."""
    if isinstance(node, MatrixSelector):
        return reference(node.selector, naive)
    if isinstance(node, VectorSelector):
        edges = {"start": naive.start_ms, "end": naive.end_ms}
        at = edges.get(node.shift.at_edge, node.shift.at_ms)
        offset_ms = naive.duration(node.shift.offset_expr, node.shift.offset_ms, signed=True)
        return Shift(offset_ms=offset_ms, at_ms=at)
    below = children(node)[:1] if isinstance(node, Call) and node.func == "info" else children(node)
    found = [reference(child, naive) for child in below if child.type in VECTORS]
    if not found or None in found or len({one_time(one) for one in found}) > 1:
        return None
    shared = found[0]
    if isinstance(node, Subquery) and shared is not None and shared.at_ms is None:
        outer = reference(VectorSelector(0, 0, "", (), node.shift), naive)
        assert outer is not None
        return Shift(offset_ms=shared.offset_ms + outer.offset_ms, at_ms=outer.at_ms)
    return shared


def one_time(shift: Shift | None) -> tuple[int | None, int]:
    assert shift is not None
    if shift.at_ms is None:
        return None, shift.offset_ms
    return shift.at_ms - shift.offset_ms, 0
