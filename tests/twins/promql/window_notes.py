"""What naive windows are made of: cells, texts, and plain sums of native histograms."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

from api.promql.go_format import quote
from tests.twins.promql.classic_histograms import divide as by_ieee
from tests.twins.promql.native_histograms import HINT_GAUGE, Plain, add_to

Cell = float | Plain | None
Sample = tuple[int, float | Plain]
Window = list[Sample]
Said = dict[tuple[str, str], int]

COLLISION = "conflicting counter resets during histogram "
RECONCILED = "mismatched custom buckets were reconciled during "
SCHEMAS = (
    "vector contains a mix of histograms with exponential and custom buckets schemas for metric "
    "name "
)
MIXED = "encountered a mix of histograms and floats for metric name "
IGNORED = "ignored histograms in a range containing both floats and histograms for metric name "


def quoted(name: str) -> str:
    return quote(name)


@dataclass(frozen=True)
class Reach:
    """A range, and how far a function looks back and ahead of it."""

    range_ms: int
    back_ms: int
    ahead_ms: int


@dataclass(frozen=True)
class Notes:
    """Where things about one series are noted."""

    said: Said
    name: str
    start: int

    def warn(self, text: str) -> None:
        self.said["warning", text] = self.start

    def info(self, text: str) -> None:
        self.said["info", text] = self.start

    def not_counter(self) -> None:
        if self.name and not self.name.endswith(("_total", "_sum", "_count", "_bucket")):
            self.info(
                "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
                + quoted(self.name)
            )


def without_empty(p: Plain) -> Plain:
    for side in p.sides:
        for index in [i for i, pair in side.items() if pair[0] == 0]:
            del side[index]
    return p


def plus(a: Plain, b: Plain, sign: float = 1.0) -> tuple[Plain, bool]:
    """(a + sign * b, whether bounds were reconciled); raises Incompatible."""
    result = deepcopy(a)
    reconciled = add_to(result, deepcopy(b), sign)
    return without_empty(result), reconciled


def scaled(p: Plain, number: float, *, divide: bool = False) -> Plain:
    result = deepcopy(p)
    for pair in result.numbers():
        pair[0] = by_ieee(pair[0], number) if divide else pair[0] * number
    if divide and number == 0:
        result.positive, result.negative = {}, {}
    if number < 0:
        result.hint = HINT_GAUGE
    return without_empty(result)
