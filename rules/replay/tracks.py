"""What a rule's expression gave at all its evaluations: rows of labels, and their samples.

Failures are kept by evaluation: one that failed writes nothing, and takes nothing back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from api.promql.vectors.cells import samples_of_cells
from api.promql.vectors.value import Vector
from rules.replay.slots import Slots
from storage.kernels.arrays import Bools, Int64s
from storage.labels.frames import LabelFrame, Symbols
from storage.read.federation import stack_frames
from storage.samples.merge import pick, stack
from storage.samples.samples import Samples, empty_samples


@dataclass(frozen=True, slots=True)
class Piece:
    """The result of some evaluations that follow each other, the first of them by number."""

    first: int
    vector: Vector


@dataclass(frozen=True, slots=True)
class Track:
    """labels: distinct rows, in symbols of the replay. samples: their times are those at which is
    read, without offset of the query. errors: by the number of an evaluation, why it failed."""

    labels: LabelFrame
    samples: Samples
    errors: dict[int, str]


def track_of(
    pieces: Sequence[Piece], slots: Slots, symbols: Symbols, errors: dict[int, str]
) -> Track:
    """One track of pieces in the order of time."""
    if not pieces:
        return Track(LabelFrame(symbols, 0), empty_samples(0), errors)
    frames = [piece.vector.labels for piece in pieces]
    labels = stack_frames(symbols, frames)
    numbers, firsts = labels.group(labels.names)
    samples = stack([_samples(piece, slots) for piece in pieces])
    return Track(labels.take(firsts), regrouped(samples, numbers, len(firsts))[0], errors)


def _samples(piece: Piece, slots: Slots) -> Samples:
    steps = piece.vector.values.shape[1]
    first_ms = slots.at_ms(piece.first)
    times = first_ms + slots.interval_ms * np.arange(steps, dtype=np.int64)
    return samples_of_cells(piece.vector, times)


def regrouped(samples: Samples, numbers: Int64s, count: int) -> tuple[Samples, Int64s, Int64s]:
    """The samples of `count` series, of which row i goes to numbers[i]; the row that each came
    from; and the times, ascending, at which several rows of a series have one. Of these the first
    stays."""
    rows = np.repeat(np.arange(len(numbers)), np.diff(samples.offsets))
    series, times = numbers[rows], samples.timestamps
    order = np.arange(len(rows))
    behind = (series[1:] < series[:-1]) | ((series[1:] == series[:-1]) & (times[1:] <= times[:-1]))
    if behind.any():
        order = np.lexsort((times, series))
    series, times = series[order], times[order]
    repeats = np.zeros(len(order), np.bool_)
    repeats[1:] = (series[1:] == series[:-1]) & (times[1:] == times[:-1])
    kept = order[~repeats]
    offsets = np.searchsorted(series[~repeats], np.arange(count + 1)).astype(np.int64)
    return pick(samples, offsets, kept), rows[kept], np.unique(times[repeats])


def good_steps(slots: Slots, errors: dict[int, str]) -> Bools:
    """Which evaluations went well."""
    good = np.ones(slots.count, np.bool_)
    good[list(errors)] = False
    return good
