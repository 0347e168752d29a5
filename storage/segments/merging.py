"""Runs of samples of some series, out of several segments, as one column of samples.

What lies first wins where two runs have a sample at one moment.
"""

from dataclasses import dataclass

import numpy as np

from storage.kernels.arrays import Int64s
from storage.samples.merge import is_plain, pick, stack
from storage.samples.samples import Samples, empty_samples
from storage.segments.runs import merge_runs


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of samples, one after the other: run r is series r of `samples` and belongs to
    ids[items[r]]."""

    items: Int64s
    samples: Samples


def join_runs(runs: list[Runs]) -> Runs:
    if not runs:
        return Runs(np.zeros(0, np.int64), empty_samples(0))
    if len(runs) == 1:
        return runs[0]
    return Runs(np.concatenate([r.items for r in runs]), stack([r.samples for r in runs]))


def merge(runs: Runs, series_count: int) -> Samples:
    """The samples of runs in any order; of equal times the one that lies first is kept."""
    samples = runs.samples
    starts, ends = samples.offsets[:-1].copy(), samples.offsets[1:]
    order = np.argsort(runs.items, kind="stable")
    offsets = np.zeros(series_count + 1, np.int64)
    timestamps = np.empty_like(samples.timestamps)
    # What is merged is the bits of values, or where all that belongs to a sample lies.
    plain = is_plain(samples)
    carried = samples.values.view(np.uint64) if plain else np.arange(len(samples), dtype=np.uint64)
    bits = np.empty_like(carried)
    merge_runs(
        order, runs.items, starts, ends, samples.timestamps, carried, offsets, timestamps, bits
    )
    size = int(offsets[-1])
    if not plain:
        return pick(samples, offsets, bits[:size].view(np.int64))
    return Samples(offsets, timestamps[:size], bits[:size].view(np.float64))
