"""Binary operators over cells of which some are native histograms.

Histograms are added to and subtracted from histograms, multiplied and divided by floats, trimmed at
a float, and compared for equality. Any other meeting has no result but an info. Of the things to
say about one step only the last one is said, as Prometheus does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from api.promql.annotations import Place
from api.promql.context import Context
from api.promql.native_histograms import arithmetic as native
from api.promql.syntax.nodes import Binary
from api.promql.vectors.cells import MixedCells
from api.promql.vectors.natives import natives_at
from api.promql.vectors.value import Vector
from storage.histograms.columns import Histograms, Natives
from storage.histograms.histograms import concat, take
from storage.kernels.arrays import Bools, Float64s, Int32s, Int64s

# (left side, right side) are histograms -> the operators that work on them.
SUPPORTED = {
    (True, True): ("+", "-", "==", "!="),
    (True, False): ("*", "/", "</", ">/"),
    (False, True): ("*",),
    (False, False): (),
}
TYPES = {True: "histogram", False: "float"}
TRIM_OPERATORS = ("</", ">/")
RESULT_NAMES = {"+": "addition", "-": "subtraction"}


@dataclass(frozen=True, slots=True)
class Operand:
    """One side: values that can be broadcast to [rows, steps], and its histograms."""

    values: Float64s
    natives: Natives | None = None

    def are_histograms(self, shape: tuple[int, ...]) -> Bools:
        if self.natives is None:
            return np.zeros(shape, np.bool_)
        return self.natives.mask

    def histograms_at(self, places: Int64s) -> tuple[Histograms, Int32s]:
        assert self.natives is not None, "BUG: histograms of floats"
        return self.natives.histograms, self.natives.rows.reshape(-1)[places]


class _Notes:
    """What there is to say of each cell: a number into texts, 0 for nothing."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._codes = np.zeros(shape, np.int8)
        self._texts: list[tuple[str, bool]] = [("", False)]

    def add(self, places: Int64s, text: str, *, warning: bool) -> None:
        if len(places):
            self._codes.reshape(-1)[places] = len(self._texts)
            self._texts.append((text, warning))

    def tell(self, context: Context, node: Binary) -> None:
        """Make the annotations: those of the last cell of each step that has any."""
        if len(self._texts) == 1:
            return
        last = self._codes.shape[0] - 1 - (self._codes[::-1] != 0).argmax(axis=0)
        for code in np.unique(self._codes[last, np.arange(len(last))]).tolist():
            text, warning = self._texts[code]
            if warning:
                context.warn(text, Place(node))
            elif text:
                context.info(text, Place(node))


@dataclass(frozen=True, slots=True)
class NativeOperation:
    """One operator over the cells of two sides where both are present."""

    context: Context
    node: Binary
    lhs: Operand
    rhs: Operand
    present: Bools

    def apply(self, values: Float64s, holds: Bools) -> MixedCells:
        """values, holds: the result as if all cells were floats, and where it is one."""
        shape = self.present.shape
        left, right = self.lhs.are_histograms(shape), self.rhs.are_histograms(shape)
        notes = _Notes(shape)
        present = self.present & holds & ~left & ~right
        natives: Natives | None = None
        made: list[tuple[Int64s, Histograms]] = []
        for is_left, is_right in SUPPORTED:
            mask = self.present & (left == is_left) & (right == is_right)
            places = np.flatnonzero(mask)
            if self.node.op not in SUPPORTED[is_left, is_right]:
                self._refuse(notes, places, (is_left, is_right))
            elif len(places) == 0:
                continue
            elif self.node.op in ("==", "!="):
                values, natives = self._compare(values, present, places)
            else:
                kept, histograms = self._compute(notes, places, is_left=is_left, is_right=is_right)
                present.reshape(-1)[kept] = True
                made.append((kept, histograms))
        if made:  # several where histograms stand on both sides, as they may of "*"
            places = np.concatenate([kept for kept, _ in made])
            natives = natives_at(concat([histograms for _, histograms in made]), places, shape)
        notes.tell(self.context, self.node)
        return values, present, natives

    def _refuse(self, notes: _Notes, places: Int64s, sides: tuple[bool, bool]) -> None:
        op = self.node.op
        if sides == (False, False) and op not in TRIM_OPERATORS:
            return
        text = (
            "incompatible sample types encountered for binary operator "
            f'"{op}": {TYPES[sides[0]]} {op} {TYPES[sides[1]]}'
        )
        notes.add(places, text, warning=False)

    def _compare(
        self, values: Float64s, present: Bools, places: Int64s
    ) -> tuple[Float64s, Natives | None]:
        """Equality of histograms: writes where it holds to `present`."""
        (a, a_rows), (b, b_rows) = self.lhs.histograms_at(places), self.rhs.histograms_at(places)
        holds = native.equal(a, a_rows, b, b_rows) == (self.node.op == "==")
        if not self.node.return_bool:
            present.reshape(-1)[places[holds]] = True
            return values, self.lhs.natives
        values = np.array(np.broadcast_to(values, present.shape))
        values.reshape(-1)[places] = holds
        present.reshape(-1)[places] = True
        return values, None

    def _compute(
        self, notes: _Notes, places: Int64s, *, is_left: bool, is_right: bool
    ) -> tuple[Int64s, Histograms]:
        """The histograms that come out, and the places they are at."""
        op = self.node.op
        if is_left and is_right:
            return self._add(notes, places)
        side, other = (self.lhs, self.rhs) if is_left else (self.rhs, self.lhs)
        h, rows = side.histograms_at(places)
        numbers = np.broadcast_to(other.values, self.present.shape).reshape(-1)[places]
        if op in TRIM_OPERATORS:
            trim = native.trim_upper if op == "</" else native.trim_lower
            return places, trim(h, rows, numbers)
        scale = native.multiply if op == "*" else native.divide
        return places, scale(h, numbers, rows)

    def _add(self, notes: _Notes, places: Int64s) -> tuple[Int64s, Histograms]:
        op = self.node.op
        (a, a_rows), (b, b_rows) = self.lhs.histograms_at(places), self.rhs.histograms_at(places)
        h, said = (native.add if op == "+" else native.subtract)(a, a_rows, b, b_rows)
        name = RESULT_NAMES[op]
        notes.add(
            places[said.hint_conflict & ~said.incompatible],
            f"conflicting counter resets during histogram {name}",
            warning=True,
        )
        reconciled = (said.reconciled_add | said.reconciled_sub) & ~said.incompatible
        notes.add(
            places[reconciled],
            f"mismatched custom buckets were reconciled during {name}",
            warning=False,
        )
        notes.add(
            places[said.incompatible],
            f"incompatible bucket layout encountered for binary operator {op}",
            warning=True,
        )
        kept = np.flatnonzero(~said.incompatible)
        return places[kept], take(h, kept)


def negative(vector: Vector) -> Vector:
    """The vector with all signs changed."""
    values = -vector.values
    if vector.natives is None:
        return replace(vector, values=values)
    histograms = vector.natives.histograms
    negated = native.multiply(histograms, np.full(len(histograms), -1.0))
    return replace(vector, values=values, natives=Natives(negated, vector.natives.rows))
