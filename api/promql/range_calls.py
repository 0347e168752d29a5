"""The call of one function over a range: its windows, its arguments, and what it has to say.

The samples of a range come from a selector, or from the cells of a subquery's inner vector.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.promql.context import Context
from api.promql.extended import FUNCTIONS as EXTENDED_FUNCTIONS
from api.promql.extended import Extension
from api.promql.go_format import format_g, quote
from api.promql.names import drop_metric_name
from api.promql.nodes import Call, Node
from api.promql.over_time import (
    FUNCTIONS,
    KEEP_NAME,
    NEED_COUNTER,
    Windows,
    fresh_samples,
    out_of_quantile_range,
    samples_of_cells,
)
from api.promql.queryable import Selection
from api.promql.rows import Block
from api.promql.value import Vector
from storage.labels import METRIC_NAME
from storage.samples import Float64s, Int64s

TYPE_LABEL = "__type__"
COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")
COUNTER_TYPES = ("counter", "histogram")


@dataclass(frozen=True, slots=True)
class RangeCall:
    """A call whose scalar arguments are known; params has one array over the steps for each."""

    context: Context
    node: Call
    range_node: Node
    windows: Windows
    params: list[Float64s]

    def of_selection(
        self, selection: Selection, first_row: int, end_row: int, extension: Extension | None
    ) -> Block:
        """extension: of an anchored or smoothed range."""
        samples = fresh_samples(selection.read(first_row, end_row))
        if extension is None:
            values, present = FUNCTIONS[self.node.func](samples, self.windows, self.params)
        else:
            values, present = EXTENDED_FUNCTIONS[self.node.func](samples, self.windows, extension)
        return Block(values, present, len(samples))

    def of_subquery(self, inner: Vector, grid: Int64s) -> Vector:
        """inner: the subquery's expression at the times of the grid; its marks are kept."""
        samples = samples_of_cells(inner.values, inner.present, grid)
        values, present = FUNCTIONS[self.node.func](samples, self.windows, self.params)
        return Vector(inner.labels, values, present, inner.drop_name)

    def finish(self, vector: Vector) -> Vector:
        """Make the annotations and drop the metric name, if the function does.

        Where samples are absent is asked of all series together, whatever their names.
        """
        if self.node.func in NEED_COUNTER:
            note_non_counters(self.context, self.range_node, vector)
        if self.node.func == "quantile_over_time":
            self._warn_of_quantiles(vector)
        if self.node.func in KEEP_NAME or self.node.func == "absent_over_time":
            return vector
        return drop_metric_name(self.context, vector, merge=False)

    def _warn_of_quantiles(self, vector: Vector) -> None:
        wrong = out_of_quantile_range(self.params[0])
        if len(wrong) == 0:
            return
        used = self.params[0][vector.present.any(axis=0)]
        for q in out_of_quantile_range(used).tolist():
            text = f"quantile value should be between 0 and 1, got {format_g(q)}"
            self.context.warn(text, self.node.args[0])


def note_non_counters(context: Context, node: Node, vector: Vector) -> None:
    """An info for each metric with a result that does not look like a counter."""
    labels = vector.labels
    group, first = labels.group((METRIC_NAME, TYPE_LABEL))
    for number, row in enumerate(first.tolist()):
        name = context.symbols.text(int(labels.column(METRIC_NAME)[row]))
        kind = context.symbols.text(int(labels.column(TYPE_LABEL)[row]))
        text = _non_counter_text(name, kind, by_type=context.features.type_and_unit_labels)
        if text and vector.present[group == number].any():
            context.info(text, node)


def _non_counter_text(name: str, kind: str, *, by_type: bool) -> str:
    """The info about a metric, or "" if it may well be a counter."""
    if not name:
        return ""
    if by_type:
        if kind in COUNTER_TYPES:
            return ""
        return (
            'metric might not be a counter, __type__ label is not set to "counter" or "histogram", '
            f"got {quote(kind)}: {quote(name)}"
        )
    if name.endswith(COUNTER_SUFFIXES):
        return ""
    return (
        "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
        f"{quote(name)}"
    )
