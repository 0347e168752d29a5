"""Downsampled segments for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from storage.downsampling.aggregates import Aggregates
from storage.downsampling.folding import fold
from storage.segments.aggregates.writer import write_downsampled
from storage.segments.duck import Duck
from storage.segments.segment import Origin, SegmentMeta
from storage.segments.writer import SegmentWriter
from tests.makers.downsampling.aggregates import samples_of, without_times
from tests.makers.segments import series_columns
from tests.twins.storage.aggregates import HistogramPoint, Point

# id -> its floats and its histograms
Contents = dict[int, tuple[list[Point], list[HistogramPoint]]]


def folded(contents: Contents, resolution: int) -> tuple[np.ndarray, Aggregates]:
    ids = sorted(contents)
    floats = [contents[i][0] for i in ids]
    others = [without_times(contents[i][1], contents[i][0]) for i in ids]
    return np.array(ids, np.int64), fold(samples_of(floats, others), resolution)


def write_windows(
    duck: Duck,
    directory: Path,
    blocks: Sequence[tuple[np.ndarray, Aggregates]],
    *,
    resolution: int,
    cover: tuple[int, int],
    created_ms: int = 1000,
) -> SegmentMeta:
    """A segment of shard 3."""
    ids = sorted({int(i) for own, _ in blocks for i in own})
    origin = Origin(resolution_ms=resolution, cover=cover)
    writer = SegmentWriter(duck, directory, 3)
    return write_downsampled(
        writer, series_columns(ids), blocks, created_ms=created_ms, origin=origin
    )
