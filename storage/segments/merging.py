"""Runs of samples of some series: cut out of row groups, and made one column of samples.

What lies first wins where two runs have a sample at one moment.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from storage.kernels.arrays import Int64s
from storage.samples.merge import is_plain, pick, ranges, stack
from storage.samples.samples import Samples, empty_samples
from storage.segments.encoding.groups import Group
from storage.segments.row_index import RowRuns, offsets_of
from storage.segments.runs import copy_runs, cut_rows, merge_runs

# Takes the number of samples that are about to be taken; may raise to stop.
Spend = Callable[[int], None]


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


def runs_of(samples: Samples) -> Runs:
    """A run for each series, empty ones included."""
    return Runs(np.arange(samples.series_count), samples)


def series_offsets(runs: Runs, series_count: int) -> Int64s:
    """The offsets of series whose runs lie one after the other."""
    rows = np.searchsorted(runs.items, np.arange(series_count + 1))
    offsets: Int64s = runs.samples.offsets[rows]
    return offsets


def cut(row: int, group: Group, runs: RowRuns, span: tuple[int, int]) -> tuple[Int64s, Int64s]:
    """Where in a row group that begins with a row the rows of some runs in the span are: first
    positions and lengths."""
    count = len(runs.items)
    starts, lengths = np.empty(count, np.int64), np.empty(count, np.int64)
    cut_rows(row, group.timestamps, runs.firsts, runs.ends, span[0], span[1], starts, lengths)
    return starts, lengths


def cut_runs(piece: tuple[int, Group], runs: RowRuns, span: tuple[int, int], spend: Spend) -> Runs:
    """The samples of some runs in a row group, with times in the span. piece: the group's first row
    and its rows."""
    row, group = piece
    starts, lengths = cut(row, group, runs, span)
    offsets = offsets_of(lengths)
    size = int(offsets[-1])
    spend(size)
    out_times, out_bits = np.empty(size, np.int64), np.empty(size, np.uint64)
    copy_runs(starts, lengths, group.timestamps, group.bits, out_times, out_bits)
    since = None if group.starts is None else group.starts[ranges(starts, offsets)]
    samples = Samples(offsets, out_times, out_bits.view(np.float64), since)
    return Runs(runs.items, samples)
