"""Numbers and texts of native histograms: quantiles, fractions, deviations, buckets to be shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from api.promql.go_format import format_g
from api.promql.native_histograms.arithmetic import Rows
from api.promql.native_histograms.buckets import (
    NAN_RESULT,
    NAN_SKEW,
    STDDEV,
    STDVAR,
    deviations_of_rows,
    fractions_of_rows,
    lines_of_rows,
    quantiles_of_rows,
)
from storage.histograms.columns import Histograms
from storage.histograms.histograms import AT_ONCE, columns_of, parts_of, rows_of
from storage.kernels.arrays import Bools, Float64s, Int8s, Int64s
from storage.kernels.stops import pieces

# Which bounds of a bucket are part of it, as the API numbers it.
UPPER_CLOSED, LOWER_CLOSED, OPEN, CLOSED = range(4)


@dataclass(frozen=True, slots=True)
class BucketLines:
    """The buckets of n histograms in ascending order: those of i are offsets[i]:offsets[i + 1].

    codes: which bounds are part of the bucket. Empty buckets are not there.
    """

    offsets: Int64s
    codes: Int8s
    lowers: Float64s
    uppers: Float64s
    counts: Float64s


def quantiles(h: Histograms, rows: Rows, q: Float64s) -> tuple[Float64s, Bools, Bools]:
    """(the q-quantiles, where NaN observations make it NaN, where they skew it)."""
    c, wanted, q = columns_of(h), rows_of(rows), np.asarray(q, np.float64)
    parts = pieces(len(wanted), AT_ONCE)
    found = [quantiles_of_rows(c, wanted[part], q[part]) for part in parts]
    values, notes = map(np.concatenate, zip(*found, strict=True))
    return values, notes == NAN_RESULT, notes == NAN_SKEW


def fractions(
    h: Histograms, rows: Rows, lower: Float64s, upper: Float64s
) -> tuple[Float64s, Bools]:
    """(the shares of the observations in [lower, upper], where NaN observations are left out)."""
    low, high = np.asarray(lower, np.float64), np.asarray(upper, np.float64)
    c, wanted = columns_of(h), rows_of(rows)
    parts = pieces(len(wanted), AT_ONCE)
    found = [fractions_of_rows(c, wanted[part], low[part], high[part]) for part in parts]
    values, excluded = map(np.concatenate, zip(*found, strict=True))
    return values, excluded


def averages(h: Histograms, rows: Rows) -> Float64s:
    """The sums divided by the counts."""
    wanted = rows_of(rows)
    with np.errstate(all="ignore"):
        return np.asarray(h.sums[wanted] / h.counts[wanted])


def stdvars(h: Histograms, rows: Rows) -> Float64s:
    """The estimated population variances."""
    return _deviations(STDVAR, h, rows)


def stddevs(h: Histograms, rows: Rows) -> Float64s:
    """The estimated standard deviations."""
    return _deviations(STDDEV, h, rows)


def _deviations(kind: int, h: Histograms, rows: Rows) -> Float64s:
    c, wanted = columns_of(h), rows_of(rows)
    parts = pieces(len(wanted), AT_ONCE)
    return np.concatenate([deviations_of_rows(kind, c, wanted[part]) for part in parts])


def bucket_lines(h: Histograms, rows: Rows) -> BucketLines:
    """The buckets of histograms as the API shows them."""
    offsets, lines, kinds = lines_of_rows(columns_of(h), rows_of(rows))
    codes = np.where(lines[0] < 0, LOWER_CLOSED, UPPER_CLOSED).astype(np.int8)
    custom = np.repeat(h.schemas[rows_of(rows)] < -4, np.diff(offsets))
    codes[custom] = UPPER_CLOSED
    codes[kinds != 0] = CLOSED
    return BucketLines(offsets, codes, lines[0].copy(), lines[1].copy(), lines[2].copy())


def text_of(h: Histograms, row: int) -> str:
    """One histogram as annotations and label values show it."""
    lines = bucket_lines(h, np.array([row]))
    parts = parts_of(h, row)
    texts = [f"count:{format_g(parts.count)}", f"sum:{format_g(parts.sum)}"]
    for k in range(len(lines.codes)):
        code = lines.codes[k]
        opening = "[" if code in (LOWER_CLOSED, CLOSED) else "("
        closing = "]" if code in (UPPER_CLOSED, CLOSED) else ")"
        lower, upper = format_g(float(lines.lowers[k])), format_g(float(lines.uppers[k]))
        texts.append(f"{opening}{lower},{upper}{closing}:{format_g(float(lines.counts[k]))}")
    return "{" + ", ".join(texts) + "}"
