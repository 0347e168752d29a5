"""absent() and absent_over_time(): one series, present where no series of the input is."""

from __future__ import annotations

import numpy as np

from api.promql.context import Context
from api.promql.pipeline import Pipeline
from api.promql.syntax.nodes import MatrixSelector, Node, VectorSelector, without_parens
from api.promql.vectors.value import Value, Vector
from storage.kernels.arrays import Bools
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME


def absence(context: Context, argument: Node, found: Bools) -> Vector:
    """found: bool[steps], where the argument has any series."""
    labels = LabelFrame.from_dicts(context.symbols, [labels_of_absence(argument)])
    return Vector(labels, np.ones((1, len(found))), ~found.reshape(1, -1))


def steps_with_rows(opened: Pipeline | Value) -> Bools:
    """Where any row is present, bool[steps]."""
    if isinstance(opened, Pipeline):
        found = np.zeros(len(opened.context.steps), np.bool_)
        for _, block in opened.blocks():
            found |= block.present.any(axis=0)
        return found
    assert isinstance(opened, Vector), "BUG: the absence of something that is no vector"
    found = np.zeros(opened.present.shape[1], np.bool_)
    return np.any(opened.present, axis=0, out=found)


def labels_of_absence(argument: Node) -> dict[str, str]:
    """The labels that a missing series would have for sure: those tested for equality, once."""
    node = without_parens(argument)
    if isinstance(node, MatrixSelector):
        node = node.selector
    if not isinstance(node, VectorSelector):
        return {}
    labels: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in node.matchers:
        if matcher.op == "=" and matcher.name not in seen:
            labels[matcher.name] = matcher.value
            seen.add(matcher.name)
        else:
            labels.pop(matcher.name, None)
    return {name: value for name, value in labels.items() if value and name != METRIC_NAME}
