"""The values that an expression evaluates to, over all steps of the query at once.

A vector is a label frame with float64[series, step] and a presence mask: NaN is a value, and
absence is the mask. A row may be present at no step; such rows are dropped before an answer leaves
the engine. An instant query has exactly one step.

A cell may be a native histogram instead of a float: `natives` then says where it is. Vectors of
floats only have no natives, so they pay nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.histograms.columns import Natives
from storage.kernels.arrays import Bools, Float64s, Int64s
from storage.labels.frames import LabelFrame
from storage.samples.samples import Samples


@dataclass(frozen=True, slots=True)
class Scalar:
    values: Float64s  # [steps]


@dataclass(frozen=True, slots=True)
class String:
    text: str


@dataclass(frozen=True, slots=True)
class Vector:
    """values: float64[labels.rows, steps], C-contiguous; present: bool of the same shape.

    Values where `present` is false, and those of histograms, mean nothing and are never read.
    drop_name: the rows whose metric name goes away at the end of the query (delayed name removal);
    None: no row's. natives: their rows are int32[labels.rows, steps]; None if all are floats.
    """

    labels: LabelFrame
    values: Float64s
    present: Bools
    drop_name: Bools | None = None
    natives: Natives | None = None


Value = Scalar | String | Vector


@dataclass(frozen=True, slots=True)
class Matrix:
    """The range vector that an instant query of type matrix answers with."""

    labels: LabelFrame
    samples: Samples  # no stale markers


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a query.

    steps: the evaluation times in ms, int64[steps]; value: a Vector is an instant vector if
    `is_range` is false, else the series of a range query, sorted by labels; annotations are
    rendered texts, with their positions.
    """

    value: Scalar | String | Vector | Matrix
    steps: Int64s
    is_range: bool
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()
