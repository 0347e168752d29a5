"""Carrying the native histograms of vectors: where they are, and how they move with their cells.

Operators move cells about without looking into histograms: what moves is the number of a row. A
vector that has lost its last histogram may keep natives; only one that never had any is sure not
to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from api.promql.vectors.value import String, Value, Vector
from storage.histograms.columns import NO_HISTOGRAM, Histograms, Natives
from storage.histograms.histograms import concat, take
from storage.kernels.arrays import Bools, Int32s, Int64s

# What one histogram and one of its buckets or bounds cost, in samples of 16 bytes.
HISTOGRAM_SAMPLES = 11
BUCKETS_PER_SAMPLE = 2


def histogram_mask(vector: Vector) -> Bools:
    """The present cells that are histograms."""
    if vector.natives is None:
        return np.zeros(vector.present.shape, np.bool_)
    mask: Bools = vector.present & vector.natives.mask
    return mask


def float_mask(vector: Vector) -> Bools:
    """The present cells that are floats."""
    if vector.natives is None:
        return vector.present
    mask: Bools = vector.present & ~vector.natives.mask
    return mask


def only_floats(vector: Vector) -> Vector:
    """The vector with its histograms absent."""
    if vector.natives is None:
        return vector
    return replace(vector, present=float_mask(vector), natives=None)


def only_histograms(vector: Vector) -> Vector:
    """The vector with its floats absent."""
    return replace(vector, present=histogram_mask(vector))


def has_histograms(vector: Vector) -> bool:
    return vector.natives is not None and bool(histogram_mask(vector).any())


def histogram_places(vector: Vector) -> tuple[Int64s, Int32s]:
    """The cells that are histograms in row-major order, and which histogram each of them is."""
    places = np.flatnonzero(histogram_mask(vector))
    if vector.natives is None:
        return places, np.zeros(0, np.int32)
    return places, vector.natives.rows.reshape(-1)[places]


def natives_at(histograms: Histograms, places: Int64s, shape: tuple[int, ...]) -> Natives:
    """Histogram i at places[i], row-major; all others are floats."""
    rows = np.full(shape, NO_HISTOGRAM, np.int32)
    rows.reshape(-1)[places] = np.arange(len(places), dtype=np.int32)
    return Natives(histograms, rows)


def spread_natives(natives: Natives | None, count: int) -> Natives | None:
    """Those of one step at `count` steps."""
    if natives is None:
        return None
    return Natives(natives.histograms, np.repeat(natives.rows, count, axis=1))


def merged_natives(
    natives: Natives | None, group: Int64s, present: Bools, groups: int
) -> Natives | None:
    """Those of rows that are joined into their groups; where rows overlap, of the last one."""
    if natives is None:
        return None
    rows = np.full((groups, present.shape[1]), NO_HISTOGRAM, np.int32)
    at, step = np.nonzero(present)
    rows[group[at], step] = natives.rows[at, step]
    return Natives(natives.histograms, rows)


def stacked_natives(parts: Sequence[tuple[Natives | None, tuple[int, int]]]) -> Natives | None:
    """Those of vectors of the given shapes that are put one below the other."""
    if all(natives is None for natives, _ in parts):
        return None
    pool: list[Histograms] = []
    firsts: dict[int, int] = {}
    count = 0
    rows: list[Int32s] = []
    for natives, shape in parts:
        if natives is None:
            rows.append(np.full(shape, NO_HISTOGRAM, np.int32))
            continue
        if id(natives.histograms) not in firsts:
            firsts[id(natives.histograms)] = count
            pool.append(natives.histograms)
            count += len(natives.histograms)
        first = np.int32(firsts[id(natives.histograms)])
        moved = np.where(natives.mask, natives.rows + first, natives.rows)
        rows.append(moved.astype(np.int32))
    histograms = pool[0] if len(pool) == 1 else concat(pool)
    return Natives(histograms, np.concatenate(rows))


def compacted(natives: Natives) -> Natives:
    """The same cells without the histograms that are in none, if these are the larger part."""
    used = np.unique(natives.rows[natives.mask])
    if 2 * len(used) > len(natives.histograms):
        return natives
    places = np.full(len(natives.histograms) + 1, NO_HISTOGRAM, np.int32)
    places[used] = np.arange(len(used), dtype=np.int32)
    return Natives(take(natives.histograms, used), places[natives.rows])


def histogram_cost(histograms: Histograms) -> int:
    """How many samples histograms count as, beside the cells or samples they are in."""
    return HISTOGRAM_SAMPLES * len(histograms) + histograms.bucket_count // BUCKETS_PER_SAMPLE


def natives_cost(natives: Natives | None) -> int:
    return 0 if natives is None else histogram_cost(natives.histograms)


def cells_cost(value: Value) -> int:
    """How many samples a value counts as."""
    if isinstance(value, String):
        return 0
    return int(value.values.size) + (
        natives_cost(value.natives) if isinstance(value, Vector) else 0
    )
