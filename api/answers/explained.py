"""The tree of an evaluated expression as JSON text: what each node took and gave.

It has the keys of Thanos' explanations and analyses (`name`, `children`, `executionTime`,
`totalSamples`) beside those of its own.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from api.answers.texts import dump
from api.answers.trees import Value, encode_tree, members
from api.promql.explaining import Found, LabelCount, Notes
from api.promql.syntax.nodes import (
    Aggregate,
    Binary,
    Call,
    MatrixSelector,
    Node,
    Subquery,
    Unary,
    children,
)
from api.promql.syntax.printer import (
    aggregate_text,
    operator_text,
    subquery_suffix,
    to_string,
)


def encode_explained(
    root: Node, text: str, notes: Notes, stats: Mapping[str, Any]
) -> Iterator[bytes]:
    """The blocks of the tree. text: of the query; stats: stand at the root."""
    source = text.encode("utf-8", "surrogateescape")
    sums = sums_of(root, notes)

    def describe(node: Node) -> Mapping[str, Value]:
        seconds, samples_read = sums[node]
        found = notes.of(node)
        told: dict[str, Value] = {
            "name": dump(name_of(node)),
            "type": members(node)["type"],
            "valueType": dump(node.type.value),
            "start": b"%d" % node.start,
            "end": b"%d" % node.end,
            "text": dump(source[node.start : node.end].decode("utf-8", "surrogateescape")),
            "executionTime": dump(go_duration(seconds)),
            "seconds": dump(seconds),
            "ownSeconds": dump(found.seconds),
            "totalSamples": b"%d" % samples_read,
            "children": parts_of(node),
        }
        told |= figures(found)
        return told | ({"stats": dump(stats)} if node is root else {})

    return encode_tree(root, describe)


def figures(found: Found) -> dict[str, Value]:
    return {
        "series": dump(found.series),
        "samples": dump(found.samples),
        "steps": b"%d" % found.steps,
        "samplesRead": b"%d" % found.samples_read,
        "labelNames": b"%d" % found.label_names,
        "labels": dump([label_figures(label) for label in found.labels]),
    }


def label_figures(label: LabelCount) -> dict[str, Any]:
    values = [{"value": value, "series": series} for value, series in label.values]
    return {"name": label.name, "cardinality": label.cardinality, "values": values}


def sums_of(root: Node, notes: Notes) -> dict[Node, tuple[float, int]]:
    """Of each node and all below it: the seconds, and the samples that selectors read. Without
    recursion, as trees may be deep."""
    order, stack = [], [root]
    while stack:
        node = stack.pop()
        order.append(node)
        stack.extend(parts_of(node))
    sums: dict[Node, tuple[float, int]] = {}
    for node in reversed(order):
        below = [sums[part] for part in parts_of(node)]
        found = notes.of(node)
        seconds = found.seconds + sum(seconds for seconds, _ in below)
        sums[node] = (seconds, found.samples_read + sum(samples for _, samples in below))
    return sums


def parts_of(node: Node) -> tuple[Node, ...]:
    """The children of a node; a range selector is one node."""
    return () if isinstance(node, MatrixSelector) else children(node)


def name_of(node: Node) -> str:
    """What a node does, in one line, without its children."""
    kind = members(node)["type"]
    assert isinstance(kind, bytes)
    title = f"[{kind.decode().strip(chr(34))}]"
    match node:
        case Aggregate():
            return f"{title} {aggregate_text(node).strip()}"
        case Binary():
            return f"{title} {operator_text(node)}"
        case Call():
            return f"{title} {node.func}"
        case Unary():
            return f"{title} {node.op}"
        case Subquery():
            return f"{title} {subquery_suffix(node)}"
    return (
        title
        if children(node) and not isinstance(node, MatrixSelector)
        else (f"{title} {to_string(node)}")
    )


def go_duration(seconds: float) -> str:
    """A time in the form of Go: `1.5ms`, `2m3.25s`."""
    nanoseconds = round(seconds * 1e9)
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if nanoseconds < size * 1000:
            return f"{trimmed(nanoseconds / size)}{unit}" if nanoseconds else "0s"
    minutes, rest = divmod(nanoseconds, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{text}{trimmed(rest / 1e9)}s"


def trimmed(number: float) -> str:
    return f"{number:.9f}".rstrip("0").rstrip(".")
