"""Columns of native histograms: building, picking rows, putting columns one behind the other.

Everything that computes on histograms works on whole columns and rows of them. Kernels get the
columns as one flat tuple, whose types never differ, so that each kernel is compiled once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from storage.histograms.columns import HINT_UNKNOWN, Bounds, Buckets, Histograms
from storage.kernels.arrays import Float64s, Int32s, Int64s
from storage.kernels.jit import kernel
from storage.kernels.stops import look, pieces

# So many are worked on between two looks; with a hundred buckets each that takes some 10 ms.
AT_ONCE = 1 << 13


class Columns(NamedTuple):
    """The arrays of Histograms as kernels take them, all contiguous and writable.

    Small integers are int64 here: a kernel is compiled again for every width that it meets.
    """

    schemas: Int64s
    hints: Int64s
    counts: Float64s
    sums: Float64s
    zero_thresholds: Float64s
    zero_counts: Float64s
    positive_offsets: Int64s
    positive_indexes: Int32s
    positive_counts: Float64s
    negative_offsets: Int64s
    negative_indexes: Int32s
    negative_counts: Float64s
    bound_offsets: Int64s
    bounds: Float64s


@dataclass(frozen=True, slots=True)
class Parts:
    """One histogram in plain numbers: buckets as (index, count), for tests and constants."""

    schema: int = 0
    count: float = 0.0
    sum: float = 0.0
    zero_threshold: float = 0.0
    zero_count: float = 0.0
    positive: Sequence[tuple[int, float]] = ()
    negative: Sequence[tuple[int, float]] = ()
    bounds: Sequence[float] = field(default=())
    hint: int = HINT_UNKNOWN


def _plain(array: NDArray[Any], dtype: type) -> NDArray[Any]:
    """The array with this dtype, contiguous and writable; a copy only if it has to be."""
    plain: NDArray[Any] = np.ascontiguousarray(array, dtype)
    return plain if plain.flags.writeable else plain.copy()


def columns_of(h: Histograms) -> Columns:
    """The arrays of h, not copied unless a kernel could not take them as they are."""
    return Columns(
        _plain(h.schemas, np.int64),
        _plain(h.hints, np.int64),
        _plain(h.counts, np.float64),
        _plain(h.sums, np.float64),
        _plain(h.zero_thresholds, np.float64),
        _plain(h.zero_counts, np.float64),
        _plain(h.positive.offsets, np.int64),
        _plain(h.positive.indexes, np.int32),
        _plain(h.positive.counts, np.float64),
        _plain(h.negative.offsets, np.int64),
        _plain(h.negative.indexes, np.int32),
        _plain(h.negative.counts, np.float64),
        _plain(h.bounds.offsets, np.int64),
        _plain(h.bounds.values, np.float64),
    )


def histograms_of(c: Columns) -> Histograms:
    """The reverse of columns_of; the larger arrays are shared."""
    return Histograms(
        c.schemas.astype(np.int8),
        c.hints.astype(np.int8),
        c.counts,
        c.sums,
        c.zero_thresholds,
        c.zero_counts,
        Buckets(c.positive_offsets, c.positive_indexes, c.positive_counts),
        Buckets(c.negative_offsets, c.negative_indexes, c.negative_counts),
        Bounds(c.bound_offsets, c.bounds),
    )


def rows_of(rows: NDArray[Any]) -> Int64s:
    """Row numbers as kernels take them."""
    return _plain(rows, np.int64)


def empty_histograms() -> Histograms:
    """No histogram at all."""
    return from_parts([])


def from_parts(parts: Sequence[Parts]) -> Histograms:
    """Columns of these histograms; buckets may come in any order, those without count are left
    out."""
    positive = [sorted((i, c) for i, c in p.positive if c != 0) for p in parts]
    negative = [sorted((i, c) for i, c in p.negative if c != 0) for p in parts]
    return Histograms(
        np.array([p.schema for p in parts], np.int8),
        np.array([p.hint for p in parts], np.int8),
        np.array([p.count for p in parts], np.float64),
        np.array([p.sum for p in parts], np.float64),
        np.array([p.zero_threshold for p in parts], np.float64),
        np.array([p.zero_count for p in parts], np.float64),
        _buckets_of(positive),
        _buckets_of(negative),
        Bounds(
            offsets_of([len(p.bounds) for p in parts]),
            np.array([b for p in parts for b in p.bounds], np.float64),
        ),
    )


def parts_of(h: Histograms, row: int) -> Parts:
    """One row in plain numbers."""

    def buckets(b: Buckets) -> list[tuple[int, float]]:
        own = slice(int(b.offsets[row]), int(b.offsets[row + 1]))
        return list(zip(b.indexes[own].tolist(), b.counts[own].tolist(), strict=True))

    return Parts(
        int(h.schemas[row]),
        float(h.counts[row]),
        float(h.sums[row]),
        float(h.zero_thresholds[row]),
        float(h.zero_counts[row]),
        buckets(h.positive),
        buckets(h.negative),
        h.bounds.values[h.bounds.offsets[row] : h.bounds.offsets[row + 1]].tolist(),
        int(h.hints[row]),
    )


def offsets_of(lengths: Sequence[int] | Int64s) -> Int64s:
    """CSR offsets from lengths: one more of them, from 0 on."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _buckets_of(lists: list[list[tuple[int, float]]]) -> Buckets:
    flat = [bucket for buckets in lists for bucket in buckets]
    return Buckets(
        offsets_of([len(buckets) for buckets in lists]),
        np.array([index for index, _ in flat], np.int32),
        np.array([count for _, count in flat], np.float64),
    )


