"""The call of one function over a range: its windows, its arguments, and what it has to say.

The samples of a range come from a selector, or from the cells of a subquery's inner vector.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from api.promql.annotations import Place
from api.promql.context import Context
from api.promql.go_format import format_g, quote
from api.promql.pipeline import BLOCK_SIZES, Block
from api.promql.queryable import Selection, edges_of, expected_samples
from api.promql.ranges.coarse import warn_of_histograms, warn_of_range
from api.promql.ranges.extended import Extension
from api.promql.ranges.floats import out_of_quantile_range
from api.promql.ranges.mixed import Mixed
from api.promql.ranges.notes import report_notes
from api.promql.ranges.table import FUNCTIONS as RANGE_FUNCTIONS
from api.promql.ranges.table import over
from api.promql.ranges.windows import Windows
from api.promql.syntax.nodes import Call
from api.promql.syntax.signatures import FUNCTIONS, Signature
from api.promql.vectors.cells import fresh_samples, samples_of_cells, without_starts
from api.promql.vectors.names import drop_metric_name
from api.promql.vectors.natives import float_mask, natives_cost
from api.promql.vectors.value import Vector
from storage.kernels.arrays import Float64s, Int64s
from storage.labels.frames import LabelFrame
from storage.labels.matchers import METRIC_NAME
from storage.samples.samples import Samples

# Steps to each sample up to which edges are less to handle than samples.
EDGES_STEPS_MAX = 2
TYPE_LABEL = "__type__"
COUNTER_SUFFIXES = ("_total", "_sum", "_count", "_bucket")
COUNTER_TYPES = ("counter", "histogram")


@dataclass(frozen=True, slots=True)
class RangeCall:
    """A call whose scalar arguments are known; params has one array over the steps for each."""

    context: Context
    node: Call
    windows: Windows
    params: list[Float64s]

    @property
    def _facts(self) -> Signature:
        return FUNCTIONS[self.node.func]

    @property
    def _place(self) -> Place:
        """The first argument, be it the range or not."""
        return Place(self.node, self.node.args[0])

    def of_selection(
        self, selection: Selection, first_row: int, end_row: int, extension: Extension | None
    ) -> Block:
        """extension: of an anchored or smoothed range."""
        if extension is None:
            block = self._of_edges(selection, first_row, end_row)
            if block is not None:
                return block
        samples = selection.read(first_row, end_row)
        size = len(samples) + natives_cost(samples.natives)
        if not self._uses_starts or extension is not None or samples.weights is not None:
            samples = without_starts(samples)
        extended = extension is not None
        warn_of_range(self.context, self.node, selection, self.windows.range_ms, extended=extended)
        warn_of_histograms(self.context, self.node, samples)
        rows = np.arange(first_row, end_row)
        cells = self._over(fresh_samples(samples), selection.labels, rows, extension)
        return Block(cells.values, cells.present, size, cells.natives)

    @property
    def _uses_starts(self) -> bool:
        return self.context.features.use_start_timestamps and self._facts.sees_resets

    def _of_edges(self, selection: Selection, first_row: int, end_row: int) -> Block | None:
        """The cells of a function that needs no more than the edges of windows, if the selection
        can give those without reading all samples, and windows have several."""
        function = RANGE_FUNCTIONS[self.node.func].edges
        if function is None or not self.sees_edges(selection, None):
            return None
        windows = self.windows.ends, self.windows.range_ms
        edges = edges_of(selection, (first_row, end_row), windows, function.is_counter)
        if edges is None:
            return None
        found = function(edges, self.windows)
        held = min(edges.samples, BLOCK_SIZES.samples)
        return Block(found.values, found.present, edges.samples, held=held)

    def sees_edges(self, selection: Selection, extension: Extension | None) -> bool:
        """Whether samples are looked at where they lie, if the selection allows that: because the
        function needs no more than edges of windows, and there are not many windows."""
        if extension is not None or self._uses_starts:
            return False
        if RANGE_FUNCTIONS[self.node.func].edges is None:
            return False
        cells = selection.labels.rows * len(self.windows.ends)
        return EDGES_STEPS_MAX * expected_samples(selection) >= cells > 0

    def of_subquery(self, inner: Vector, grid: Int64s) -> Vector:
        """inner: the subquery's expression at the times of the grid; its marks are kept."""
        rows = np.arange(inner.labels.rows)
        cells = self._over(samples_of_cells(inner, grid), inner.labels, rows, None)
        return replace(inner, values=cells.values, present=cells.present, natives=cells.natives)

    def _over(
        self, samples: Samples, labels: LabelFrame, rows: Int64s, extension: Extension | None
    ) -> Mixed:
        """The cells of all windows; the samples are those of these rows of the labels."""
        check = self.context.check
        cells = over(self.node.func, samples, self.windows, self.params, extension, check=check)
        if cells.notes:
            report_notes(self.context, self._place, cells.notes, labels.take(rows))
        return cells

    def finish(self, vector: Vector) -> Vector:
        """Make the annotations and drop the metric name, if the function does.

        Where samples are absent is asked of all series together, whatever their names.
        """
        if self._facts.needs_counter:
            note_non_counters(self.context, self._place, vector)
        if self._facts.of_quantile:
            self._warn_of_quantiles(vector)
        if self._facts.keeps_name or self._facts.of_absence:
            return vector
        return drop_metric_name(self.context, vector, merge=False)

    def _warn_of_quantiles(self, vector: Vector) -> None:
        wrong = out_of_quantile_range(self.params[0])
        if len(wrong) == 0:
            return
        used = self.params[0][vector.present.any(axis=0)]
        for q in out_of_quantile_range(used).tolist():
            text = f"quantile value should be between 0 and 1, got {format_g(q)}"
            self.context.warn(text, self._place)


def note_non_counters(context: Context, place: Place, vector: Vector) -> None:
    """An info for each metric with a float as result that does not look like a counter."""
    labels, present = vector.labels, float_mask(vector)
    group, first = labels.group((METRIC_NAME, TYPE_LABEL))
    for number, row in enumerate(first.tolist()):
        name = context.symbols.text(int(labels.column(METRIC_NAME)[row]))
        kind = context.symbols.text(int(labels.column(TYPE_LABEL)[row]))
        text = _non_counter_text(name, kind, by_type=context.features.type_and_unit_labels)
        if text and present[group == number].any():
            context.info(text, place)


def _non_counter_text(name: str, kind: str, *, by_type: bool) -> str:
    """The info about a metric, or "" if it may well be a counter.

    A series without a type is judged by its name: senders of remote write 1.0 state no types.
    """
    if not name:
        return ""
    if by_type and kind:
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