@kernel
def gather_positions(offsets: Int64s, rows: Int64s, out_offsets: Int64s) -> Int64s:
    """Where the items of the rows are, one row behind the other; fills their new offsets."""
    out_offsets[0] = 0
    for k in range(len(rows)):
        row = rows[k]
        out_offsets[k + 1] = out_offsets[k] + offsets[row + 1] - offsets[row]
    positions = np.empty(out_offsets[len(rows)], np.int64)
    for k in range(len(rows)):
        first, place = offsets[rows[k]], out_offsets[k]
        for j in range(out_offsets[k + 1] - place):
            positions[place + j] = first + j
    return positions


def take(h: Histograms, rows: NDArray[Any]) -> Histograms:
    """The histograms at these rows, in this order; a row may be wanted more than once."""
    wanted = rows_of(rows)
    if len(wanted) > AT_ONCE:
        return concat([take(h, wanted[part]) for part in pieces(len(wanted), AT_ONCE)])
    return Histograms(
        h.schemas[wanted],
        h.hints[wanted],
        h.counts[wanted],
        h.sums[wanted],
        h.zero_thresholds[wanted],
        h.zero_counts[wanted],
        _take_buckets(h.positive, wanted),
        _take_buckets(h.negative, wanted),
        _take_bounds(h.bounds, wanted),
    )


def _take_buckets(b: Buckets, rows: Int64s) -> Buckets:
    offsets = np.empty(len(rows) + 1, np.int64)
    positions = gather_positions(_plain(b.offsets, np.int64), rows, offsets)
    return Buckets(offsets, b.indexes[positions], b.counts[positions])


def _take_bounds(b: Bounds, rows: Int64s) -> Bounds:
    offsets = np.empty(len(rows) + 1, np.int64)
    positions = gather_positions(_plain(b.offsets, np.int64), rows, offsets)
    return Bounds(offsets, b.values[positions])


def concat(parts: Sequence[Histograms]) -> Histograms:
    """All histograms of the parts, in order: a row of part k moves by the lengths of those before.

    With one part that part itself is the result.
    """
    if not parts:
        return empty_histograms()
    if len(parts) == 1:
        return parts[0]
    return Histograms(
        _joined([p.schemas for p in parts]),
        _joined([p.hints for p in parts]),
        _joined([p.counts for p in parts]),
        _joined([p.sums for p in parts]),
        _joined([p.zero_thresholds for p in parts]),
        _joined([p.zero_counts for p in parts]),
        _concat_buckets([p.positive for p in parts]),
        _concat_buckets([p.negative for p in parts]),
        Bounds(
            _concat_offsets([p.bounds.offsets for p in parts]),
            _joined([p.bounds.values for p in parts]),
        ),
    )


def _concat_buckets(parts: Sequence[Buckets]) -> Buckets:
    return Buckets(
        _concat_offsets([b.offsets for b in parts]),
        _joined([b.indexes for b in parts]),
        _joined([b.counts for b in parts]),
    )


def _concat_offsets(parts: Sequence[Int64s]) -> Int64s:
    lengths = [np.diff(offsets) for offsets in parts]
    return offsets_of(np.concatenate(lengths))


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Arrays of one type behind each other, with a look before each."""
    out = np.empty(sum(map(len, parts)), parts[0].dtype)
    at = 0
    for part in parts:
        look()
        out[at : at + len(part)] = part
        at += len(part)
    return out
